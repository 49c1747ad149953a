// Owns the tables of the read model, and the columns of its rows. It is a cache: another version builds the file anew.
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import { ACCESS_STATES } from '../../model/access-state.ts';
import type { AccessState } from '../../model/access-state.ts';
import type { ManualDecision, WipeProgress } from '../../model/decision.ts';
import { localOf } from './model-row.ts';
import type { FreshRow, ModelRow } from './model-row.ts';

/** `PRAGMA user_version` of a file with these tables, and with facts of users as decisions/0190 puts them together. */
export const MODEL_VERSION = 8;

/** Columns in the order of {@link valuesOf}. */
export const COLUMNS = [
  'device',
  'user',
  'local',
  'state',
  'reason',
  'type',
  'model',
  'os',
  'os_version',
  'imei',
  'serial',
  'reported',
  'managed',
  'compliant',
  'encrypted',
  'ownership',
  'owner',
  'owner_local',
  'last_check_in',
  'user_groups',
  'first_seen',
  'last_seen',
  'last_allowed',
  'agent',
  'protocol',
  'decision',
  'decision_source',
  'decision_by',
  'decision_reason',
  'wipe',
  'decision_expires',
  'user_decision',
  'user_decision_expires',
  'unreadable',
] as const;

/** Of a user, in the order of {@link PEOPLE_OF}. */
const PEOPLE_COLUMNS = [
  'local',
  'devices',
  ...ACCESS_STATES,
  'user_groups',
  'decision',
  'decision_expires',
  'first_seen',
  'last_seen',
];
/** What `people` holds of the phones of a user. */
const PEOPLE_OF = `SELECT user, min(local), count(*),
    ${ACCESS_STATES.map((_, place) => `sum(state = ${place})`).join(', ')},
    max(user_groups), max(user_decision), max(user_decision_expires), min(first_seen), max(last_seen) FROM phones`;

/**
 * Adds the users whom nobody was seen as: under no name that may be theirs, and under no other name that feeds give them. Needs
 * the function `may_be_same` (model-functions.ts). More conditions may follow.
 */
export const ADD_UNSEEN = `INSERT OR IGNORE INTO people SELECT user, local, 0, ${ACCESS_STATES.map(() => '0').join(', ')},
    user_groups, decision, decision_expires, NULL, NULL FROM users
  WHERE NOT EXISTS (SELECT 1 FROM phones WHERE phones.local = users.local AND may_be_same(phones.user, users.user))
    AND NOT EXISTS (SELECT 1 FROM aliases JOIN phones ON phones.user = aliases.alias WHERE aliases.user = users.user)`;

/**
 * Tables and what a build needs of indices. `exception_expires`: when the decision ends that lets the phone pass, of two the
 * later one; null = never. `complete`: the file was built to its end. `words` are the different values of
 * some columns: filters look for those that match; and the names of attributes that were ever reported. `group_lists` has for each group, in lower case, the lists of groups that it is in.
 * `trigrams`: in how many phones a frequent one was when the file was built. `people` are the users: those with devices by the names they
 * sign in with, the others as feeds name them.
 */
export const TABLES = `
  CREATE TABLE phones (id INTEGER PRIMARY KEY, ${COLUMNS.join(', ')}, state_since,
    exception_expires GENERATED ALWAYS AS (CASE
      WHEN decision = 'allow' AND user_decision = 'allow' THEN max(decision_expires, user_decision_expires)
      WHEN decision = 'allow' THEN decision_expires
      WHEN user_decision = 'allow' THEN user_decision_expires END));
  CREATE TABLE users (id INTEGER PRIMARY KEY, user TEXT NOT NULL UNIQUE, local TEXT NOT NULL, reported, enabled,
    user_groups, decision, decision_expires);
  CREATE TABLE people (user TEXT PRIMARY KEY, ${PEOPLE_COLUMNS.join(', ')}) WITHOUT ROWID;
  CREATE TABLE decisions (id INTEGER PRIMARY KEY, subject TEXT NOT NULL UNIQUE, device, user, local, source, action,
    wipe, owner, reason, decided_at, expires_at, document TEXT NOT NULL);
  CREATE INDEX decisions_by_device ON decisions (device);
  CREATE INDEX decisions_by_user ON decisions (local);
  CREATE TABLE aliases (id INTEGER PRIMARY KEY, alias TEXT NOT NULL UNIQUE, user TEXT NOT NULL);
  CREATE INDEX aliases_by_user ON aliases (user);
  CREATE TABLE words (kind TEXT NOT NULL, word TEXT NOT NULL, PRIMARY KEY (kind, word)) WITHOUT ROWID;
  CREATE TABLE group_lists (name TEXT NOT NULL, list TEXT NOT NULL, PRIMARY KEY (name, list)) WITHOUT ROWID;
  CREATE TABLE trigrams (trigram TEXT PRIMARY KEY, phones INTEGER NOT NULL) WITHOUT ROWID;
  CREATE TABLE state_counts (state INTEGER NOT NULL, reason TEXT NOT NULL, phones INTEGER NOT NULL,
    PRIMARY KEY (state, reason)) WITHOUT ROWID;
  CREATE TABLE model (one INTEGER PRIMARY KEY CHECK (one = 1), store TEXT NOT NULL, epoch INTEGER NOT NULL,
    position TEXT NOT NULL, complete INTEGER NOT NULL, confirmed_at INTEGER NOT NULL, full_read_at INTEGER NOT NULL,
    kept_until INTEGER NOT NULL);
  PRAGMA user_version = ${MODEL_VERSION};
`;

/** A trigram that no more phones have is not counted. */
export const FEW_PHONES = 1_000;

/** Columns of the search index. */
export const SEARCHED = ['user', 'device', 'model', 'owner', 'imei'] as const;
/** Most owners have the name of the user: one of the two is enough. */
const TEXTS = SEARCHED.map((name) =>
  name === 'owner' ? 'CASE WHEN owner IS NOT user THEN owner END AS owner' : name,
);
const textsOf = (row: 'old' | 'new'): string =>
  SEARCHED.map((name) =>
    name === 'owner' ? `CASE WHEN ${row}.owner IS NOT ${row}.user THEN ${row}.owner END` : `${row}.${name}`,
  ).join(', ');
const ADD_TEXTS = `INSERT INTO search (rowid, ${SEARCHED.join(', ')}) VALUES (new.id, ${textsOf('new')});`;
const REMOVE_TEXTS = `INSERT INTO search (search, rowid, ${SEARCHED.join(', ')}) VALUES ('delete', old.id, ${textsOf('old')});`;

/**
 * What is made once all rows are there, one after the other: many rows are written several times faster without. Indices end with the
 * row's id, so that a page goes on from any row. The search index has no positions: those who find a row by it compare its texts.
 */
export const INDICES: readonly string[] = [
  'CREATE INDEX phones_by_device ON phones (device, user)',
  'CREATE INDEX phones_by_local ON phones (local)',
  'CREATE INDEX phones_by_user ON phones (user)',
  'CREATE INDEX phones_by_first ON phones (first_seen)',
  'CREATE INDEX phones_by_seen ON phones (last_seen)',
  'CREATE INDEX phones_by_state ON phones (state, last_seen)',
  'CREATE INDEX phones_by_reason ON phones (reason, last_seen)',
  'CREATE INDEX phones_by_type ON phones (type, last_seen)',
  'CREATE INDEX phones_by_model ON phones (model, last_seen)',
  'CREATE INDEX phones_by_os ON phones (os, last_seen)',
  'CREATE INDEX phones_by_agent ON phones (agent)',
  'CREATE INDEX phones_by_groups ON phones (user_groups, last_seen) WHERE user_groups IS NOT NULL',
  'CREATE INDEX phones_by_state_since ON phones (state, state_since)',
  'CREATE INDEX users_by_local ON users (local)',
  `INSERT INTO people ${PEOPLE_OF} WHERE user IS NOT NULL GROUP BY user`,
  'CREATE INDEX people_by_local ON people (local)',
  'CREATE INDEX people_by_devices ON people (devices)',
  'CREATE INDEX people_by_seen ON people (last_seen)',
  'CREATE INDEX people_by_groups ON people (user_groups) WHERE user_groups IS NOT NULL',
  'CREATE INDEX phones_by_imei ON phones (imei) WHERE imei IS NOT NULL',
  'CREATE INDEX phones_by_owner ON phones (owner_local) WHERE owner_local IS NOT NULL AND user IS NULL',
  'CREATE INDEX phones_unreported ON phones (state) WHERE reported = 0',
  'CREATE INDEX phones_decided ON phones (decision) WHERE decision IS NOT NULL',
  'CREATE INDEX phones_user_decided ON phones (user_decision) WHERE user_decision IS NOT NULL',
  `CREATE VIEW texts AS SELECT id, ${TEXTS.join(', ')} FROM phones`,
  `CREATE VIRTUAL TABLE search USING fts5(${SEARCHED.join(', ')}, content = 'texts', content_rowid = 'id',
    tokenize = 'trigram', detail = 'none', columnsize = 0)`,
  // Parts of the index are merged when it is written to, not while it is built.
  "INSERT INTO search (search, rank) VALUES ('automerge', 0)",
  "INSERT INTO search (search) VALUES ('rebuild')",
  "INSERT INTO search (search, rank) VALUES ('automerge', 4)",
  "CREATE VIRTUAL TABLE vocabulary USING fts5vocab(search, 'row')",
  `INSERT INTO trigrams SELECT term, doc FROM vocabulary WHERE doc > ${FEW_PHONES}`,
  'DROP TABLE vocabulary',
  "INSERT INTO state_counts SELECT state, ifnull(reason, ''), count(*) FROM phones GROUP BY 1, 2",
];

/** What keeps search, state counts and people up to date with each row that is written, once the indices are there. */
export const TRIGGERS = `
  CREATE TRIGGER phone_added AFTER INSERT ON phones BEGIN
    ${ADD_TEXTS}
    INSERT INTO state_counts VALUES (new.state, ifnull(new.reason, ''), 1)
      ON CONFLICT DO UPDATE SET phones = phones + 1;
  END;
  CREATE TRIGGER phone_removed AFTER DELETE ON phones BEGIN
    ${REMOVE_TEXTS}
    UPDATE state_counts SET phones = phones - 1 WHERE state = old.state AND reason = ifnull(old.reason, '');
  END;
  CREATE TRIGGER person_added AFTER INSERT ON phones WHEN new.user IS NOT NULL BEGIN
    INSERT OR REPLACE INTO people ${PEOPLE_OF} WHERE user = new.user GROUP BY user;
  END;
  CREATE TRIGGER person_removed AFTER DELETE ON phones WHEN old.user IS NOT NULL BEGIN
    DELETE FROM people WHERE user = old.user;
    INSERT INTO people ${PEOPLE_OF} WHERE user = old.user GROUP BY user;
  END;
  CREATE TRIGGER person_changed
    AFTER UPDATE OF state, user_groups, user_decision, user_decision_expires, first_seen, last_seen ON phones
    WHEN new.user IS NOT NULL AND (old.state IS NOT new.state OR old.user_groups IS NOT new.user_groups
      OR old.user_decision IS NOT new.user_decision OR old.user_decision_expires IS NOT new.user_decision_expires
      OR old.first_seen IS NOT new.first_seen OR old.last_seen IS NOT new.last_seen) BEGIN
    INSERT OR REPLACE INTO people ${PEOPLE_OF} WHERE user = new.user GROUP BY user;
  END;
  CREATE TRIGGER phone_renamed AFTER UPDATE ON phones
    WHEN old.model IS NOT new.model OR old.owner IS NOT new.owner OR old.imei IS NOT new.imei BEGIN
    ${REMOVE_TEXTS}
    ${ADD_TEXTS}
  END;
  CREATE TRIGGER phone_decided AFTER UPDATE ON phones
    WHEN old.state IS NOT new.state OR old.reason IS NOT new.reason BEGIN
    UPDATE state_counts SET phones = phones - 1 WHERE state = old.state AND reason = ifnull(old.reason, '');
    INSERT INTO state_counts VALUES (new.state, ifnull(new.reason, ''), 1)
      ON CONFLICT DO UPDATE SET phones = phones + 1;
  END;
`;

/** A value of a column. */
export type Value = string | number | null;

/** A row of the table as SQLite returns it. */
export type StoredRow = Readonly<Record<string, unknown>>;

/** The values of a row, in the order of {@link COLUMNS}. */
export function valuesOf(row: FreshRow): Value[] {
  return [
    row.device,
    row.user,
    localOf(row.user),
    ACCESS_STATES.indexOf(row.state),
    row.reason,
    row.deviceType,
    row.model,
    row.os,
    row.osVersion,
    row.imei,
    row.serialNumber,
    Number(row.reported),
    flag(row.managed),
    flag(row.compliant),
    flag(row.encrypted),
    row.ownership,
    row.owner,
    localOf(row.owner?.toLowerCase() ?? null),
    row.lastCheckIn,
    row.groups === null ? null : JSON.stringify(row.groups),
    row.firstSeen,
    row.lastSeen,
    row.lastAllowed,
    row.userAgent,
    row.protocolVersion,
    row.decision,
    row.decisionSource,
    row.decisionBy,
    row.decisionReason,
    row.wipe === null ? null : JSON.stringify(row.wipe),
    row.decisionExpiresAt,
    row.userDecision,
    row.userDecisionExpiresAt,
    row.unreadable ? JSON.stringify(row.unreadableRecords) : null,
  ];
}

function flag(value: boolean | null): number | null {
  return value === null ? null : Number(value);
}

/** A row of the table as lists show it. */
export function modelRow(stored: StoredRow): ModelRow {
  const text = (name: string): string | null => {
    const value = stored[name];
    return typeof value === 'string' ? value : null;
  };
  const number = (name: string): number | null => {
    const value = stored[name];
    return typeof value === 'number' ? value : null;
  };
  const truth = (name: string): boolean | null => {
    const value = number(name);
    return value === null ? null : value === 1;
  };
  return {
    device: String(stored['device']) as DeviceKey,
    user: text('user') as UserKey | null,
    state: stateAt(number('state')),
    reason: text('reason'),
    stateSince: number('state_since'),
    deviceType: text('type'),
    model: text('model'),
    os: text('os'),
    osVersion: text('os_version'),
    imei: text('imei'),
    serialNumber: text('serial'),
    reported: truth('reported') === true,
    managed: truth('managed'),
    compliant: truth('compliant'),
    encrypted: truth('encrypted'),
    ownership: text('ownership'),
    owner: text('owner'),
    lastCheckIn: number('last_check_in'),
    groups: textsIn(text('user_groups')),
    firstSeen: number('first_seen'),
    lastSeen: number('last_seen'),
    lastAllowed: number('last_allowed'),
    userAgent: text('agent'),
    protocolVersion: text('protocol'),
    decision: text('decision') as ManualDecision['action'] | null,
    decisionSource: text('decision_source'),
    decisionBy: text('decision_by'),
    decisionReason: text('decision_reason'),
    wipe: wipeIn(text('wipe')),
    decisionExpiresAt: number('decision_expires'),
    userDecision: text('user_decision') as ManualDecision['action'] | null,
    userDecisionExpiresAt: number('user_decision_expires'),
    unreadable: text('unreadable') !== null,
    unreadableRecords: textsIn(text('unreadable')) ?? [],
  };
}

/** The model wrote the progress itself. */
function wipeIn(text: string | null): WipeProgress | null {
  return text === null ? null : (JSON.parse(text) as WipeProgress);
}

/** The texts of a stored list: groups, or names of records. */
export function textsIn(text: string | null): readonly string[] | null {
  return text === null ? null : (JSON.parse(text) as string[]);
}

/** The state at a place of {@link ACCESS_STATES}. */
export function stateAt(place: number | null): AccessState {
  return ACCESS_STATES[place ?? -1] ?? 'unseen';
}
