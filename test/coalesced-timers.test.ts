// Owns the promises of timers that share wake-ups: each is called in its time, early only when the process is awake anyway.
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { afterAbout, callCoalesced, carryCoalesced, everyAbout } from '../src/coalesced-timers.ts';

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  onTestFinished(() => void vi.useRealTimers());
});

/** When it was called, milliseconds after now. */
function calls(): { readonly times: number[]; readonly note: () => void } {
  const start = performance.now();
  const times: number[] = [];
  return { times, note: () => void times.push(Math.round(performance.now() - start)) };
}

describe('a timer that need not be punctual', () => {
  it('is called once, in its time, when nothing else wakes the process', () => {
    const { times, note } = calls();
    afterAbout(800, 400, note);
    vi.advanceTimersByTime(799);
    expect(times).toEqual([]);
    vi.advanceTimersByTime(5_000);
    expect(times).toEqual([800]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is called with a timer that runs anyway, once it may be', () => {
    const { times, note } = calls();
    afterAbout(800, 400, note);
    vi.advanceTimersByTime(399);
    callCoalesced();
    expect(times).toEqual([]);
    vi.advanceTimersByTime(1);
    callCoalesced();
    callCoalesced();
    expect(times).toEqual([400]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('is called with another one of its kind, so that the process wakes once for both', () => {
    const { times, note } = calls();
    afterAbout(1_000, 300, note);
    afterAbout(800, 0, note);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersToNextTimer();
    expect(times).toEqual([800, 800]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('needs no timer of its own where a clock ticks', () => {
    const { times, note } = calls();
    afterAbout(800, 400, note);
    const end = carryCoalesced();
    expect(vi.getTimerCount()).toBe(0);
    vi.advanceTimersByTime(900);
    callCoalesced();
    expect(times).toEqual([900]);
    afterAbout(800, 400, note);
    expect(vi.getTimerCount()).toBe(0);
    end();
    vi.advanceTimersByTime(900);
    expect(times).toEqual([900, 1_700]);
  });

  it('does not wait for a later one', () => {
    const { times, note } = calls();
    afterAbout(1_000, 0, note);
    afterAbout(100, 0, note);
    vi.advanceTimersByTime(2_000);
    expect(times).toEqual([100, 1_000]);
  });

  it('is not called once it is cancelled, not even by one that is called with it', () => {
    const { times, note } = calls();
    const cancel = afterAbout(500, 0, note);
    cancel();
    cancel();
    expect(vi.getTimerCount()).toBe(0);
    afterAbout(500, 0, () => cancelOther());
    const cancelOther = afterAbout(500, 0, note);
    vi.advanceTimersByTime(2_000);
    expect(times).toEqual([]);
  });

  it('may begin another one when it is called', () => {
    const { times, note } = calls();
    afterAbout(100, 50, () => {
      note();
      afterAbout(100, 0, note);
    });
    vi.advanceTimersByTime(1_000);
    expect(times).toEqual([100, 200]);
  });
});

describe('one that is repeated', () => {
  it('is called again and again until it is ended', () => {
    const { times, note } = calls();
    const end = everyAbout(100, 20, note);
    vi.advanceTimersByTime(350);
    end();
    vi.advanceTimersByTime(1_000);
    expect(times).toEqual([100, 200, 300]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('can be ended by its own work', () => {
    const { times, note } = calls();
    const end = everyAbout(100, 20, () => {
      note();
      end();
    });
    vi.advanceTimersByTime(1_000);
    expect(times).toEqual([100]);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('keeps the time between two calls, however often the process is awake', () => {
    const { times, note } = calls();
    const end = everyAbout(1_000, 400, note);
    onTestFinished(end);
    for (let ms = 0; ms < 3_000; ms += 100) {
      vi.advanceTimersByTime(100);
      callCoalesced();
    }
    expect(times).toEqual([600, 1_200, 1_800, 2_400, 3_000]);
  });
});
