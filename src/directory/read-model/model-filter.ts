// Owns which rows of the read model a list shows: filters as SQL conditions over its indices, the same as those of lists that
// read the store (app/inventory.ts).
import { foldedLocalPart } from '../../identity/folded-name.ts';
import type { UserKey } from '../../identity/keys.ts';
import { ACCESS_STATES } from '../../model/access-state.ts';
import type { AccessState } from '../../model/access-state.ts';
import type { Value } from './model-schema.ts';

/** Whether a word of a column is meant. */
export type Matches = (word: string) => boolean;

/** Which rows; all that are given must hold. Times: milliseconds since the epoch. */
export interface ModelFilter {
  /** Every name that may be this user. */
  readonly user?: UserKey | undefined;
  /** A key, or a pattern with `*` and `?` in lower case. */
  readonly device?: string | undefined;
  readonly states?: readonly AccessState[] | undefined;
  readonly reason?: Matches | undefined;
  readonly type?: Matches | undefined;
  readonly model?: Matches | undefined;
  readonly os?: Matches | undefined;
  readonly seenSince?: number | undefined;
  /** Never seen counts too. */
  readonly unseenSince?: number | undefined;
  /** null = never reported. */
  readonly managed?: boolean | null | undefined;
  readonly compliant?: boolean | null | undefined;
  /** Of the decision on the partnership or device; `none` = there is none. */
  readonly decisions?: readonly string[] | undefined;
  /** Decisions, those on users too, that let pass and are in force at this moment. */
  readonly exceptionsAt?: number | undefined;
  /** Part of the name of user, device or model, without case. */
  readonly search?: string | undefined;
  readonly onlyPartnerships?: boolean | undefined;
}

/** A condition and the values of its placeholders. */
export interface Condition {
  readonly sql: string;
  readonly values: readonly Value[];
}

/** What conditions need of the database. */
export interface FilterSource {
  /** The different values of a column. */
  words(kind: string): readonly string[];
  /** Whether more rows than this match a search of at least three letters. */
  hasHits(pattern: string, count: number): boolean;
}

/** Of a search that finds more, rows are looked at in their order: enough of them match soon. */
const MANY_HITS = 5_000;
/** Letters of one entry of the search index. */
const TRIGRAM = 3;

/** The conditions of a filter; all must hold. */
export function conditionsOf(filter: ModelFilter, source: FilterSource): Condition[] {
  const found: Condition[] = [];
  const add = (sql: string, ...values: Value[]): void => {
    found.push({ sql, values });
  };
  const { user, device, states, seenSince, unseenSince, decisions, exceptionsAt } = filter;
  if (user !== undefined) add('local = ? AND meets(user, ?)', foldedLocalPart(user), user);
  if (device !== undefined) {
    if (/[*?]/.test(device)) add('device GLOB ?', device.replaceAll('[', '[[]'));
    else add('device = ?', device);
  }
  if (states !== undefined) found.push(among('state', states.map(placeOf)));
  for (const kind of ['reason', 'type', 'model', 'os'] as const) {
    const matches = filter[kind];
    if (matches === undefined) continue;
    // Rows without a value count as the empty text.
    const condition = among(kind, source.words(kind).filter(matches));
    found.push(matches('') ? { ...condition, sql: `(${condition.sql} OR ${kind} IS NULL)` } : condition);
  }
  if (seenSince !== undefined) add('last_seen >= ?', seenSince);
  if (unseenSince !== undefined) add('(last_seen < ? OR last_seen IS NULL)', unseenSince);
  for (const name of ['managed', 'compliant'] as const) {
    const value = filter[name];
    if (value !== undefined) add(`${name} IS ?`, value === null ? null : Number(value));
  }
  if (decisions !== undefined) {
    const condition = among(
      'decision',
      decisions.filter((word) => word !== 'none'),
    );
    found.push(
      decisions.includes('none')
        ? { ...condition, sql: `(${condition.sql} OR decision IS NULL)` }
        : condition,
    );
  }
  if (exceptionsAt !== undefined) {
    add(`(${allows('decision')} OR ${allows('user_decision')})`, exceptionsAt, exceptionsAt);
  }
  if (filter.search !== undefined && filter.search !== '') found.push(searching(filter.search, source));
  if (filter.onlyPartnerships === true) add('user IS NOT NULL');
  return found;
}

/** It lets pass, and does not end before a moment. */
function allows(name: string): string {
  return `(${name} = 'allow' AND (${name}_expires IS NULL OR ${name}_expires > ?))`;
}

function placeOf(state: AccessState): number {
  return ACCESS_STATES.indexOf(state);
}

/** One value is compared by itself: then rows come from the index in their order. */
function among(column: string, values: readonly (string | number)[]): Condition {
  const [first] = values;
  if (first === undefined) return { sql: 'FALSE', values: [] };
  if (values.length === 1) return { sql: `${column} = ?`, values: [first] };
  return {
    sql: `${column} IN (SELECT value FROM json_each(?))`,
    values: [JSON.stringify(values)],
  };
}

function searching(text: string, source: FilterSource): Condition {
  const part = `%${text.replaceAll(/[\\%_]/g, '\\$&')}%`;
  const pattern = `"${text.replaceAll('"', '""')}"`;
  if (Array.from(text).length >= TRIGRAM && !source.hasHits(pattern, MANY_HITS))
    return { sql: 'id IN (SELECT rowid FROM search WHERE search MATCH ?)', values: [pattern] };
  const columns = ['user', 'device', 'model'].map((name) => `${name} LIKE ? ESCAPE '\\'`);
  return { sql: `(${columns.join(' OR ')})`, values: [part, part, part] };
}
