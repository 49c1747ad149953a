// Owns the decisions in the read model: one row for each decision of an operator or a feed, on devices, partnerships and users.
import { foldedLocalPart } from '../../identity/folded-name.ts';
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import type { DecisionSubject, ManualDecision } from '../../model/decision.ts';
import { isOpenWipe, isStandingWipe, isWipe } from '../../model/wipe.ts';
import type { DeviceEntry, UserEntry } from '../store.ts';
import type { ModelFile } from './model-file.ts';
import { DECISION_FIELDS } from './model-fields.ts';
import { among, contains } from './model-filter.ts';
import type { Matches } from './model-filter.ts';
import { readPage, where } from './model-page.ts';
import type { Condition, PageCursor } from './model-page.ts';
import type { ModelReader } from './model-reader.ts';
import type { StoredRow, Value } from './model-schema.ts';

/** A stored decision and the feed that imported it; `source` null = an operator made it. */
export interface ModelDecision extends DecisionSubject {
  readonly source: string | null;
  readonly decision: ManualDecision;
}

/** Every decision on a device and its partnerships. */
export function decisionsOfDevice({
  key: device,
  decided,
  decidedByUser,
  imported,
}: DeviceEntry): ModelDecision[] {
  const found: ModelDecision[] = [];
  if (decided.decision !== null) found.push({ device, user: null, source: null, decision: decided.decision });
  for (const [user, { decision }] of decidedByUser)
    if (decision !== null) found.push({ device, user, source: null, decision });
  for (const { user, source, decision } of imported) found.push({ device, user, source, decision });
  return found;
}

/** Every decision on a user with every device. */
export function decisionsOfUser({ key: user, decided, imported }: UserEntry): ModelDecision[] {
  const found: ModelDecision[] = [];
  if (decided.decision !== null) found.push({ device: null, user, source: null, decision: decided.decision });
  for (const { source, decision } of imported) found.push({ device: null, user, source, decision });
  return found;
}

const SELECT_DEVICE = 'SELECT * FROM decisions WHERE device = ?';
const SELECT_USER = 'SELECT * FROM decisions WHERE local = ? AND user = ? AND device IS NULL';
const COLUMNS = [
  'device',
  'user',
  'local',
  'source',
  'action',
  'wipe',
  'owner',
  'reason',
  'decided_at',
  'expires_at',
  'document',
] as const;
const INSERT = `INSERT INTO decisions (subject, ${COLUMNS.join(', ')}) VALUES (${['', ...COLUMNS].map(() => '?').join(', ')})`;
const REPLACE = INSERT.replace('INSERT', 'INSERT OR REPLACE');
const UPDATE = `UPDATE decisions SET ${COLUMNS.map((name) => `${name} = ?`).join(', ')} WHERE id = ?`;

/** Brings the decisions on a device up to date, and returns the ids of their rows. Use within {@link ModelFile.write}. */
export function putDeviceDecisions(
  file: ModelFile,
  device: DeviceKey,
  decisions: readonly ModelDecision[],
): number[] {
  return put(file, file.statement(SELECT_DEVICE).all(device), decisions);
}

/** Likewise, of those on a user with every device. */
export function putUserDecisions(
  file: ModelFile,
  user: UserKey,
  decisions: readonly ModelDecision[],
): number[] {
  return put(file, file.statement(SELECT_USER).all(foldedLocalPart(user), user), decisions);
}

function put(file: ModelFile, before: readonly StoredRow[], decisions: readonly ModelDecision[]): number[] {
  const stored = new Map(before.map((row) => [String(row['subject']), row]));
  const ids: number[] = [];
  for (const one of decisions) {
    const subject = subjectOf(one);
    const values = valuesOf(one);
    const row = stored.get(subject);
    stored.delete(subject);
    if (row === undefined) {
      ids.push(Number(file.statement(INSERT).run(subject, ...values).lastInsertRowid));
      continue;
    }
    const id = Number(row['id']);
    ids.push(id);
    if (COLUMNS.some((name, index) => row[name] !== values[index])) file.statement(UPDATE).run(...values, id);
  }
  for (const row of stored.values())
    file.statement('DELETE FROM decisions WHERE id = ?').run(Number(row['id']));
  return ids;
}

/** Writes a decision without a look for an earlier one, into a file that is loaded. */
export function insertDecision(file: ModelFile, one: ModelDecision): void {
  file.statement(REPLACE).run(subjectOf(one), ...valuesOf(one));
}

/** Names what is decided on, and by whom. */
function subjectOf({ device, user, source }: ModelDecision): string {
  return JSON.stringify([device, user, source]);
}

function valuesOf({ device, user, source, decision }: ModelDecision): Value[] {
  return [
    device,
    user,
    user === null ? null : foldedLocalPart(user),
    source,
    decision.action,
    wipeState(decision),
    decision.owner,
    decision.reason,
    decision.decidedAt,
    decision.expiresAt,
    JSON.stringify(decision),
  ];
}

function wipeState(decision: ManualDecision): string | null {
  if (!isWipe(decision)) return null;
  return isOpenWipe(decision) && !isStandingWipe(decision) ? 'suspended' : decision.wipe.state;
}

/** Which decisions; all that are given must hold. Times: milliseconds since the epoch. */
export interface ModelDecisionFilter {
  /** A key, or a pattern with `*` and `?` in lower case. */
  readonly device?: string | undefined;
  /** Every name that may be this user. */
  readonly user?: UserKey | undefined;
  readonly actions?: readonly string[] | undefined;
  readonly states?: readonly string[] | undefined;
  /** Name of the feed; null = operators. */
  readonly source?: Matches | null | undefined;
  readonly owner?: Matches | undefined;
  readonly decidedSince?: number | undefined;
  readonly endsBefore?: number | undefined;
  readonly endsAfter?: number | undefined;
  /** Part of the reason, or of any name. */
  readonly search?: string | undefined;
}

/** A decision as lists show it. */
export interface ModelDecisionRow extends ModelDecision {
  readonly state: string;
}

/** A field that decisions can be ordered by. */
export type DecisionField = keyof typeof DECISION_FIELDS;

/** A page of decisions. `now`: milliseconds since the epoch. */
export function decisionPage(
  reader: ModelReader,
  filter: ModelDecisionFilter,
  order: readonly { readonly field: DecisionField; readonly descending: boolean }[],
  limit: number,
  after: PageCursor | null,
  now: number,
): { readonly rows: readonly ModelDecisionRow[]; readonly next: PageCursor | null } {
  const { rows, next } = readPage((sql, values) => reader.all(sql, values), {
    from: `(SELECT *, ${stateColumn(now)} AS state FROM decisions)`,
    conditions: conditionsOf(reader, filter),
    keys: order.map(({ field, descending }) => ({ column: DECISION_FIELDS[field], descending })),
    limit,
    after,
  });
  return { rows: rows.map(modelDecision), next };
}

/** How many decisions match. */
export function countDecisions(reader: ModelReader, filter: ModelDecisionFilter, now: number): number {
  const { sql, values } = where(conditionsOf(reader, filter));
  const [row] = reader.all(
    `SELECT count(*) AS number FROM (SELECT *, ${stateColumn(now)} AS state FROM decisions)${sql}`,
    values,
  );
  return Number(row?.['number'] ?? 0);
}

function stateColumn(now: number): string {
  return `CASE WHEN wipe IS NOT NULL THEN wipe WHEN expires_at <= ${Math.floor(now)} THEN 'expired' ELSE 'active' END`;
}

function conditionsOf(reader: ModelReader, filter: ModelDecisionFilter): Condition[] {
  const found: Condition[] = [];
  const { device, user, actions, states, source, owner, decidedSince, endsBefore, endsAfter, search } =
    filter;
  if (device !== undefined)
    found.push(
      /[*?]/.test(device)
        ? { sql: 'device GLOB ?', values: [device.replaceAll('[', '[[]')] }
        : { sql: 'device = ?', values: [device] },
    );
  if (user !== undefined)
    found.push({ sql: 'local = ? AND may_be_same(user, ?)', values: [foldedLocalPart(user), user] });
  if (actions !== undefined) found.push(among('action', actions));
  if (states !== undefined) found.push(among('state', states));
  for (const [column, matches] of [
    ['source', source],
    ['owner', owner],
  ] as const)
    if (matches === null) found.push({ sql: `${column} IS NULL`, values: [] });
    else if (matches !== undefined) found.push(among(column, wordsOf(reader, column).filter(matches)));
  if (decidedSince !== undefined) found.push({ sql: 'decided_at >= ?', values: [decidedSince] });
  if (endsBefore !== undefined) found.push({ sql: 'expires_at < ?', values: [endsBefore] });
  if (endsAfter !== undefined) found.push({ sql: 'expires_at > ?', values: [endsAfter] });
  if (search !== undefined && search !== '')
    found.push(contains(['device', 'user', 'owner', 'reason', 'source'], search));
  return found;
}

/** The different authors or feeds. */
export function wordsOf(reader: ModelReader, column: 'source' | 'owner'): string[] {
  return reader
    .all(`SELECT DISTINCT ${column} AS word FROM decisions WHERE ${column} IS NOT NULL`)
    .map((row) => String(row['word']));
}

/** The model wrote the decision itself. */
function modelDecision(row: StoredRow): ModelDecisionRow {
  return {
    device: row['device'] as DeviceKey | null,
    user: row['user'] as UserKey | null,
    state: String(row['state']),
    source: row['source'] as string | null,
    decision: JSON.parse(String(row['document'])) as ManualDecision,
  };
}
