// Owns the promises of the phases of an exchange: only the transitions of one table are legal.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Exchange } from '../../../src/gateway/exchange/exchange.ts';
import { TRANSITIONS, isLegal } from '../../../src/gateway/exchange/transitions.ts';
import type { ExchangePhase } from '../../../src/gateway/exchange/transitions.ts';
import { throwingAtBugs } from '../../support/checks/bugs.ts';

const PHASES = Object.keys(TRANSITIONS) as ExchangePhase[];

describe('an exchange', () => {
  it('makes the transitions of the table, and keeps its phase otherwise', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom(...PHASES)), (wishes) => {
        const exchange = new Exchange(0);
        for (const wish of wishes) {
          const before = exchange.phase;
          expect(exchange.moveTo(wish)).toBe(isLegal(before, wish));
          expect(exchange.phase).toBe(isLegal(before, wish) ? wish : before);
        }
      }),
    );
  });

  it('can end from every phase, and does so once', () => {
    for (const phase of PHASES) expect(isLegal(phase, 'done')).toBe(phase !== 'done');
    expect(Object.keys(TRANSITIONS.done)).toEqual([]);
  });

  it('is forwarded only from a step, the queue or an earlier attempt, and responds only after that', () => {
    const before = (phase: ExchangePhase): ExchangePhase[] => PHASES.filter((from) => isLegal(from, phase));
    expect(before('forwarded')).toEqual(['reading', 'queued', 'forwarded']);
    expect(before('responding')).toEqual(['forwarded']);
    expect(before('held')).toEqual(['reading']);
  });
});

describe('an illegal transition', () => {
  it('throws in tests', () => {
    const told: string[] = [];
    const onTrouble = throwingAtBugs((code) => void told.push(code));
    expect(() => onTrouble('EASGATE_ILLEGAL_TRANSITION', { from: 'done', to: 'forwarded' })).toThrow(
      'EASGATE_ILLEGAL_TRANSITION',
    );
    onTrouble('EASGATE_UPSTREAM_OUT', {});
    expect(told).toEqual(['EASGATE_UPSTREAM_OUT']);
  });
});
