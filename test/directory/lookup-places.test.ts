// Owns the promises of the queue for look-ups: bounded, in turn by holder, for a limited time.
import { afterEach, describe, expect, it } from 'vitest';
import { LookupPlaces } from '../../src/directory/lookup-places.ts';
import type { PlaceWait } from '../../src/directory/place-wait.ts';

const PATIENCE_MS = 60_000;
const SHORT_MS = 20;
/** As many wait as want to. */
const ROOMY = 1_000;
let places: LookupPlaces;
afterEach(() => places.close());

/** Enters once for each name; returns the results in order. */
function enterAll(names: readonly string[], order: string[]): (boolean | PlaceWait<boolean>)[] {
  return names.map((name) => {
    const entered = places.enter(name, PATIENCE_MS);
    if (typeof entered !== 'boolean') void entered.outcome.then((got) => got && order.push(name));
    return entered;
  });
}

/** Whether it gets a place, now or later. */
async function enter(name: string, waitMs: number): Promise<boolean> {
  const entered = places.enter(name, waitMs);
  return typeof entered === 'boolean' ? entered : entered.outcome;
}

describe('places for look-ups', () => {
  it('are given to holders in turn: one with many requests does not go before one with a single request', async () => {
    places = new LookupPlaces(2, ROOMY);
    const order: string[] = [];
    void enterAll(['flood', 'other', 'flood', 'flood', 'flood', 'phone'], order);
    for (let count = 0; count < 3; count++) {
      places.leave(count === 0 ? 'flood' : (order.at(-1) ?? ''));
      await Promise.resolve();
      await Promise.resolve();
    }
    expect(order).toEqual(['flood', 'phone', 'flood']);
  });

  it('leave half for other holders, and a new holder gets one at once', () => {
    places = new LookupPlaces(8, ROOMY);
    const flood = enterAll(Array(20).fill('flood'), []);
    expect(flood.filter((entered) => entered === true)).toHaveLength(4);
    expect(places.enter('phone', PATIENCE_MS)).toBe(true);
  });

  it('have a bounded queue', () => {
    places = new LookupPlaces(1, 4);
    const entered = enterAll(
      Array.from({ length: 20 }, (_, index) => `h${index}`),
      [],
    );
    expect(entered.filter((one) => one === true)).toHaveLength(1);
    expect(entered.filter((one) => one === false)).toHaveLength(15);
  });

  it('are waited for by each as long as it wants to', async () => {
    places = new LookupPlaces(1, ROOMY);
    expect(places.enter('a', SHORT_MS)).toBe(true);
    const patient = enter('b', PATIENCE_MS);
    expect(await enter('c', SHORT_MS)).toBe(false);
    places.leave('a');
    expect(await patient).toBe(true);
  });

  it('leave half of the queue for other holders', () => {
    places = new LookupPlaces(2, 1_000);
    const entered = enterAll(Array(600).fill('site'), []);
    expect(entered.filter((one) => one === true)).toHaveLength(1);
    expect(entered.filter((one) => one === false)).toHaveLength(99);
  });

  it('have a bounded waiting time, and a place that is freed later goes to a holder that still waits', async () => {
    places = new LookupPlaces(1, ROOMY);
    expect(places.enter('a', SHORT_MS)).toBe(true);
    expect(await enter('b', SHORT_MS)).toBe(false);
    const waiting = enter('c', SHORT_MS);
    places.leave('a');
    expect(await waiting).toBe(true);
    places.leave('c');
    expect(places.enter('d', SHORT_MS)).toBe(true);
  });
});
