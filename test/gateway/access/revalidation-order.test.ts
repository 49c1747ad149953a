// Owns the proof that the queue of exchanges to be decided again forgets none, and decides each after its last change: random orders of changes,
// answers, failures and retries.
import { setImmediate as turn } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { RevalidationQueue } from '../../../src/gateway/access/revalidation.ts';
import type { Revalidated } from '../../../src/gateway/access/revalidation.ts';
import type { DeviceKey, UserKey } from '../../../src/identity/keys.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';

checkLeaks();

type Step =
  | {
      readonly kind: 'change';
      readonly from: number;
      readonly count: number;
      readonly isMass: boolean;
      readonly isChecked: boolean;
    }
  /** Answers arrive, or their deadline does. */
  | { readonly kind: 'answers'; readonly count: number; readonly isAnswered: boolean }
  /** The directory answers no look-up of one, after all of them were answered. */
  | { readonly kind: 'refuse'; readonly count: number }
  | { readonly kind: 'turns' }
  | { readonly kind: 'second' };

const POLLS = 200;

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({
    kind: fc.constant('change' as const),
    from: fc.nat({ max: POLLS - 1 }),
    count: fc.integer({ min: 1, max: POLLS }),
    isMass: fc.boolean(),
    isChecked: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant('answers' as const),
    count: fc.integer({ min: 1, max: 100 }),
    isAnswered: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('refuse' as const), count: fc.integer({ min: 1, max: 20 }) }),
  fc.constant({ kind: 'turns' as const }),
  fc.constant({ kind: 'second' as const }),
);

async function run(steps: readonly Step[]): Promise<void> {
  const open: ((isAnswered: boolean) => void)[] = [];
  const queue = new RevalidationQueue((asked, onAnswer) => {
    for (const at of asked.keys()) open.push((isAnswered) => onAnswer(at, isAnswered));
  });
  let refused = 0;
  const changed = Array.from({ length: POLLS }, () => 0);
  const decided = Array.from({ length: POLLS }, () => 0);
  const question = { user: 'alice' as UserKey, device: 'phone1' as DeviceKey, deviceType: null };
  const polls = changed.map((_, index): Revalidated => ({
    isDenied: index % 3 === 0,
    onChange: () => index % 50 !== 49,
    asks: () => (index % 4 === 0 ? null : question),
    revalidate: async (_isMass, isAnswered) => {
      const version = changed[index] ?? 0;
      await Promise.resolve();
      if (isAnswered === false || refused-- > 0) return false;
      decided[index] = version;
      return true;
    },
  }));
  let now = 1_000_000;
  const turns = async (): Promise<void> => {
    for (let count = 0; count < 3; count++) await turn();
  };
  for (const one of steps) {
    if (one.kind === 'change')
      for (const [index, poll] of polls.slice(one.from, one.from + one.count).entries()) {
        changed[one.from + index] = (changed[one.from + index] ?? 0) + 1;
        queue.add(poll, one.isMass, one.isChecked);
      }
    else if (one.kind === 'answers') for (const end of open.splice(0, one.count)) end(one.isAnswered);
    else if (one.kind === 'refuse') refused = one.count;
    else if (one.kind === 'turns') await turns();
    else queue.sweep((now += 1_000));
  }
  refused = 0;
  for (let rounds = 0; rounds < 100; rounds++) {
    await turns();
    for (const end of open.splice(0)) end(true);
    queue.sweep((now += 1_000));
  }
  expect([queue.isBusy, queue.isWaiting]).toEqual([false, false]);
  const wanted = changed.map((version, index) => (index % 50 === 49 ? 0 : version));
  expect(decided).toEqual(wanted);
}

it('each is decided after its last change, whatever fails and is late', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 40 }), (steps) => run(steps)),
    { numRuns: 100 },
  );
});
