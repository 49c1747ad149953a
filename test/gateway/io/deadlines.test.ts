// Owns the promises of the deadline clock: every expired deadline is noticed exactly once, however many connections there are.
import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { Deadlines } from '../../../src/gateway/io/deadlines.ts';
import type { Timed } from '../../../src/gateway/io/deadlines.ts';

class Connection implements Timed {
  deadline: number;
  next: Timed | null = null;
  previous: Timed | null = null;
  seen = 0;
  readonly react: () => void;

  constructor(deadline: number, react: () => void = () => undefined) {
    this.deadline = deadline;
    this.react = react;
  }

  onDeadline(): void {
    this.seen++;
    this.deadline = Infinity;
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
  const all = Array.from({ length: count }, () => new Connection(deadlines.now + inMs));
  for (const one of all) deadlines.add(one);
  return all;
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
    const killer = new Connection(deadlines.now, () => {
      for (const victim of victims) deadlines.remove(victim);
    });
    victims.push(...connections(3, 0));
    deadlines.add(killer);
    victims.push(...connections(3, 200));
    vi.advanceTimersByTime(1_000);
    expect(victims.map(({ seen }) => seen)).toEqual([0, 0, 0, 0, 0, 0]);
    expect([killer.seen, deadlines.size]).toEqual([1, 1]);
  });
});
