// Owns the access log: one line per finished request, written in the background after the response.
import type { FinishedPassage, FinishedRequest } from './finished-request.ts';

/** Longest queue while the event loop is busy; further entries are dropped and counted. */
const MAX_QUEUED = 10_000;

/** A form of the lines; each line ends with a line feed. `time` is milliseconds since the epoch. */
export interface LineFormat {
  request(exchange: FinishedRequest, address: string, durationMs: number, time: number): string;
  passage(line: FinishedPassage, durationMs: number, time: number): string;
}

/** Where lines go; never throws. */
export interface LineWriter {
  /** Writes `count` whole lines. */
  writeLines(text: string, count: number): void;
}

/** A request that waits for its line. The exchange is not used again, and keeps its values. */
interface Entry {
  readonly exchange: FinishedRequest;
  readonly address: string;
  /** Monotonic milliseconds. */
  readonly at: number;
}

/** Writes finished requests, off the hot path. */
export class AccessLog {
  /** Requests whose line was dropped because the queue was full. */
  dropped = 0;
  private readonly writer: LineWriter;
  private readonly format: LineFormat;
  private queue: Entry[] = [];
  private scheduled = false;

  constructor(writer: LineWriter, format: LineFormat) {
    this.writer = writer;
    this.format = format;
  }

  /** `at`: when the request ended, monotonic milliseconds. */
  record(exchange: FinishedRequest, address: string, at: number): void {
    if (this.queue.length >= MAX_QUEUED) {
      this.dropped++;
      return;
    }
    this.queue.push({ exchange, address, at });
    if (this.scheduled) return;
    this.scheduled = true;
    setImmediate(() => this.flush());
  }

  /** Logs a finished request of the pass-through lane at once: they are few. `at` as for {@link record}. */
  recordPassage(line: FinishedPassage, at: number): void {
    this.writer.writeLines(this.format.passage(line, duration(line.startedAt, at), Date.now()), 1);
  }

  /** Writes the queue. */
  flush(): void {
    this.scheduled = false;
    if (this.queue.length === 0) return;
    const entries = this.queue;
    this.queue = [];
    const time = Date.now();
    let text = '';
    for (const { exchange, address, at } of entries)
      text += this.format.request(exchange, address, duration(exchange.startedAt, at), time);
    this.writer.writeLines(text, entries.length);
  }
}

function duration(startedAt: number, at: number): number {
  return Math.round(at - startedAt);
}
