// Owns the reading of pushed records: our own records, one JSON object a line (https://github.com/ndjson/ndjson-spec), read strictly. What is not fully
// understood is refused with its line. A delta keeps apart what a record leaves out (it stays) and what it says is unknown (null).
import { ProgramError } from '../../errors/program-errors.ts';
import { isObject } from '../../model/read-record.ts';
import { plain } from '../../plain-text.ts';
import { didYouMean } from '../../suggest.ts';
import { jsonLines } from '../files/json.ts';
import { RecordReader } from '../mapping.ts';
import type { ReadOptions } from '../mapping.ts';
import { ownLines } from '../mappings/own.ts';
import { LINE_SCHEMAS } from '../record.ts';
import type { FeedLine, RefusedLine } from '../record.ts';
import { ObjectRow, fieldName } from '../row.ts';
import { repeatedName } from '../repeated-names.ts';

/** A pushed record; the fields in `unsaid` stay as they were reported before. */
export type PushLine = FeedLine & { readonly unsaid?: readonly string[] };

/** How pushed records are read. */
export interface PushOptions {
  /** The feed that the token belongs to. */
  readonly source: string;
  /** Fields that a record leaves out stay as they were; else they are unknown from now on. */
  readonly isDelta: boolean;
}

/** Longest line, UTF-16 units. */
const MAX_LINE = 65_536;
const MAX_SHOWN = 40;

/** Types of records that can be pushed. */
const TYPES = ['device', 'user', 'decision'] as const;
type PushType = (typeof TYPES)[number];

/** Fields of each type, as they are compared and as they are written. */
const FIELDS: Readonly<Record<PushType, ReadonlyMap<string, string>>> = {
  device: fieldsOf('device'),
  user: fieldsOf('user'),
  decision: fieldsOf('decision'),
};

function fieldsOf(type: PushType): ReadonlyMap<string, string> {
  return new Map(Object.keys(LINE_SCHEMAS[type].shape).map((name) => [fieldName(name), name]));
}

/** What a record without `compliant` does not say either, and one with it always says. */
const OF_COMPLIANCE = ['graceUntil', 'unmetRequirements'];
/** Fields that a record has for its reader, and the directory does not store. */
const NOT_STORED = new Set(['type', 'line', 'source', 'id', 'spelling', 'observedAt', 'removed', 'problems']);

/** Reads the bytes of lines. Nothing of them is kept. @throws ProgramError EASGATE_FILE where they are not UTF-8 */
export async function* pushLines(
  bytes: AsyncIterable<Uint8Array>,
  options: PushOptions,
): AsyncGenerator<PushLine> {
  for await (const { line, text, reason } of jsonLines(utf8(bytes)))
    yield text === null ? { type: 'refused', line, reason } : pushLine(text, line, options);
}

/** RFC 8259 8.1: JSON between systems is UTF-8. */
async function* utf8(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  try {
    for await (const piece of bytes) yield decoder.decode(piece, { stream: true });
    yield decoder.decode();
  } catch (error) {
    if (error instanceof TypeError)
      throw new ProgramError('EASGATE_FILE', 'the body is not UTF-8 (RFC 8259 8.1)');
    throw error;
  }
}

/** Reads one line. */
function pushLine(text: string, line: number, { source, isDelta }: PushOptions): PushLine {
  const refused = (reason: string): RefusedLine => ({ type: 'refused', line, reason });
  if (text.length > MAX_LINE) return refused(`the line is longer than ${MAX_LINE} characters`);
  const record = parsed(text);
  if (record === null) return refused('the line is not one JSON object (RFC 8259)');
  const repeated = repeatedName(text, fieldName);
  if (repeated !== null) return refused(`the field "${plain(repeated, MAX_SHOWN)}" stands there twice`);
  const type = record['type'] ?? 'device';
  if (type !== 'device' && type !== 'user' && type !== 'decision')
    return refused(`the type is none of ${TYPES.join(', ')}`);
  const fields = FIELDS[type];
  const names = new Set<string>();
  for (const written of Object.keys(record)) {
    const name = fields.get(fieldName(written));
    if (name === undefined)
      return refused(
        `there is no field "${plain(written, MAX_SHOWN)}"${didYouMean(written, fields.values())}`,
      );
    const value = record[written];
    // Nested, `os.version` would be a name of its own.
    if (name !== 'attributes' && isObject(value)) return refused(`the field "${name}" is no object`);
    names.add(name);
  }
  if (record['source'] !== undefined && record['source'] !== source)
    return refused(`the record is of another source; this token writes "${source}" only`);
  const [read] = ownLines.map(new RecordReader(new ObjectRow(line, record), reading(source)));
  if (read === undefined) return refused('the line has no record');
  if (read.type === 'refused') return read;
  const [problem] = read.problems;
  if (problem !== undefined) return refused(plain(problem, 200));
  return isDelta && (read.type === 'device' || read.type === 'user')
    ? { ...read, unsaid: unsaidOf(fields, names) }
    : read;
}

function reading(source: string): ReadOptions {
  return { source, zone: 'UTC', order: () => null };
}

function parsed(text: string): Readonly<Record<string, unknown>> | null {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : null;
  } catch {
    // The parser's message quotes the record, which may hold a secret.
    return null;
  }
}

function unsaidOf(fields: ReadonlyMap<string, string>, names: ReadonlySet<string>): string[] {
  const isSaid = (name: string): boolean =>
    names.has(name) ||
    (OF_COMPLIANCE.includes(name) && names.has('compliant')) ||
    // The mapping reads them from others where they are missing.
    (name === 'platform' && names.has('os')) ||
    (name === 'osVersion' && names.has('os'));
  return [...fields.values()].filter((name) => !NOT_STORED.has(name) && !isSaid(name));
}
