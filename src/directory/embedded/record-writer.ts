// Owns the writing of reports and imported decisions into the SQLite file, many in one transaction.
import { foldedLocalPart } from '../../identity/folded-name.ts';
import type { UserKey } from '../../identity/keys.ts';
import type { UserNames } from '../../identity/user-names.ts';
import type { DecisionSubject } from '../../model/decision.ts';
import type { DeviceObservation } from '../../model/device.ts';
import type { UserObservation } from '../../model/user.ts';
import type { ReportOutcome } from '../device-reports.ts';
import { LoginReader } from '../login-reader.ts';
import { aliasesIn, reportsAfter, writeOfDevice, writeOfUser } from '../report-writes.ts';
import type { Change, ImportedChange } from '../store.ts';
import type { SourceText } from '../stored-records.ts';
import { TolerantReader } from '../tolerant-reader.ts';
import { AliasWriter } from './alias-writer.ts';
import type { Renamed } from './alias-writer.ts';
import type { ChangeLog } from './change-log.ts';
import type { GuardedDatabase } from './guarded-database.ts';
import { manyRows, writeRows } from './many-rows.ts';
import { EVERY } from './schema.ts';
import type { StoredRows } from './stored-rows.ts';

const ADD_DEVICE_REPORTS = manyRows(3, (rows) => `INSERT OR FAIL INTO device_reports VALUES ${rows}`);
/** A row that is there stays in its place: only its record is written. */
const UPDATE_DEVICE_REPORTS = manyRows(
  3,
  (rows) => `UPDATE OR FAIL device_reports SET record = column3 FROM (VALUES ${rows})
    WHERE device = column1 AND source = column2`,
);
const ADD_USER_REPORTS = manyRows(4, (rows) => `INSERT OR FAIL INTO user_reports VALUES ${rows}`);
const UPDATE_USER_REPORTS = manyRows(
  4,
  (rows) => `UPDATE OR FAIL user_reports SET record = column4 FROM (VALUES ${rows})
    WHERE local = column1 AND user = column2 AND source = column3`,
);

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

  putDevices(observations: readonly DeviceObservation[], now: number): readonly ReportOutcome[] {
    const stored = this.rows.deviceReports(observations.map(({ key }) => key));
    const added: string[] = [];
    const updated: string[] = [];
    const changed: Pick<Change, 'device' | 'user'>[] = [];
    const outcomes = observations.map((observation) => {
      const { key, source } = observation;
      const before = stored.get(key) ?? [];
      const { outcome, text, obsolete } = writeOfDevice(before, observation, now);
      if (text === null) return outcome;
      (isIn(before, source) ? updated : added).push(key, source, text);
      for (const one of obsolete)
        this.run('DELETE FROM device_reports WHERE device = ? AND source = ?', key, one);
      // The next observation of the same device is joined with this one.
      stored.set(key, reportsAfter(before, { source, text }, obsolete));
      if (outcome === 'news') changed.push({ device: key, user: null });
      return outcome;
    });
    // A row that is updated may be one of those that are added.
    writeRows(this.database, ADD_DEVICE_REPORTS, added);
    writeRows(this.database, UPDATE_DEVICE_REPORTS, updated);
    this.log.appendAll(changed);
    return outcomes;
  }

  putUsers(observations: readonly UserObservation[], now: number): readonly ReportOutcome[] {
    const stored = this.rows.userReports(observations.map(({ key }) => foldedLocalPart(key)));
    const added: string[] = [];
    const updated: string[] = [];
    const renamed: Renamed[] = [];
    const outcomes = observations.map((observation) => {
      const { key, source } = observation;
      const local = foldedLocalPart(key);
      const before = stored.get(key) ?? [];
      const write = writeOfUser(before, observation, now);
      const { outcome, text, obsolete } = write;
      if (text === null) return outcome;
      (isIn(before, source) ? updated : added).push(local, key, source, text);
      for (const one of obsolete)
        this.run('DELETE FROM user_reports WHERE local = ? AND user = ? AND source = ?', local, key, one);
      stored.set(key, reportsAfter(before, { source, text }, obsolete));
      const names = { before: aliasesIn(write.before), after: aliasesIn(write.after) };
      renamed.push({ user: key, ...names, isNews: outcome === 'news' });
      return outcome;
    });
    writeRows(this.database, ADD_USER_REPORTS, added);
    writeRows(this.database, UPDATE_USER_REPORTS, updated);
    this.putAliases(renamed);
    return outcomes;
  }

  /** A change is logged under all names that it may concern, and under the users of which these are aliases. */
  private putAliases(renamed: readonly Renamed[]): void {
    const aliases = new AliasWriter(this.database, this.rows, this.names);
    aliases.read(renamed.flatMap(({ user, before, after }) => [user, ...before, ...after]));
    const changed = new Set<UserKey>();
    for (const one of renamed) aliases.put(one, changed);
    aliases.flush();
    for (const user of aliases.above(changed)) changed.add(user);
    this.log.appendAll([...changed].map((user) => ({ device: null, user })));
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

  /** Appends a changed decision to the log: one on a user concerns all names of the user, and of others who may be that user. */
  appendSubject({ device, user }: DecisionSubject): void {
    if (device !== null || user === null) return this.log.append(device, user);
    const login = new LoginReader(this.names, [], user, new TolerantReader());
    for (let parts = login.missing(); parts.length > 0; parts = login.missing())
      for (const part of parts) login.add(part, this.rows.users(part));
    for (const name of login.concerned()) this.log.append(null, name);
  }

  private run(sql: string, ...values: (string | number | null)[]): void {
    this.database.statement(sql).run(...values);
  }
}

function isIn(stored: readonly SourceText[], source: string): boolean {
  return stored.some((one) => one.source === source);
}
