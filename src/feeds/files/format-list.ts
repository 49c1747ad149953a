// Owns the reading of what PowerShell's Format-List prints: blocks of `Name : value`, one block for each record. Pure.
// Format-List pads all names of a block to one width, so that every colon stands in one column. What does not fit the window goes on in
// the next lines, below the value.
// @see https://learn.microsoft.com/powershell/module/microsoft.powershell.utility/format-list
import type { ClixmlRecord } from './clixml.ts';
import { LineEnds } from './csv.ts';

/** Longest line and longest record, UTF-16 units. */
const MAX_LINE = 65_536;
const MAX_RECORD = 1_048_576;
const MAX_FIELDS = 1_000;
const MAX_NAME = 200;
/** Lines that are looked at for a first block. */
const LOOKED_AT = 2_000;

/** Most blocks before the first record: a prompt with the command, a warning. They are refused. */
const MAX_IN_FRONT = 3;

/** The names of the first block that is a record; null = the text is no such list. */
export function listNames(head: string): string[] | null {
  let block = new Block(1);
  let inFront = 0;
  for (const line of head.split(/\r\n|\r|\n/, LOOKED_AT)) {
    if (line.trim() !== '') block.take(line);
    else if (block.trouble === null && block.fields > 1) break;
    else if (!block.isEmpty) {
      if (++inFront > MAX_IN_FRONT) return null;
      block = new Block(1);
    }
  }
  return block.trouble !== null || block.fields < 2 ? null : Object.keys(block.record);
}

/** Splits a text into records. A block that is damaged is refused, and the next one is read. */
export async function* listRecords(text: AsyncIterable<string>): AsyncGenerator<ClixmlRecord> {
  let block = new Block(1);
  let fields = 0;
  let line = 0;
  /** An empty line stands behind the block. */
  let isEnded = false;
  for await (const written of linesOf(text)) {
    line++;
    if (written.trim() === '') {
      isEnded = true;
      continue;
    }
    // A phone may have an empty line in its name: it goes on below it, and the block does not end there.
    if (isEnded && !block.isEmpty && !block.goesOnWith(written)) {
      yield block.found(false, fields);
      fields = Math.max(fields, block.fields);
      block = new Block(line);
    }
    if (block.isEmpty) block = new Block(line);
    isEnded = false;
    block.take(written);
  }
  // Empty lines stand behind the last block, too: without one it may lack its last lines.
  if (!block.isEmpty) yield block.found(!isEnded, fields);
}

/** The lines of one record. */
class Block {
  readonly record = Object.create(null) as Record<string, string>;
  /** Why it is no record. */
  trouble: string | null = null;
  fields = 0;
  private readonly line: number;
  /** The column of the colons. */
  private colon = -1;
  private last = '';
  private size = 0;

  constructor(line: number) {
    this.line = line;
  }

  get isEmpty(): boolean {
    return this.size === 0;
  }

  /** Whether the line is more of the last value. */
  goesOnWith(line: string): boolean {
    return this.fields > 0 && line.slice(0, this.colon + 1).trim() === '';
  }

  take(line: string): void {
    this.size += line.length;
    this.trouble ??=
      line.length > MAX_LINE || this.size > MAX_RECORD || this.fields >= MAX_FIELDS
        ? 'the record is too large'
        : this.add(line);
  }

  private add(line: string): string | null {
    if (this.colon === -1) this.colon = line.slice(0, MAX_NAME).indexOf(' :') + 1;
    const { colon } = this;
    if (this.goesOnWith(line)) {
      // It was wrapped at a space, or behind the comma of a list.
      this.record[this.last] = `${this.record[this.last] ?? ''} ${line.trim()}`;
      return null;
    }
    const isField = colon > 0 && line[colon] === ':' && line[colon - 1] === ' ' && !/^\s/.test(line);
    if (!isField) return 'a line is not of the form "Name : value"';
    const name = line.slice(0, colon).trim();
    if (name in this.record) return 'a name stands twice in one block';
    this.fields++;
    this.record[name] = line.slice(colon + 1).trim();
    this.last = name;
    return null;
  }

  /** `usual`: how many fields the blocks in front have. */
  found(isUnended: boolean, usual: number): ClixmlRecord {
    const { line, record } = this;
    const reason = this.trouble ?? this.whatIsMissing(isUnended, usual);
    return reason === null ? { line, record } : { line, reason, isCutOff: isUnended };
  }

  /** Elsewhere in a file a value that begins like a list may be a name that a phone chose. */
  private whatIsMissing(isUnended: boolean, usual: number): string | null {
    if (!isUnended) return null;
    const isOpen = Object.values(this.record).some((value) => value.startsWith('{') && !value.endsWith('}'));
    if (isOpen) return 'a list does not end (is the file cut off?)';
    return this.fields < usual ? 'the record is not complete (is the file cut off?)' : null;
  }
}

async function* linesOf(text: AsyncIterable<string>): AsyncGenerator<string> {
  let rest = '';
  for await (const piece of text) {
    const all = rest + piece;
    let from = 0;
    const ends = new LineEnds(all);
    for (let end = ends.next(from); end !== -1; end = ends.next(from)) {
      // A carriage return at the end of a piece may be half of a pair.
      if (all[end] === '\r' && end + 1 === all.length) break;
      yield all.slice(from, end);
      from = end + (all[end] === '\r' && all[end + 1] === '\n' ? 2 : 1);
    }
    rest = all.slice(from);
    // Of a line that is too long no more is kept.
    if (rest.length > MAX_LINE * 2) rest = rest.slice(0, MAX_LINE + 1);
  }
  if (rest !== '') yield rest.replace(/\r$/, '');
}
