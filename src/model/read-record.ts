// Owns reading stored JSON into a record: missing fields get their defaults, unknown ones are dropped, and the first wrong one is
// named in the error.
import type { z } from 'zod';
import { CorruptRecordError } from './corrupt-record.ts';

/** A parsed JSON object; reading completes it in place. */
export type Json = Record<string, unknown>;

/** The JSON object in a text. `what` names the record. @throws CorruptRecordError */
export function parseObject(stored: string, what: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(stored);
  } catch (cause) {
    throw new CorruptRecordError(what, cause);
  }
  if (!isObject(value)) throw new CorruptRecordError(what);
  return value;
}

/** Whether a value is a JSON object. */
export function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Reads an object as one kind of record. Null counts as missing. @throws CorruptRecordError naming record and field */
export type ReadRecord<T> = (json: Json, what: string) => T;

/**
 * Creates the reader of a kind of record. Most records were written by this version and are complete; they are checked without zod,
 * which is as fast as a hand-written reader. Other records get their defaults, and are checked by zod.
 */
export function readerOf<S extends z.ZodObject>(schema: S): ReadRecord<z.output<S>> {
  const presets = presetsOf(schema);
  const plain = plainFieldsOf(schema);
  return (json, what) => {
    if (plain !== null && isWhole(json, plain)) return json as z.output<S>;
    fill(json, presets);
    const read = schema.safeParse(json);
    if (read.success) return read.data;
    throw new CorruptRecordError([what, ...(read.error.issues[0]?.path ?? [])].join('.'));
  };
}

/** A field that may be missing, or that holds objects with such fields. */
interface Preset {
  readonly name: string;
  /** Undefined = the field must be stored. */
  readonly value: unknown;
  /** The same for the objects in the field. */
  readonly below: readonly Preset[];
}

function presetsOf(schema: z.ZodObject): Preset[] {
  const presets: Preset[] = [];
  for (const [name, field] of Object.entries(schema.shape) as [string, z.ZodType][]) {
    const inner = objectIn(field);
    const value = field.meta()?.['default'];
    const below = inner === null ? [] : presetsOf(inner);
    if (value !== undefined || below.length > 0) presets.push({ name, value, below });
  }
  return presets;
}

/** The schema of the object in a field, or of the objects in its list. */
export function objectIn(field: z.ZodType): z.ZodObject | null {
  const { def } = field as z.ZodObject | z.ZodArray<z.ZodType>;
  if (def.type === 'array') return objectIn(def.element);
  return def.type === 'object' ? (field as z.ZodObject) : null;
}

function fill(json: Json, presets: readonly Preset[]): void {
  for (const { name, value, below } of presets) {
    if (value !== undefined) json[name] ??= value;
    if (below.length === 0) continue;
    const held = json[name];
    for (const one of Array.isArray(held) ? held : [held]) if (isObject(one)) fill(one, below);
  }
}

/** A field that holds a value of one type, a list of texts, or a flat map of values. */
interface PlainField {
  readonly name: string;
  readonly type: 'boolean' | 'number' | 'string' | 'texts' | 'numbers' | 'map';
  readonly nullable: boolean;
  /** The allowed texts; null = any. */
  readonly words: ReadonlySet<unknown> | null;
}

/** The fields of a schema; null = some field has another type. */
function plainFieldsOf(schema: z.ZodObject): readonly PlainField[] | null {
  const fields: PlainField[] = [];
  for (const [name, field] of Object.entries(schema.shape) as [string, z.ZodType][]) {
    const { def } = field as PlainType;
    const nullable = def.type === 'nullable';
    const { type, words } = plainTypeOf(nullable ? (def.innerType as PlainType) : (field as PlainType));
    if (type === null) return null;
    fields.push({ name, type, nullable, words });
  }
  return fields;
}

type PlainType =
  | z.ZodNullable
  | z.ZodArray
  | z.ZodEnum
  | z.ZodString
  | z.ZodNumber
  | z.ZodBoolean
  | z.ZodRecord<z.ZodString>;

function plainTypeOf(field: PlainType): { type: PlainField['type'] | null; words: PlainField['words'] } {
  const { def } = field;
  // Only zod can apply a check, a format or a conversion.
  const isBare =
    !('checks' in def && def.checks?.length) && !('check' in def) && !('coerce' in def && def.coerce);
  if (isBare && (def.type === 'boolean' || def.type === 'number' || def.type === 'string'))
    return { type: def.type, words: null };
  if (isBare && def.type === 'enum') return { type: 'string', words: new Set(Object.values(def.entries)) };
  if (isBare && def.type === 'record' && isUnionOfValues(def.valueType as z.ZodType))
    return { type: 'map', words: null };
  if (isBare && def.type === 'array') {
    const { type, words } = plainTypeOf(def.element as PlainType);
    if (type === 'string' && words === null) return { type: 'texts', words: null };
    if (type === 'number') return { type: 'numbers', words: null };
  }
  return { type: null, words: null };
}

function isUnionOfValues(type: z.ZodType): boolean {
  const { def } = type as z.ZodUnion<z.ZodType[]>;
  return def.type === 'union' && def.options.every((option) => VALUES.has(option.type));
}

const VALUES: ReadonlySet<string> = new Set(['boolean', 'number', 'string']);

/** Whether an object has all fields of a record, each as it must be, and no other. */
function isWhole(json: Json, fields: readonly PlainField[]): boolean {
  if (Object.keys(json).length !== fields.length) return false;
  for (let index = 0; index < fields.length; index += 1) {
    const field = fields[index];
    if (field === undefined || !holds(json[field.name], field)) return false;
  }
  return true;
}

function holds(value: unknown, { type, nullable, words }: PlainField): boolean {
  if (value === null) return nullable;
  if (type === 'texts') return Array.isArray(value) && value.every(isText);
  if (type === 'numbers') return Array.isArray(value) && value.every(Number.isFinite);
  if (type === 'map') return isObject(value) && Object.values(value).every(isValue);
  if (typeof value !== type) return false;
  return type === 'number' ? Number.isFinite(value) : words === null || words.has(value);
}

function isValue(value: unknown): boolean {
  return VALUES.has(typeof value) && (typeof value !== 'number' || Number.isFinite(value));
}

function isText(value: unknown): boolean {
  return typeof value === 'string';
}
