// Owns a temporary file of lines that are read in the order of their keys: what is larger than memory is sorted in sections, which are merged
// as they are read.
import { Buffer } from 'node:buffer';
import { StringDecoder } from 'node:string_decoder';
import { TemporaryFile } from '../temporary-file.ts';

/** Characters that are sorted in memory: few in small files, in large ones as many as take some milliseconds. */
const LEAST_SECTION = 262_144;
const MOST_SECTION = 2_097_152;
/** A section is at most such a part of what was written before. */
const GROWTH = 4;
/** Bytes that are read ahead of all sections together, and of each at least and at most. */
const AHEAD = 8_388_608;
const LEAST_AHEAD = 16_384;
const MOST_AHEAD = 262_144;

/** A line, and how many were added before it. */
export interface Placed<Line> {
  readonly place: number;
  readonly line: Line;
}

/** A line that waits in memory. */
interface Pending {
  readonly key: string;
  readonly text: string;
}

/** Where a sorted section is in the file, bytes. */
interface Section {
  readonly from: number;
  readonly to: number;
}

/**
 * Lines that are written once, and then read as often as needed, in the order of their keys; those of one key in the order in which they were added.
 * Records that are written to a SQLite file in this order change a few pages of an index; in any other order, nearly one for each record
 * (decisions/0200). Few lines need no file.
 */
export class SortedSpool<Line> {
  private readonly keyOf: (line: Line) => string;
  /** Made for the first section. */
  private file: TemporaryFile | null = null;
  private readonly sections: Section[] = [];
  private pending: Pending[] = [];
  private pendingSize = 0;
  private added = 0;

  constructor(keyOf: (line: Line) => string) {
    this.keyOf = keyOf;
  }

  /** @throws ProgramError EASGATE_TEMPORARY_FILES */
  async add(line: Line): Promise<void> {
    // JSON escapes the ends of lines in texts.
    const text = `${this.added} ${JSON.stringify(line)}\n`;
    this.added += 1;
    this.pending.push({ key: this.keyOf(line), text });
    this.pendingSize += text.length;
    if (this.pendingSize >= this.sectionSize) await this.flush();
  }

  /** All lines added so far, in batches. @throws ProgramError EASGATE_TEMPORARY_FILES */
  async *batches(size: number): AsyncGenerator<readonly Placed<Line>[]> {
    let batch: Placed<Line>[] = [];
    for await (const some of this.inOrder())
      for (const one of some) {
        batch.push(one);
        if (batch.length < size) continue;
        yield batch;
        batch = [];
      }
    if (batch.length > 0) yield batch;
  }

  /** Removes what was written; must not be forgotten (temporary-file.ts). */
  async close(): Promise<void> {
    await this.file?.close();
  }

  private async *inOrder(): AsyncGenerator<readonly Placed<Line>[]> {
    if (this.file === null) {
      this.pending.sort(byKey);
      yield this.pending.map(({ text }) => placed<Line>(text));
      return;
    }
    await this.flush();
    const { file, keyOf, sections } = this;
    const ahead = Math.min(MOST_AHEAD, Math.max(LEAST_AHEAD, Math.floor(AHEAD / sections.length)));
    const readers: SectionReader<Line>[] = [];
    for (const [number, section] of sections.entries()) {
      const reader = new SectionReader(file, section, { number, keyOf, ahead });
      if (await reader.fill()) readers.push(reader);
    }
    yield* merged(readers);
  }

  private get sectionSize(): number {
    const written = this.sections.at(-1)?.to ?? 0;
    return Math.min(MOST_SECTION, Math.max(LEAST_SECTION, written / GROWTH));
  }

  private async flush(): Promise<void> {
    const { pending } = this;
    if (pending.length === 0) return;
    this.pending = [];
    this.pendingSize = 0;
    // The sort is stable.
    pending.sort(byKey);
    const bytes = Buffer.from(pending.map(({ text }) => text).join(''));
    this.file ??= await TemporaryFile.open();
    await this.file.write(bytes);
    const from = this.sections.at(-1)?.to ?? 0;
    this.sections.push({ from, to: from + bytes.length });
  }
}

function byKey(a: Pending, b: Pending): number {
  return a.key < b.key ? -1 : a.key > b.key ? 1 : 0;
}

function placed<Line>(text: string): Placed<Line> {
  const space = text.indexOf(' ');
  return { place: Number(text.slice(0, space)), line: JSON.parse(text.slice(space + 1)) as Line };
}

/** The lines of all readers, each of which has one: what is read at once is yielded together. */
async function* merged<Line>(readers: SectionReader<Line>[]): AsyncGenerator<readonly Placed<Line>[]> {
  readers.sort((a, b) => (comesBefore(a, b) ? -1 : 1));
  let found: Placed<Line>[] = [];
  for (let first = readers[0]; first !== undefined; [first] = readers) {
    found.push(first.take());
    if (!first.step()) {
      yield found;
      found = [];
      const last = (await first.fill()) ? first : readers.pop();
      if (last !== undefined && readers.length > 0) readers[0] = last;
    }
    settle(readers);
  }
  yield found;
}

/** Moves the first reader of a heap to its place. */
function settle<Line>(heap: SectionReader<Line>[]): void {
  const moved = heap[0];
  if (moved === undefined) return;
  let at = 0;
  while (true) {
    const left = 2 * at + 1;
    const [one, other] = [heap[left], heap[left + 1]];
    if (one === undefined) break;
    const isOther = other !== undefined && comesBefore(other, one);
    const least = isOther ? other : one;
    if (!comesBefore(least, moved)) break;
    heap[at] = least;
    at = isOther ? left + 1 : left;
  }
  heap[at] = moved;
}

function comesBefore<Line>(a: SectionReader<Line>, b: SectionReader<Line>): boolean {
  return a.key < b.key || (a.key === b.key && a.number < b.number);
}

interface ReaderOptions<Line> {
  /** Of the section. */
  readonly number: number;
  readonly keyOf: (line: Line) => string;
  /** Bytes that are read at once. */
  readonly ahead: number;
}

/** Reads the lines of one section, one after the other. */
class SectionReader<Line> {
  readonly number: number;
  /** Of the line that {@link take} returns. */
  key = '';
  private readonly file: TemporaryFile;
  private readonly keyOf: (line: Line) => string;
  private readonly piece: Buffer;
  private readonly decoder = new StringDecoder('utf8');
  private readonly to: number;
  private from: number;
  private texts: readonly string[] = [];
  private at = 0;
  /** The beginning of a line whose end was not read yet. */
  private open = '';
  private current: Placed<Line> | null = null;

  constructor(file: TemporaryFile, { from, to }: Section, { number, keyOf, ahead }: ReaderOptions<Line>) {
    this.file = file;
    this.from = from;
    this.to = to;
    this.number = number;
    this.keyOf = keyOf;
    this.piece = Buffer.allocUnsafeSlow(Math.min(ahead, to - from));
  }

  take(): Placed<Line> {
    if (this.current === null) throw new Error('no line was read');
    return this.current;
  }

  /** Moves on to the next line; false = {@link fill} must read it first. */
  step(): boolean {
    const text = this.texts[this.at];
    if (text === undefined) return false;
    this.at += 1;
    this.current = placed<Line>(text);
    this.key = this.keyOf(this.current.line);
    return true;
  }

  /** Reads the next lines, and moves on to the first of them; false = there are none. */
  async fill(): Promise<boolean> {
    while (this.from < this.to) {
      const size = Math.min(this.piece.length, this.to - this.from);
      const { bytesRead } = await this.file.handle.read(this.piece, 0, size, this.from);
      if (bytesRead === 0) return false;
      this.from += bytesRead;
      const texts = (this.open + this.decoder.write(this.piece.subarray(0, bytesRead))).split('\n');
      this.open = texts.pop() ?? '';
      this.texts = texts;
      this.at = 0;
      if (this.step()) return true;
    }
    return false;
  }
}
