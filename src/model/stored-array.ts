// Owns the stored form of records: a JSON array with one value for each field of the schema, in the schema's order. Values
// that are missing at the end have their defaults. A JSON object with the names of the fields is read as well.
import type { z } from 'zod';
import { CorruptRecordError } from './corrupt-record.ts';
import { readerOf } from './read-record.ts';
import type { Json } from './read-record.ts';

/** Reads and writes one kind of record. */
export interface StoredForm<T> {
  /** `what`: the kind of record, for errors. `keys` are fields that are part of the record's key, and not of its text. @throws CorruptRecordError */
  readonly read: (stored: string, what: string, keys: Json) => T;
  readonly write: (record: T) => string;
}

/** The stored form of a schema. `keys` names the fields that are not written: they are the record's key. */
export function storedForm<S extends z.ZodObject>(
  schema: S,
  keys: readonly (keyof z.output<S> & string)[],
): StoredForm<z.output<S>> {
  const fields = storedFields(schema, keys);
  const readObject = readerOf(schema);
  const count = fields.length;
  const presets = fields.map((name) => (schema.shape[name] as z.ZodType).meta()?.['default'] ?? null);
  // All records are made from one object, so that they have one hidden class: they are read faster.
  const blank: Json = Object.fromEntries(Object.keys(schema.shape).map((name) => [name, null]));
  return {
    read(stored, what, key) {
      const name = recordName(what, keys, key);
      const value = parse(stored, name);
      if (!Array.isArray(value)) return readObject(Object.assign(value, key), name);
      const json = { ...blank };
      for (let at = 0; at < count; at += 1)
        json[fields[at] ?? ''] = at < value.length ? value[at] : presetOf(presets[at]);
      Object.assign(json, key);
      return readObject(json, name);
    },
    write(record) {
      const values: unknown[] = [];
      let used = 0;
      for (let at = 0; at < count; at += 1) {
        const value = (record as Json)[fields[at] ?? ''] ?? null;
        values.push(value);
        if (!isPreset(value, presets[at])) used = at + 1;
      }
      values.length = used;
      return JSON.stringify(values);
    },
  };
}

/** The name of a record in errors: what it is, and its key. */
export function recordName(what: string, keys: readonly string[], key: Json): string {
  return [what, ...keys.map((name) => key[name])].join(' ');
}

/** The fields of a record's text, in the order of their positions. */
export function storedFields(schema: z.ZodObject, keys: readonly string[]): readonly string[] {
  return Object.keys(schema.shape).filter((name) => !keys.includes(name));
}

function parse(stored: string, what: string): unknown[] | Json {
  let value: unknown;
  try {
    value = JSON.parse(stored);
  } catch (cause) {
    throw new CorruptRecordError(what, cause);
  }
  if (typeof value !== 'object' || value === null) throw new CorruptRecordError(what);
  return value as unknown[] | Json;
}

/** A list of its own for each record: readers fill lists in. */
function presetOf(preset: unknown): unknown {
  return Array.isArray(preset) ? [] : preset;
}

/** Whether a missing value reads as this one. */
function isPreset(value: unknown, preset: unknown): boolean {
  return value === preset || (Array.isArray(preset) && Array.isArray(value) && value.length === 0);
}
