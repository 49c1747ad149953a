// Owns the time of tests: the clocks of a gateway, and timers of this process, that move only when a test moves them.
import { onTestFinished, vi } from 'vitest';
import { until } from './until.ts';

/** Clocks that stand still: what a test does may take as long as it likes, and no deadline passes. */
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

  /** Moves ahead; the gateway sees it at its next tick. */
  pass(ms: number): void {
    this.time += ms;
  }

  /** Moves ahead, and waits until the gateway has looked at its deadlines. */
  async advance(ms: number): Promise<void> {
    this.pass(ms);
    await this.looked();
  }

  /** Sets the wall clock, as NTP or an administrator does: no time passes. */
  async setWall(byMs: number): Promise<void> {
    this.step += byMs;
    await this.looked();
  }

  private async looked(): Promise<void> {
    const { reads } = this;
    // The second tick begins when the work of the first is done.
    await until(() => this.reads >= reads + 2, 'the gateway to look at its clock');
  }
}

/** Has timers that are set from now on wait for the function it returns, until the test ends. */
export function stopTimers(): (ms: number) => Promise<void> {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  onTestFinished(() => void vi.useRealTimers());
  return async (ms) => void (await vi.advanceTimersByTimeAsync(ms));
}
