// Owns which rows of the read model a list shows: filters as SQL conditions over its indices.
import { foldedLocalPart } from '../../identity/folded-name.ts';
import type { UserKey } from '../../identity/keys.ts';
import { ACCESS_STATES } from '../../model/access-state.ts';
import type { AccessState } from '../../model/access-state.ts';
import type { Condition } from './model-page.ts';
import { FEW_PHONES, SEARCHED } from './model-schema.ts';
import type { Value } from './model-schema.ts';
import { foldedGroup } from './model-words.ts';

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
  /** Seen at or after this time. */
  readonly seenSince?: number | undefined;
  /** Not seen since this time; devices never seen count too. */
  readonly unseenSince?: number | undefined;
  /** Whether a feed reports the device. */
  readonly reported?: boolean | undefined;
  /** null = no feed says. */
  readonly managed?: boolean | null | undefined;
  readonly compliant?: boolean | null | undefined;
  /** Action of the decision on the partnership or device: any of these; `none` = there is none. */
  readonly decisions?: readonly string[] | undefined;
  /** A wipe is ordered that the device has not confirmed. */
  readonly openWipe?: boolean | undefined;
  /** Decisions, those on users too, that let pass and are in force at this moment. */
  readonly exceptionsAt?: number | undefined;
  /** The decision that lets pass ends before this moment. */
  readonly exceptionsEndBefore?: number | undefined;
  /** Users who are in this group, without case. */
  readonly group?: string | undefined;
  /** Part of the name of user, device or model, or of type, system or app; without case. */
  readonly search?: string | undefined;
  /** Not devices that nobody was seen with. */
  readonly onlyPartnerships?: boolean | undefined;
}

/** What conditions need of the database. */
export interface FilterSource {
  /** The different values of a column. */
  words(kind: string): readonly string[];
  /** Whether more rows of a table than this match a condition. */
  hasMore(table: string, condition: Condition, count: number): boolean;
  /** About how many phones have each of these trigrams; rare ones are missing. */
  phonesWith(trigrams: readonly string[]): ReadonlyMap<string, number>;
}

/**
 * A condition that more rows match is compared row by row in the order of the list: a page of matches is found soon. Where fewer
 * match, they are found by the index of the condition, and sorted.
 */
const MANY_ROWS = 5_000;
/** Letters of one entry of the search index. */
const TRIGRAM = 3;
/** Trigrams that a search joins at first: the rarest ones. */
const MAX_RARE = 4;
/** A trigram that is so many times more frequent than the rarest one is not among them: it costs more than it saves. */
const MORE_FREQUENT = 20;
/** Most trigrams of a search. */
const MAX_TRIGRAMS = 12;
/** Of a longer text the beginning is searched, and all of it compared. */
const MAX_LETTERS = 64;

/**
 * The conditions of a filter; all must hold. `order`: the column that the rows of a page are sorted by, null = several; absent = rows are
 * counted, in no order.
 */
export function conditionsOf(filter: ModelFilter, source: FilterSource, order?: string | null): Condition[] {
  const found: Condition[] = [];
  const add = (sql: string, ...values: Value[]): void => {
    found.push({ sql, values });
  };
  const { user, device, states, seenSince, unseenSince, decisions, exceptionsAt } = filter;
  const either = (column: string, values: readonly (string | number)[]): Condition => {
    // To count, the index alone is read; and of one value it is in the order of the list.
    if (order === undefined || (values.length === 1 && order === 'last_seen')) return among(column, values);
    return byIndexIfFew(column, (name) => among(name, values), source);
  };
  if (user !== undefined) add('local = ? AND may_be_same(user, ?)', foldedLocalPart(user), user);
  if (device !== undefined) {
    if (/[*?]/.test(device)) add('device GLOB ?', device.replaceAll('[', '[[]'));
    else add('device = ?', device);
  }
  if (states !== undefined) found.push(either('state', states.map(placeOf)));
  for (const kind of ['reason', 'type', 'model', 'os'] as const) {
    const matches = filter[kind];
    if (matches === undefined) continue;
    // Rows without a value count as the empty text.
    const condition = either(kind, source.words(kind).filter(matches));
    found.push(matches('') ? { ...condition, sql: `(${condition.sql} OR ${kind} IS NULL)` } : condition);
  }
  if (seenSince !== undefined) add('last_seen >= ?', seenSince);
  if (unseenSince !== undefined) add('(last_seen < ? OR last_seen IS NULL)', unseenSince);
  // As a number in the text: then SQLite uses the index of those that no feed reports.
  if (filter.reported !== undefined) add(`reported = ${Number(filter.reported)}`);
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
  if (filter.openWipe === true) add(OPEN_WIPE);
  if (exceptionsAt !== undefined) {
    add(`(${allows('decision')} OR ${allows('user_decision')})`, exceptionsAt, exceptionsAt);
  }
  if (filter.exceptionsEndBefore !== undefined) add('exception_expires < ?', filter.exceptionsEndBefore);
  if (filter.group !== undefined) found.push(inGroup(filter.group, 'phones', source));
  if (filter.search !== undefined && filter.search !== '') found.push(searching(filter.search, source));
  if (filter.onlyPartnerships === true) add('user IS NOT NULL');
  return found;
}

/** A condition on a column that is found by its index where few rows match. `+`: SQLite does not use the index. */
function byIndexIfFew(
  column: string,
  conditionOn: (name: string) => Condition,
  source: FilterSource,
  table = 'phones',
): Condition {
  const condition = conditionOn(column);
  return source.hasMore(table, condition, MANY_ROWS) ? conditionOn(`+${column}`) : condition;
}

/** As `isOpenWipe` (model/wipe.ts). */
const OPEN_WIPE = "(decision IN ('wipe', 'accountWipe') AND wipe ->> '$.state' <> 'acknowledged')";

/** It lets pass, and does not end before a moment. */
function allows(name: string): string {
  return `(${name} = 'allow' AND (${name}_expires IS NULL OR ${name}_expires > ?))`;
}

function placeOf(state: AccessState): number {
  return ACCESS_STATES.indexOf(state);
}

/** Rows of users in a group, of phones or people: those with one of the lists that name the group. */
export function inGroup(group: string, table: 'phones' | 'people', source: FilterSource): Condition {
  const named = 'IN (SELECT list FROM group_lists WHERE name = ?)';
  return byIndexIfFew(
    'user_groups',
    (name) => ({ sql: `${name} ${named}`, values: [foldedGroup(group)] }),
    source,
    table,
  );
}

const ASCII = /^[\0-\x7f]*$/;

/** A column contains a text, without case. LIKE knows the case of ASCII only. */
export function contains(columns: readonly string[], text: string): Condition {
  if (!ASCII.test(text)) {
    const lower = text.toLowerCase();
    return {
      sql: `(${columns.map((name) => `has_text(${name}, ?)`).join(' OR ')})`,
      values: columns.map(() => lower),
    };
  }
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
  const compared = contains(SEARCHED, text);
  // All trigrams are joined where the rarest ones leave too many rows.
  const matched = patternsOf(text, source)
    .map(matching)
    .find((condition) => !source.hasMore('search', condition, MANY_ROWS));
  const found = [
    // A row with all trigrams of a text may still not contain the text.
    matched === undefined
      ? compared
      : {
          sql: `(id IN (SELECT rowid FROM search WHERE ${matched.sql}) AND ${compared.sql})`,
          values: [...matched.values, ...compared.values],
        },
  ];
  const lower = text.toLowerCase();
  for (const kind of FEW_VALUES) {
    const words = source.words(kind).filter((word) => word.toLowerCase().includes(lower));
    if (words.length > 0) found.push(among(kind, words));
  }
  const sql = `(${found.map((one) => one.sql).join(' OR ')})`;
  const all = { sql, values: found.flatMap(({ values }) => values) };
  const isByWords = matched !== undefined && found.length > 1;
  return isByWords && source.hasMore('phones', all, MANY_ROWS) ? { ...all, sql: `+${sql}` } : all;
}

function matching(pattern: string): Condition {
  return { sql: 'search MATCH ?', values: [pattern] };
}

/** Searches for rows with the rarest trigrams of a text, and with all of them; none where it is too short. */
function patternsOf(text: string, source: FilterSource): string[] {
  const letters = Array.from(text.toLowerCase()).slice(0, MAX_LETTERS);
  const found = new Set<string>();
  for (let at = 0; at + TRIGRAM <= letters.length; at += 1)
    found.add(letters.slice(at, at + TRIGRAM).join(''));
  const frequent = source.phonesWith([...found]);
  const counted = [...found].map((trigram) => ({ trigram, phones: frequent.get(trigram) ?? FEW_PHONES }));
  counted.sort((a, b) => a.phones - b.phones);
  const [rarest] = counted;
  if (rarest === undefined) return [];
  const rare = counted.filter(({ phones }) => phones <= rarest.phones * MORE_FREQUENT).slice(0, MAX_RARE);
  const patternOf = (some: typeof counted): string =>
    some.map(({ trigram }) => `"${trigram.replaceAll('"', '""')}"`).join(' AND ');
  const all = counted.slice(0, MAX_TRIGRAMS);
  return rare.length === all.length ? [patternOf(all)] : [patternOf(rare), patternOf(all)];
}
