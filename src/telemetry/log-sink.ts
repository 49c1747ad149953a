// Owns writing log lines to a file or standard output, in the background, one write at a time. When the disk is full or
// the reader is stuck, lines are kept up to a bound, then dropped and counted; the process goes on. (The file
// destination of pino ends the process on a full disk, or waits forever at exit.)
import { closeSync, mkdirSync, openSync, write, writeSync } from 'node:fs';
import { dirname } from 'node:path';

const STDOUT = 1;
/** Lines are written in pieces of this size: each write costs about 10 µs. */
const BUFFER_BYTES = 65_536;
const MAX_BUFFERED_BYTES = 16 * 1024 * 1024;
/** Delay before lines are written, and the pause after a failed write. */
const FLUSH_MS = 250;
/** Mode of a new file: the log has personal data (user, phone, address, time). A log collector reads it by its group. */
const FILE_MODE = 0o640;
/** Attempts at process exit while the reader is busy. */
const LAST_TRIES = 50;
const LAST_PAUSE_MS = 10;
/** Longest wait of {@link LogSink.drain} for a write that is under way, as to a network drive that is away. */
const DRAIN_MS = 1_000;

const cell = new Int32Array(new SharedArrayBuffer(4));

/** Sinks with unwritten lines, flushed when the process exits unexpectedly. */
const unwritten = new Set<LogSink>();
let watchesExit = false;

/** The destination of pino. */
export class LogSink {
  /** Number of lost lines. */
  dropped = 0;
  private fd: number;
  /** Descriptor of the current write. */
  private busyFd = -1;
  private text = '';
  /** Bytes taken from `text` and not yet written. */
  private chunk: Buffer = Buffer.alloc(0);
  private busy = false;
  private timer: NodeJS.Timeout | null = null;
  /** Called once, in place of the next write, when the current one has ended. */
  private onWritten: (() => void) | null = null;

  /** `to` is `stdout` or a file, which is created if missing. Throws when it cannot be opened. */
  constructor(to: string) {
    this.fd = open(to);
    if (watchesExit) return;
    watchesExit = true;
    process.on('exit', () => unwritten.forEach((sink) => sink.flushSync()));
  }

  /** Reopens the destination, as after a rotation. Throws, without a change, when it cannot be opened. */
  reopen(to: string): void {
    const before = this.fd;
    this.fd = open(to);
    if (before !== this.busyFd) close(before);
  }

  /** Takes whole lines; `count` of them. */
  write(line: string, count = 1): void {
    if (this.text.length + this.chunk.length + line.length > MAX_BUFFERED_BYTES) {
      this.dropped += count;
      return;
    }
    this.text += line;
    if (this.timer === null) {
      unwritten.add(this);
      this.arm();
    }
    if (!this.busy && this.text.length >= BUFFER_BYTES && this.chunk.length === 0) this.begin();
  }

  /**
   * Writes pending lines in their order, as far as the destination accepts them. Waits at most a second for a write that
   * is under way. Never rejects.
   */
  async drain(): Promise<void> {
    if (this.busy) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, DRAIN_MS);
        this.onWritten = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
    this.flushSync();
  }

  /**
   * Writes pending lines now, as far as the destination accepts them: where nothing can be waited for. Lines of a write
   * that is under way may come behind them. Never throws.
   */
  flushSync(): void {
    // Another thread is writing the current chunk.
    let rest = Buffer.from(this.text);
    if (!this.busy) rest = Buffer.concat([this.chunk, rest]);
    let tries = 0;
    while (rest.length > 0 && tries < LAST_TRIES) {
      try {
        rest = rest.subarray(writeSync(this.fd, rest));
      } catch (error) {
        if (!isBusy(error)) break;
        tries++;
        Atomics.wait(cell, 0, 0, LAST_PAUSE_MS);
      }
    }
    this.text = this.busy ? rest.toString() : '';
    if (!this.busy) this.chunk = rest;
  }

  private arm(): void {
    this.timer = setTimeout(() => {
      this.timer = null;
      if (!this.busy) this.begin();
      if (unwritten.has(this)) this.arm();
    }, FLUSH_MS);
    this.timer.unref();
  }

  private begin(): void {
    if (this.chunk.length === 0) {
      this.chunk = Buffer.from(this.text);
      this.text = '';
    }
    if (this.chunk.length === 0) {
      unwritten.delete(this);
      return;
    }
    const { fd } = this;
    this.busy = true;
    this.busyFd = fd;
    write(fd, this.chunk, (error, count) => {
      this.busy = false;
      this.busyFd = -1;
      if (fd !== this.fd) close(fd);
      const { onWritten } = this;
      this.onWritten = null;
      if (error === null) this.chunk = this.chunk.subarray(count);
      if (onWritten !== null) {
        onWritten();
        return;
      }
      // Retried after a pause.
      if (error !== null || count === 0) return;
      if (this.chunk.length > 0 || this.text.length >= BUFFER_BYTES) this.begin();
    });
  }
}

function open(to: string): number {
  if (to === 'stdout') return STDOUT;
  mkdirSync(dirname(to), { recursive: true });
  return openSync(to, 'a', FILE_MODE);
}

function close(fd: number): void {
  if (fd !== STDOUT) closeSync(fd);
}

/** The pipe is full for now. */
function isBusy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && (error.code === 'EAGAIN' || error.code === 'EBUSY');
}
