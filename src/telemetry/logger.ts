// Owns the log of a process: one pino instance that writes JSON lines in the background.
import { pino } from 'pino';
import type { Logger } from 'pino';
import { LogSink } from './log-sink.ts';

/** A logger and functions to flush and reopen it. */
export interface ProcessLog {
  readonly logger: Logger;
  /** Number of lost lines, because the disk or the reader was too slow. */
  dropped(): number;
  /** Reopens the destination. Throws, without a change, when it cannot be opened. */
  reopen(level: string, to: string): void;
  /** Writes pending lines, as far as the destination accepts them. Never throws. */
  flush(): void;
}

/** Opens the log; `to` is `stdout` or a file. Throws when that cannot be opened. */
export function openLog(level: string, to: string): ProcessLog {
  const sink = new LogSink(to);
  const logger = pino({ level, base: null, timestamp: () => `,"time":"${new Date().toISOString()}"` }, sink);
  const reopen = (level: string, to: string): void => {
    sink.reopen(to);
    logger.level = level;
  };
  return { logger, dropped: () => sink.dropped, reopen, flush: () => sink.flushSync() };
}
