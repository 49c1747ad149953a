// Owns the time of tests: a clock of a gateway, and timers of this process, that move only when a test moves them.
import { onTestFinished, vi } from 'vitest';
import { until } from './until.ts';

/** A clock that stands still: what a test does may take as long as it likes, and no deadline passes. */
export class TestClock {
  private time = Date.now();
  private reads = 0;
  /** For the gateway. */
  readonly now = (): number => {
    this.reads++;
    return this.time;
  };

  /** Milliseconds since the epoch by this clock. */
  get current(): number {
    return this.time;
  }

  /** Moves ahead; the gateway sees it at its next tick. */
  pass(ms: number): void {
    this.time += ms;
  }

  /** Moves ahead, and waits until the gateway has looked at its deadlines. */
  async advance(ms: number): Promise<void> {
    this.pass(ms);
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
