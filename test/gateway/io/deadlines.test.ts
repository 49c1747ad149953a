// Owns the promises of the deadline clock: every expired deadline is noticed exactly once, however many connections there are.
import { setImmediate as turn } from 'node:timers/promises';
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Deadlines } from '../../../src/gateway/io/deadlines.ts';
import type { Timed } from '../../../src/gateway/io/deadlines.ts';

class Connection implements Timed {
  slot = -1;
  seen = 0;
  readonly react: () => void;

  constructor(react: () => void = () => undefined) {
    this.react = react;
  }

  onDeadline(): void {
    this.seen++;
    deadlines.setTime(this, Infinity);
    this.react();
  }
}

let deadlines: Deadlines;
beforeEach(() => {
  vi.useFakeTimers();
  deadlines = new Deadlines(() => undefined);
  onTestFinished(() => {
    deadlines.stop();
    vi.useRealTimers();
  });
  deadlines.start();
});

function connections(count: number, inMs: number): Connection[] {
  const all = Array.from({ length: count }, () => new Connection());
  for (const one of all) deadlines.add(one, deadlines.now + inMs);
  return all;
}

/** Adds deadlines that expire all at once, each once. */
function addAtOnce(deadlines: Deadlines, count: number, onExpired: () => void): void {
  for (let index = 0; index < count; index++)
    deadlines.add(
      {
        slot: -1,
        onDeadline() {
          onExpired();
          deadlines.setTime(this, Infinity);
        },
      },
      50,
    );
}

describe('deadlines', () => {
  it('of a few connections are noticed within a tick', () => {
    const all = connections(1_000, 250);
    vi.advanceTimersByTime(200);
    expect(all.every(({ seen }) => seen === 0)).toBe(true);
    vi.advanceTimersByTime(150);
    expect(all.every(({ seen }) => seen === 1)).toBe(true);
  });

  it('of many connections are noticed within a second', () => {
    const all = connections(20_000, 250);
    vi.advanceTimersByTime(1_400);
    expect(all.filter(({ seen }) => seen !== 1)).toEqual([]);
  });

  it('of connections that are added during a check are noticed', () => {
    connections(5_000, Infinity);
    vi.advanceTimersByTime(300);
    const late = connections(3, 100);
    vi.advanceTimersByTime(1_300);
    expect(late.map(({ seen }) => seen)).toEqual([1, 1, 1]);
  });

  it('of removed connections are ignored, whoever removed them', () => {
    const victims: Connection[] = [];
    const killer = new Connection(() => {
      for (const victim of victims) deadlines.remove(victim);
    });
    victims.push(...connections(3, 200));
    deadlines.add(killer, deadlines.now);
    victims.push(...connections(3, 0));
    vi.advanceTimersByTime(1_000);
    expect(victims.map(({ seen }) => seen)).toEqual([0, 0, 0, 0, 0, 0]);
    expect([killer.seen, deadlines.size]).toEqual([1, 1]);
  });

  it('stay with their connections when others are removed', () => {
    const all = connections(1_000, Infinity);
    const late = all.filter((_, index) => index % 7 === 0);
    late.forEach((one, index) => deadlines.setTime(one, deadlines.now + 100 * (index + 1)));
    for (const [index, one] of all.entries()) if (index % 7 === 3) deadlines.remove(one);
    late.forEach((one, index) => expect(deadlines.timeOf(one)).toBe(deadlines.now + 100 * (index + 1)));
    const from = deadlines.now;
    vi.advanceTimersByTime(100 * late.length + 200);
    expect(all.filter((one) => late.includes(one) !== (one.seen === 1))).toEqual([]);
    expect(deadlines.now - from).toBeGreaterThanOrEqual(100 * late.length);
  });

  it('of a removed connection can be set without effect on another', () => {
    const [gone, other] = connections(2, Infinity);
    if (gone === undefined || other === undefined) throw new Error('two were made');
    deadlines.remove(gone);
    deadlines.remove(gone);
    deadlines.setTime(gone, deadlines.now);
    expect([deadlines.timeOf(gone), deadlines.timeOf(other), deadlines.size]).toEqual([
      Infinity,
      Infinity,
      1,
    ]);
    vi.advanceTimersByTime(1_000);
    expect([gone.seen, other.seen]).toEqual([0, 0]);
  });

  it('that expire all at once leave time for other work', () => {
    const all = connections(5_000, 50);
    vi.advanceTimersByTime(101);
    const first = all.filter(({ seen }) => seen === 1).length;
    expect(first).toBeGreaterThan(0);
    expect(first).toBeLessThan(all.length / 2);
    vi.advanceTimersByTime(1_000);
    expect(all.every(({ seen }) => seen === 1)).toBe(true);
  });

  it('that expire all at once leave turns to requests where each takes long', () => {
    let time = 0;
    const busy = new Deadlines(
      () => undefined,
      () => time,
    );
    onTestFinished(() => busy.stop());
    busy.start();
    let most = 0;
    let seen = 0;
    addAtOnce(busy, 1_000, () => {
      seen++;
      time += 1;
    });
    time = 100;
    deadlines.stop();
    for (let before = 0; seen < 1_000; before = seen) {
      vi.advanceTimersToNextTimer();
      most = Math.max(most, seen - before);
    }
    expect(most).toBeLessThanOrEqual(16);
    expect(time).toBe(1_100);
  });

  it('that expire all at once, and take longer than ticks, leave ticks to other parts', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    let [time, seen] = [0, 0];
    let seenAtTick: number | null = null;
    const busy = new Deadlines(
      () => void (seenAtTick ??= seen),
      () => time,
    );
    onTestFinished(() => busy.stop());
    busy.start();
    addAtOnce(busy, 3_000, () => {
      seen++;
      time += 1;
    });
    time = 100;
    while (seen < 3_000) {
      // The timer of the next tick fires in each turn.
      vi.advanceTimersByTime(100);
      await turn();
    }
    expect(seenAtTick).toBe(1_024);
  });

  it('are checked after the reads of a turn that follows a pause of the process', () => {
    let time = 0;
    const paused = new Deadlines(
      () => undefined,
      () => time,
    );
    onTestFinished(() => paused.stop());
    paused.start();
    const [served, left] = [new Connection(), new Connection()];
    for (const one of [served, left]) paused.add(one, 300);
    time = 5_000;
    // Its interval is over by then; what is read in this turn comes before what is due.
    setTimeout(() => paused.setTime(served, 10_000), 100);
    vi.advanceTimersByTime(101);
    expect([served.seen, left.seen]).toEqual([0, 1]);
  });

  describe('that nothing uses', () => {
    let ticks = 0;
    const quiet = (): Deadlines => {
      ticks = 0;
      const made = new Deadlines(() => ticks++, performance.now.bind(performance));
      onTestFinished(() => made.stop());
      made.start();
      return made;
    };

    it('are looked at seldom, and ten times a second once they are used', () => {
      const clock = quiet();
      vi.advanceTimersByTime(2_000);
      ticks = 0;
      vi.advanceTimersByTime(10_000);
      expect(ticks).toBeLessThanOrEqual(14);
      clock.keepTicking();
      ticks = 0;
      vi.advanceTimersByTime(400);
      expect(ticks).toBeGreaterThanOrEqual(3);
    });

    it('are noticed within a tick all the same', () => {
      const clock = quiet();
      const seen: number[] = [];
      const start = performance.now();
      for (const ms of [5_010, 7_260, 7_750]) {
        const one: Timed = {
          slot: -1,
          onDeadline: (now) => {
            seen.push(now - start);
            clock.remove(one);
          },
        };
        clock.add(one, start + ms);
      }
      vi.advanceTimersByTime(9_000);
      expect(seen).toHaveLength(3);
      for (const [index, ms] of [5_010, 7_260, 7_750].entries())
        expect((seen[index] ?? 0) - ms).toBeLessThanOrEqual(100);
    });

    it('do not leave the clock behind', () => {
      const clock = quiet();
      vi.advanceTimersByTime(3_333);
      expect(performance.now() - clock.now).toBeLessThan(1);
      vi.advanceTimersByTime(150);
      expect(performance.now() - clock.now).toBeLessThanOrEqual(100);
    });

    it('are noticed when one is set between two slow ticks', () => {
      const clock = quiet();
      const one = new Connection();
      clock.add(one);
      vi.advanceTimersByTime(4_020);
      clock.setTime(one, performance.now() + 50);
      let seen = 0;
      one.onDeadline = () => {
        seen++;
        clock.setTime(one, Infinity);
      };
      vi.advanceTimersByTime(160);
      expect(seen).toBe(1);
    });
  });
});
