// Owns the clocks of tests: the clocks of a gateway and the timers of this process, which advance only when a test says so.
import { onTestFinished, vi } from 'vitest';
import { until } from './until.ts';

/** Clocks that stand still: no deadline expires, however slow the test is. */
export class TestClock {
  private time = 1_000_000;
  private step = Date.now() - 1_000_000;
  private reads = 0;
  /** The monotonic clock of the gateway. */
  readonly now = (): number => {
    this.reads++;
    return this.time;
  };
  /** The time of day, in milliseconds since the epoch. */
  readonly wall = (): number => this.time + this.step;

  /** Advances the time; the gateway reads it at its next tick. */
  pass(ms: number): void {
    this.time += ms;
  }

  /** Advances the time, and waits until the gateway has checked its deadlines. */
  async advance(ms: number): Promise<void> {
    this.pass(ms);
    await this.looked();
  }

  /** Sets the wall clock, as NTP or an administrator does; the monotonic clock stays. */
  async setWall(byMs: number): Promise<void> {
    this.step += byMs;
    await this.looked();
  }

  private async looked(): Promise<void> {
    const { reads } = this;
    // The second tick begins when the first is done.
    await until(() => this.reads >= reads + 2, 'the gateway to look at its clock');
  }
}

/** Makes all later timers wait until the returned function is called, until the test ends. */
export function stopTimers(): (ms: number) => Promise<void> {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  return async (ms) => void (await vi.advanceTimersByTimeAsync(ms));
}
