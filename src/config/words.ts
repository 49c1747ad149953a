// Owns the error texts of fields: what the field must be, what it is, and a suggestion.
import type { z } from 'zod';
import { isSecret, namesIn, placesOf, schemaAt } from './json-schema.ts';
import type { JsonSchema } from './json-schema.ts';
import { nearest } from '../suggest.ts';

/** One problem of a field; `path` is its place. */
export interface FieldProblem {
  readonly path: readonly PropertyKey[];
  readonly text: string;
  /** The name is wrong, not the value. */
  readonly atName: boolean;
}

const MAX_SHOWN = 40;

/** The error text for an issue of the validator. `value` is the value in the file; undefined = missing. */
export function describeIssue(issue: z.core.$ZodIssue, value: unknown): FieldProblem[] {
  const { path } = issue;
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({ path: [...path, key], text: unknownName(path, key), atName: true }));
  const schema = schemaAt(path) ?? {};
  const name = path.findLast((step) => typeof step === 'string') ?? '';
  return [{ path, text: textOf(issue, schema, name, value), atName: false }];
}

function textOf(issue: z.core.$ZodIssue, schema: JsonSchema, name: string, value: unknown): string {
  if (value === undefined) return `is missing (${schema.description ?? wanted(schema, name)})`;
  // Messages written in the schema begin like this; those of the validator do not.
  if (issue.message.startsWith('must ') || issue.message.startsWith('is ')) return issue.message;
  if (value === null) return 'is empty: leave it out, or write a value';
  const is = isSecret(schema) || typeof value === 'object' ? '' : `, not ${shown(value)}`;
  return `must be ${wanted(schema, name)}${is}${hint(schema, name, value)}`;
}

/** The values that a field accepts. */
export function wanted(schema: JsonSchema, name: string): string {
  if (isSecret(schema)) return 'a text, { env: NAME } or { file: PATH }';
  if (schema.const !== undefined) return shown(schema.const);
  if (schema.enum !== undefined) return alternatives(schema.enum.map(String));
  const variants = schema.anyOf ?? schema.oneOf;
  if (variants !== undefined) {
    const words = new Set(variants.filter((one) => one.type !== 'null').map((one) => wanted(one, name)));
    return alternatives([...words]);
  }
  if (schema.properties !== undefined) return `settings below it, such as ${sampleOf(namesIn(schema))}`;
  switch (schema.type) {
    case 'boolean':
      return 'true or false';
    case 'integer':
    case 'number':
      return number(schema, name);
    case 'array': {
      const { minItems = 0, maxItems } = schema;
      const least =
        minItems > 0 ? ` with at least ${minItems === 1 ? 'one entry' : `${minItems} entries`}` : '';
      return `a list${least}${maxItems === undefined ? '' : `, of ${maxItems} at most`}`;
    }
    default:
      return text(schema);
  }
}

function number(schema: JsonSchema, name: string): string {
  const unit = unitOf(name);
  const of = unit === null ? '' : ` of ${unit}`;
  const { minimum, exclusiveMinimum, maximum } = schema;
  const least = minimum !== undefined ? `from ${minimum}` : `above ${exclusiveMinimum ?? 0}`;
  const link = minimum !== undefined ? ' to' : ', at most';
  const most = maximum === undefined || maximum >= Number.MAX_SAFE_INTEGER ? '' : `${link} ${maximum}`;
  return `a ${schema.type === 'integer' ? 'whole ' : ''}number${of} ${least}${most}`;
}

/** Formats that more than one field has. */
const FORMATS: Readonly<Record<string, string>> = {
  ipv4: 'an IP address',
  ipv6: 'an IP address',
  cidrv4: 'a range of addresses such as 10.0.0.0/8',
  cidrv6: 'a range of addresses such as 10.0.0.0/8',
  uuid: 'an id such as 11111111-2222-3333-4444-555555555555',
  uri: 'a URL such as https://mail.example.com/',
};

function text({ format, minLength = 0, maxLength }: JsonSchema): string {
  const known = FORMATS[format ?? ''];
  if (known !== undefined) return known;
  const most = maxLength === undefined ? '' : ` of at most ${maxLength} characters`;
  return `a text${most}${minLength > 0 && most === '' ? ' that is not empty' : ''}`;
}

function unitOf(name: string): 'seconds' | 'milliseconds' | 'bytes' | null {
  if (name.endsWith('Seconds')) return 'seconds';
  if (name.endsWith('Ms')) return 'milliseconds';
  return name.endsWith('Bytes') ? 'bytes' : null;
}

const IN_MS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  sec: 1_000,
  m: 60_000,
  min: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const IN_BYTES: Readonly<Record<string, number>> = {
  b: 1,
  k: 1_024,
  kb: 1_024,
  kib: 1_024,
  m: 1_048_576,
  mb: 1_048_576,
  mib: 1_048_576,
  g: 1_073_741_824,
  gb: 1_073_741_824,
  gib: 1_073_741_824,
};

/** Suggests a number without its unit (`2s` in seconds: write 2), or the most similar of the possible values. */
function hint(schema: JsonSchema, name: string, value: unknown): string {
  if (typeof value !== 'string') return '';
  const choices = choicesOf(schema);
  const meant = choices.length === 0 ? null : nearest(value, choices);
  if (meant !== null) return `; did you mean ${meant}?`;
  const [, digits = '', suffix = ''] = /^\s*(\d{1,12}(?:\.\d{1,6})?)\s*([a-z]{0,3})\s*$/i.exec(value) ?? [];
  if (digits === '' || !isNumeric(schema)) return '';
  const unit = unitOf(name);
  if (suffix === '') return `; write ${Number(digits)} without quotes`;
  const factor = (unit === 'bytes' ? IN_BYTES : IN_MS)[suffix.toLowerCase()];
  if (unit === null || factor === undefined) return '';
  return `; write ${(Number(digits) * factor) / (unit === 'seconds' ? 1_000 : 1)}, without a unit`;
}

function choicesOf(schema: JsonSchema): string[] {
  const own = schema.enum ?? (typeof schema.const === 'string' ? [schema.const] : []);
  return [...own.map(String), ...(schema.anyOf ?? schema.oneOf ?? []).flatMap(choicesOf)];
}

function isNumeric({ type, anyOf = [] }: JsonSchema): boolean {
  return type === 'number' || type === 'integer' || anyOf.some(isNumeric);
}

function unknownName(path: readonly PropertyKey[], key: string): string {
  const names = namesIn(schemaAt(path));
  const meant = nearest(key, names);
  if (meant !== null) return `there is no such setting; did you mean ${meant}?`;
  const elsewhere = placesOf(key);
  if (elsewhere.length > 0 && elsewhere.length <= 3)
    return `there is no such setting here; did you mean ${alternatives(elsewhere)}?`;
  return `there is no such setting${path.length === 0 ? '' : `; here may stand ${alternatives(names)}`}`;
}

/** The first few of many names. */
function sampleOf(names: readonly string[]): string {
  return names.length > 4 ? `${names.slice(0, 3).join(', ')}, …` : alternatives(names);
}

/** `a, b or c`. */
export function alternatives(words: readonly string[]): string {
  const last = words.at(-1) ?? '';
  return words.length < 2 ? last : `${words.slice(0, -1).join(', ')} or ${last}`;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? '';
  return text.length > MAX_SHOWN ? `${text.slice(0, MAX_SHOWN)}…` : text;
}
