// Owns parsing of condition values by the type of their field: text, version, number, time, address block, and lists.
import { parseRange } from '../../ip-address.ts';
import type { AddressRange } from '../../ip-address.ts';
import { isPlainVersion, parseVersion } from '../compile/version.ts';
import type { Version } from '../compile/version.ts';
import { foldCase } from './case.ts';
import type { RawNot, RawValue, Scalar } from './schema.ts';
import { didYouMean } from '../../suggest.ts';
import { parseLength, parseTime } from './times.ts';
import type { ValueKind } from './vocabulary.ts';

export type Operator = '<' | '<=' | '>' | '>=';

/** The operand of a comparison. `age`: milliseconds since a time. */
export type Operand =
  | { readonly type: 'version'; readonly version: Version }
  | { readonly type: 'number'; readonly number: number; readonly version: Version | null }
  | { readonly type: 'time'; readonly time: number }
  | { readonly type: 'age'; readonly length: number };

/** A parsed value. Texts are as `foldCase` spells them. */
export type Value =
  | { readonly type: 'unknown' }
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'number'; readonly number: number }
  | { readonly type: 'boolean'; readonly boolean: boolean }
  | { readonly type: 'version'; readonly version: Version }
  | { readonly type: 'block'; readonly block: AddressRange }
  | { readonly type: 'compare'; readonly operator: Operator; readonly operand: Operand }
  | { readonly type: 'not'; readonly value: Value }
  | { readonly type: 'any'; readonly values: readonly Value[] };

/** Named lists, including those read from files. */
export type Lists = ReadonlyMap<string, readonly string[]>;

/** Reports a problem at a path below the value. */
export type Complain = (message: string, path: readonly PropertyKey[]) => void;

/** Parses a value by the type of its field; problems are reported, and a faulty value matches nothing. */
export function readValue(raw: RawValue, kind: ValueKind, lists: Lists, complain: Complain): Value {
  if (Array.isArray(raw)) {
    const entries: readonly (Scalar | RawNot)[] = raw;
    return any(entries.map((entry, index) => readOne(entry, kind, lists, complain, [index])));
  }
  return readOne(raw as Scalar | RawNot, kind, lists, complain, []);
}

/** Texts without wildcards, comparisons or negation, e.g. groups; `@list` and wildcards are understood. */
export function readNames(raw: string | readonly string[], lists: Lists, complain: Complain): Value {
  return readValue(raw, 'text', lists, complain);
}

function readOne(
  raw: Scalar | RawNot,
  kind: ValueKind,
  lists: Lists,
  complain: Complain,
  path: readonly PropertyKey[],
): Value {
  if (typeof raw !== 'object') return readScalar(raw, kind, lists, (text) => complain(text, path));
  const below = [...path, 'not'];
  const { not } = raw;
  const value = Array.isArray(not)
    ? any(
        (not as readonly Scalar[]).map((entry, index) =>
          readScalar(entry, kind, lists, (text) => complain(text, [...below, index])),
        ),
      )
    : readScalar(not as Scalar, kind, lists, (text) => complain(text, below));
  return { type: 'not', value };
}

const NOTHING: Value = { type: 'any', values: [] };

function any(values: readonly Value[]): Value {
  return { type: 'any', values };
}

type Tell = (message: string) => void;

function readScalar(raw: Scalar, kind: ValueKind, lists: Lists, tell: Tell): Value {
  if (typeof raw === 'boolean') {
    if (kind === 'boolean' || kind === 'attribute') return { type: 'boolean', boolean: raw };
    tell(`is not ${KIND_WORDS[kind]}; a text goes in quotes`);
    return NOTHING;
  }
  if (typeof raw === 'number') return readNumber(raw, kind, tell);
  if (raw === 'unknown') return { type: 'unknown' };
  if (raw.startsWith('@')) {
    const list = lists.get(raw.slice(1));
    if (list === undefined) {
      tell(`there is no list "${raw.slice(1)}"${didYouMean(raw.slice(1), lists.keys())}`);
      return NOTHING;
    }
    return any(
      list.map((entry) => readText(entry, kind, (text) => tell(`list ${raw}, "${entry}": ${text}`))),
    );
  }
  return readText(raw, kind, tell);
}

const KIND_WORDS: Readonly<Record<ValueKind, string>> = {
  text: 'a text',
  version: 'a version',
  number: 'a number',
  boolean: 'true or false',
  age: 'a length of time',
  network: 'an address or block of addresses',
  attribute: 'an attribute',
};

function readNumber(raw: number, kind: ValueKind, tell: Tell): Value {
  if (!Number.isFinite(raw)) {
    tell('is not a number');
    return NOTHING;
  }
  if (kind === 'number' || kind === 'attribute') return { type: 'number', number: raw };
  if (kind === 'version' || kind === 'text') {
    // YAML reads 17.10 as the number 17.1.
    if (Number.isInteger(raw) && raw >= 0) return readText(String(raw), kind, tell);
    tell(`must stand in quotes: without them ${kind === 'version' ? '17.10 is 17.1' : 'it is a number'}`);
    return NOTHING;
  }
  tell(`is not ${KIND_WORDS[kind]}${kind === 'age' ? ', e.g. "> 30d"' : ''}`);
  return NOTHING;
}

/** Comparisons in other spellings: no version of a phone has these signs, so they would match nothing. */
const NO_VERSION = /^[=!~^≤≥≠]|[<>]/;
const COMPARISON = /^(<=|>=|<|>)\s*(\S.*)$/s;

function readText(text: string, kind: ValueKind, tell: Tell): Value {
  if (text === 'unknown') return { type: 'unknown' };
  const trimmed = text.trim();
  const comparison = COMPARISON.exec(trimmed);
  if (comparison !== null || trimmed.startsWith('<') || trimmed.startsWith('>')) {
    const [, operator = '', written = ''] = comparison ?? [];
    const operand = readOperand(written, kind, tell);
    return operand === null ? NOTHING : { type: 'compare', operator: operator as Operator, operand };
  }
  switch (kind) {
    case 'text':
    case 'attribute':
      if (text !== '') return { type: 'text', text: foldCase(text) };
      tell('must not be empty');
      return NOTHING;
    case 'version':
      if (isPlainVersion(trimmed)) return { type: 'version', version: parseVersion(trimmed) ?? [] };
      if (trimmed !== '' && !NO_VERSION.test(trimmed)) return { type: 'text', text: foldCase(trimmed) };
      if (trimmed === '') tell('must not be empty');
      else tell(`"${clip(text)}" is no version, comparison or pattern such as "17.4", "< 17.4" or "17.*"`);
      return NOTHING;
    case 'number':
      if (isNumber(trimmed)) return { type: 'number', number: Number(trimmed) };
      break;
    case 'network': {
      const block = parseRange(trimmed);
      if (block !== null) return { type: 'block', block };
      break;
    }
    case 'boolean':
      tell(`must be true or false without quotes, or unknown, is "${clip(text)}"`);
      return NOTHING;
    case 'age':
      tell(`must compare with a length of time, e.g. "> 30d", is "${clip(text)}"`);
      return NOTHING;
  }
  tell(`"${clip(text)}" is not ${KIND_WORDS[kind]}`);
  return NOTHING;
}

function readOperand(written: string, kind: ValueKind, tell: Tell): Operand | null {
  const wrong = (wanted: string): null => {
    tell(`compares with "${clip(written)}", which is not ${wanted}`);
    return null;
  };
  switch (kind) {
    case 'version':
      return isPlainVersion(written)
        ? { type: 'version', version: parseVersion(written) ?? [] }
        : wrong('a version such as 12 or 17.4.1');
    case 'number':
      return isNumber(written) ? numberOperand(written) : wrong('a number');
    case 'age':
      return timeOperand(written) ?? wrong('a length of time such as 30d, or a date');
    case 'attribute': {
      const time = timeOperand(written);
      if (time !== null) return time;
      if (isNumber(written)) return numberOperand(written);
      return isPlainVersion(written)
        ? { type: 'version', version: parseVersion(written) ?? [] }
        : wrong('a number, a version, a date or a length of time');
    }
    default:
      tell(`is ${KIND_WORDS[kind]}, which cannot be compared with < or >`);
      return null;
  }
}

function numberOperand(written: string): Operand {
  const version = isPlainVersion(written) ? parseVersion(written) : null;
  return { type: 'number', number: Number(written), version };
}

function timeOperand(written: string): Operand | null {
  const length = parseLength(written);
  if (length !== null) return { type: 'age', length };
  const time = parseTime(written);
  return time === null ? null : { type: 'time', time };
}

/** Whether a text is a decimal number. */
export function isNumber(text: string): boolean {
  return /^[+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?$/.test(text);
}

function clip(text: string): string {
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}

/** Whether a value includes `unknown`, outside of `not`. */
export function namesUnknown(value: Value): boolean {
  return value.type === 'unknown' || (value.type === 'any' && value.values.some(namesUnknown));
}

/** Whether a value has a part that `found` accepts, at any depth. */
export function someValue(value: Value, found: (part: Value) => boolean): boolean {
  if (found(value)) return true;
  if (value.type === 'not') return someValue(value.value, found);
  return value.type === 'any' && value.values.some((part) => someValue(part, found));
}
