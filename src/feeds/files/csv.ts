// Owns tables in text: lines become records, records become cells. csv-parse reads the cells; what is added here keeps one damaged
// line from spoiling the rest of the file, and adds the line number of each record. Pure.
import { parse } from 'csv-parse/sync';

/** How a table is written. */
export interface CsvForm {
  readonly delimiter: string;
}

/** One record: its cells, or why it has none. */
export interface CsvRecord {
  /** Line on which it begins, from 1. */
  readonly line: number;
  readonly cells: readonly string[] | null;
  /** Why there are no cells; '' otherwise. */
  readonly reason: string;
  /** No line end follows it: the file may end in the middle of it. */
  readonly isUnended?: boolean | undefined;
}

/** Longest record, UTF-16 units: a row of an export is a few kilobytes. */
export const MAX_RECORD = 262_144;
/** A quoted cell has a few line ends (notes, addresses). A quote that is open for longer was never closed. */
const MAX_LINES = 200;
const BATCH = 65_536;

interface Logical {
  readonly line: number;
  readonly text: string;
  readonly isUnended?: boolean | undefined;
}

/** Splits text into records. Empty lines are left out. */
export async function* csvRecords(
  text: AsyncIterable<string>,
  { delimiter }: CsvForm,
): AsyncGenerator<CsvRecord> {
  let batch: Logical[] = [];
  let size = 0;
  for await (const one of logicalLines(text, delimiter)) {
    if ('reason' in one) {
      yield* cellsOf(batch, delimiter);
      [batch, size] = [[], 0];
      yield { cells: null, ...one };
      continue;
    }
    batch.push(one);
    size += one.text.length;
    if (size < BATCH) continue;
    yield* cellsOf(batch, delimiter);
    [batch, size] = [[], 0];
  }
  yield* cellsOf(batch, delimiter);
}

/** Parses the records of the beginning of a file. */
export function csvHead(head: string, { delimiter }: CsvForm, most: number): CsvRecord[] {
  const lines = new LineJoiner(delimiter);
  const logical = [...lines.push(head), ...lines.end()]
    .flatMap((one) => ('reason' in one ? [] : [one]))
    .slice(0, most);
  return [...cellsOf(logical, delimiter)];
}

function* cellsOf(batch: readonly Logical[], delimiter: string): Generator<CsvRecord> {
  if (batch.length === 0) return;
  const parsed = parseCells(batch.map(({ text }) => text).join('\n'), delimiter);
  if (parsed?.length === batch.length) {
    for (const [index, { line, isUnended }] of batch.entries())
      yield { line, cells: parsed[index] ?? [], reason: '', isUnended };
    return;
  }
  // Quotes in odd places: the records are parsed one by one, so that each stands or falls for itself.
  for (const { line, text, isUnended } of batch) {
    const [cells, ...more] = parseCells(text, delimiter) ?? [];
    if (cells === undefined || more.length > 0)
      yield { line, cells: null, reason: 'the quotes of the row are not in pairs', isUnended };
    else yield { line, cells, reason: '', isUnended };
  }
}

function parseCells(text: string, delimiter: string): string[][] | null {
  try {
    return parse(text, {
      delimiter,
      relax_column_count: true,
      relax_quotes: true,
      record_delimiter: '\n',
      skip_empty_lines: false,
      // Tables written by hand have spaces around their cells.
      trim: delimiter !== '\t',
    });
  } catch {
    return null;
  }
}

interface Refused {
  readonly line: number;
  readonly reason: string;
  readonly isUnended?: boolean | undefined;
}

async function* logicalLines(
  text: AsyncIterable<string>,
  delimiter: string,
): AsyncGenerator<Logical | Refused> {
  const lines = new LineJoiner(delimiter);
  for await (const piece of text) yield* lines.push(piece);
  yield* lines.end();
}

/** Joins the lines of a record whose quoted cells contain line ends. */
class LineJoiner {
  private readonly delimiter: string;
  private rest = '';
  private line = 0;
  /** Lines of a record whose quote is still open. */
  private open: Logical[] = [];
  private openSize = 0;
  private tooLong = false;
  private isAtEnd = false;

  constructor(delimiter: string) {
    this.delimiter = delimiter;
  }

  *push(piece: string): Generator<Logical | Refused> {
    const text = this.rest + piece;
    let from = 0;
    const ends = new LineEnds(text);
    for (let end = ends.next(from); end !== -1; end = ends.next(from)) {
      const isPair = text[end] === '\r' && text[end + 1] === '\n';
      // A carriage return at the end of a piece may be half of a pair.
      if (text[end] === '\r' && end + 1 === text.length) break;
      yield* this.addLine(text.slice(from, end));
      from = end + (isPair ? 2 : 1);
    }
    this.rest = text.slice(from);
    if (this.rest.length > MAX_RECORD) {
      this.tooLong = true;
      this.rest = '';
    }
  }

  *end(): Generator<Logical | Refused> {
    this.isAtEnd = true;
    // DOS ends a text file with Ctrl-Z.
    this.rest = this.rest.replace(/\u001a$/, '');
    if ((this.rest !== '' && this.rest !== '\r') || this.tooLong)
      yield* this.addLine(this.rest.replace(/\r$/, ''), !this.rest.endsWith('\r'));
    while (this.open.length > 0) yield* this.giveUp();
  }

  private *addLine(text: string, isUnended = false): Generator<Logical | Refused> {
    this.line++;
    if (this.tooLong) {
      this.tooLong = false;
      yield { line: this.line, reason: `the line is longer than ${MAX_RECORD} characters`, isUnended };
      return;
    }
    yield* this.place({ line: this.line, text, isUnended });
  }

  private *place(logical: Logical): Generator<Logical | Refused> {
    const isInside = this.open.length > 0;
    if (!isInside && logical.text.trim() === '') return;
    const quotes = quotesOf(logical.text, this.delimiter, isInside);
    this.open.push(logical);
    this.openSize += logical.text.length;
    const [first] = this.open;
    if (first === undefined) return;
    if (quotes === 'closed' || (quotes === 'odd' && !isInside)) {
      const text = isInside ? this.open.map((one) => one.text).join('\n') : first.text;
      this.open = [];
      this.openSize = 0;
      yield { line: first.line, text, isUnended: logical.isUnended ?? false };
    } else if (quotes === 'odd' || this.open.length >= MAX_LINES || this.openSize > MAX_RECORD) {
      yield* this.giveUp();
    }
  }

  /** The first line has a quote that is not closed. It is refused, and the lines behind it are read by themselves. */
  private *giveUp(): Generator<Logical | Refused> {
    const [first, ...others] = this.open;
    this.open = [];
    this.openSize = 0;
    if (first === undefined) return;
    yield {
      line: first.line,
      reason: 'a quote on this line is not closed (is the file cut off?)',
      isUnended: this.isAtEnd,
    };
    for (const logical of others) yield* this.place(logical);
  }
}

/** Finds line ends: line feeds, and carriage returns of old Macs. Each search goes on where the last one ended. */
export class LineEnds {
  private readonly text: string;
  private feed = -2;
  private carriage = -2;

  constructor(text: string) {
    this.text = text;
  }

  next(from: number): number {
    if (this.feed !== -1 && this.feed < from) this.feed = this.text.indexOf('\n', from);
    if (this.carriage !== -1 && this.carriage < from) this.carriage = this.text.indexOf('\r', from);
    if (this.carriage === -1) return this.feed;
    return this.feed === -1 ? this.carriage : Math.min(this.feed, this.carriage);
  }
}

const QUOTE = '"';

/**
 * Reads the quotes of a line. A cell is quoted if it begins with a quote; two quotes in it are one. `open` = a quoted cell goes on
 * in the next line; `odd` = something follows a closing quote in its cell: in the first line of a record that is taken as it is,
 * in a later one it shows that the quote in front was not meant to be open.
 */
function quotesOf(text: string, delimiter: string, isInside: boolean): 'closed' | 'open' | 'odd' {
  if (!text.includes(QUOTE)) return isInside ? 'open' : 'closed';
  let at = 0;
  let inside = isInside;
  let odd = false;
  while (at <= text.length) {
    if (!inside) at = behindSpaces(text, at);
    if (inside || text[at] === QUOTE) {
      let close = text.indexOf(QUOTE, inside ? at : at + 1);
      while (close !== -1 && text[close + 1] === QUOTE) close = text.indexOf(QUOTE, close + 2);
      if (close === -1) return 'open';
      inside = false;
      at = behindSpaces(text, close + 1);
      if (at < text.length && !text.startsWith(delimiter, at)) odd = true;
    }
    const next = text.indexOf(delimiter, at);
    if (next === -1) break;
    at = next + delimiter.length;
  }
  return odd ? 'odd' : 'closed';
}

function behindSpaces(text: string, from: number): number {
  let at = from;
  while (text[at] === ' ') at++;
  return at;
}
