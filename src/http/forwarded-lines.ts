// Owns collecting the header lines to forward: unchanged stretches of a head are copied, odd lines are written in
// canonical form. Pure; hot path: stores positions only, and converts the head to text once.

/** Numbers per piece: start and end; then start and end of the value when the line is rewritten, else -1. */
const PIECE = 4;
const MAX_PIECES = 256;

/** The pieces of one head at a time; shared scratch space of a parser, neither re-entrant nor asynchronous. */
export class ForwardedLines {
  private readonly pieces = new Int32Array(PIECE * MAX_PIECES);
  private count = 0;

  clear(): void {
    this.count = 0;
  }

  /** Whether there is room for the pieces that one line may add. */
  hasRoom(): boolean {
    return this.count + 2 <= MAX_PIECES;
  }

  /** Forwards the lines from `start` to `end` unchanged. */
  addRun(start: number, end: number): void {
    if (start !== end) this.add(start, end, -1, -1);
  }

  /** Forwards one line as `Name: value`. */
  addLine(nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): void {
    this.add(nameStart, nameEnd, valueStart, valueEnd);
  }

  /** Builds the lines from the text of the head, which began at `headStart`. */
  join(text: string, headStart: number): string {
    const { pieces } = this;
    let lines = '';
    for (let index = 0; index < this.count * PIECE; index += PIECE) {
      lines += text.slice((pieces[index] as number) - headStart, (pieces[index + 1] as number) - headStart);
      const value = pieces[index + 2] as number;
      if (value !== -1)
        lines += ': ' + text.slice(value - headStart, (pieces[index + 3] as number) - headStart) + '\r\n';
    }
    return lines;
  }

  private add(start: number, end: number, valueStart: number, valueEnd: number): void {
    const index = this.count++ * PIECE;
    this.pieces[index] = start;
    this.pieces[index + 1] = end;
    this.pieces[index + 2] = valueStart;
    this.pieces[index + 3] = valueEnd;
  }
}
