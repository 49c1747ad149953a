// Owns the log of a process: one pino instance that writes JSON lines in the background.
import { pino } from 'pino';
import type { Logger } from 'pino';
import { LogSink } from './log-sink.ts';

/** A logger and the way to write out what it holds. */
export interface ProcessLog {
  readonly logger: Logger;
  /** Lines lost so far, because the disk or the reader did not keep up. */
  dropped(): number;
  /** Goes on in what the name leads to now. Throws, and changes nothing, when it cannot be opened. */
  reopen(level: string, to: string): void;
  /** Writes out what waits, as far as it is taken. Never throws. */
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
