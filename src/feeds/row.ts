// Owns one record of a file, whatever the file is: values by name. Names compare without case, spaces and punctuation, so that
// `Device ID`, `device_id` and `deviceId` are one name, and `general.serial_number` is the same nested and as a column. Pure.

/** One record. */
export interface Row {
  /** Line of the file on which it begins, from 1. */
  readonly line: number;
  /** The value under a name in the form of {@link fieldName}; undefined = there is none. */
  get(name: string): unknown;
  /** Whether the record has the name, with a value or without. */
  has(name: string): boolean;
  /** The record as it was written, with its own names. */
  readonly record: Readonly<Record<string, unknown>>;
  /** Values of the document around the record. */
  readonly around: Readonly<Record<string, unknown>>;
}

/** The form in which names of fields compare; kept, because a file repeats its names in each record. */
export function fieldName(written: string): string {
  return remembered(written, names, MAX_NAMES);
}

/** A value in the form in which words compare: lower case, letters and digits only. Short ones are kept: they are few. */
export function wordOf(written: string): string {
  return written.length > MAX_WORD ? letters(written) : remembered(written, words, MAX_WORDS);
}

const MAX_NAME = 200;
const MAX_NAMES = 10_000;
const MAX_WORD = 40;
const MAX_WORDS = 2_000;
const names = new Map<string, string>();
const words = new Map<string, string>();

function remembered(written: string, known: Map<string, string>, most: number): string {
  const before = known.get(written);
  if (before !== undefined) return before;
  const word = letters(written);
  if (known.size < most && written.length <= MAX_NAME) known.set(written, word);
  return word;
}

/** Reports of Workspace ONE Intelligence put product and entity in front of a column. */
const ENTITY = /^airwatch\.[a-z]+\./i;

function letters(written: string): string {
  return written
    .slice(0, MAX_NAME)
    .replace(ENTITY, '')
    .normalize('NFC')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]/gu, '');
}

/** The columns of a table. */
export class Columns {
  readonly names: readonly string[];
  readonly written: readonly string[];
  private readonly places = new Map<string, number>();

  constructor(written: readonly string[]) {
    this.written = written;
    this.names = written.map(fieldName);
    // Of two columns of one name the first counts.
    for (const [place, name] of this.names.entries())
      if (name !== '' && !this.places.has(name)) this.places.set(name, place);
  }

  /** How many columns there are. */
  get count(): number {
    return this.names.length;
  }

  has(name: string): boolean {
    return this.places.has(name);
  }

  place(name: string): number | undefined {
    return this.places.get(name);
  }
}

const NOTHING: Readonly<Record<string, unknown>> = {};

/** A row of a table. */
export class TableRow implements Row {
  readonly line: number;
  readonly around = NOTHING;
  private readonly columns: Columns;
  private readonly cells: readonly string[];

  constructor(line: number, columns: Columns, cells: readonly string[]) {
    this.line = line;
    this.columns = columns;
    this.cells = cells;
  }

  get(name: string): unknown {
    const place = this.columns.place(name);
    return place === undefined ? undefined : this.cells[place];
  }

  has(name: string): boolean {
    return this.columns.has(name);
  }

  get record(): Readonly<Record<string, unknown>> {
    const { written } = this.columns;
    const entries = this.cells
      .slice(0, written.length)
      .map((cell, place): [string, string] => [written[place]?.trim() ?? '', cell]);
    return Object.fromEntries(entries.reverse());
  }
}

const MAX_DEPTH = 6;
const MAX_FIELDS = 2_000;

/** A JSON object; the path of a nested value is its name. */
export class ObjectRow implements Row {
  readonly line: number;
  readonly record: Readonly<Record<string, unknown>>;
  readonly around: Readonly<Record<string, unknown>>;
  private readonly values = new Map<string, unknown>();

  /** `context`: values of the document around the record, such as the type of an event; the record's own come first. */
  constructor(line: number, record: object, context: object = {}) {
    this.line = line;
    this.record = record as Readonly<Record<string, unknown>>;
    this.around = context as Readonly<Record<string, unknown>>;
    this.add(record, '', 0);
    this.add(context, '', 0);
  }

  get(name: string): unknown {
    return this.values.get(name);
  }

  has(name: string): boolean {
    return this.values.has(name);
  }

  /** Its names, for messages. */
  shownNames(): string {
    return [...this.values.keys()].slice(0, 12).join(', ');
  }

  private add(object: object, path: string, depth: number): void {
    for (const [key, value] of Object.entries(object)) {
      if (this.values.size >= MAX_FIELDS) return;
      const name = path + fieldName(key);
      if (!this.values.has(name)) this.values.set(name, value);
      const inner: unknown = value;
      if (depth < MAX_DEPTH && typeof inner === 'object' && inner !== null && !Array.isArray(inner))
        this.add(inner, name, depth + 1);
    }
  }
}
