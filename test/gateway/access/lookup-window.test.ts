// Owns the promises about how many look-ups of held polls are under way at once, on a clock that only the test moves.
import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LookupWindow } from '../../../src/gateway/access/lookup-window.ts';
import type { Begun } from '../../../src/gateway/access/lookup-window.ts';
import { RevalidationQueue } from '../../../src/gateway/access/revalidation.ts';
import type { DeviceKey, UserKey } from '../../../src/identity/keys.ts';

/** Begins so many look-ups at a time. */
function begin(window: LookupWindow, count: number, now: number): Begun {
  const one = window.begin(now, false);
  for (let index = 0; index < count; index++) window.take(one);
  return one;
}

function end(window: LookupWindow, one: Begun): void {
  while (one.open > 0) window.leave(one);
}

/** A window after one answer that took so long. */
function measured(took: number): LookupWindow {
  const window = new LookupWindow();
  const first = begin(window, 1, 0);
  window.note(first, took);
  end(window, first);
  return window;
}

describe('places for look-ups', () => {
  it.each([
    [0, 16],
    [1, 16],
    [5, 60],
    [10, 120],
    [1_000, 128],
  ])('with an answer that takes %d ms there are %d', (took, places) => {
    expect(measured(took).free(2_000)).toBe(places);
  });

  it('do not grow because look-ups wait for each other', () => {
    const window = measured(1);
    const first = begin(window, 8, 100);
    const second = begin(window, 8, 100);
    window.note(first, 101);
    window.note(second, 110);
    end(window, first);
    end(window, second);
    expect(window.free(110)).toBe(16);
  });

  it('become more once the directory is slower for a second', () => {
    const window = measured(1);
    let before = begin(window, 8, 100);
    for (let now = 110; now < 1_200; now += 10) {
      const next = begin(window, 8, now);
      window.note(before, now);
      end(window, before);
      before = next;
    }
    expect(window.free(1_200)).toBeGreaterThan(100);
  });

  it('are free again behind look-ups without an answer, which are bounded themselves', () => {
    const window = measured(1);
    for (let now = 1_000; now < 1_150; now += 25) {
      const free = window.free(now);
      expect(free).toBe(now < 1_100 ? 16 : 0);
      begin(window, free, now);
    }
  });

  it('are not taken by those that were asked about in vain before', () => {
    const window = measured(1);
    const again = window.begin(100, true);
    for (let index = 0; index < 32; index++) window.take(again);
    expect(window.free(100)).toBe(16);
    end(window, again);
    expect(window.free(100)).toBe(16);
  });
});

describe('held polls that are decided again', () => {
  beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] }));
  afterEach(() => void vi.useRealTimers());

  /**
   * Decides `count` polls by a directory that takes so long for an answer; of every `lost` phones it does not answer for one (0 = it does), until the time of a
   * look-up is over. One turn of the event loop takes a millisecond. Returns when the last answer for a phone came, and how many look-ups
   * were under way at most.
   */
  async function decide(count: number, tripMs: number, lost = 0): Promise<{ ms: number; most: number }> {
    const open = new Set<{ readonly due: number; readonly answer: () => void }>();
    let [now, decided, failed, most] = [1_000, 0, 0, 0];
    const queue = new RevalidationQueue(
      (asked, onAnswer) => {
        for (const [at, { device }] of asked.entries()) {
          const isLost = lost > 0 && Number(device) % lost === 1;
          const due = now + (isLost ? 2_000 : tripMs);
          open.add({ due, answer: () => onAnswer(at, !isLost) });
        }
        most = Math.max(most, open.size);
      },
      () => now,
    );
    for (let index = 0; index < count; index++)
      queue.add(
        {
          onChange: () => true,
          asks: () => ({ user: 'alice' as UserKey, device: String(index) as DeviceKey, deviceType: null }),
          revalidate: async (_isMass, isAnswered) => {
            if (isAnswered === true) decided += 1;
            else failed += 1;
            return isAnswered === true;
          },
        },
        true,
      );
    const answered = count - (lost === 0 ? 0 : count / lost);
    while (decided < answered) {
      now += 1;
      for (const one of open)
        if (one.due <= now) {
          open.delete(one);
          one.answer();
        }
      vi.advanceTimersByTime(1);
      await turn();
      if (now > 60_000) throw new Error(`${decided} were decided, ${failed} had no answer`);
    }
    return { ms: now - 1_000, most };
  }

  it('ask a directory that is near about few at a time', async () => {
    const { ms, most } = await decide(9_000, 1);
    expect(ms).toBeLessThan(1_300);
    expect(most).toBeLessThanOrEqual(64);
  });

  it.each([3, 5, 10])('are decided within a second by a directory that is %d ms away', async (tripMs) => {
    const { ms, most } = await decide(9_000, tripMs);
    expect(ms).toBeLessThan(1_000);
    expect(most).toBeLessThanOrEqual(144);
  });

  it('do not wait long for those that get no answer', async () => {
    const { ms } = await decide(2_000, 1, 100);
    expect(ms).toBeLessThan(1_000);
  });
});
