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
  /** Its names that have a part in them. */
  withPart(part: string): readonly string[];
  /** The record as it was written, with its own names. */
  readonly record: Readonly<Record<string, unknown>>;
  /** Values of the document around the record. */
  readonly around: Readonly<Record<string, unknown>>;
  /** The values of a name that stands there several times, where they differ; else none. It has no value then, and each of them may deny. */
  differing(name: string): readonly string[];
  /** Names that stand there twice with different values, as far as they were asked for: they have no value. */
  readonly contradictions: ReadonlySet<string>;
  /** What the rows of a table share; absent = each record has names of its own. */
  readonly columns?: Columns;
}

/** Those of many names that a row may have: of a table they are found once. The list must be the same one each time. */
export function namesOf(row: Row, names: readonly string[]): readonly string[] {
  return row.columns?.among(names) ?? names;
}

/** The form in which names of fields compare; kept, because a file repeats its names in each record. */
export function fieldName(written: string): string {
  return remembered(written, names, MAX_NAMES, nameLetters);
}

/**
 * A value in the form in which words compare: lower case, without spaces, hyphens, quotes and brackets. A value with signs that may
 * turn its meaning round keeps them, so that no table has it. Short ones are kept: they are few.
 */
export function wordOf(written: string): string {
  return written.length > MAX_WORD ? word(written) : remembered(written, words, MAX_WORDS, word);
}

const MAX_NAME = 200;
const MAX_NAMES = 10_000;
const MAX_WORD = 40;
const MAX_WORDS = 2_000;
const names = new Map<string, string>();
const words = new Map<string, string>();

function remembered(
  written: string,
  known: Map<string, string>,
  most: number,
  form: (written: string) => string,
): string {
  const before = known.get(written);
  if (before !== undefined) return before;
  const formed = form(written);
  if (known.size < most && written.length <= MAX_NAME) known.set(written, formed);
  return formed;
}

/** Reports of Workspace ONE Intelligence put product and entity in front of a column. */
const ENTITY = /^airwatch\.[a-z]+\./i;

/** Reports say so of a column of times: `Last check-in (UTC)`. Other words in brackets may make it another column. */
const IN_UTC = /\s{0,9}[([](?:UTC|GMT)[)\]]\s{0,9}$/i;

/** A long name is not cut: its end may say more than its beginning. */
function nameLetters(written: string): string {
  return letters(written.replace(ENTITY, '').replace(IN_UTC, ''));
}

function letters(written: string): string {
  return written
    .normalize('NFC')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]/gu, '');
}

/** Signs that deny, doubt, mark or cut a word, such as `!`, `?`, `*`, `...`, `≠` and a stroke through its letters; and a dash in front of it. */
const DOUBTFUL = /[!?%…*†‡\p{S}\u0334-\u0338\u20d2-\u20ee]|\.\s*\.|^\s*\p{Pd}/u;
/** A sign that stands for a word, such as ✓. */
const SIGN = /[\p{So}\p{Sm}]/u;
/** -1, 0.1 and 1.0 are other numbers than 1, 01 and 10. */
const ONLY_DIGITS = /^\p{N}+$/u;

function word(written: string): string {
  const bare = letters(written);
  const isDoubtful =
    DOUBTFUL.test(written) || (ONLY_DIGITS.test(bare) && bare.length !== written.trim().length);
  return isDoubtful && (bare !== '' || SIGN.test(written)) ? written : bare;
}

const spelled = (cell: string): string => cell.trim().toLowerCase();

/** The columns of a table. */
export class Columns {
  readonly names: readonly string[];
  readonly written: readonly string[];
  private readonly places = new Map<string, number>();
  /** Further columns of the same name. */
  private readonly doubles = new Map<string, number[]>();
  private readonly spellings: ReadonlySet<string>;
  private readonly found = new Map<readonly string[], readonly string[]>();
  private readonly parts = new Map<string, readonly string[]>();

  constructor(written: readonly string[]) {
    this.written = written;
    this.names = written.map(fieldName);
    this.spellings = new Set(written.map(spelled).filter((name) => name !== ''));
    for (const [place, name] of this.names.entries()) {
      if (name === '') continue;
      if (!this.places.has(name)) this.places.set(name, place);
      else this.doubles.set(name, [...(this.doubles.get(name) ?? []), place]);
    }
  }

  /** How many columns there are. */
  get count(): number {
    return this.names.length;
  }

  /** How many there are up to the last one that has a name. */
  get named(): number {
    return this.names.findLastIndex((name) => name !== '') + 1;
  }

  has(name: string): boolean {
    return this.places.has(name);
  }

  /** Whether a cell is the name of a column, as it is written in the header. */
  isName(cell: string): boolean {
    return this.spellings.has(spelled(cell));
  }

  /** Those of a list of names that columns have. */
  among(listed: readonly string[]): readonly string[] {
    let found = this.found.get(listed);
    if (found === undefined) this.found.set(listed, (found = listed.filter((name) => this.has(name))));
    return found;
  }

  /** Those whose name has a part in it. The parts are few. */
  withPart(part: string): readonly string[] {
    let found = this.parts.get(part);
    if (found === undefined) this.parts.set(part, (found = this.names.filter((name) => name.includes(part))));
    return found;
  }

  place(name: string): number | undefined {
    return this.places.get(name);
  }

  /** Further places of a name that several columns have. */
  others(name: string): readonly number[] | undefined {
    return this.doubles.get(name);
  }
}

const NONE: ReadonlySet<string> = new Set();
const NO_VALUES: readonly string[] = [];
const NOTHING: Readonly<Record<string, unknown>> = {};

/** A row of a table. */
export class TableRow implements Row {
  readonly line: number;
  readonly around = NOTHING;
  readonly columns: Columns;
  private readonly cells: readonly string[];
  private contradicted: Set<string> | null = null;

  constructor(line: number, columns: Columns, cells: readonly string[]) {
    this.line = line;
    this.columns = columns;
    this.cells = cells;
  }

  get(name: string): unknown {
    const place = this.columns.place(name);
    if (place === undefined) return undefined;
    const others = this.columns.others(name);
    return others === undefined ? this.cells[place] : this.agreed([place, ...others]);
  }

  has(name: string): boolean {
    return this.columns.has(name);
  }

  withPart(part: string): readonly string[] {
    return this.columns.withPart(part);
  }

  differing(name: string): readonly string[] {
    const others = this.columns.others(name);
    if (others === undefined) return NO_VALUES;
    const values = this.valuesAt([this.columns.place(name) ?? 0, ...others]);
    return isOneValue(values) ? NO_VALUES : values;
  }

  get contradictions(): ReadonlySet<string> {
    return this.contradicted ?? NONE;
  }

  private valuesAt(places: readonly number[]): readonly string[] {
    return places.map((place) => this.cells[place]?.trim() ?? '').filter((cell) => cell !== '');
  }

  /** The value of several columns of one name, those without one left out; null = they differ. */
  private agreed(places: readonly number[]): string | null {
    const values = this.valuesAt(places);
    if (isOneValue(values)) return values[0] ?? '';
    this.contradicted ??= new Set();
    this.contradicted.add(this.columns.written[places[0] ?? 0]?.trim() ?? '');
    return null;
  }

  get record(): Readonly<Record<string, unknown>> {
    const { written } = this.columns;
    const entries = this.cells
      .slice(0, written.length)
      .map((cell, place): [string, string] => [written[place]?.trim() ?? '', cell]);
    return Object.fromEntries(entries.reverse());
  }
}

function isOneValue(values: readonly string[]): boolean {
  const [value = ''] = values;
  return values.every((other) => other.toLowerCase() === value.toLowerCase());
}

/** Names of a document around a record that are about the record. */
const AROUND = /^(?:event|webhook|topic|timestamp|createdat|observedat|odata|source|type$)/;
const MAX_DEPTH = 6;
const MAX_FIELDS = 2_000;

/** A JSON object; the path of a nested value is its name. */
export class ObjectRow implements Row {
  readonly line: number;
  readonly record: Readonly<Record<string, unknown>>;
  readonly around: Readonly<Record<string, unknown>>;
  private readonly values = new Map<string, unknown>();
  /** Names that contradict themselves. */
  private contradicted: Map<string, Contradiction> | null = null;
  private isContext = false;

  /**
   * `context`: values of the document around the record, of which only those about an event and a page count, such as its type; the
   * record's own come first.
   * Threat: `{"compliant": 1, "devices": […]}`, a count, that would make each device of the list compliant that says nothing itself.
   */
  constructor(line: number, record: object, context: object = {}) {
    this.line = line;
    this.record = record as Readonly<Record<string, unknown>>;
    this.around = context as Readonly<Record<string, unknown>>;
    this.add(record, '', 0);
    this.isContext = true;
    this.add(context, '', 0);
  }

  get contradictions(): ReadonlySet<string> {
    return this.contradicted === null
      ? NONE
      : new Set(Array.from(this.contradicted.values(), ({ written }) => written));
  }

  differing(name: string): readonly string[] {
    return this.contradicted?.get(name)?.values ?? NO_VALUES;
  }

  get(name: string): unknown {
    return this.values.get(name);
  }

  has(name: string): boolean {
    return this.values.has(name);
  }

  withPart(part: string): readonly string[] {
    return [...this.values.keys()].filter((name) => name.includes(part));
  }

  /** Its names, for messages. */
  shownNames(): string {
    return [...this.values.keys()].slice(0, 12).join(', ');
  }

  private add(object: object, path: string, depth: number): void {
    for (const [key, value] of Object.entries(object)) {
      if (this.values.size >= MAX_FIELDS) return;
      const name = path + fieldName(key);
      if (this.isContext && !AROUND.test(name)) continue;
      if (!this.values.has(name)) this.values.set(name, value);
      else if (!this.isContext) this.addAgain(name, key, value);
      const inner: unknown = value;
      if (depth < MAX_DEPTH && typeof inner === 'object' && inner !== null && !Array.isArray(inner))
        this.add(inner, name, depth + 1);
    }
  }

  /** Another spelling of a name that is there already: `device_id` and `deviceId` in one object. */
  private addAgain(name: string, written: string, value: unknown): void {
    const contradiction = this.contradicted?.get(name);
    if (contradiction !== undefined) {
      contradiction.values.push(plainOf(value) ?? '');
      return;
    }
    const known = this.values.get(name);
    // Number and word of an enumeration of PowerShell are one value (values.ts, textOf).
    if (/^value/i.test(written) && isNumber(known) !== isNumber(value)) return;
    const [before, now] = [plainOf(known), plainOf(value)];
    if (now === null || now === before) return;
    if (before === '') this.values.set(name, value);
    if (before === null || before === '' || now === '') return;
    this.values.set(name, null);
    this.contradicted ??= new Map();
    this.contradicted.set(name, { written, values: [before, now] });
  }
}

/** How one of the spellings of a name is written, and what stands under all of them. */
interface Contradiction {
  readonly written: string;
  readonly values: string[];
}

function isNumber(value: unknown): boolean {
  return typeof value === 'number' || (typeof value === 'string' && /^\d{1,10}$/.test(value));
}

/** What a field with this value says, as `textOf` (values.ts) reads it; '' = nothing, null = an object or a list. */
function plainOf(value: unknown): string | null {
  if (typeof value === 'string') return value.trim().toLowerCase();
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (typeof value !== 'object' || value === null) return '';
  const inner: unknown = Array.isArray(value)
    ? (value as unknown[]).find((_one, _place, all) => all.length === 1)
    : (Reflect.get(value, 'value') ?? Reflect.get(value, 'Value'));
  return typeof inner === 'object' || inner === undefined ? null : plainOf(inner);
}
