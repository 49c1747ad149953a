// Owns reading the rows of the SQLite file: what is stored about a device, and about the users of one folded local part.
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import { MANY_DEVICES } from '../../model/signal.ts';
import { CollectedDevice, CollectedUsers, withEntry, withItem } from '../collected-records.ts';
import type { SourceText, StoredDevice, StoredUsers } from '../stored-records.ts';
import type { GuardedDatabase } from './guarded-database.ts';
import { checkedRows, manyRows, manyValues, readRows } from './many-rows.ts';
import type { ManyRows, Values } from './many-rows.ts';
import { EVERY } from './schema.ts';

/** Kind of row, user, source, record; then the device, where several are read. */
const ofDevices = (device: string, condition: string): string => `
  SELECT 0, NULL, source, record${device} FROM device_reports WHERE ${condition}
  UNION ALL SELECT 1, user, NULL, record${device} FROM partnerships WHERE ${condition}
  UNION ALL SELECT 2, user, NULL, record${device} FROM decisions WHERE ${condition}
  UNION ALL SELECT 3, user, source, record${device} FROM imported_decisions WHERE ${condition}`;
const DEVICE = ofDevices('', 'device = ?1');
const DEVICES = ofDevices(', device', 'device > ?1 AND device <= ?2');
const OTHER_DEVICES = ofDevices(', device', 'device > ?1');

/** Kind of row, user, source or device, record or the user of an alias, times, and the folded local part. */
const ofUsers = (condition: string, others: string): string => `
  SELECT 0, user, source, record, NULL, NULL, local FROM user_reports WHERE ${condition}
  UNION ALL SELECT 2, user, NULL, record, NULL, NULL, local FROM decisions INDEXED BY decisions_on_users
    WHERE device = '${EVERY}' AND ${condition}
  UNION ALL SELECT 3, user, source, record, NULL, NULL, local FROM imported_decisions INDEXED BY imported_on_users
    WHERE device = '${EVERY}' AND ${condition}${others}`;
const ofAliases = (condition: string): string => `
  UNION ALL SELECT 1, alias, NULL, user, NULL, NULL, local FROM aliases WHERE ${condition}`;
const ofUserDevices = (condition: string, order: string): string => `
  UNION ALL SELECT * FROM (SELECT 4, user, device, NULL, first_seen, last_allowed, local FROM partnerships
    WHERE ${condition} ${order})`;
const ONE = 'local = ?1';
/** Of many local parts. */
const MANY = 'local >= ?1 AND local <= ?2';
const MANY_USERS = ofUsers(MANY, ofUserDevices(MANY, 'ORDER BY local, last_allowed DESC'));
const MANY_WITHOUT_DEVICES = ofUsers(MANY, '');

/**
 * Most devices of users of one local part that a look-up reads, those that were allowed last: most servers ignore a NetBIOS domain,
 * so one user can make up any number of names.
 */
const MAX_DEVICES = 1_024;
const usersWith = (limit: string): string =>
  ofUsers(ONE, ofAliases(ONE) + ofUserDevices(ONE, `ORDER BY last_allowed DESC${limit}`));
/** The limit is part of the text: SQLite compiles a statement anew each time that a bound one may change its plan, ten times as long as it reads. */
const USERS = usersWith(` LIMIT ${MAX_DEVICES}`);
const ALL_OF_USERS = usersWith('');
/**
 * Fewer devices or local parts are read one by one: for each `IN` list SQLite makes a table with 88 KB for its pages, which costs as much as four of them.
 */
const MIN_LISTED = 5;
/** A statement with an `IN` list of `size` values; a shorter list is filled up with its last value. */
interface Listed {
  readonly size: number;
  readonly sql: string;
}
function listed(size: number, sql: (list: string) => string): Listed {
  return { size, sql: sql(`(${Array.from({ length: size }, (_, at) => `?${at + 1}`).join(', ')})`) };
}
const LISTED_DEVICES = listed(16, (list) => ofDevices(', device', `device IN ${list}`));
/** The limit on devices is for all listed users together: if there are more, each user is read by itself. */
const usersIn = (list: string): string =>
  ofUsers(
    `local IN ${list}`,
    ofAliases(`local IN ${list}`) +
      ofUserDevices(`local IN ${list}`, `ORDER BY local DESC, last_allowed DESC LIMIT ${MAX_DEVICES + 1}`),
  );
const LISTED_USERS = listed(16, usersIn);
/** Place of the folded local part in a row of users. */
const LOCAL = 6;
/** Kind of a row of users that is one of their devices. */
const OF_DEVICE = 4;

const DEVICE_TABLES = ['device_reports', 'partnerships', 'decisions', 'imported_decisions'];
/** Up to which device no table has more than so many rows: SQLite skips them in the indices. Null = none has more, and there is no ?3. */
const END_OF_ROWS = `SELECT min(device) FROM (SELECT ?3 AS device${DEVICE_TABLES.map(
  (table) =>
    ` UNION ALL SELECT * FROM (SELECT device FROM ${table} WHERE device > ?1 ORDER BY device LIMIT 1 OFFSET ?2)`,
).join('')})`;
/** Of one device there may be several rows: the parts are about equally large. */
const COUNTS = 'SELECT (SELECT count(*) FROM device_reports), (SELECT count(*) FROM partnerships)';
/** Each part is in the order of its index: SQLite merges them and stops at the limit. */
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

const REPORTS_OF_DEVICES = manyValues(
  (keys) => `SELECT device, source, record FROM device_reports WHERE device IN ${keys}`,
);
const REPORTS_OF_USERS = manyValues(
  (locals) => `SELECT user, source, record FROM user_reports WHERE local IN ${locals}`,
);
const ALIASES = manyValues((locals) => `SELECT alias, user FROM aliases WHERE local IN ${locals}`);
const SEEN_DEVICES = manyRows(
  1,
  (rows) =>
    `SELECT column1 FROM (VALUES ${rows}) WHERE EXISTS (SELECT 1 FROM partnerships WHERE device = column1)`,
);
const DEVICES_OF_LOCALS = manyRows(
  1,
  (
    rows,
  ) => `SELECT column1, (SELECT count(*) FROM (SELECT 1 FROM partnerships WHERE local = column1 LIMIT ${MANY_DEVICES}))
    FROM (VALUES ${rows})`,
);
const NONE: readonly never[] = Object.freeze([]);

/** A list of a walk over all devices. */
export interface DevicesRead {
  readonly devices: readonly StoredDevice[];
  readonly end: string | null;
}

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

  /** Everything stored about each of these devices. */
  devices(keys: readonly DeviceKey[]): ReadonlyMap<DeviceKey, StoredDevice> {
    if (keys.length < MIN_LISTED) return new Map(keys.map((key) => [key, this.device(key)]));
    const devices = new Map(keys.map((key) => [key, new DeviceRows(key)]));
    for (const row of this.inLists(LISTED_DEVICES, [...devices.keys()]).flat())
      devices.get(String(row[4]) as DeviceKey)?.add(row);
    return devices;
  }

  /** What a look-up reads about users of each of these folded local parts, which are all different. */
  usersOfEach(locals: readonly string[]): ReadonlyMap<string, StoredUsers> {
    if (locals.length < MIN_LISTED) return new Map(locals.map((local) => [local, this.users(local)]));
    const users = new Map(locals.map((local) => [local, new UserRows()]));
    for (const [at, rows] of this.inLists(LISTED_USERS, locals).entries()) {
      const devices = rows.reduce((sum, [kind]) => sum + (kind === OF_DEVICE ? 1 : 0), 0);
      if (devices <= MAX_DEVICES) for (const row of rows) users.get(String(row[LOCAL]))?.add(row);
      else
        for (const local of locals.slice(at * LISTED_USERS.size, (at + 1) * LISTED_USERS.size))
          users.set(local, this.usersOf(USERS, local));
    }
    return users;
  }

  private inLists({ size, sql }: Listed, values: readonly string[]): readonly (readonly Values[])[] {
    const rows: (readonly Values[])[] = [];
    for (let at = 0; at < values.length; at += size) {
      const list = values.slice(at, at + size);
      const last = list.at(-1) ?? '';
      while (list.length < size) list.push(last);
      rows.push(this.all(sql, ...list));
    }
    return rows;
  }

  /** What all sources report of these devices. */
  deviceReports(keys: readonly DeviceKey[]): Map<string, readonly SourceText[]> {
    return this.reports(REPORTS_OF_DEVICES, keys);
  }

  /** What all sources report of the users of these folded local parts. */
  userReports(locals: readonly string[]): Map<string, readonly SourceText[]> {
    return this.reports(REPORTS_OF_USERS, locals);
  }

  /** Which users the aliases with these folded local parts stand for. */
  aliases(locals: readonly string[]): Map<string, UserKey> {
    const rows = readRows(this.database, ALIASES, locals);
    return new Map(rows.map(([alias, user]) => [String(alias), String(user) as UserKey]));
  }

  /** Those of these devices that were seen with anybody. */
  seenDevices(keys: readonly DeviceKey[]): Set<string> {
    return new Set(readRows(this.database, SEEN_DEVICES, keys).map(([device]) => String(device)));
  }

  /** How many devices were seen with the users of each of these folded local parts; {@link MANY_DEVICES} stands for more. */
  devicesOfLocals(locals: readonly string[]): Map<string, number> {
    const rows = readRows(this.database, DEVICES_OF_LOCALS, locals);
    return new Map(rows.map(([local, count]) => [String(local), Number(count)]));
  }

  private reports(sql: ManyRows, values: readonly string[]): Map<string, readonly SourceText[]> {
    const reports = new Map<string, readonly SourceText[]>();
    for (const [key, source, text] of readRows(this.database, sql, values)) {
      const name = String(key);
      reports.set(name, withItem(reports.get(name) ?? NONE, { source: String(source), text: String(text) }));
    }
    return reports;
  }

  /** What a look-up reads about users of one folded local part. */
  users(local: string): StoredUsers {
    return this.usersOf(USERS, local);
  }

  /** Everything stored about them. */
  allOfUsers(local: string): StoredUsers {
    return this.usersOf(ALL_OF_USERS, local);
  }

  private usersOf(sql: string, local: string): UserRows {
    const rows = new UserRows();
    for (const row of this.all(sql, local)) rows.add(row);
    return rows;
  }

  /** Everything but the aliases that is stored about the users of each of these folded local parts, which stand one behind the other in the store. */
  manyUsers(locals: readonly string[], withDevices: boolean): ReadonlyMap<string, StoredUsers> {
    const [first, last] = [locals[0], locals.at(-1)];
    if (first === undefined || last === undefined) return new Map();
    const users = new Map(locals.map((local) => [local, new UserRows()]));
    const sql = withDevices ? MANY_USERS : MANY_WITHOUT_DEVICES;
    for (const row of this.all(sql, first, last)) users.get(String(row[LOCAL]))?.add(row);
    return users;
  }

  /**
   * Devices behind `after`, in the order of their keys, none behind `upTo` (null = up to the last one), with at most `count` rows of each kind. `end`: the devices up
   * to this one were read; null = all.
   */
  devicesAfter(after: string, upTo: string | null, count: number): DevicesRead {
    const [[found = null] = []] = this.all(END_OF_ROWS, after, count - 1, upTo);
    const end = found === null ? null : String(found);
    const devices = new Map<string, DeviceRows>();
    for (const row of end === null ? this.all(OTHER_DEVICES, after) : this.all(DEVICES, after, end)) {
      const key = String(row[4]) as DeviceKey;
      let rows = devices.get(key);
      if (rows === undefined) devices.set(key, (rows = new DeviceRows(key)));
      rows.add(row);
    }
    return { devices: [...devices.values()].sort((a, b) => (a.key < b.key ? -1 : 1)), end };
  }

  /** The last devices of all parts but the last one: see {@link PartsWalk}. */
  endsOfParts(most: number, atLeast: number): readonly string[] {
    const [[reported, seen] = []] = this.all(COUNTS);
    const [table, devices] =
      Number(reported) > Number(seen) ? ['device_reports', Number(reported)] : ['partnerships', Number(seen)];
    const parts = Math.max(1, Math.min(most, Math.floor(devices / atLeast)));
    const sql = `SELECT device FROM ${table} ORDER BY device LIMIT 1 OFFSET ?`;
    const ends = new Set<string>();
    for (let at = 1; at < parts; at += 1)
      for (const [device] of this.all(sql, Math.floor((devices * at) / parts))) ends.add(String(device));
    return [...ends];
  }

  /** Up to `count` folded local parts of users behind `after`, in order; null = from the first. */
  localPartsAfter(after: string | null, count: number, withDevices: boolean): readonly string[] {
    const sql = (after === null ? LOCAL_PARTS_FROM : LOCAL_PARTS)[withDevices ? 'with' : 'without'];
    return this.all(sql, after ?? '', count).map(([local]) => String(local));
  }

  private all(sql: string, ...values: (string | number | null)[]): readonly Values[] {
    return checkedRows(this.database.arrayStatement(sql).all(...values));
  }
}

/** Collects the rows of one device. */
class DeviceRows extends CollectedDevice {
  add(row: Values): void {
    const kind = row[0];
    const user = row[1];
    const source = row[2];
    const text = String(row[3]);
    if (kind === 0) this.reports = withItem(this.reports, { source: String(source), text });
    else if (kind === 1) this.partnerships = withItem(this.partnerships, [String(user) as UserKey, text]);
    else if (kind === 3) {
      const named = user === EVERY ? null : (String(user) as UserKey);
      this.imported = withItem(this.imported, { source: String(source), text, user: named });
    } else if (user === EVERY) this.decision = text;
    else this.userDecisions = withEntry(this.userDecisions, String(user) as UserKey, text);
  }
}

/** Collects the rows of the users of one folded local part, likewise. */
class UserRows extends CollectedUsers {
  add([kind, named, from, record, firstSeen, lastAllowed]: Values): void {
    const [user, text] = [String(named) as UserKey, String(record)];
    if (kind === 0) this.reports = withItem(this.reports, { user, source: String(from), text });
    else if (kind === 1) this.aliases = withEntry(this.aliases, user, text as UserKey);
    else if (kind === 2) this.decisions = withEntry(this.decisions, user, text);
    else if (kind === 3) this.imported = withItem(this.imported, { user, source: String(from), text });
    else
      this.devices = withItem(this.devices, {
        user,
        device: String(from) as DeviceKey,
        firstSeen: Number(firstSeen),
        lastAllowed: typeof lastAllowed === 'number' ? lastAllowed : null,
      });
  }
}
