// Owns collecting the header lines that go on: stretches of a head copied as they came, odd lines in canonical form. Pure;
// hot path: positions only, until the one conversion of the head to text.

/** Per piece: start, end, and for a line that is respelled the start and end of its value, else -1. */
const PIECE = 4;
const MAX_PIECES = 256;

/** The pieces of one head at a time; shared scratch space of a parser, neither re-entrant nor asynchronous. */
export class ForwardedLines {
  private readonly pieces = new Int32Array(PIECE * MAX_PIECES);
  private count = 0;

  clear(): void {
    this.count = 0;
  }

  /** Whether there is room for what one line may add. */
  hasRoom(): boolean {
    return this.count + 2 <= MAX_PIECES;
  }

  /** Lines from `start` to `end` go on exactly as they came. */
  addRun(start: number, end: number): void {
    if (start !== end) this.add(start, end, -1, -1);
  }

  /** One line goes on as `Name: value`. */
  addLine(nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): void {
    this.add(nameStart, nameEnd, valueStart, valueEnd);
  }

  /** The lines, out of the text of the head that began at `headStart`. */
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
