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

const HOLDERS = 4;
/** Wrong passwords that each holder may send until the minute ends. */
const TRIES = 90;

/** Places with the checks that have one, those that wait for one, and the tries that holders have left. */
class World {
  readonly places = open();
  readonly held: string[] = [];
  readonly waits = new Map<PlaceWait<unknown>, string>();
  readonly tries = new Map<string, number>();

  arrive(holder: string): void {
    const entered = this.places.enter(holder, () => this.pay(holder), true);
    if (entered === PAID) this.held.push(holder);
    if (!(entered instanceof PlaceWait)) return;
    entered.join(null);
    this.waits.set(entered, holder);
    void entered.outcome.then((outcome) => {
      this.waits.delete(entered);
      if (outcome === PAID) this.held.push(holder);
    });
  }

  hangUp(which: number): void {
    const waits = [...this.waits.keys()];
    waits[which % Math.max(1, waits.length)]?.leave();
  }

  finish(which: number, isRefused: boolean): void {
    const [holder] = this.held.splice(which % Math.max(1, this.held.length), 1);
    if (holder === undefined) return;
    if (!isRefused) this.tries.set(holder, this.triesOf(holder) + 1);
    this.places.leave(holder);
  }

  /** Holders that wait though they may have a place, and can pay for it or have nothing under way that would return a try. */
  idle(): string[] {
    const free = CHECKS_AT_ONCE - this.held.length;
    const own = (holder: string): number => this.held.filter((other) => other === holder).length;
    return [...this.waits.values()].filter(
      (holder) => own(holder) < free && (this.triesOf(holder) > 0 || own(holder) === 0),
    );
  }

  private pay(holder: string): typeof PAID | null {
    const tries = this.triesOf(holder);
    if (tries > 0) this.tries.set(holder, tries - 1);
    return tries > 0 ? PAID : null;
  }

  private triesOf(holder: string): number {
    return this.tries.get(holder) ?? TRIES;
  }
}

type Kind = 'arrive' | 'hangs up' | 'is good' | 'is refused' | 'time passes' | 'minute ends';

const events = fc.array(
  fc.record({
    kind: fc.constantFrom<Kind>(
      'arrive',
      'arrive',
      'hangs up',
      'is good',
      'is refused',
      'time passes',
      'minute ends',
    ),
    which: fc.nat(1_000),
    isSwept: fc.boolean(),
  }),
  { minLength: 10, maxLength: 60, size: 'max' },
);

describe('the places for checks, in any order of arrivals, ends, answers and sweeps,', () => {
  it('keep their bounds, leave none idle, end each wait once, and are all returned', async () => {
    await fc.assert(
      fc.asyncProperty(events, async (order) => {
        const world = new World();
        const { places, held, waits } = world;
        for (const { kind, which, isSwept } of order) {
          if (kind === 'arrive')
            for (const holder of many(`h${which % HOLDERS}`, which % 50)) world.arrive(holder);
          else if (kind === 'hangs up') world.hangUp(which);
          else if (kind === 'time passes') now += which * 10;
          else if (kind === 'minute ends') world.tries.clear();
          else world.finish(which, kind === 'is refused');
          // A sweep ends 256 of those who cannot pay any more at most.
          for (const _ of isSwept ? many('sweep', 12) : []) places.sweep();
          await settled();
          expect(held.length).toBeLessThanOrEqual(CHECKS_AT_ONCE);
          if (isSwept) expect(world.idle()).toEqual([]);
        }
        places.close();
        await settled();
        expect(waits.size).toBe(0);
        while (held.length > 0) world.finish(0, false);
        const fresh = Array.from({ length: 200 }, (_, index) => `fresh${index}`);
        expect(enterAll(places, fresh)).toBe(CHECKS_AT_ONCE);
      }),
      { numRuns: 200 },
    );
  });
});
