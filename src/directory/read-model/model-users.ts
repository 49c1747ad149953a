// Owns the users of the read model: those who were seen with devices, by the names they signed in with, and those that feeds
// report and nobody was seen as.
import { foldedLocalPart } from '../../identity/folded-name.ts';
import type { UserKey } from '../../identity/keys.ts';
import { ACCESS_STATES } from '../../model/access-state.ts';
import type { AccessState } from '../../model/access-state.ts';
import type { ManualDecision } from '../../model/decision.ts';
import { USER_FIELDS } from './model-fields.ts';
import { contains, inGroup } from './model-filter.ts';
import { readPage, where } from './model-page.ts';
import type { Condition, PageCursor } from './model-page.ts';
import type { ModelReader } from './model-reader.ts';
import { textsIn } from './model-schema.ts';
import type { StoredRow } from './model-schema.ts';

/** One user name, with its devices. Times: milliseconds since the epoch. */
export interface ModelUser {
  readonly user: UserKey;
  readonly devices: number;
  /** Number of devices in each state. */
  readonly states: Readonly<Record<AccessState, number>>;
  /** A feed reports the user. */
  readonly reported: boolean;
  /** Null = no feed says. */
  readonly enabled: boolean | null;
  readonly groups: readonly string[] | null;
  /** Action of the decision on the user with every device; null = there is none. */
  readonly decision: ManualDecision['action'] | null;
  readonly decisionExpiresAt: number | null;
  /** Null = never seen. */
  readonly firstSeen: number | null;
  readonly lastSeen: number | null;
}

/** Which users; all that are given must hold. Times: milliseconds since the epoch. */
export interface ModelUserFilter {
  /** Every name that may be this user. */
  readonly user?: UserKey | undefined;
  /** A pattern with `*` and `?`, in lower case. */
  readonly pattern?: string | undefined;
  /** Has a device in one of these states. */
  readonly states?: readonly AccessState[] | undefined;
  readonly seenSince?: number | undefined;
  /** Never seen counts too. */
  readonly unseenSince?: number | undefined;
  readonly minDevices?: number | undefined;
  readonly group?: string | undefined;
  /** Part of the name, or of another name of the user. */
  readonly search?: string | undefined;
}

/** A field that users can be ordered by. */
export type UserField = keyof typeof USER_FIELDS;

const PEOPLE = '(SELECT *, user AS id FROM people)';

/** A page of users. */
export function userPage(
  reader: ModelReader,
  filter: ModelUserFilter,
  order: readonly { readonly field: UserField; readonly descending: boolean }[],
  limit: number,
  after: PageCursor | null,
): { readonly rows: readonly ModelUser[]; readonly next: PageCursor | null } {
  const { rows, next } = readPage((sql, values) => reader.all(sql, values), {
    from: PEOPLE,
    conditions: conditionsOf(filter, reader),
    keys: order.map(({ field, descending }) => ({ column: USER_FIELDS[field], descending })),
    limit,
    after,
  });
  return { rows: rows.map((row) => modelUser(row, reportOf(reader, String(row['user'])))), next };
}

/** How many users match. */
export function countUsers(reader: ModelReader, filter: ModelUserFilter): number {
  const { sql, values } = where(conditionsOf(filter, reader));
  const [row] = reader.all(`SELECT count(*) AS number FROM ${PEOPLE}${sql}`, values);
  return Number(row?.['number'] ?? 0);
}

function conditionsOf(filter: ModelUserFilter, { source }: ModelReader): Condition[] {
  const found: Condition[] = [];
  const { user, pattern, states, seenSince, unseenSince, minDevices, group, search } = filter;
  if (user !== undefined)
    found.push({ sql: 'local = ? AND may_be_same(user, ?)', values: [foldedLocalPart(user), user] });
  if (pattern !== undefined)
    found.push({ sql: 'lower(user) GLOB ?', values: [pattern.replaceAll('[', '[[]')] });
  if (states !== undefined)
    found.push({
      sql: states.length === 0 ? 'FALSE' : `(${states.map((state) => `${state} > 0`).join(' OR ')})`,
      values: [],
    });
  if (seenSince !== undefined) found.push({ sql: 'last_seen >= ?', values: [seenSince] });
  if (unseenSince !== undefined)
    found.push({ sql: '(last_seen < ? OR last_seen IS NULL)', values: [unseenSince] });
  if (minDevices !== undefined) found.push({ sql: 'devices >= ?', values: [minDevices] });
  if (group !== undefined) found.push(inGroup(group, 'people', source));
  if (search !== undefined && search !== '') {
    const own = contains(['user'], search);
    const other = contains(['alias'], search);
    found.push({
      sql: `(${own.sql} OR user IN (SELECT user FROM aliases WHERE ${other.sql}))`,
      values: [...own.values, ...other.values],
    });
  }
  return found;
}

/** What feeds say of the user of a name. */
function reportOf(reader: ModelReader, name: string): StoredRow | undefined {
  const sql = `SELECT reported, enabled FROM users WHERE user = ifnull((SELECT user FROM aliases WHERE alias = ?), ?)`;
  return reader.all(sql, [name, name])[0];
}

function modelUser(row: StoredRow, report: StoredRow | undefined): ModelUser {
  const states = Object.fromEntries(ACCESS_STATES.map((state) => [state, Number(row[state] ?? 0)])) as Record<
    AccessState,
    number
  >;
  const enabled = report?.['enabled'];
  return {
    user: String(row['user']) as UserKey,
    devices: Number(row['devices']),
    states,
    reported: report?.['reported'] === 1,
    enabled: typeof enabled === 'number' ? enabled === 1 : null,
    groups: textsIn(row['user_groups'] as string | null),
    decision: row['decision'] as ModelUser['decision'],
    decisionExpiresAt: row['decision_expires'] as number | null,
    firstSeen: row['first_seen'] as number | null,
    lastSeen: row['last_seen'] as number | null,
  };
}
