// Owns where log lines go: one pino instance, asynchronous, that drops rather than grows when the disk is stuck.
import { destination, pino } from 'pino';
import type { Logger } from 'pino';

/** A logger and the way to write out what it holds. */
export interface ProcessLog {
  readonly logger: Logger;
  flush(): void;
}

const BUFFER_BYTES = 4_096;
const MAX_BUFFERED_BYTES = 16 * 1024 * 1024;
/** A quiet gateway still shows its lines soon. */
const FLUSH_MS = 250;

/** Opens the log; `to` is `stdout` or a file. */
export function openLog(level: string, to: string): ProcessLog {
  const sink = destination({
    dest: to === 'stdout' ? 1 : to,
    sync: false,
    mkdir: true,
    minLength: BUFFER_BYTES,
    maxLength: MAX_BUFFERED_BYTES,
    periodicFlush: FLUSH_MS,
  });
  const logger = pino({ level, base: null, timestamp: () => `,"time":"${new Date().toISOString()}"` }, sink);
  return { logger, flush: () => sink.flushSync() };
}
