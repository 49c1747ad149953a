// Owns the reading of stored JSON, field by field.
import { CorruptRecordError } from './corrupt-record.ts';

export type Json = Readonly<Record<string, unknown>>;

export function parse(text: string, what: string): Json {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CorruptRecordError(what, cause);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new CorruptRecordError(what);
  return value as Json;
}

export function flag(json: Json, name: string, what: string): boolean | null {
  const value = json[name] ?? null;
  if (value !== null && typeof value !== 'boolean') throw new CorruptRecordError(`${what}.${name}`);
  return value;
}

export function text(json: Json, name: string, what: string): string | null {
  const value = json[name] ?? null;
  if (value !== null && typeof value !== 'string') throw new CorruptRecordError(`${what}.${name}`);
  return value;
}

export function time(json: Json, name: string, what: string): number | null {
  const value = json[name] ?? null;
  if (value !== null && (typeof value !== 'number' || !Number.isFinite(value))) {
    throw new CorruptRecordError(`${what}.${name}`);
  }
  return value;
}

export function texts(json: Json, name: string, what: string): string[] {
  const value: unknown = json[name] ?? [];
  if (!Array.isArray(value) || !value.every((item) => typeof item === 'string')) {
    throw new CorruptRecordError(`${what}.${name}`);
  }
  return value;
}
