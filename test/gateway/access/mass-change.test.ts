// Owns the promises of changes that concern many open requests: restrictions first, releases at a limited rate.
import { describe, expect, it } from 'vitest';
import { MassChange } from '../../../src/gateway/access/mass-change.ts';
import type { Concerned, PolicyEffect } from '../../../src/gateway/access/mass-change.ts';
import { Releases } from '../../../src/gateway/access/releases.ts';
import { RevalidationQueue } from '../../../src/gateway/access/revalidation.ts';
import { until } from '../../support/checks/until.ts';

/** What one gateway has for it. */
class World {
  readonly queue = new RevalidationQueue();
  readonly releases: Releases;
  readonly change: MassChange;
  /** The effect or name of each that was decided, in order. */
  readonly decided: string[] = [];
  now = 0;

  constructor(perSecond: number) {
    this.releases = new Releases(perSecond);
    this.change = new MassChange(this.queue, this.releases);
  }

  /** Requests under way that note when they are decided anew, as a driver does. */
  open(
    count: number,
    effect: PolicyEffect,
    { answered = null, name = effect }: { answered?: Promise<void> | null; name?: string } = {},
  ): Concerned[] {
    return Array.from({ length: count }, () => {
      const one: Concerned = {
        weigh: () => effect,
        onChange: () => true,
        revalidate: async (isMass) => {
          await answered;
          if (effect === 'releases' && !this.releases.admit(one, isMass, this.now)) return true;
          if (effect !== 'releases') this.releases.forget(one);
          this.decided.push(name);
          return true;
        },
      };
      return one;
    });
  }

  sweep(now: number): void {
    this.now = now;
    this.releases.sweep(now, this.queue, this.change.isBusy || this.queue.isBusy);
  }

  count(name: string): number {
    return this.decided.filter((one) => one === name).length;
  }
}

describe('a policy change', () => {
  it('first restricts all requests that it refuses, then releases 200 at once and the rest at a limited rate', async () => {
    const world = new World(50);
    world.change.begin([
      ...world.open(1_000, 'same'),
      ...world.open(1_000, 'releases'),
      ...world.open(1_000, 'restricts'),
    ]);
    await until(() => world.decided.length === 1_000 && world.releases.waiting === 1_000, 'the restrictions');
    expect(world.count('restricts')).toBe(1_000);
    await until(() => !world.change.isBusy && !world.queue.isBusy);
    world.sweep(5_000);
    await until(() => world.count('releases') === 200);
    world.sweep(5_100);
    await until(() => world.count('releases') === 205);
    world.sweep(6_100);
    await until(() => world.count('releases') === 255);
    expect(world.releases.waiting).toBe(745);
  });

  it('releases a small number at once', async () => {
    const world = new World(1);
    world.change.begin(world.open(200, 'releases'));
    await until(() => world.releases.waiting === 200 && !world.change.isBusy);
    world.sweep(1);
    await until(() => world.decided.length === 200);
  });

  it('replaces an earlier change that still releases requests', async () => {
    const world = new World(1);
    const phones = world.open(500, 'releases');
    world.change.begin(phones);
    await until(() => world.releases.waiting === 500);
    for (const phone of phones) world.releases.forget(phone);
    world.change.begin(world.open(500, 'restricts'));
    await until(() => world.decided.length === 500, 'the restrictions');
    world.sweep(1_000_000);
    expect(world.releases.waiting).toBe(0);
    expect(world.count('releases')).toBe(0);
  });

  it('yields to other work between batches', async () => {
    const world = new World(1);
    world.change.begin(world.open(2_000, 'restricts'));
    const seen: number[] = [];
    const look = (): void => {
      seen.push(world.decided.length);
      if (world.decided.length < 2_000) setImmediate(look);
    };
    setImmediate(look);
    await until(() => world.decided.length === 2_000);
    expect(seen.some((count) => count > 0 && count < 2_000)).toBe(true);
  });
});

describe('a feed run', () => {
  const runOf = (world: World, phones: readonly Concerned[]): void => {
    for (const phone of phones) world.queue.add(phone, true);
  };

  it('that concerns many open phones restricts at once, and lets in at the pace', async () => {
    const world = new World(100);
    runOf(world, [...world.open(600, 'releases'), ...world.open(400, 'restricts')]);
    await until(() => world.releases.waiting === 600 && !world.queue.isBusy);
    expect(world.decided.length).toBe(400);
    world.sweep(1_000);
    await until(() => world.count('releases') === 200);
    world.sweep(3_000);
    await until(() => world.count('releases') === 400);
    world.sweep(5_000);
    await until(() => world.count('releases') === 600);
  });

  it('lets nobody in while phones to restrict are still looked up, but for two seconds at most', async () => {
    const world = new World(100);
    const { promise, resolve } = Promise.withResolvers<void>();
    runOf(world, world.open(300, 'releases'));
    await until(() => world.releases.waiting === 300 && !world.queue.isBusy);
    runOf(world, world.open(10, 'restricts', { answered: promise }));
    world.sweep(1_000);
    world.sweep(2_999);
    expect(world.releases.waiting).toBe(300);
    world.sweep(3_000);
    await until(() => world.count('releases') === 200);
    resolve();
    await until(() => world.count('restricts') === 10);
  });

  it('does not delay what an operator lets in meanwhile', async () => {
    const world = new World(100);
    runOf(world, world.open(5_000, 'releases'));
    await until(() => world.releases.waiting === 5_000 && !world.queue.isBusy);
    world.sweep(1_000);
    await until(() => world.count('releases') === 200);
    for (const phone of world.open(1, 'releases', { name: 'operator' })) world.queue.add(phone, false);
    await until(() => world.releases.waiting === 4_801, 'it to wait for the pace');
    world.sweep(1_020);
    await until(() => world.decided.length === 202, 'two more');
    expect(world.decided.slice(200)).toEqual(['operator', 'releases']);
  });

  it('forgets phones that left while they waited, and lets in others in their place', async () => {
    const world = new World(1);
    const gone = world.open(500, 'releases').map((phone) => ({ ...phone }));
    for (const phone of gone) world.releases.admit(phone, true, 0);
    for (const phone of gone) Object.assign(phone, { onChange: () => false });
    runOf(world, world.open(201, 'releases'));
    await until(() => world.releases.waiting === 701 && !world.queue.isBusy);
    world.sweep(1);
    await until(() => world.count('releases') === 200);
    expect(world.releases.waiting).toBe(1);
  });
});
