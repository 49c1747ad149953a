// Owns the log of a process: one pino instance that writes lines in the background, and whole lines made elsewhere.
import { pino } from 'pino';
import type { Logger } from 'pino';
import type { LineWriter } from './access-log.ts';
import { humanLines } from './human-lines.ts';
import { LogSink } from './log-sink.ts';

/** A logger and functions to flush and reopen it. */
export interface ProcessLog extends LineWriter {
  readonly logger: Logger;
  /** Number of lost lines, because the disk or the reader was too slow. */
  dropped(): number;
  /** Reopens the destination. Throws, without a change, when it cannot be opened. */
  reopen(level: string, to: string): void;
  /** Writes pending lines at once, before the process exits: see {@link LogSink.flushSync}. */
  flush(): void;
  /** Writes pending lines in their order: see {@link LogSink.drain}. */
  drain(): Promise<void>;
}

/** `json`: for programs. `text`: for a person. `auto`: text where standard output is a terminal. */
export type LogForm = 'auto' | 'json' | 'text';

/** Opens the log; `to` is `stdout` or a file. Throws when that cannot be opened. */
export function openLog(level: string, to: string, form: LogForm = 'json'): ProcessLog {
  const sink = new LogSink(to);
  const isTerminal = to === 'stdout' && process.stdout.isTTY;
  const isText = form === 'text' || (form === 'auto' && isTerminal);
  const colours = isTerminal && process.env['NO_COLOR'] === undefined;
  const destination = isText ? { write: (line: string) => sink.write(humanLines(line, colours)) } : sink;
  const logger = pino(
    { level, base: null, timestamp: () => `,"time":"${new Date().toISOString()}"` },
    destination,
  );
  return {
    logger,
    writeLines: (text, count) => {
      if (logger.isLevelEnabled('info')) sink.write(isText ? humanLines(text, colours) : text, count);
    },
    dropped: () => sink.dropped,
    reopen: (newLevel, newTo) => {
      sink.reopen(newTo);
      logger.level = newLevel;
    },
    flush: () => sink.flushSync(),
    drain: () => sink.drain(),
  };
}

/** A file of lines in a form of their own. */
export interface LineFile extends LineWriter {
  dropped(): number;
  /** Opens the file again, as after a rotation, and writes the header. Throws, without a change, when it cannot be opened. */
  reopen(): void;
  /** Writes pending lines in their order: see {@link LogSink.drain}. */
  drain(): Promise<void>;
}

/** Opens it, and writes the header. Throws when it cannot be opened. */
export function openLineFile(to: string, header: string): LineFile {
  const sink = new LogSink(to);
  const begin = (): void => {
    if (header !== '') sink.write(header);
  };
  begin();
  return {
    writeLines: (text, count) => sink.write(text, count),
    dropped: () => sink.dropped,
    reopen: () => {
      // Lines that wait belong in front of the header of the new file.
      sink.flushSync();
      sink.reopen(to);
      begin();
    },
    drain: () => sink.drain(),
  };
}
