// Owns a clock of a gateway that a test moves ahead.
import { until } from './until.ts';

/** The system's clock and what it was moved ahead. */
export class TestClock {
  private ahead = 0;
  private reads = 0;
  readonly now = (): number => {
    this.reads++;
    return Date.now() + this.ahead;
  };

  /** Moves ahead, and waits until the gateway has looked at its deadlines. */
  async advance(ms: number): Promise<void> {
    this.ahead += ms;
    const { reads } = this;
    // The second tick begins when the work of the first is done.
    await until(() => this.reads >= reads + 2, 'the gateway to look at its clock');
  }
}
