// Owns a temporary file of lines that are read in the order of their keys: they are sorted in sections that fit in memory, which are merged when
// they are read.
import { Buffer } from 'node:buffer';
import { TemporaryFile } from '../temporary-file.ts';
import { inBatches } from './in-batches.ts';

/** Bytes of a section, at least and at most: the largest takes some milliseconds to sort. */
const LEAST_SECTION = 262_144;
const MOST_SECTION = 2_097_152;
/** Between those bounds, a section is this part of what was written before. */
const PART_OF_FILE = 1 / 4;
/** Memory for the first lines, bytes. */
const FIRST_BYTES = 4_096;
/** Bytes that are read ahead: from all sections together, and from each at least and at most. */
const AHEAD = 8_388_608;
const LEAST_AHEAD = 16_384;
const MOST_AHEAD = 262_144;
/** Three numbers before each line: its place, and the bytes of its key and of its JSON. */
const HEAD = 12;
/** Bytes in UTF-8 of one UTF-16 code unit of a string, at most. */
const BYTES_OF_CHARACTER = 3;

/** A line, and how many were added before it. */
export interface Placed<Line> {
  readonly place: number;
  readonly line: Line;
}

/** Whether a line is to be read; the others are not even parsed. */
type Wanted = (key: string, place: number) => boolean;

const EVERY: Wanted = () => true;

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
  private readonly pending = new PendingLines();
  private added = 0;

  constructor(keyOf: (line: Line) => string) {
    this.keyOf = keyOf;
  }

  /** @throws ProgramError EASGATE_TEMPORARY_FILES */
  async add(line: Line): Promise<void> {
    this.pending.add(this.added, this.keyOf(line), JSON.stringify(line));
    this.added += 1;
    if (this.pending.size >= this.sectionSize) await this.flush();
  }

  /** The wanted ones of all lines added so far, in batches. @throws ProgramError EASGATE_TEMPORARY_FILES */
  async *batches(size: number, isWanted: Wanted = EVERY): AsyncGenerator<readonly Placed<Line>[]> {
    yield* inBatches(merged<Line>(await this.readers(), isWanted), size, (placed) => placed);
  }

  /** Removes what was written; must not be forgotten (temporary-file.ts). */
  async close(): Promise<void> {
    await this.file?.close();
  }

  private async readers(): Promise<SectionReader[]> {
    const readers: SectionReader[] = [];
    if (this.file === null) {
      const reader = new SectionReader(null, { from: 0, to: 0 }, 0, this.pending.sorted());
      if (reader.step()) readers.push(reader);
      return readers;
    }
    await this.flush();
    const { file, sections } = this;
    const ahead = Math.min(MOST_AHEAD, Math.max(LEAST_AHEAD, Math.floor(AHEAD / sections.length)));
    for (const [number, section] of sections.entries()) {
      const reader = new SectionReader(file, section, number, Buffer.alloc(0), ahead);
      if (await reader.fill()) readers.push(reader);
    }
    return readers;
  }

  private get sectionSize(): number {
    const written = this.sections.at(-1)?.to ?? 0;
    return Math.min(MOST_SECTION, Math.max(LEAST_SECTION, written * PART_OF_FILE));
  }

  private async flush(): Promise<void> {
    const { pending } = this;
    if (pending.size === 0) return;
    const bytes = pending.sorted();
    pending.clear();
    this.file ??= await TemporaryFile.open();
    await this.file.write(bytes);
    const from = this.sections.at(-1)?.to ?? 0;
    this.sections.push({ from, to: from + bytes.length });
  }
}

/** Lines that wait in memory, as bytes: texts would be copied by each garbage collection meanwhile. */
class PendingLines {
  private bytes = Buffer.allocUnsafeSlow(0);
  private readonly keys: string[] = [];
  /** Where each line begins, and the last one ends. */
  private readonly ends: number[] = [0];

  /** Bytes of all lines. */
  get size(): number {
    return this.ends.at(-1) ?? 0;
  }

  add(place: number, key: string, json: string): void {
    const { size } = this;
    const needed = size + HEAD + (key.length + json.length) * BYTES_OF_CHARACTER;
    if (needed > this.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2, FIRST_BYTES));
      this.bytes.copy(grown, 0, 0, size);
      this.bytes = grown;
    }
    const keyBytes = this.bytes.write(key, size + HEAD);
    const jsonBytes = this.bytes.write(json, size + HEAD + keyBytes);
    this.bytes.writeUInt32LE(place, size);
    this.bytes.writeUInt32LE(keyBytes, size + 4);
    this.bytes.writeUInt32LE(jsonBytes, size + 8);
    this.keys.push(key);
    this.ends.push(size + HEAD + keyBytes + jsonBytes);
  }

  /** The bytes of all lines in the order of their keys. */
  sorted(): Buffer {
    const { bytes, keys, ends, size } = this;
    const order = Array.from(keys.keys());
    // The sort is stable.
    order.sort((a, b) => compare(keys[a] ?? '', keys[b] ?? ''));
    const sorted = Buffer.allocUnsafeSlow(size);
    let at = 0;
    for (const number of order) at += bytes.copy(sorted, at, ends[number], ends[number + 1]);
    return sorted;
  }

  clear(): void {
    this.keys.length = 0;
    this.ends.length = 1;
  }
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The wanted lines of all readers, each of which stands at its first line. Lines that are in memory together are yielded together. */
async function* merged<Line>(
  readers: SectionReader[],
  isWanted: Wanted,
): AsyncGenerator<readonly Placed<Line>[]> {
  readers.sort((a, b) => (comesBefore(a, b) ? -1 : 1));
  let found: Placed<Line>[] = [];
  for (let first = readers[0]; first !== undefined; [first] = readers) {
    const { key, place } = first;
    if (isWanted(key, place)) found.push({ place, line: JSON.parse(first.json()) as Line });
    if (!first.step()) {
      yield found;
      found = [];
      const next = (await first.fill()) ? first : readers.pop();
      if (next !== undefined && readers.length > 0) readers[0] = next;
    }
    settle(readers);
  }
}

/** Moves the first reader to its place in the heap. */
function settle(heap: SectionReader[]): void {
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

function comesBefore(a: SectionReader, b: SectionReader): boolean {
  return a.key < b.key || (a.key === b.key && a.number < b.number);
}

/** Reads the lines of one section, one after the other, as bytes: only the present line becomes a text. */
class SectionReader {
  /** Of the section. */
  readonly number: number;
  /** Of the present line. */
  key = '';
  place = 0;
  private readonly file: TemporaryFile | null;
  private readonly to: number;
  /** Bytes that are read at once. */
  private readonly ahead: number;
  private from: number;
  private piece: Buffer;
  /** Where the JSON of the present line begins in the piece, and where it ends. */
  private jsonAt = 0;
  private at = 0;
  private end: number;

  /** `piece`: lines that are in memory already. */
  constructor(
    file: TemporaryFile | null,
    { from, to }: Section,
    number: number,
    piece: Buffer,
    ahead = LEAST_AHEAD,
  ) {
    this.file = file;
    this.from = from;
    this.to = to;
    this.number = number;
    this.piece = piece;
    this.end = piece.length;
    this.ahead = ahead;
  }

  /** Of the present line. */
  json(): string {
    return this.piece.toString('utf8', this.jsonAt, this.at);
  }

  /** Moves on to the next line; false = {@link fill} must read it first. */
  step(): boolean {
    const { piece, at, end } = this;
    if (end - at < HEAD) return false;
    const jsonAt = at + HEAD + piece.readUInt32LE(at + 4);
    const next = jsonAt + piece.readUInt32LE(at + 8);
    if (next > end) return false;
    this.place = piece.readUInt32LE(at);
    this.key = piece.toString('utf8', at + HEAD, jsonAt);
    this.jsonAt = jsonAt;
    this.at = next;
    return true;
  }

  /** Reads the next lines, and moves on to the first of them; false = there are none. */
  async fill(): Promise<boolean> {
    while (this.file !== null && this.from < this.to) {
      this.makeRoom();
      const size = Math.min(this.piece.length - this.end, this.to - this.from);
      const { bytesRead } = await this.file.handle.read(this.piece, this.end, size, this.from);
      if (bytesRead === 0) return false;
      this.from += bytesRead;
      this.end += bytesRead;
      if (this.step()) return true;
    }
    return false;
  }

  /** Moves the beginning of a line whose end was not read to the front; a line that is larger than the piece gets a larger one. */
  private makeRoom(): void {
    const { piece, at, end } = this;
    const rest = end - at;
    if (rest > piece.length / 2 || piece.length === 0)
      this.piece = Buffer.allocUnsafeSlow(Math.max(this.ahead, 2 * rest));
    piece.copy(this.piece, 0, at, end);
    this.at = 0;
    this.end = rest;
  }
}
