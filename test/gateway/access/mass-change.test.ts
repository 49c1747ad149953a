// Owns the promises of a policy change for many open requests: restrictions first, releases at a limited rate.
import { describe, expect, it } from 'vitest';
import { MassChange, ReleasePace } from '../../../src/gateway/access/mass-change.ts';
import type { Concerned, PolicyEffect } from '../../../src/gateway/access/mass-change.ts';
import { RevalidationQueue } from '../../../src/gateway/access/revalidation.ts';
import { until } from '../../support/checks/until.ts';

/** An open request that records when it is decided again. */
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
  it('first restricts all requests that it refuses, then releases 200 at once and the rest at a limited rate', async () => {
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

  it('releases a small number at once', async () => {
    const decided: PolicyEffect[] = [];
    const change = new MassChange(new RevalidationQueue(), new ReleasePace(1));
    change.begin(many(200, 'releases', decided));
    await until(() => change.waiting === 200);
    change.sweep(1);
    await until(() => decided.length === 200);
  });

  it('replaces an earlier change that still releases requests', async () => {
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

  it('yields to other work between batches', async () => {
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
