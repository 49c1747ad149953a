// Owns the promises about a new verdict for an exchange that is held or being forwarded.
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { RevalidationQueue, consequenceOf } from '../../../src/gateway/access/revalidation.ts';
import type { Consequence, Revalidated } from '../../../src/gateway/access/revalidation.ts';
import { Exchange } from '../../../src/gateway/exchange/exchange.ts';
import type { ExchangePhase } from '../../../src/gateway/exchange/transitions.ts';
import type { VerdictAction } from '../../../src/model/verdict.ts';
import { verdict } from '../../support/servers/test-gateway.ts';
import { until } from '../../support/checks/until.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';

checkLeaks();

function consequence(action: VerdictAction, rewritten: boolean, ...way: ExchangePhase[]): Consequence {
  const exchange = Object.assign(new Exchange(0), { rewritten });
  for (const phase of way) exchange.moveTo(phase);
  return consequenceOf(exchange, verdict(action));
}

describe('a new verdict', () => {
  it.each<[VerdictAction, string, Consequence]>([
    ['allow', 'queued', 'continue'],
    ['allow', 'forwarded', 'continue'],
    ['allow', 'responding', 'continue'],
    ['allow', 'held', 'startOver'],
    ['quarantine', 'held', 'renew'],
    ['quarantine', 'queued', 'startOver'],
    ['quarantine', 'forwarded', 'startOver'],
    ['quarantine', 'responding', 'cut'],
    ['block', 'held', 'startOver'],
    ['block', 'forwarded', 'startOver'],
    ['block', 'responding', 'cut'],
    ['wipe', 'forwarded', 'startOver'],
    ['accountWipe', 'responding', 'cut'],
  ])('%s has an exchange that is %s %s', (action, phase, expected) => {
    const way =
      phase === 'responding' ? (['forwarded', 'responding'] as const) : ([phase] as ExchangePhase[]);
    expect(consequence(action, false, ...way)).toBe(expected);
  });

  it('of quarantine lets a re-encoded request continue, and any other refusal ends it', () => {
    expect(consequence('quarantine', true, 'queued')).toBe('continue');
    expect(consequence('quarantine', true, 'forwarded', 'responding')).toBe('continue');
    expect(consequence('block', true, 'forwarded')).toBe('startOver');
    expect(consequence('block', true, 'forwarded', 'responding')).toBe('cut');
  });
});

describe('the queue of exchanges to be decided again', () => {
  it('looks up a bounded number at a time, each once, and again if the directory did not answer', async () => {
    const queue = new RevalidationQueue();
    let underWay = 0;
    let most = 0;
    let asked = 0;
    const one = (answers: boolean): Revalidated => {
      const said = [answers, true];
      return {
        onChange: () => true,
        revalidate: async () => {
          asked++;
          most = Math.max(most, ++underWay);
          await Promise.resolve();
          underWay--;
          return said.shift() ?? true;
        },
      };
    };
    for (let index = 0; index < 200; index++) queue.add(one(index % 4 !== 0), true);
    await until(() => asked === 200 && underWay === 0, 'all to be decided');
    expect(most).toBeLessThanOrEqual(64);
    queue.sweep(1_000_000);
    await until(() => asked === 250 && underWay === 0, 'those without an answer to be decided');
    queue.sweep(2_000_000);
    expect(asked).toBe(250);
  });

  it('decides what few phones wait for before the rest of a mass change', async () => {
    const queue = new RevalidationQueue();
    const order: string[] = [];
    const answers: (() => void)[] = [];
    const one = (name: string): Revalidated => ({
      onChange: () => true,
      revalidate: async () => {
        order.push(name);
        await new Promise<void>((resolve) => answers.push(resolve));
        return true;
      },
    });
    for (let index = 0; index < 100; index++) queue.add(one('feed run'), true);
    queue.add(one('operator'), false);
    expect(queue.isBusy).toBe(true);
    const begun = order.length;
    answers[0]?.();
    await until(() => order.length > begun, 'the next one');
    expect(order[begun]).toBe('operator');
    await until(() => {
      for (const done of answers.splice(0)) done();
      return order.length === 101;
    });
    await until(() => {
      for (const done of answers.splice(0)) done();
      return !queue.isBusy;
    });
  });

  it('leaves turns of the event loop to requests, however fast the directory answers', async () => {
    const queue = new RevalidationQueue();
    let asked = 0;
    const one: Revalidated['revalidate'] = async () => ++asked > 0;
    for (let index = 0; index < 1_000; index++) queue.add({ onChange: () => true, revalidate: one }, true);
    let most = 0;
    for (let before = 0; asked < 1_000; before = asked) {
      await turn();
      most = Math.max(most, asked - before);
    }
    expect(most).toBeLessThan(50);
    expect(queue.isBusy).toBe(false);
  });

  it('skips an exchange that is looking up its verdict already', () => {
    const queue = new RevalidationQueue();
    let asked = 0;
    queue.add({ onChange: () => false, revalidate: async () => ++asked > 0 }, false);
    expect(asked).toBe(0);
  });
});
