// Owns what the script COMMIT is called with: the changes of hashes as a list of texts.
import { MAX_CHANGES } from './change-log.ts';

/** A field that is written over exactly `expected`; null = none. */
export interface FieldChange {
  readonly field: string;
  readonly expected: string | null;
  readonly next: string | null;
}

/** Conditions for writing a hash that was not read, besides this: none of the written fields exists. */
export interface Unread {
  /** Further fields that must not exist. */
  readonly absent: readonly string[];
  /** No field may have a name that begins with this, as the written ones do; '' = no such condition. */
  readonly beginning: string;
}

/** What to write into a hash: all of its fields, or none if one of them is not as expected. */
export interface HashChange {
  readonly fields: readonly FieldChange[];
  /**
   * For the change log, separated by spaces: users, encoded; or partnerships as `DEVICE:USER`; '=' = the device of the hash. '' = no
   * verdict changes.
   */
  readonly news: string;
  /** Conditions if the hash was not read; then no field has an expected text, and each gets a new one. Absent = it was read. */
  readonly unread?: Unread | undefined;
}

/** A change with the key of its hash. */
export interface KeyChange {
  readonly key: string;
  readonly change: HashChange;
}

/** One field of hashes that were not read, with a text for each. */
export interface NewField {
  readonly keys: readonly string[];
  readonly field: string;
  readonly texts: readonly string[];
  /** As for {@link HashChange}, the same for all. */
  readonly news: string;
  readonly unread: Unread;
}

/** The field of the log that a script writes: `d` = devices and partnerships, `u` = users, `y` = the policy. */
export type LogField = 'd' | 'u' | 'y';

/** Means that each hash of a run has its own text for the change log. Encoded names are never equal to it. */
const EACH = '%';

/** Means that a field stays as it is: it is only compared. No stored text is equal to it. */
const AS_EXPECTED = '%';

/** The values behind the text of the schema, as COMMIT describes them. `fence`: of the leader that writes. */
export function commitValues(changes: readonly KeyChange[], log: LogField, fence?: number): string[] {
  const values = beginning(changes.length, log, fence);
  for (let at = 0; at < changes.length;) {
    const end = endOfRun(changes, at);
    addRun(values, changes, at, end);
    at = end;
  }
  return values;
}

/** Likewise for one field. Of an import, a list of changes takes longer to make than these values. */
export function newFieldValues(
  { keys, field, texts, news, unread }: NewField,
  log: LogField,
  fence?: number,
): string[] {
  const count = String(keys.length);
  const values = beginning(keys.length, log, fence);
  values.push('-1', count, news, unread.beginning, String(unread.absent.length), field, ...unread.absent);
  for (const text of texts) values.push(text);
  return values;
}

function beginning(hashes: number, log: LogField, fence: number | undefined): string[] {
  return [String(MAX_CHANGES), `${log}${fence ?? ''}`, String(hashes)];
}

/** Returns the index of the first change with other fields: the names of the fields are sent once for the changes before it. */
function endOfRun(changes: readonly KeyChange[], from: number): number {
  const { change } = changes[from] as KeyChange;
  let end = from + 1;
  while (end < changes.length && hasSameForm(change, (changes[end] as KeyChange).change)) end += 1;
  return end;
}

function addRun(values: string[], changes: readonly KeyChange[], from: number, end: number): void {
  const { fields, news, unread } = (changes[from] as KeyChange).change;
  let said = news;
  for (let at = from + 1; at < end; at += 1) if ((changes[at] as KeyChange).change.news !== news) said = EACH;
  values.push(unread === undefined ? String(fields.length) : `-${fields.length}`, String(end - from), said);
  if (unread !== undefined) values.push(unread.beginning, String(unread.absent.length));
  for (const { field } of fields) values.push(field);
  if (unread !== undefined) values.push(...unread.absent);
  for (let at = from; at < end; at += 1) {
    const { change } = changes[at] as KeyChange;
    if (said === EACH) values.push(change.news);
    if (unread === undefined) for (const { expected } of change.fields) values.push(expected ?? '');
    for (const { expected, next } of change.fields)
      values.push(next === null ? '' : next === expected ? AS_EXPECTED : next);
  }
}

function hasSameForm(one: HashChange, other: HashChange): boolean {
  if (one.unread !== other.unread || one.fields.length !== other.fields.length) return false;
  for (let at = 0; at < one.fields.length; at += 1)
    if (one.fields[at]?.field !== other.fields[at]?.field) return false;
  return true;
}
