// Owns what the script COMMIT is called with: the changes of hashes as a list of texts.
import { MAX_CHANGES } from './change-log.ts';

/** A field that is written over exactly `expected`; null = none. */
export interface FieldChange {
  readonly field: string;
  readonly expected: string | null;
  readonly next: string | null;
}

/** What to write into a hash: all of its fields, or none if one of them is not as expected. */
export interface HashChange {
  readonly fields: readonly FieldChange[];
  /**
   * For the change log, separated by spaces: users, encoded; or partnerships as `DEVICE:USER`; '=' = the device of the hash. '' = no
   * verdict changes.
   */
  readonly news: string;
  /** The hash must not exist. */
  readonly isNew?: boolean;
}

/** A change with the key of its hash. */
export interface KeyChange {
  readonly key: string;
  readonly change: HashChange;
}

/** The field of the log that a script writes: `d` = devices and partnerships, `u` = users, `y` = the policy. */
export type LogField = 'd' | 'u' | 'y';

/** The values behind the text of the schema, as COMMIT describes them. `fence`: of the leader that writes. */
export function commitValues(changes: readonly KeyChange[], log: LogField, fence?: number): string[] {
  const values = [String(MAX_CHANGES), `${log}${fence ?? ''}`, String(changes.length)];
  let before: HashChange | null = null;
  for (const { change } of changes) {
    const { fields, news, isNew = false } = change;
    // Most reports of one run have the same form: it is said once.
    if (before !== null && hasSameForm(before, change)) values.push('');
    else {
      values.push(isNew ? `-${fields.length}` : String(fields.length), news);
      for (const { field } of fields) values.push(field);
    }
    before = change;
    if (!isNew) for (const { expected } of fields) values.push(expected ?? '');
    for (const { next } of fields) values.push(next ?? '');
  }
  return values;
}

function hasSameForm(one: HashChange, other: HashChange): boolean {
  if (one.news !== other.news || one.isNew !== other.isNew) return false;
  if (one.fields.length !== other.fields.length) return false;
  for (let at = 0; at < one.fields.length; at += 1)
    if (one.fields[at]?.field !== other.fields[at]?.field) return false;
  return true;
}
