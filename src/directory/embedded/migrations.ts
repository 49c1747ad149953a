// Owns the migration of older SQLite files, in the transaction that opens the file.
import type { DatabaseSync } from 'node:sqlite';
import { deviceKey } from '../../identity/device.ts';
import { foldedLocalPart } from '../../identity/folded-name.ts';
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import { readPartnership } from '../../model/partnership.ts';
import {
  userReportOf,
  joinedPartnership,
  laterReport,
  namesNobody,
  reportOf,
  stricterDecision,
} from '../earlier-records.ts';
import type { SeenBefore } from '../earlier-records.ts';
import { EVERY, SCHEMA, SCHEMA_VERSION } from './schema.ts';

/** A step brings files of all versions below `to` to that version. */
interface Step {
  readonly to: number;
  readonly run: (database: DatabaseSync, epoch: number) => void;
}

const STEPS: readonly Step[] = [{ to: 3, run: toReports }];

/**
 * Migrates the file from `version` to {@link SCHEMA_VERSION}, in the caller's transaction. Records in JSON, of versions before 4, are read as
 * they are, and become lines (model/stored-line.ts) when they are next written.
 */
export function migrate(database: DatabaseSync, version: number, epoch: number): void {
  for (const { to, run } of STEPS) if (version < to) run(database, epoch);
  if (version < SCHEMA_VERSION) database.exec(`PRAGMA user_version = ${SCHEMA_VERSION}`);
}

/** Tables of versions 1 and 2 that are replaced. */
const FORMER = ['devices', 'users', 'aliases', 'partnerships', 'decisions'];

/**
 * Version 3: a record for each source of reports, tables in the order of insertion, users by local part. In files of version 1 a
 * device had a record under each spelling of its id, and wipes named no partnerships.
 */
function toReports(database: DatabaseSync, epoch: number): void {
  for (const table of FORMER) database.exec(`ALTER TABLE ${table} RENAME TO former_${table}`);
  // The log goes on.
  database.exec(SCHEMA.replace(/^ *CREATE TABLE changes .*$/m, ''));
  // The primary key of former partnerships begins with the user.
  database.exec('CREATE INDEX former_by_device ON former_partnerships (device)');
  const now = Date.now();
  const bringOver = deviceStep(database, epoch, now);
  for (const keys of spellings(database).values()) bringOver(keys);
  usersStep(database);
  for (const table of FORMER) database.exec(`DROP TABLE former_${table}`);
}

/** All keys under which something is stored, by the key of their device. */
function spellings(database: DatabaseSync): Map<DeviceKey, DeviceKey[]> {
  const keys = database
    .prepare(
      'SELECT key FROM former_devices UNION SELECT device FROM former_decisions UNION SELECT device FROM former_partnerships',
    )
    .all()
    .map((row) => String(row['key']) as DeviceKey);
  return Map.groupBy(keys, deviceKey);
}

function deviceStep(
  database: DatabaseSync,
  epoch: number,
  now: number,
): (spelled: readonly DeviceKey[]) => void {
  const from = {
    report: database.prepare('SELECT record FROM former_devices WHERE key = ?'),
    decisions: database.prepare('SELECT user, record FROM former_decisions WHERE device = ?'),
    partnerships: database.prepare('SELECT user, record FROM former_partnerships WHERE device = ?'),
  };
  const into = {
    report: database.prepare('INSERT INTO device_reports VALUES (?, ?, ?)'),
    decision: database.prepare('INSERT INTO decisions VALUES (?, ?, ?, ?)'),
    partnership: database.prepare('INSERT INTO partnerships VALUES (?, ?, ?, ?, ?, ?)'),
    change: database.prepare('INSERT INTO changes (device, user) VALUES (?, NULL)'),
  };
  return (spelled) => {
    const key = deviceKey(spelled[0] ?? '');
    const reports = new Map<string, string>();
    const decisions = new Map<string, string>();
    const partnerships = new Map<UserKey, string>();
    for (const one of spelled) {
      const seen = from.partnerships
        .all(one)
        .map((row) => ({ user: String(row['user']) as UserKey, record: String(row['record']) }));
      for (const { user, record } of seen) {
        const joined = joinedPartnership(user, one, partnerships.get(user) ?? null, record);
        if (joined !== null) partnerships.set(user, joined);
      }
      const report = from.report.get(one);
      if (report !== undefined) {
        const { source, text } = reportOf(one, String(report['record']));
        reports.set(source, laterReport(key, source, reports.get(source) ?? null, text));
      }
      for (const row of from.decisions.all(one)) {
        const [user, record] = [String(row['user']), String(row['record'])];
        const before = decisions.get(user) ?? null;
        decisions.set(
          user,
          stricterDecision(before, record, { epoch, now, seen: named(one, user, record, seen) }),
        );
      }
    }
    for (const [source, text] of reports) into.report.run(key, source, text);
    for (const [user, text] of decisions)
      into.decision.run(key, user, user === EVERY ? EVERY : foldedLocalPart(user), text);
    for (const [user, text] of partnerships) {
      const { firstSeen, lastAllowed } = readPartnership(user, key, text);
      into.partnership.run(key, user, foldedLocalPart(user), firstSeen, lastAllowed, text);
    }
    if (spelled.length === 1 && spelled[0] === key) return;
    for (const one of new Set([...spelled, key])) into.change.run(one);
  };
}

/** Whom an older wipe means: those seen under its spelling, of a partnership its user. */
function named(
  spelled: DeviceKey,
  user: string,
  record: string,
  seen: SeenBefore['partnerships'],
): SeenBefore | null {
  if (!namesNobody(record)) return null;
  return { spelled, partnerships: user === EVERY ? seen : seen.filter((one) => one.user === user) };
}

function usersStep(database: DatabaseSync): void {
  const report = database.prepare('INSERT INTO user_reports VALUES (?, ?, ?, ?)');
  for (const { key, record } of database.prepare('SELECT key, record FROM former_users').all()) {
    const user = String(key) as UserKey;
    const { source, text } = userReportOf(user, String(record));
    report.run(foldedLocalPart(user), user, source, text);
  }
  const alias = database.prepare('INSERT INTO aliases VALUES (?, ?, ?)');
  for (const row of database.prepare('SELECT alias, user FROM former_aliases').all())
    alias.run(foldedLocalPart(String(row['alias'])), String(row['alias']), String(row['user']));
}
