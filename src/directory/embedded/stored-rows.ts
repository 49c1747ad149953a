// Owns reading the rows of the SQLite file: what is stored about a device, and about the users of one folded local part.
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import type { SourceText, StoredDevice, StoredUserDevice, StoredUsers } from '../stored-records.ts';
import type { GuardedDatabase, Row } from './guarded-database.ts';
import { EVERY } from './schema.ts';

/** A text about a user, as a feed wrote it. */
type UserText = SourceText & { readonly user: UserKey };

/** Use within a transaction of the database. */
export class StoredRows {
  private readonly database: GuardedDatabase;

  constructor(database: GuardedDatabase) {
    this.database = database;
  }

  /** Everything stored about one device. */
  device(key: DeviceKey): StoredDevice {
    const rows = new DeviceRows(key);
    for (const row of this.all('SELECT source, record FROM device_reports WHERE device = ?', key))
      rows.addReport(row);
    for (const row of this.all('SELECT user, record FROM partnerships WHERE device = ?', key))
      rows.addPartnership(row);
    for (const row of this.all('SELECT user, record FROM decisions WHERE device = ?', key))
      rows.addDecision(row);
    for (const row of this.all('SELECT user, source, record FROM imported_decisions WHERE device = ?', key))
      rows.addImported(row);
    return rows;
  }

  /** What all sources report of one device. */
  deviceReports(key: DeviceKey): readonly SourceText[] {
    return this.all('SELECT source, record FROM device_reports WHERE device = ?', key).map(sourceText);
  }

  /** What all sources report of one user. */
  userReports(local: string, user: UserKey): readonly SourceText[] {
    return this.all('SELECT source, record FROM user_reports WHERE local = ? AND user = ?', local, user).map(
      sourceText,
    );
  }

  /** Everything stored about users of one folded local part. */
  users(local: string): StoredUsers {
    const reports = this.all('SELECT user, source, record FROM user_reports WHERE local = ?', local);
    const aliases = this.all('SELECT alias, user FROM aliases WHERE local = ?', local);
    const decisions = this.all(
      `SELECT user, record FROM decisions WHERE device = '${EVERY}' AND local = ?`,
      local,
    );
    const imported = this.all(
      `SELECT user, source, record FROM imported_decisions WHERE device = '${EVERY}' AND local = ?`,
      local,
    );
    const devices = this.all(
      'SELECT user, device, first_seen, last_allowed FROM partnerships WHERE local = ?',
      local,
    );
    return {
      reports: reports.map(userText),
      aliases: new Map(aliases.map((row) => [String(row['alias']) as UserKey, userOf(row)])),
      decisions: new Map(decisions.map((row) => [userOf(row), String(row['record'])])),
      imported: imported.map(userText),
      devices: devices.map(userDevice),
      failures: [],
    };
  }

  /** Up to `count` devices behind `after`, in the order of their keys. */
  devicesAfter(after: string, count: number): readonly StoredDevice[] {
    const keys = this.all(DEVICES_AFTER, after, after, after, after, count);
    const last = keys.at(-1);
    if (last === undefined) return [];
    const to = String(last['device']);
    const devices = new Map(keys.map((row) => [String(row['device']), new DeviceRows(deviceOf(row))]));
    const each = (table: string, columns: string, add: (device: DeviceRows, row: Row) => void): void => {
      const sql = `SELECT device, ${columns}, record FROM ${table} WHERE device > ? AND device <= ?`;
      for (const row of this.all(sql, after, to)) {
        const device = devices.get(String(row['device']));
        if (device !== undefined) add(device, row);
      }
    };
    each('device_reports', 'source', (device, row) => device.addReport(row));
    each('partnerships', 'user', (device, row) => device.addPartnership(row));
    each('decisions', 'user', (device, row) => device.addDecision(row));
    each('imported_decisions', 'user, source', (device, row) => device.addImported(row));
    return [...devices.values()];
  }

  /** Up to `count` folded local parts of users behind `after`, in order. */
  localPartsAfter(after: string | null, count: number): readonly string[] {
    // No text sorts before the empty one, which is a local part too (`@contoso.com`).
    const from = after ?? '';
    const sql = after === null ? LOCAL_PARTS_FROM : LOCAL_PARTS_AFTER;
    return this.all(sql, from, from, from, from, count).map((row) => String(row['local']));
  }

  private all(sql: string, ...values: (string | number)[]): Row[] {
    return this.database.statement(sql).all(...values);
  }
}

/** Each part is in the order of its index: SQLite merges them and stops at the limit. */
const DEVICES_AFTER = `
  SELECT device FROM device_reports WHERE device > ? UNION SELECT device FROM partnerships WHERE device > ?
  UNION SELECT device FROM decisions WHERE device > ? UNION SELECT device FROM imported_decisions WHERE device > ?
  ORDER BY device LIMIT ?`;

const localParts = (comparison: '>' | '>='): string => `
  SELECT local FROM user_reports WHERE local ${comparison} ? UNION SELECT local FROM partnerships WHERE local ${comparison} ?
  UNION SELECT local FROM decisions WHERE device = '${EVERY}' AND local ${comparison} ?
  UNION SELECT local FROM imported_decisions WHERE device = '${EVERY}' AND local ${comparison} ?
  ORDER BY local LIMIT ?`;
const LOCAL_PARTS_FROM = localParts('>=');
const LOCAL_PARTS_AFTER = localParts('>');

/** Collects the rows of one device. */
class DeviceRows implements StoredDevice {
  readonly key: DeviceKey;
  readonly reports: SourceText[] = [];
  readonly partnerships = new Map<UserKey, string>();
  decision: string | null = null;
  readonly userDecisions = new Map<UserKey, string>();
  readonly imported: (SourceText & { readonly user: UserKey | null })[] = [];
  readonly failures = [];

  constructor(key: DeviceKey) {
    this.key = key;
  }

  addReport(row: Row): void {
    this.reports.push(sourceText(row));
  }

  addPartnership(row: Row): void {
    this.partnerships.set(userOf(row), String(row['record']));
  }

  addDecision(row: Row): void {
    if (row['user'] === EVERY) this.decision = String(row['record']);
    else this.userDecisions.set(userOf(row), String(row['record']));
  }

  addImported(row: Row): void {
    this.imported.push({ ...sourceText(row), user: row['user'] === EVERY ? null : userOf(row) });
  }
}

function sourceText(row: Row): SourceText {
  return { source: String(row['source']), text: String(row['record']) };
}

function userText(row: Row): UserText {
  return { user: userOf(row), source: String(row['source']), text: String(row['record']) };
}

function userDevice(row: Row): StoredUserDevice {
  return {
    user: userOf(row),
    device: deviceOf(row),
    firstSeen: Number(row['first_seen']),
    lastAllowed: row['last_allowed'] === null ? null : Number(row['last_allowed']),
  };
}

function userOf(row: Row): UserKey {
  return String(row['user']) as UserKey;
}

function deviceOf(row: Row): DeviceKey {
  return String(row['device']) as DeviceKey;
}
