// Owns the promises of a policy change that concerns many open requests: restrictions first, releases at a pace.
import { describe, expect, it } from 'vitest';
import { MassChange, ReleasePace } from '../../../src/gateway/access/mass-change.ts';
import type { Concerned, PolicyEffect } from '../../../src/gateway/access/mass-change.ts';
import { RevalidationQueue } from '../../../src/gateway/access/revalidation.ts';
import { until } from '../../support/checks/until.ts';

/** A request under way that notes when it is decided anew. */
function open(effect: PolicyEffect, decided: PolicyEffect[]): Concerned {
  return {
    weigh: () => effect,
    onChange: () => true,
    revalidate: async () => {
      decided.push(effect);
      return true;
    },
  };
}

const many = (count: number, effect: PolicyEffect, decided: PolicyEffect[]): Concerned[] =>
  Array.from({ length: count }, () => open(effect, decided));

describe('a policy change', () => {
  it('restricts all that it keeps out, and then lets in 200 at once and so many a second', async () => {
    const decided: PolicyEffect[] = [];
    const change = new MassChange(new RevalidationQueue(), new ReleasePace(50));
    change.begin([
      ...many(1_000, 'same', decided),
      ...many(1_000, 'releases', decided),
      ...many(1_000, 'restricts', decided),
    ]);
    await until(() => decided.length === 1_000 && change.waiting === 1_000, 'the restrictions');
    expect(new Set(decided)).toEqual(new Set(['restricts']));
    const releases = (): number => decided.filter((effect) => effect === 'releases').length;
    change.sweep(5_000);
    await until(() => releases() === 200);
    change.sweep(5_100);
    await until(() => releases() === 205);
    change.sweep(6_100);
    await until(() => releases() === 255);
    expect(change.waiting).toBe(745);
  });

  it('lets in a few at once', async () => {
    const decided: PolicyEffect[] = [];
    const change = new MassChange(new RevalidationQueue(), new ReleasePace(1));
    change.begin(many(200, 'releases', decided));
    await until(() => change.waiting === 200);
    change.sweep(1);
    await until(() => decided.length === 200);
  });

  it('takes the place of one that still lets in', async () => {
    const decided: PolicyEffect[] = [];
    const change = new MassChange(new RevalidationQueue(), new ReleasePace(1));
    change.begin(many(500, 'releases', decided));
    await until(() => change.waiting === 500);
    change.begin(many(500, 'restricts', decided));
    await until(() => decided.length === 500, 'the restrictions');
    change.sweep(1_000_000);
    expect(change.waiting).toBe(0);
    expect(new Set(decided)).toEqual(new Set(['restricts']));
  });

  it('gives other work its turn between slices', async () => {
    const decided: PolicyEffect[] = [];
    const change = new MassChange(new RevalidationQueue(), new ReleasePace(1));
    change.begin(many(2_000, 'restricts', decided));
    const seen: number[] = [];
    const look = (): void => {
      seen.push(decided.length);
      if (decided.length < 2_000) setImmediate(look);
    };
    setImmediate(look);
    await until(() => decided.length === 2_000);
    expect(seen.some((count) => count > 0 && count < 2_000)).toBe(true);
  });
});
