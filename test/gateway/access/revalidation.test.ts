// Owns the promises about a new verdict for an exchange that is held or being forwarded.
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { RevalidationQueue, consequenceOf } from '../../../src/gateway/access/revalidation.ts';
import type { Consequence, Revalidated } from '../../../src/gateway/access/revalidation.ts';
import { Exchange } from '../../../src/gateway/exchange/exchange.ts';
import type { ExchangePhase } from '../../../src/gateway/exchange/transitions.ts';
import type { DeviceKey, UserKey } from '../../../src/identity/keys.ts';
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

  it('looks many phones up in one call, but only those whose verdict is not cached', async () => {
    const batches: number[] = [];
    const queue = new RevalidationQueue((asked, onAnswer) => {
      batches.push(asked.length);
      setImmediate(() => asked.forEach((_, at) => onAnswer(at, true)));
    });
    let decided = 0;
    for (let index = 0; index < 400; index++)
      queue.add({ ...poll(index % 4 === 0), revalidate: async () => ++decided > 0 }, true);
    await until(() => decided === 400, 'all to be decided');
    expect(batches.reduce((sum, one) => sum + one, 0)).toBe(300);
    expect(batches.length).toBeLessThan(100);
    expect(Math.max(...batches)).toBeLessThanOrEqual(16);
  });

  it('looks the first of many phones up in one call, too', async () => {
    const batches: number[] = [];
    const queue = new RevalidationQueue((asked, onAnswer) => {
      batches.push(asked.length);
      asked.forEach((_, at) => onAnswer(at, true));
    });
    let decided = 0;
    const one = { ...poll(false), revalidate: async () => ++decided > 0 };
    queue.addAll(
      Array.from({ length: 20 }, () => ({ ...one })),
      true,
    );
    await until(() => decided === 20, 'all to be decided');
    expect(batches).toEqual([16, 4]);
  });

  it('decides each exchange as soon as its look-up is answered, whether or not the others are', async () => {
    const open: (() => void)[] = [];
    const queue = new RevalidationQueue((asked, onAnswer) => {
      for (const at of asked.keys()) open.push(() => onAnswer(at, true));
    });
    let decided = 0;
    for (let index = 0; index < 200; index++)
      queue.add({ ...poll(false), revalidate: async () => ++decided > 0 }, true);
    await until(() => open.length === 64);
    // One of them never is.
    for (open.shift(); decided < 199;) {
      for (const answer of open.splice(0)) answer();
      await turn();
    }
    expect(queue.isBusy).toBe(true);
  });

  it('tries a few look-ups a second when the directory stops answering, and all when it answers again', async () => {
    let asked = 0;
    let isBack = false;
    const queue = new RevalidationQueue((some, onAnswer) => {
      asked += some.length;
      const answered = isBack;
      setImmediate(() => some.forEach((_, at) => onAnswer(at, answered)));
    });
    const done = new Set<number>();
    for (let index = 0; index < 1_000; index++) {
      const revalidate: Revalidated['revalidate'] = async (_isMass, isAnswered) => {
        if (isAnswered === true) done.add(index);
        return isAnswered === true;
      };
      queue.add({ ...poll(false), revalidate }, true);
    }
    const quiet = async (): Promise<void> => {
      for (let before = -1; before !== asked;) {
        before = asked;
        for (let turns = 0; turns < 5; turns++) await turn();
      }
    };
    await quiet();
    expect(asked).toBeGreaterThanOrEqual(64);
    expect(asked).toBeLessThanOrEqual(128);
    expect(queue.isWaiting).toBe(true);
    queue.sweep(1_000_000);
    await quiet();
    expect(asked).toBeLessThanOrEqual(256);
    isBack = true;
    queue.sweep(1_001_000);
    await until(() => done.size === 1_000, 'all to be decided');
  });

  it('continues in the next second if cached facts decided without an answer of the directory', async () => {
    const queue = new RevalidationQueue((some, onAnswer) => {
      setImmediate(() => some.forEach((_, at) => onAnswer(at, false)));
    });
    let decided = 0;
    for (let index = 0; index < 150; index++)
      queue.add({ ...poll(false), revalidate: async () => ++decided > 0 }, true);
    await until(() => decided >= 64);
    for (let now = 1_000_000; decided < 150; now += 1_000) {
      expect(queue.isWaiting).toBe(true);
      const before = decided;
      queue.sweep(now);
      await until(() => decided > before, 'further ones');
      for (let turns = 0; turns < 20; turns++) await turn();
    }
    expect(queue.isBusy).toBe(false);
  });

  it('keeps nobody waiting for polls whose part of the directory never answers', async () => {
    const open: (() => void)[] = [];
    const queue = new RevalidationQueue((some, onAnswer) => {
      for (const [at, { device }] of some.entries()) {
        if (device === 'lost') open.push(() => onAnswer(at, false));
        else setImmediate(() => onAnswer(at, true));
      }
    });
    const done: string[] = [];
    const add = (name: string, device: string, isDenied: boolean): boolean =>
      queue.add(
        {
          isDenied,
          onChange: () => true,
          asks: () => ({ user: 'alice' as UserKey, device: device as DeviceKey, deviceType: null }),
          revalidate: async (_isMass, isAnswered) => {
            if (isAnswered === true) done.push(name);
            return isAnswered === true;
          },
        },
        true,
      );
    // As long as a look-up takes in vain: those under way fail, and a second passes.
    const fail = async (now: number): Promise<void> => {
      for (let turns = 0; turns < 20; turns++) await turn();
      for (const end of open.splice(0)) end();
      for (let turns = 0; turns < 20; turns++) await turn();
      queue.sweep(now);
    };
    for (let index = 0; index < 1_000; index++) add('lost', 'lost', false);
    for (let now = 1_000_000; now < 1_020_000; now += 1_000) await fail(now);
    for (let index = 0; index < 100; index++) add('let in', 'phone1', true);
    for (let index = 0; index < 100; index++) add('restricted', 'phone2', false);
    for (let now = 1_020_000; now < 1_023_000; now += 1_000) await fail(now);
    expect(done.filter((name) => name === 'restricted')).toHaveLength(100);
    expect(done.filter((name) => name === 'let in')).toHaveLength(100);
    expect(done).toHaveLength(200);
  });

  it('decides phones with access before denied ones, and before those for which old facts change nothing', async () => {
    const queue = new RevalidationQueue();
    const order: string[] = [];
    const one = (name: string, isDenied: boolean): Revalidated => ({
      isDenied,
      onChange: () => true,
      revalidate: async () => order.push(name) > 0,
    });
    const names = (name: string): string[] => Array.from({ length: 30 }, () => name);
    // What begins at once.
    for (const name of names('first').slice(14)) queue.add(one(name, false), true);
    for (const name of names('denied')) queue.add(one(name, true), true);
    for (const name of names('checked')) queue.add(one(name, false), true, true);
    for (const name of names('allowed')) queue.add(one(name, false), true);
    await until(() => order.length === 106);
    expect(order.slice(16, 46)).toEqual(names('allowed'));
  });
});

/** Whose verdict is in memory, or not. */
function poll(isKnown: boolean): Pick<Revalidated, 'onChange' | 'asks'> {
  const question = { user: 'alice' as UserKey, device: 'phone1' as DeviceKey, deviceType: null };
  return { onChange: () => true, asks: () => (isKnown ? null : question) };
}
