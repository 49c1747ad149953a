// Owns the promises of the places for checks of credentials: bounded, in turn by holder, for a limited time, and not taken by whoever has no
// more tries.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PlaceWait } from '../../../src/directory/place-wait.ts';
import { CHECKS_AT_ONCE, CHECK_WAIT_MS, CheckPlaces } from '../../../src/gateway/credentials/check-places.ts';

const PAID = { paid: true };
const pays = (): typeof PAID => PAID;
const BUSY = 'EASGATE_CREDENTIALS_BUSY';
const LIMITED = 'EASGATE_CREDENTIALS_LIMITED';

let now = 0;

function open(): CheckPlaces<typeof PAID> {
  now = 0;
  return new CheckPlaces(() => now);
}

/** Enters once for each name; `order` = who got a place after a wait, or why not. */
function enterAll(
  places: CheckPlaces<typeof PAID>,
  names: readonly string[],
  order: string[] = [],
  pay: () => typeof PAID | null = pays,
): number {
  let atOnce = 0;
  for (const name of names) {
    const entered = places.enter(name, pay, true);
    if (!(entered instanceof PlaceWait)) atOnce += entered === PAID ? 1 : 0;
    else void entered.outcome.then((outcome) => order.push(typeof outcome === 'string' ? outcome : name));
  }
  return atOnce;
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 4; turn++) await Promise.resolve();
}

const many = (name: string, count: number): string[] => Array<string>(count).fill(name);

describe('the places for checks', () => {
  it('leave half to others, who get one at once', () => {
    const places = open();
    expect(enterAll(places, many('site', 1_000))).toBe(CHECKS_AT_ONCE / 2);
    expect(places.enter('other', pays, false)).toBe(PAID);
  });

  it('are all given where each holder wants one', () => {
    const names = Array.from({ length: 1_000 }, (_, index) => `user${index}`);
    expect(enterAll(open(), names)).toBe(CHECKS_AT_ONCE);
  });

  it('are given in turn: one with many checks does not go before one with a single check', async () => {
    const places = open();
    const order: string[] = [];
    const others = Array.from({ length: CHECKS_AT_ONCE }, (_, index) => `user${index}`);
    enterAll(places, others);
    enterAll(places, ['flood', 'flood', 'flood', 'phone'], order);
    for (const name of others.slice(0, 4)) places.leave(name);
    await settled();
    expect(order).toEqual(['flood', 'phone', 'flood']);
  });

  it('are waited for by known clients only, and not given to others before these', async () => {
    const places = open();
    const order: string[] = [];
    enterAll(places, many('site', 64));
    expect(places.enter('site', pays, false)).toBe(BUSY);
    enterAll(places, ['site'], order);
    expect(places.enter('site', pays, false)).toBe(BUSY);
    places.leave('site');
    await settled();
    expect(order).toEqual(['site']);
  });

  it('are waited for by a site of any size for fifteen seconds, and by nobody for longer', async () => {
    const places = open();
    const order: string[] = [];
    enterAll(places, many('site', 10_064), order);
    now = CHECK_WAIT_MS - 1;
    places.sweep();
    places.leave('site');
    await settled();
    expect(order).toEqual(['site']);
    now = CHECK_WAIT_MS;
    places.sweep();
    await settled();
    expect(order.filter((one) => one === BUSY)).toHaveLength(9_999);
  });

  it('have a bounded queue', () => {
    const places = open();
    enterAll(places, many('flood', 16_384 + 64));
    expect(places.enter('flood', pays, true)).toBe(BUSY);
    enterAll(
      places,
      ['a', 'b'].flatMap((name) => many(name, 50)),
    );
    expect(places.enter('c', pays, true)).not.toBe(BUSY);
  });

  it('wait with a client for its checks under way, and are refused to it once these took its last try', async () => {
    const places = open();
    const order: string[] = [];
    let tries = 2;
    const pay = (): typeof PAID | null => (tries-- > 0 ? PAID : null);
    expect(enterAll(places, many('guesses', 300), order, pay)).toBe(2);
    places.leave('guesses');
    await settled();
    expect(order).toEqual([]);
    places.leave('guesses');
    // So many in one turn of the event loop.
    await settled();
    expect(order).toEqual(many(LIMITED, 256));
    places.sweep();
    await settled();
    expect(order).toEqual(many(LIMITED, 298));
    expect(places.enter('guesses', () => null, true)).toBe(LIMITED);
  });

  it('are returned by a check that cost nothing after all before the next one pays', async () => {
    const places = open();
    const order: string[] = [];
    let tries = 1;
    const pay = (): typeof PAID | null => (tries > 0 ? (tries--, PAID) : null);
    enterAll(places, many('site', 3), order, pay);
    for (let checked = 0; checked < 2; checked++) {
      tries++;
      places.leave('site');
      await settled();
    }
    expect(order).toEqual(['site', 'site']);
  });

  it('end all waits when the gateway stops', async () => {
    const places = open();
    const order: string[] = [];
    enterAll(places, many('site', 70), order);
    places.close();
    await settled();
    expect(order).toEqual(many(BUSY, 6));
  });
});

/** `who`: the holder, or which of the checks there are. */
interface Event {
  readonly kind: 'arrive' | 'hangs up' | 'is good' | 'is refused' | 'time passes' | 'minute ends';
  readonly who: number;
}

const events = fc.array(
  fc.record<Event>({
    kind: fc.constantFrom(
      'arrive',
      'arrive',
      'hangs up',
      'hangs up',
      'is good',
      'is refused',
      'time passes',
      'minute ends',
    ),
    who: fc.nat(1_000),
  }),
  { maxLength: 60 },
);
const HOLDERS = 4;
const TRIES = 90;

describe('the places for checks, in any order of arrivals, ends, answers and sweeps,', () => {
  it('keep their bounds, leave none idle, end each wait once, and are all returned', async () => {
    await fc.assert(
      fc.asyncProperty(events, async (order) => {
        const places = open();
        const tries = new Map<string, number>();
        const triesOf = (holder: string): number => tries.get(holder) ?? TRIES;
        const held: string[] = [];
        const waits = new Set<{ readonly holder: string; readonly wait: PlaceWait<unknown> }>();
        const own = (holder: string): number => held.filter((other) => other === holder).length;
        const arrive = (holder: string): void => {
          const pay = (): typeof PAID | null => {
            if (triesOf(holder) === 0) return null;
            tries.set(holder, triesOf(holder) - 1);
            return PAID;
          };
          const entered = places.enter(holder, pay, true);
          if (entered === PAID) held.push(holder);
          if (!(entered instanceof PlaceWait)) return;
          const one = { holder, wait: entered };
          entered.join(null);
          waits.add(one);
          void entered.outcome.then((outcome) => {
            waits.delete(one);
            if (outcome === PAID) held.push(holder);
          });
        };
        const done = (which: number, isRefused: boolean): void => {
          const holder = held.splice(which % Math.max(1, held.length), 1)[0];
          if (holder === undefined) return;
          if (!isRefused) tries.set(holder, triesOf(holder) + 1);
          places.leave(holder);
        };
        for (const { kind, who } of order) {
          if (kind === 'arrive') for (let more = who % 50; more >= 0; more--) arrive(`h${who % HOLDERS}`);
          else if (kind === 'hangs up') {
            const one = [...waits][who % Math.max(1, waits.size)];
            if (one !== undefined) one.wait.leave();
          } else if (kind === 'time passes') now += who * 20;
          else if (kind === 'minute ends') tries.clear();
          else done(who, kind === 'is refused');
          if (who % 2 === 0) places.sweep();
          await settled();
          expect(held.length).toBeLessThanOrEqual(CHECKS_AT_ONCE);
        }
        places.sweep();
        await settled();
        const free = CHECKS_AT_ONCE - held.length;
        const idle = [...waits].filter(
          ({ holder }) => own(holder) < free && (triesOf(holder) > 0 || own(holder) === 0),
        );
        expect(idle).toEqual([]);
        places.close();
        await settled();
        expect(waits.size).toBe(0);
        while (held.length > 0) done(0, false);
        expect(
          enterAll(
            places,
            Array.from({ length: 200 }, (_, index) => `fresh${index}`),
          ),
        ).toBe(CHECKS_AT_ONCE);
      }),
      { numRuns: 200 },
    );
  });
});
