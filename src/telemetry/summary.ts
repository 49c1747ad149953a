// Owns the summary line: all counters since the start of a worker, every few minutes and at its end.
import type { Logger } from 'pino';
import { monotonicNow } from '../clock.ts';

/** Counters by name. */
export type CounterSource = () => Readonly<Record<string, number>>;

/** Writes the line periodically until {@link close}. */
export class Summary {
  private readonly log: Logger;
  private readonly source: CounterSource;
  private readonly startedAt = monotonicNow();
  private readonly timer: NodeJS.Timeout | null;

  /** `intervalMs` 0 = never. */
  constructor(log: Logger, intervalMs: number, source: CounterSource) {
    this.log = log;
    this.source = source;
    this.timer = intervalMs === 0 ? null : setInterval(() => this.write(), intervalMs);
    this.timer?.unref();
  }

  /** Writes the last line. */
  close(): void {
    if (this.timer === null) return;
    clearInterval(this.timer);
    this.write();
  }

  private write(): void {
    const line: Record<string, string | number> = {
      event: 'counters',
      pid: process.pid,
      seconds: Math.round((monotonicNow() - this.startedAt) / 1_000),
    };
    for (const [name, value] of Object.entries(this.source()))
      line[name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)] = value;
    this.log.info(line);
  }
}
