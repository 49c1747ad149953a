// Owns the promises of the lock of a feed: one run at a time in all processes, and a run that cannot be had says who has it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { withRunLock } from '../../../src/app/feed-runs/run-lock.ts';
import { EmbeddedStore } from '../../../src/directory/embedded/embedded-store.ts';
import { until } from '../../support/checks/until.ts';

let folder = '';
let one: EmbeddedStore;
let other: EmbeddedStore;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-run-lock-'));
  [one, other] = [1, 2].map(() => new EmbeddedStore(join(folder, 'directory.db'))) as [EmbeddedStore, EmbeddedStore]; // prettier-ignore
});
afterEach(async () => {
  await one.close();
  await other.close();
  rmSync(folder, { recursive: true });
});

const { signal } = new AbortController();
const byHand = { by: 'alice', waits: false, signal };
const scheduled = { by: 'its schedule', waits: true, signal };

it('a run by hand beside another one is refused at once, with who runs the feed', async () => {
  const end = Promise.withResolvers<void>();
  let begun = false;
  const first = withRunLock(one.locks, 'mdm', byHand, () => {
    begun = true;
    return end.promise;
  });
  await until(() => begun, 'the first run');
  await expect(withRunLock(other.locks, 'mdm', { ...byHand, by: 'bob' }, () => Promise.reject(new Error('ran')))).rejects.toMatchObject({
    code: 'EASGATE_FEED_BUSY',
    message: expect.stringMatching(/the feed mdm runs just now \(alice on \S+, process \d+, since 20/) as unknown,
  }); // prettier-ignore
  expect(await withRunLock(other.locks, 'ad', byHand, () => Promise.resolve('another feed'))).toBe(
    'another feed',
  );
  end.resolve();
  await first;
  expect(await withRunLock(other.locks, 'mdm', byHand, () => Promise.resolve('ran'))).toBe('ran');
});

it('a scheduled run waits for the one before it, and gives up when it is closed', async () => {
  const end = Promise.withResolvers<void>();
  const order: string[] = [];
  const first = withRunLock(one.locks, 'mdm', byHand, async () => {
    order.push('first begins');
    await end.promise;
    order.push('first ends');
  });
  await until(() => order.length === 1, 'the first run');
  const closing = new AbortController();
  const closed = withRunLock(other.locks, 'mdm', { ...scheduled, signal: closing.signal }, () => Promise.reject(new Error('ran'))); // prettier-ignore
  closing.abort();
  await expect(closed).rejects.toMatchObject({ name: 'AbortError' });
  const second = withRunLock(other.locks, 'mdm', scheduled, () => Promise.resolve(order.push('second')));
  end.resolve();
  await Promise.all([first, second]);
  expect(order).toEqual(['first begins', 'first ends', 'second']);
});

it('a run that fails gives the lock back', async () => {
  await expect(withRunLock(one.locks, 'mdm', byHand, () => Promise.reject(new Error('no source')))).rejects.toThrow('no source'); // prettier-ignore
  expect(await withRunLock(other.locks, 'mdm', byHand, () => Promise.resolve('ran'))).toBe('ran');
});

it('a run that takes longer than the lock keeps it; one that lost it is ended', async () => {
  vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'Date'] });
  onTestFinished(() => void vi.useRealTimers());
  const timed = { ...byHand, lockMs: 60_000 };
  const untilRenewal = (): unknown => vi.advanceTimersByTime(timed.lockMs / 3);
  let taken = 0;
  const counting = {
    take: async (...given: Parameters<typeof one.locks.take>) => {
      const holder = await one.locks.take(...given);
      taken++;
      return holder;
    },
    release: (...given: Parameters<typeof one.locks.release>) => one.locks.release(...given),
  };
  await withRunLock(counting, 'mdm', timed, async () => {
    for (let count = 2; count <= 8; count++) {
      untilRenewal();
      await until(() => taken === count, 'the renewal');
    }
    await expect(withRunLock(other.locks, 'mdm', byHand, () => Promise.resolve())).rejects.toThrow('alice');
  });
  // The process stood still for so long that another one took the lock.
  taken = 0;
  const stolen = {
    take: () => Promise.resolve(taken++ > 0 ? 'bob' : null),
    release: () => Promise.resolve(),
  };
  const lost = withRunLock(stolen, 'mdm', timed, (locked) => {
    untilRenewal();
    return new Promise((_resolve, reject) => {
      locked.addEventListener('abort', () => reject(locked.reason as Error));
    });
  });
  await expect(lost).rejects.toMatchObject({ code: 'EASGATE_FEED_BUSY' });
});

it('where the directory is away a scheduled run goes on, and fails by itself; one by hand says so', async () => {
  const away = {
    take: () => Promise.reject(new Error('away')),
    release: () => Promise.reject(new Error('away')),
  };
  expect(await withRunLock(away, 'mdm', scheduled, () => Promise.resolve('ran'))).toBe('ran');
  await expect(withRunLock(away, 'mdm', byHand, () => Promise.resolve('ran'))).rejects.toThrow('away');
});
