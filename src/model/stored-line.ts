// Owns the stored form of the directory's records: a line with one value for each field of the schema, in the schema's order, each
// behind a `|`. It takes a third less memory than a JSON array. JSON of other tools and of earlier versions is read as well.
import type { z } from 'zod';
import { CorruptRecordError } from './corrupt-record.ts';
import { codeAt, partOf, placeIn } from '../text-methods.ts';
import { isObject } from './read-record.ts';
import type { Json } from './read-record.ts';
import {
  decodedItems,
  decodedNumber,
  decodedText,
  encodedItems,
  encodedNumber,
  encodedText,
} from './line-values.ts';
import { LineBytes } from './line-bytes.ts';
import { recordName, storedFields, storedForm } from './stored-array.ts';
import type { StoredForm } from './stored-array.ts';

/** Short forms of frequent words: `{ i: 'ios' }`. A text that is the same as a short form is written with an escape. */
export type ShortWords = Readonly<Record<string, string>>;

/** What a form shortens; both by field. */
export interface Shortening {
  readonly words?: Readonly<Record<string, ShortWords>>;
  /** In the items of a list, `~` stands for this part of the record's key. */
  readonly standing?: Readonly<Record<string, (keys: Json) => string>>;
}

type Kind = 'text' | 'flag' | 'number' | 'texts' | 'numbers' | 'map';

interface Field {
  readonly name: string;
  readonly kind: Kind;
  readonly nullable: boolean;
  /** The value of an empty place. */
  readonly preset: unknown;
  /** An empty place is null, as in a blank record. */
  readonly isBlank: boolean;
  /** The allowed texts; null = any. */
  readonly allowed: ReadonlySet<string> | null;
  readonly longOf: ReadonlyMap<string, string> | null;
  readonly shortOf: ReadonlyMap<string, string> | null;
  readonly standing: ((keys: Json) => string) | null;
}

const SEPARATOR = '|';
const SEPARATOR_CODE = 0x7c;
/** A number like the one before it in the record. */
const SAME = '=';
const [SAME_CODE, ZERO_CODE, ONE_CODE] = [0x3d, 0x30, 0x31];
/** An empty list, where an empty place means something else. */
const NO_ITEMS = '[]';

const NO_KEYS: Json = {};

/** Whether a text is a line, and not JSON. */
export function isLine(stored: string): boolean {
  return codeAt(stored, 0) === SEPARATOR_CODE;
}

/** Lines, of which one value can be read alone. */
export interface LineForm<T> extends StoredForm<T> {
  /** The value of one field, which does not depend on others; undefined = malformed, or the text is JSON. The rest of the line is not looked at. */
  readonly valueOf: (stored: string, name: keyof T & string) => unknown;
}

/** The stored form of a schema; `keys` as for {@link storedForm}. */
export function lineForm<S extends z.ZodObject>(
  schema: S,
  keys: readonly (keyof z.output<S> & string)[],
  shortening: Shortening = {},
): LineForm<z.output<S>> {
  const fields = storedFields(schema, keys).map((name) => fieldOf(schema, name, shortening));
  const fromJson = storedForm(schema, keys);
  // All records are made from one object, so that they have one hidden class: they are read faster.
  const blank: Json = Object.fromEntries(Object.keys(schema.shape).map((name) => [name, null]));
  return {
    read(stored, what, key) {
      if (!isLine(stored)) return fromJson.read(stored, what, key);
      const record = { ...blank };
      for (const name of keys) record[name] = key[name];
      let last: number | null = null;
      let from = 1;
      for (const field of fields) {
        const place = placeFrom(stored, from);
        from += place.length + 1;
        if (place === '' && field.isBlank) continue;
        const value: unknown = place === SAME && field.kind === 'number' ? last : valueIn(place, field, key);
        if (value === undefined || (value === null && !field.nullable))
          throw new CorruptRecordError(`${recordName(what, keys, key)}.${field.name}`);
        if (place !== '' && typeof value === 'number') last = value;
        record[field.name] = value;
      }
      return record as z.output<S>;
    },
    valueOf(stored, name) {
      if (!isLine(stored)) return undefined;
      let at = 0;
      for (const field of fields) {
        if (field.name === name) return valueIn(placeFrom(stored, at + 1), field, NO_KEYS);
        at = stored.indexOf(SEPARATOR, at + 1);
        if (at === -1) at = stored.length;
      }
      return undefined;
    },
    write(record) {
      const json = record as Json;
      return writeBytes(json, fields) ? BYTES.end() : writtenInParts(json, fields);
    },
  };
}

/** One line is written at a time. */
const BYTES = new LineBytes();

/** Writes a line into {@link BYTES}. False = it has a value that cannot be written so. */
function writeBytes(json: Json, fields: readonly Field[]): boolean {
  BYTES.begin();
  /** Places that are not written yet: those at the end are left out. */
  let open = 0;
  let last: unknown = null;
  for (let at = 0; at < fields.length; at += 1) {
    const field = fields[at] as Field;
    const value = json[field.name] ?? null;
    open += 1;
    if (isPreset(value, field.preset)) continue;
    if (!BYTES.separators(open)) return false;
    open = 0;
    if (field.kind === 'number') {
      if (!(value === last ? BYTES.byte(SAME_CODE) : BYTES.number(value as number))) return false;
      last = value;
    } else if (!writeValue(value, field, json)) return false;
  }
  return open < fields.length;
}

/** Likewise, a value that is no number. */
function writeValue(value: unknown, field: Field, keys: Json): boolean {
  switch (field.kind) {
    case 'flag':
      return BYTES.byte(value === true ? ONE_CODE : ZERO_CODE);
    case 'text': {
      const short = field.shortOf?.get(value as string);
      if (short !== undefined) return BYTES.text(short);
      return field.longOf?.has(value as string) !== true && BYTES.text(value as string);
    }
    case 'map':
      return BYTES.text(JSON.stringify(value));
    case 'texts': {
      const items = value as readonly string[];
      return items.length > 0 && BYTES.items(items, field.standing?.(keys) ?? null);
    }
    default:
      return false;
  }
}

function writtenInParts(json: Json, fields: readonly Field[]): string {
  let line = '';
  /** As in {@link writeBytes}. */
  let open = 0;
  let last: unknown = null;
  for (const field of fields) {
    const value = json[field.name] ?? null;
    open += 1;
    if (isPreset(value, field.preset)) continue;
    line += SEPARATOR.repeat(open);
    open = 0;
    if (field.kind === 'number') {
      line += value === last ? SAME : encodedNumber(value as number);
      last = value;
    } else line += placeOf(value, field, json);
  }
  return line === '' ? SEPARATOR : line;
}

/** What stands between a place of a line and the next separator. Most places are empty, or behind the end: these cost no search. */
function placeFrom(line: string, from: number): string {
  if (from >= line.length || codeAt(line, from) === SEPARATOR_CODE) return '';
  const end = placeIn(line, SEPARATOR, from);
  return partOf(line, from, end === -1 ? line.length : end);
}

/** The kind of value in a field: `text`, `flag`, `number`, `list` or `map`. */
export function kindIn(schema: z.ZodObject, name: string): string {
  const { kind } = fieldOf(schema, name, {});
  return kind === 'texts' || kind === 'numbers' ? 'list' : kind;
}

function fieldOf(schema: z.ZodObject, name: string, { words, standing }: Shortening): Field {
  const outer = schema.shape[name] as z.ZodType;
  const nullable = outer.def.type === 'nullable';
  const { def } = (nullable ? (outer as z.ZodNullable).def.innerType : outer) as Plain;
  const short = words?.[name];
  const preset = outer.meta()?.['default'] ?? null;
  return {
    name,
    nullable,
    preset,
    isBlank: nullable && preset === null,
    kind: kindOf(def),
    allowed: def.type === 'enum' ? new Set(Object.values(def.entries).map(String)) : null,
    longOf: short === undefined ? null : new Map(Object.entries(short)),
    shortOf: short === undefined ? null : new Map(Object.entries(short).map(([one, word]) => [word, one])),
    standing: standing?.[name] ?? null,
  };
}

type Plain = z.ZodString | z.ZodNumber | z.ZodBoolean | z.ZodEnum | z.ZodArray<z.ZodType> | z.ZodRecord;

function kindOf(def: Plain['def']): Kind {
  switch (def.type) {
    case 'boolean':
      return 'flag';
    case 'number':
      return 'number';
    case 'array':
      return def.element.def.type === 'number' ? 'numbers' : 'texts';
    case 'record':
      return 'map';
    default:
      return 'text';
  }
}

/** Whether an empty place reads as this value. */
function isPreset(value: unknown, preset: unknown): boolean {
  return value === preset || (Array.isArray(preset) && Array.isArray(value) && value.length === 0);
}

function placeOf(value: unknown, field: Field, keys: Json): string {
  switch (field.kind) {
    case 'flag':
      return value === true ? '1' : '0';
    case 'text':
      return field.shortOf?.get(value as string) ?? encodedText(value as string, field.longOf);
    case 'map':
      return encodedText(JSON.stringify(value), null);
    case 'numbers':
      return (value as readonly number[]).map(encodedNumber).join(',');
    default: {
      const items = value as readonly string[];
      return items.length === 0 ? NO_ITEMS : encodedItems(items, field.standing?.(keys) ?? null);
    }
  }
}

/** Undefined = malformed. */
function valueIn(place: string, field: Field, keys: Json): unknown {
  // A list of its own for each record: readers fill lists in.
  if (place === '') return Array.isArray(field.preset) ? field.preset.slice() : field.preset;
  switch (field.kind) {
    case 'flag':
      return place === '1' ? true : place === '0' ? false : undefined;
    case 'number':
      return decodedNumber(place);
    case 'text': {
      const text = field.longOf?.get(place) ?? decodedText(place);
      return text === undefined || field.allowed === null || field.allowed.has(text) ? text : undefined;
    }
    case 'map':
      return mapIn(decodedText(place));
    case 'numbers': {
      const numbers = place.split(',').map(decodedNumber);
      return numbers.includes(undefined) ? undefined : numbers;
    }
    default:
      return place === NO_ITEMS ? [] : decodedItems(place, field.standing?.(keys) ?? null);
  }
}

function mapIn(text: string | undefined): Json | undefined {
  if (text === undefined) return undefined;
  try {
    const map: unknown = JSON.parse(text);
    return isObject(map) && Object.values(map).every(isScalar) ? map : undefined;
  } catch {
    return undefined;
  }
}

function isScalar(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'boolean' || Number.isFinite(value);
}
