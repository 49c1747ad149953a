// Owns reading the rows of the SQLite file: what is stored about a device, and about the users of one folded local part.
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import type { SourceText, StoredDevice, StoredUserDevice, StoredUsers } from '../stored-records.ts';
import type { GuardedDatabase } from './guarded-database.ts';
import { EVERY } from './schema.ts';

/** A row as an array: a look-up reads several tables by one statement, which is faster than one for each. */
type Values = readonly (string | number | null)[];

/** Kind of row, user, source, record; then the device, where several are read. */
const ofDevices = (device: string, condition: string): string => `
  SELECT 0, NULL, source, record${device} FROM device_reports WHERE ${condition}
  UNION ALL SELECT 1, user, NULL, record${device} FROM partnerships WHERE ${condition}
  UNION ALL SELECT 2, user, NULL, record${device} FROM decisions WHERE ${condition}
  UNION ALL SELECT 3, user, source, record${device} FROM imported_decisions WHERE ${condition}`;
const DEVICE = ofDevices('', 'device = ?1');
const DEVICES = ofDevices(', device', 'device > ?1 AND device <= ?2');

/** Kind of row, user, source or device, record or the user of an alias, times, and the folded local part. */
const ofUsers = (condition: string, devices: string | null): string => `
  SELECT 0, user, source, record, NULL, NULL, local FROM user_reports WHERE ${condition}
  UNION ALL SELECT 1, alias, NULL, user, NULL, NULL, local FROM aliases WHERE ${condition}
  UNION ALL SELECT 2, user, NULL, record, NULL, NULL, local FROM decisions INDEXED BY decisions_on_users
    WHERE device = '${EVERY}' AND ${condition}
  UNION ALL SELECT 3, user, source, record, NULL, NULL, local FROM imported_decisions INDEXED BY imported_on_users
    WHERE device = '${EVERY}' AND ${condition}${devices === null ? '' : ofUserDevices(condition, devices)}`;
const ofUserDevices = (condition: string, order: string): string => `
  UNION ALL SELECT * FROM (SELECT 4, user, device, NULL, first_seen, last_allowed, local FROM partnerships
    WHERE ${condition} ${order})`;
const USERS = ofUsers('local = ?1', 'ORDER BY last_allowed DESC LIMIT ?2');
/** Of many local parts. */
const MANY = 'local >= ?1 AND local <= ?2';
const MANY_USERS = ofUsers(MANY, 'ORDER BY local, last_allowed DESC');
const MANY_WITHOUT_DEVICES = ofUsers(MANY, null);

/**
 * Most devices of users of one local part that a look-up reads, those that were allowed last: most servers ignore a NetBIOS domain,
 * so one user can make up any number of names.
 */
const MAX_DEVICES = 1_024;
/** SQLite reads all. */
const NO_LIMIT = -1;
/** Place of the folded local part in a row of users. */
const LOCAL = 6;

/** Each part is in the order of its index: SQLite merges them and stops at the limit. */
const KEYS_AFTER = `
  SELECT device FROM device_reports WHERE device > ?1 UNION SELECT device FROM partnerships WHERE device > ?1
  UNION SELECT device FROM decisions WHERE device > ?1 UNION SELECT device FROM imported_decisions WHERE device > ?1
  ORDER BY device LIMIT ?2`;
const localParts = (withDevices: boolean): string => `
  SELECT local FROM user_reports WHERE local > ?1
  ${withDevices ? 'UNION SELECT local FROM partnerships WHERE local > ?1' : ''}
  UNION SELECT local FROM decisions INDEXED BY decisions_on_users WHERE device = '${EVERY}' AND local > ?1
  UNION SELECT local FROM imported_decisions INDEXED BY imported_on_users WHERE device = '${EVERY}' AND local > ?1
  ORDER BY local LIMIT ?2`;
/** The empty local part comes first: names such as `@contoso.com`. */
const from = (sql: string): string => sql.replaceAll('local > ', 'local >= ');
const LOCAL_PARTS = { with: localParts(true), without: localParts(false) };
const LOCAL_PARTS_FROM = { with: from(LOCAL_PARTS.with), without: from(LOCAL_PARTS.without) };

/** Use within a transaction of the database. */
export class StoredRows {
  private readonly database: GuardedDatabase;

  constructor(database: GuardedDatabase) {
    this.database = database;
  }

  /** Everything stored about one device. */
  device(key: DeviceKey): StoredDevice {
    const rows = new DeviceRows(key);
    for (const row of this.all(DEVICE, key)) rows.add(row);
    return rows;
  }

  /** What all sources report of one device. */
  deviceReports(key: DeviceKey): readonly SourceText[] {
    const rows = this.all('SELECT source, record FROM device_reports WHERE device = ?', key);
    return rows.map(([source, text]) => ({ source: String(source), text: String(text) }));
  }

  /** What all sources report of one user. */
  userReports(local: string, user: UserKey): readonly SourceText[] {
    const sql = 'SELECT source, record FROM user_reports WHERE local = ? AND user = ?';
    return this.all(sql, local, user).map(([source, text]) => ({
      source: String(source),
      text: String(text),
    }));
  }

  /** What a look-up reads about users of one folded local part. */
  users(local: string): StoredUsers {
    return this.usersOf(local, MAX_DEVICES);
  }

  /** Everything stored about them. */
  allOfUsers(local: string): StoredUsers {
    return this.usersOf(local, NO_LIMIT);
  }

  private usersOf(local: string, limit: number): StoredUsers {
    const rows = new UserRows();
    for (const row of this.all(USERS, local, limit)) rows.add(row);
    return rows;
  }

  /** Everything stored about the users of each of these folded local parts, which stand one behind the other in the store. */
  manyUsers(locals: readonly string[], withDevices: boolean): ReadonlyMap<string, StoredUsers> {
    const [first, last] = [locals[0], locals.at(-1)];
    if (first === undefined || last === undefined) return new Map();
    const users = new Map(locals.map((local) => [local, new UserRows()]));
    const sql = withDevices ? MANY_USERS : MANY_WITHOUT_DEVICES;
    for (const row of this.all(sql, first, last)) users.get(String(row[LOCAL]))?.add(row);
    return users;
  }

  /** Up to `count` devices behind `after`, in the order of their keys. */
  devicesAfter(after: string, count: number): readonly StoredDevice[] {
    const keys = this.all(KEYS_AFTER, after, count).map(([key]) => String(key) as DeviceKey);
    const last = keys.at(-1);
    if (last === undefined) return [];
    const devices = new Map(keys.map((key) => [key, new DeviceRows(key)]));
    for (const row of this.all(DEVICES, after, last)) devices.get(String(row[4]) as DeviceKey)?.add(row);
    return [...devices.values()];
  }

  /** Up to `count` folded local parts of users behind `after`, in order; null = from the first. */
  localPartsAfter(after: string | null, count: number, withDevices: boolean): readonly string[] {
    const sql = (after === null ? LOCAL_PARTS_FROM : LOCAL_PARTS)[withDevices ? 'with' : 'without'];
    return this.all(sql, after ?? '', count).map(([local]) => String(local));
  }

  private all(sql: string, ...values: (string | number)[]): readonly Values[] {
    // The form of rows after setReturnArrays, which the types of Node.js lack.
    return this.database.arrayStatement(sql).all(...values) as unknown as readonly Values[];
  }
}

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

  add([kind, named, from, record]: Values): void {
    const [user, source, text] = [String(named) as UserKey, String(from), String(record)];
    if (kind === 0) this.reports.push({ source, text });
    else if (kind === 1) this.partnerships.set(user, text);
    else if (kind === 3) this.imported.push({ source, text, user: user === EVERY ? null : user });
    else if (user === EVERY) this.decision = text;
    else this.userDecisions.set(user, text);
  }
}

/** Collects the rows of the users of one folded local part. */
class UserRows implements StoredUsers {
  readonly reports: (SourceText & { readonly user: UserKey })[] = [];
  readonly aliases = new Map<UserKey, UserKey>();
  readonly decisions = new Map<UserKey, string>();
  readonly imported: (SourceText & { readonly user: UserKey })[] = [];
  readonly devices: StoredUserDevice[] = [];
  readonly failures = [];

  add([kind, named, from, record, firstSeen, lastAllowed]: Values): void {
    const [user, text] = [String(named) as UserKey, String(record)];
    if (kind === 0) this.reports.push({ user, source: String(from), text });
    else if (kind === 1) this.aliases.set(user, text as UserKey);
    else if (kind === 2) this.decisions.set(user, text);
    else if (kind === 3) this.imported.push({ user, source: String(from), text });
    else
      this.devices.push({
        user,
        device: String(from) as DeviceKey,
        firstSeen: Number(firstSeen),
        lastAllowed: typeof lastAllowed === 'number' ? lastAllowed : null,
      });
  }
}
