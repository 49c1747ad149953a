// Owns the progress of long work on a terminal: one line on standard error, rewritten a few times a second.
import { numberText } from '../app/number-text.ts';

const EVERY_MS = 100;
/** Work that ends sooner shows nothing. */
const SOON_MS = 300;
/** Moves to the start of the line and clears it (ECMA-48 EL). */
const CLEAR_LINE = '\r\u001b[K';
const BAR_WIDTH = 30;

/** Shows nothing where standard error is no terminal. */
export class Progress {
  private readonly what: string;
  private readonly total: number | null;
  private readonly isShown = process.stderr.isTTY;
  private readonly startedAt = performance.now();
  private shownAt = 0;

  /** `what` is counted, as `phones compared`; `total` null = not known. */
  constructor(what: string, total: number | null = null) {
    this.what = what;
    this.total = total;
  }

  show(done: number): void {
    const now = performance.now();
    if (!this.isShown || now - this.startedAt < SOON_MS || now - this.shownAt < EVERY_MS) return;
    this.shownAt = now;
    process.stderr.write(`${CLEAR_LINE}${this.bar(done)}${numberText(done)} ${this.what}`);
  }

  /** Clears the line. */
  end(): void {
    if (this.isShown && this.shownAt > 0) process.stderr.write(CLEAR_LINE);
  }

  private bar(done: number): string {
    if (this.total === null || this.total === 0) return '';
    const filled = Math.min(BAR_WIDTH, Math.round((BAR_WIDTH * done) / this.total));
    return `[${'='.repeat(filled)}${' '.repeat(BAR_WIDTH - filled)}] `;
  }
}
