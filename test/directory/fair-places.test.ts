// Owns the promises of a bounded number of places shared among several holders.
import { describe, expect, it } from 'vitest';
import { FairPlaces } from '../../src/directory/fair-places.ts';

describe('shared places', () => {
  const taken = (places: FairPlaces, holder: string, count: number): number =>
    Array.from({ length: count }, () => places.take(holder)).filter(Boolean).length;

  it('give one greedy holder at most half, so that others still get places', () => {
    const places = new FairPlaces(128);
    expect(taken(places, 'a', 1_000)).toBe(64);
    expect(taken(places, 'b', 1_000)).toBe(32);
    expect(taken(places, 'c', 1)).toBe(1);
  });

  it('are bounded, and are free again once released', () => {
    const places = new FairPlaces(4);
    const holders = Array.from({ length: 9 }, (_, index) => `h${index}`);
    expect(holders.map((holder) => places.take(holder)).filter(Boolean)).toHaveLength(4);
    places.leave('h0');
    places.leave('h0');
    expect(places.take('h7')).toBe(true);
    expect(places.take('h8')).toBe(false);
  });
});
