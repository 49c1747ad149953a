// Owns the clocks of a gateway that a test moves: time that passes, and a wall clock that is set.
import { monotonicNow } from '../../src/clock.ts';
import { until } from './until.ts';

/** The system's clocks and what they were moved by. */
export class TestClock {
  private ahead = 0;
  private step = 0;
  private reads = 0;
  /** The monotonic clock. */
  readonly now = (): number => {
    this.reads++;
    return monotonicNow() + this.ahead;
  };
  /** The time of day, in milliseconds since the epoch. */
  readonly wall = (): number => Date.now() + this.ahead + this.step;

  /** Lets so much time pass, and waits until the gateway has looked at its deadlines. */
  async advance(ms: number): Promise<void> {
    this.ahead += ms;
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
