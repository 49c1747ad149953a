// Owns the writing of reports, partnerships and imported decisions into the SQLite file, many in one transaction.
import { foldedLocalPart } from '../../identity/folded-name.ts';
import type { UserKey } from '../../identity/keys.ts';
import type { UserNames } from '../../identity/user-names.ts';
import type { DecisionSubject } from '../../model/decision.ts';
import type { DeviceObservation } from '../../model/device.ts';
import { partnershipText, seenPartnership } from '../../model/partnership.ts';
import type { PartnershipRecord } from '../../model/partnership.ts';
import type { PartnershipSignal } from '../../model/signal.ts';
import type { UserObservation } from '../../model/user.ts';
import type { ReportOutcome } from '../device-reports.ts';
import { LoginReader } from '../login-reader.ts';
import { aliasesIn, writeOfDevice, writeOfUser } from '../report-writes.ts';
import { joinSeen, signalsOfDevices, signalsOfNew } from '../seen-partnerships.ts';
import type { ImportedChange } from '../store.ts';
import { TolerantReader } from '../tolerant-reader.ts';
import { MAX_COUNTED } from '../user-devices.ts';
import type { ChangeLog } from './change-log.ts';
import type { GuardedDatabase } from './guarded-database.ts';
import { EVERY } from './schema.ts';
import type { StoredRows } from './stored-rows.ts';

/** A row that is there stays in its place: only its record is written. */
const PUT_DEVICE_REPORT =
  'INSERT INTO device_reports VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET record = excluded.record';
const PUT_USER_REPORT =
  'INSERT INTO user_reports VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET record = excluded.record';

/** Use within a write transaction of the database. `now`: milliseconds since the epoch. */
export class RecordWriter {
  private readonly database: GuardedDatabase;
  private readonly rows: StoredRows;
  private readonly log: ChangeLog;
  private readonly names: UserNames;

  constructor(database: GuardedDatabase, rows: StoredRows, log: ChangeLog, names: UserNames) {
    this.database = database;
    this.rows = rows;
    this.log = log;
    this.names = names;
  }

  putDevice(observation: DeviceObservation, now: number): ReportOutcome {
    const { key, source } = observation;
    const { outcome, text, obsolete } = writeOfDevice(this.rows.deviceReports(key), observation, now);
    if (text === null) return outcome;
    this.run(PUT_DEVICE_REPORT, key, source, text);
    for (const one of obsolete)
      this.run('DELETE FROM device_reports WHERE device = ? AND source = ?', key, one);
    if (outcome === 'news') this.log.append(key, null);
    return outcome;
  }

  putUser(observation: UserObservation, now: number): ReportOutcome {
    const { key, source } = observation;
    const local = foldedLocalPart(key);
    const write = writeOfUser(this.rows.userReports(local, key), observation, now);
    const { outcome, text, obsolete } = write;
    if (text === null) return outcome;
    this.run(PUT_USER_REPORT, local, key, source, text);
    for (const one of obsolete)
      this.run('DELETE FROM user_reports WHERE local = ? AND user = ? AND source = ?', local, key, one);
    const changed = this.putAliases(key, aliasesIn(write.before), aliasesIn(write.after));
    if (outcome !== 'news') return outcome;
    for (const name of changed) this.log.append(null, name);
    return outcome;
  }

  putImported(source: string, { device, user, decision }: ImportedChange): void {
    const keys = [device ?? EVERY, user ?? EVERY, source] as const;
    const before = this.database
      .statement('SELECT record FROM imported_decisions WHERE device = ? AND user = ? AND source = ?')
      .get(...keys)?.['record'];
    const text = decision === null ? undefined : JSON.stringify(decision);
    if (text === before) return;
    if (text === undefined)
      this.run('DELETE FROM imported_decisions WHERE device = ? AND user = ? AND source = ?', ...keys);
    else {
      const local = user === null ? EVERY : foldedLocalPart(user);
      this.run('INSERT OR REPLACE INTO imported_decisions VALUES (?, ?, ?, ?, ?)', ...keys, local, text);
    }
    this.appendSubject({ device, user });
  }

  /** Returns what is noticed. */
  recordSeen(seen: PartnershipRecord): readonly PartnershipSignal[] {
    const { device } = seen;
    const user = this.userOf(seen.user);
    const stored = this.database
      .statement('SELECT record FROM partnerships WHERE device = ? AND user = ?')
      .get(device, user)?.['record'];
    const before = stored === undefined ? null : seenPartnership(user, device, String(stored));
    const { record, signals } = joinSeen(before, { ...seen, user });
    const { firstSeen, lastAllowed } = record;
    const text = partnershipText(record);
    if (stored === undefined) {
      const local = foldedLocalPart(user);
      this.database
        .statement('INSERT INTO partnerships VALUES (?, ?, ?, ?, ?, ?)')
        .run(device, user, local, firstSeen, lastAllowed, text);
      return this.signalsOfNew(record);
    } else {
      this.database
        .statement(
          'UPDATE partnerships SET first_seen = ?, last_allowed = ?, record = ? WHERE device = ? AND user = ?',
        )
        .run(firstSeen, lastAllowed, text, device, user);
    }
    return signals;
  }

  private signalsOfNew(record: PartnershipRecord): PartnershipSignal[] {
    const { user, device } = record;
    const others = this.database
      .statement('SELECT user FROM partnerships WHERE device = ? AND user <> ? LIMIT ?')
      .all(device, user, MAX_COUNTED)
      .map((row) => String(row['user']) as UserKey);
    const devices = this.database
      .statement(
        'SELECT count(*) AS devices FROM (SELECT 1 FROM partnerships WHERE local = ? AND user = ? LIMIT ?)',
      )
      .get(foldedLocalPart(user), user, MAX_COUNTED)?.['devices'];
    return [...signalsOfNew(record, others, this.names), ...signalsOfDevices(user, device, Number(devices))];
  }

  /** Appends a changed decision to the log: one on a user concerns all names of the user, and of others who may be that user. */
  appendSubject({ device, user }: DecisionSubject): void {
    if (device !== null || user === null) return this.log.append(device, user);
    const login = new LoginReader(this.names, [], user, new TolerantReader());
    for (let parts = login.missing(); parts.length > 0; parts = login.missing())
      for (const part of parts) login.add(part, this.rows.users(part));
    for (const name of login.concerned()) this.log.append(null, name);
  }

  /** The user that a name stands for. */
  private userOf(name: UserKey): UserKey {
    const grouped = this.names.canonical(name);
    return this.targetOf(name) ?? this.targetOf(grouped) ?? grouped;
  }

  private targetOf(alias: UserKey): UserKey | null {
    const row = this.database
      .statement('SELECT user FROM aliases WHERE local = ? AND alias = ?')
      .get(foldedLocalPart(alias), alias);
    return row === undefined ? null : (String(row['user']) as UserKey);
  }

  /** Returns all names of the user before and now, and users who lost a name to this one. */
  private putAliases(
    user: UserKey,
    before: ReadonlySet<UserKey>,
    after: ReadonlySet<UserKey>,
  ): ReadonlySet<UserKey> {
    const changed = new Set([user, ...before, ...after]);
    for (const alias of before) {
      if (after.has(alias)) continue;
      const local = foldedLocalPart(alias);
      this.run('DELETE FROM aliases WHERE local = ? AND alias = ? AND user = ?', local, alias, user);
    }
    for (const alias of after) {
      const local = foldedLocalPart(alias);
      if (before.has(alias)) {
        // The user that had taken it over may have lost it.
        this.run('INSERT OR IGNORE INTO aliases VALUES (?, ?, ?)', local, alias, user);
        continue;
      }
      const former = this.targetOf(alias);
      if (former !== null) changed.add(former);
      this.run('INSERT OR REPLACE INTO aliases VALUES (?, ?, ?)', local, alias, user);
    }
    return changed;
  }

  private run(sql: string, ...values: (string | number | null)[]): void {
    this.database.statement(sql).run(...values);
  }
}
