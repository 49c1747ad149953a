// Owns which rows of the read model a list shows: filters as SQL conditions over its indices, the same as those of lists that
// read the store (app/inventory.ts).
import { foldedLocalPart } from '../../identity/folded-name.ts';
import type { UserKey } from '../../identity/keys.ts';
import { ACCESS_STATES } from '../../model/access-state.ts';
import type { AccessState } from '../../model/access-state.ts';
import type { Condition } from './model-page.ts';
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
  /** The decision that lets pass ends before this moment. */
  readonly exceptionsEndBefore?: number | undefined;
  /** Users who are in this group, without case. */
  readonly group?: string | undefined;
  /** Part of the name of user, device or model, or of type, system or app; without case. */
  readonly search?: string | undefined;
  readonly onlyPartnerships?: boolean | undefined;
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
  if (filter.exceptionsEndBefore !== undefined) add('exception_expires < ?', filter.exceptionsEndBefore);
  if (filter.group !== undefined) found.push(inGroup(filter.group));
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

/** Rows of users in a group. The text of all groups is searched first: reading it as JSON takes five times as long. */
export function inGroup(group: string): Condition {
  const { sql, values } = contains(['user_groups'], JSON.stringify(group));
  return {
    sql: `(${sql} AND EXISTS (SELECT 1 FROM json_each(user_groups) AS one WHERE lower(one.value) = lower(?)))`,
    values: [...values, group],
  };
}

/** A column contains a text, without case. */
export function contains(columns: readonly string[], text: string): Condition {
  const part = `%${text.replaceAll(/[\\%_]/g, '\\$&')}%`;
  return {
    sql: `(${columns.map((name) => `${name} LIKE ? ESCAPE '\\'`).join(' OR ')})`,
    values: columns.map(() => part),
  };
}

/** A column has one of these values. One value is compared by itself: then rows come from the index in their order. */
export function among(column: string, values: readonly (string | number)[]): Condition {
  const [first] = values;
  if (first === undefined) return { sql: 'FALSE', values: [] };
  if (values.length === 1) return { sql: `${column} = ?`, values: [first] };
  return {
    sql: `${column} IN (SELECT value FROM json_each(?))`,
    values: [JSON.stringify(values)],
  };
}

/** Columns with few different values: the words are compared, not the rows. */
const FEW_VALUES = ['type', 'os', 'agent'] as const;

function searching(text: string, source: FilterSource): Condition {
  const pattern = `"${text.replaceAll('"', '""')}"`;
  const byIndex = Array.from(text).length >= TRIGRAM && !source.hasHits(pattern, MANY_HITS);
  const found = [
    byIndex
      ? { sql: 'id IN (SELECT rowid FROM search WHERE search MATCH ?)', values: [pattern] }
      : contains(['user', 'device', 'model', 'owner', 'imei'], text),
  ];
  const lower = text.toLowerCase();
  for (const kind of FEW_VALUES) {
    const words = source.words(kind).filter((word) => word.toLowerCase().includes(lower));
    if (words.length > 0) found.push(among(kind, words));
  }
  return {
    sql: `(${found.map(({ sql }) => sql).join(' OR ')})`,
    values: found.flatMap(({ values }) => values),
  };
}
