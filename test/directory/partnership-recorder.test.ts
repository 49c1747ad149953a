// Owns the promises of the recorder about time: what was seen is written about a second later, and a process in which nothing is seen
// is not woken for it.
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { PartnershipRecorder } from '../../src/directory/partnership-recorder.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import type { Verdict } from '../../src/model/verdict.ts';

const verdict = { action: 'allow', reason: 'compliant' } as Verdict;

describe('the recorder', () => {
  let written = 0;
  let fails = false;
  let under: Promise<void> | null = null;
  let recorder: PartnershipRecorder;
  beforeEach(() => {
    written = 0;
    fails = false;
    under = null;
    vi.useFakeTimers();
    const recordSeen: DirectoryStore['recordSeen'] = async (batch) => {
      if (fails) throw new Error('away');
      await under;
      written += batch.length;
    };
    recorder = new PartnershipRecorder({ recordSeen } as DirectoryStore);
    onTestFinished(async () => {
      await recorder.close();
      vi.useRealTimers();
    });
  });

  const see = (device: string): void =>
    recorder.seen({
      user: 'alice' as UserKey,
      device: device as DeviceKey,
      spelling: device,
      deviceType: 'iPhone',
      userAgent: null,
      protocolVersion: null,
      verdict,
      information: null,
    });

  it('writes within a second, and has no timer while nothing waits', async () => {
    expect(vi.getTimerCount()).toBe(0);
    see('one');
    see('two');
    await vi.advanceTimersByTimeAsync(1_000);
    expect([written, vi.getTimerCount()]).toEqual([2, 0]);
    see('three');
    await vi.advanceTimersByTimeAsync(1_000);
    expect([written, vi.getTimerCount()]).toEqual([3, 0]);
  });

  it('writes what was seen during a write before it closes', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    under = promise;
    see('one');
    await vi.advanceTimersByTimeAsync(1_000);
    see('two');
    const closed = recorder.close();
    resolve();
    await closed;
    expect(written).toBe(2);
  });

  it('tries again each second while the directory is away', async () => {
    fails = true;
    see('one');
    await vi.advanceTimersByTimeAsync(3_500);
    expect(written).toBe(0);
    fails = false;
    await vi.advanceTimersByTimeAsync(1_000);
    expect([written, vi.getTimerCount()]).toEqual([1, 0]);
  });
});
