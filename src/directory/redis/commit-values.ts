// Owns what the script COMMIT is called with: the changes of hashes as a list of texts.
import { MAX_CHANGES } from './change-log.ts';

/** A field that is written over exactly `expected`; null = none. */
export interface FieldChange {
  readonly field: string;
  readonly expected: string | null;
  readonly next: string | null;
}

/** What must hold of a hash that was not read: then none of the fields is there that are written. */
export interface Unread {
  /** Neither are these. */
  readonly absent: readonly string[];
  /** Nor any whose name begins so, as those do that are written; '' = any may be there. */
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
  /** The hash was not read: what is assumed of it. No texts are expected then, and each field gets one. Absent = it was read. */
  readonly unread?: Unread | undefined;
}

/** A change with the key of its hash. */
export interface KeyChange {
  readonly key: string;
  readonly change: HashChange;
}

/** The field of the log that a script writes: `d` = devices and partnerships, `u` = users, `y` = the policy. */
export type LogField = 'd' | 'u' | 'y';

/** Stands for what the log says of the hashes of a run, where it is not the same of all. No name is encoded so. */
const EACH = '%';

/** The values behind the text of the schema, as COMMIT describes them. `fence`: of the leader that writes. */
export function commitValues(changes: readonly KeyChange[], log: LogField, fence?: number): string[] {
  const values = [String(MAX_CHANGES), `${log}${fence ?? ''}`, String(changes.length)];
  for (let at = 0; at < changes.length;) {
    const end = endOfRun(changes, at);
    addRun(values, changes, at, end);
    at = end;
  }
  return values;
}

/** Most reports of one run have the same form: it is said once. Returns where another form begins. */
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
    for (const { next } of change.fields) values.push(next ?? '');
  }
}

function hasSameForm(one: HashChange, other: HashChange): boolean {
  if (one.unread !== other.unread || one.fields.length !== other.fields.length) return false;
  for (let at = 0; at < one.fields.length; at += 1)
    if (one.fields[at]?.field !== other.fields[at]?.field) return false;
  return true;
}
