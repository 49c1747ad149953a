// Owns the promises of nextStep, for all combinations of the facts of an exchange.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Clearance } from '../../../src/gateway/exchange/clearance.ts';
import { Exchange } from '../../../src/gateway/exchange/exchange.ts';
import { nextStep } from '../../../src/gateway/exchange/steps.ts';
import type { Step } from '../../../src/gateway/exchange/steps.ts';
import {
  ACTIONS,
  CREDENTIALS,
  anyExchange,
  anyInputs,
  verdictOf,
} from '../../support/checks/exchange-facts.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';

checkLeaks();

const RUNS = { numRuns: 20_000 };

/** The reason why these facts may be forwarded, by independent rules of this file; null = they may not. */
function reasonToForward(exchange: Exchange): string | null {
  const { command, leg, verdict } = exchange;
  if (exchange.autodiscover !== null) return null;
  if (exchange.challengeOnly) return leg === 'opening' ? 'openingLeg' : null;
  if (!exchange.rootSeen || exchange.bodySpent) return null;
  if (command === null) {
    const bare = exchange.method === 'OPTIONS' && exchange.framing === 'none' && exchange.query !== null;
    return bare && (exchange.user !== null || exchange.authorization === null) ? 'options' : null;
  }
  if (exchange.user === null || exchange.device === null || verdict === null) return null;
  if (verdict.action === 'allow') return exchange.inspected && exchange.exit === null ? 'allowed' : null;
  if (leg === 'closing') return 'deniedLeg';
  const proven = exchange.credentials === 'accepted' && exchange.rewritten;
  const passes = verdict.action === 'quarantine' && (command === 'Provision' || command === 'Settings');
  return proven && passes ? 'rewritten' : null;
}

/** The kind of an allowed request that may be forwarded. */
function allowed(): Exchange {
  return Object.assign(new Exchange(0), {
    command: 'Sync',
    rootSeen: true,
    inspected: true,
    user: 'u',
    device: 'd',
    verdict: verdictOf('allow'),
  });
}

describe('a clearance', () => {
  it('exists only for a seen root element, an identity and an allowing verdict, or one of four exceptions', () => {
    fc.assert(
      fc.property(anyExchange, (exchange) => {
        expect(Clearance.for(exchange)?.reason ?? null).toBe(reasonToForward(exchange));
      }),
      RUNS,
    );
  });

  it('is the only step that forwards', () => {
    fc.assert(
      fc.property(anyExchange, anyInputs, (exchange, inputs) => {
        const step = nextStep(exchange, inputs);
        if (step.kind !== 'forward') return;
        expect(step).toBeInstanceOf(Clearance);
        expect(step.reason).toBe(reasonToForward(exchange));
      }),
      RUNS,
    );
  });

  it('of an allowed exchange is valid only for allowed exchanges', () => {
    const clearance = Clearance.for(allowed());
    expect(clearance?.covers(allowed())).toBe(true);
    fc.assert(
      fc.property(anyExchange, (exchange) => {
        expect(clearance?.covers(exchange)).toBe(reasonToForward(exchange) === 'allowed');
      }),
      RUNS,
    );
  });

  it.each(['rootSeen', 'inspected', 'user', 'device', 'verdict'] as const)(
    'does not exist without %s',
    (fact) => {
      const nothing = fact === 'rootSeen' || fact === 'inspected' ? false : null;
      expect(Clearance.for(Object.assign(allowed(), { [fact]: nothing }))).toBeNull();
    },
  );

  it('cannot be made elsewhere', () => {
    // @ts-expect-error the constructor is private
    const made = (): Clearance => new Clearance('allowed');
    expect(made).toBeTypeOf('function');
    // @ts-expect-error an object of the same form is not a clearance
    const forged: Clearance = { kind: 'forward', reason: 'allowed', covers: () => true };
    expect(forged).not.toBeInstanceOf(Clearance);
  });

  it('is created once per reason, so that forwarding a request allocates none', () => {
    expect(Clearance.for(allowed())).toBe(Clearance.for(allowed()));
  });
});

describe('the next step', () => {
  it('never answers from the quarantine mailbox, nor wipes, before the mail server accepted the credentials', () => {
    fc.assert(
      fc.property(anyExchange, anyInputs, (exchange, inputs) => {
        const step = nextStep(exchange, inputs);
        const tells =
          step.kind === 'serveQuarantine' ||
          step.kind === 'serveWipe' ||
          step.kind === 'hold' ||
          (step.kind === 'reply' && step.reply.kind === 'mailbox') ||
          (step.kind === 'reply' && step.reply.kind === 'refusal' && step.reply.as === null);
        if (tells) expect(exchange.credentials).toBe('accepted');
      }),
      RUNS,
    );
  });

  it('is the same for the same facts, and does not change them', () => {
    fc.assert(
      fc.property(anyExchange, anyInputs, (exchange, inputs) => {
        const before = { ...exchange };
        expect(nextStep(exchange, inputs)).toEqual(nextStep(exchange, inputs));
        expect({ ...exchange }).toEqual(before);
      }),
    );
  });

  /** Adds the facts that a step leads to; false = the exchange waits, or has ended. */
  function learn(exchange: Exchange, step: Step, chance: () => number): boolean {
    const one = <Choice>(choices: readonly Choice[]): Choice =>
      choices[Math.floor(chance() * choices.length)] as Choice;
    switch (step.kind) {
      case 'lookUpVerdict':
        exchange.verdict = verdictOf(one(ACTIONS));
        return exchange.user !== null && exchange.device !== null;
      case 'checkCredentials':
        exchange.credentials = one(CREDENTIALS.filter((state) => state !== 'unchecked'));
        return true;
      case 'inspectBody':
        exchange.inspected = true;
        exchange.exit = one([null, { kind: 'empty' }]);
        exchange.held = one([true, false]);
        return true;
      case 'admitPoll':
        exchange.pollAdmitted = true;
        return true;
      case 'serveQuarantine':
        exchange.held = one([true, false]);
        exchange.rewritten = !exchange.held && one([true, false]);
        return exchange.held || exchange.rewritten;
      default:
        return false;
    }
  }

  it('leads to an end, whatever facts an exchange gets', () => {
    fc.assert(
      fc.property(
        anyExchange,
        anyInputs,
        fc.infiniteStream(fc.double({ min: 0, max: 0.999, noNaN: true })),
        (exchange, inputs, chances) => {
          const chance = (): number => chances.next().value as number;
          let steps = 0;
          while (learn(exchange, nextStep(exchange, inputs), chance)) steps++;
          // A verdict, the credentials, the body, the poll.
          expect(steps).toBeLessThanOrEqual(5);
        },
      ),
      RUNS,
    );
  });
});
