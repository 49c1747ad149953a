// Owns the embedded directory: one SQLite file, shared by the gateway and the command line.
import { isDeepStrictEqual } from 'node:util';
import { monotonicNow } from '../../clock.ts';
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import { NO_GROUPS } from '../../identity/user-names.ts';
import type { UserNames } from '../../identity/user-names.ts';
import type { ManualDecision } from '../../model/decision.ts';
import { noteTold, settleWipe } from '../../policy/wipe.ts';
import type { WipeNotice, WipeOutcome } from '../../policy/wipe.ts';
import { TolerantReader } from '../tolerant-reader.ts';
import {
  blankPartnership,
  joinSpellings,
  readPartnership,
  seenPartnership,
} from '../../model/partnership.ts';
import { boundRequirements, readDevice, sameFacts, sameState } from '../../model/device.ts';
import { readDecision } from '../../model/decision.ts';
import { decisionText } from '../../model/wipe.ts';
import { readUser } from '../../model/user.ts';
import type { DeviceRecord, DeviceReport } from '../../model/device.ts';
import type { NewSpelling, PartnershipRecord } from '../../model/partnership.ts';
import type { UserRecord } from '../../model/user.ts';
import { SHARED_SECRET, newSecret } from '../secret.ts';
import type {
  Change,
  ChangeBatch,
  DeviceListing,
  DirectoryStore,
  LogPosition,
  LookupResult,
  PartnershipListing,
  StoredDecision,
  UserDecision,
} from '../store.ts';
import { concerning } from '../user-decisions.ts';
import type { StoredUserDecision } from '../user-decisions.ts';
import { UNGUARDED } from '../store-guard.ts';
import type { GuardOptions } from '../store-guard.ts';
import { GuardedDatabase } from './guarded-database.ts';
import type { Row } from './guarded-database.ts';
import { LogWatch } from './log-watch.ts';

/** Changes kept in the log; a worker that is further behind drops its cache. */
const MAX_CHANGES = 100_000;
/** Longest wait of {@link EmbeddedStore.changesAfter}. */
const WAIT_MS = 5_000;
/** `user` of a decision for every user of the device. */
const EVERY_USER = '';

/** Opens the file, or creates it. Throws when it cannot be opened, or is not the known one (guarded-database.ts). */
export class EmbeddedStore implements DirectoryStore {
  readonly kind = 'embedded';
  readonly names: UserNames;
  private readonly database: GuardedDatabase;
  /** The generation of the guard whose change was announced last. */
  private announced: number;
  private closed = false;
  private readonly watch: LogWatch;

  constructor(path: string, names: UserNames = NO_GROUPS, options: GuardOptions = UNGUARDED) {
    this.names = names;
    this.database = new GuardedDatabase(path, options);
    this.announced = this.database.guard.generation;
    this.watch = new LogWatch(path);
  }

  async lookup(name: UserKey, key: DeviceKey): Promise<LookupResult> {
    return this.database.read(() => {
      const user = this.canonical(name);
      const reader = new TolerantReader();
      const deviceDecision = this.decision(key, EVERY_USER, reader);
      const stored = this.userDecisions(key, reader);
      const login = { name, user, aliases: stored.length === 0 ? [] : this.aliases(user, reader) };
      return {
        user,
        device: this.device(key, reader),
        deviceDecision,
        ...concerning(this.names, login, deviceDecision, stored),
        partnership: this.partnership(user, key),
        position: this.lastId(),
        ...reader.unreadable(),
      };
    });
  }

  async getDevice(key: DeviceKey): Promise<DeviceListing | null> {
    return this.database.read(() => this.listing(key));
  }

  async putDevice(report: DeviceReport): Promise<boolean> {
    return this.database.write(() => {
      const stored = this.device(report.key, new TolerantReader());
      if (stored !== null && stored.source === report.source && stored.version > report.version) return false;
      const record: DeviceRecord = {
        ...report,
        unmetRequirements: boundRequirements(report.unmetRequirements),
        stateSince: stored !== null && sameState(stored, report) ? stored.stateSince : report.observedAt,
      };
      const { key, ...rest } = record;
      this.run('INSERT OR REPLACE INTO devices VALUES (?, ?)', key, JSON.stringify(rest));
      if (stored === null || !sameFacts(stored, record)) this.append(key, null);
      return true;
    });
  }

  async getUser(key: UserKey): Promise<UserRecord | null> {
    return this.database.read(() => {
      const row = this.get('SELECT record FROM users WHERE key = ?', key);
      return row === undefined ? null : readUser(key, String(row['record']));
    });
  }

  async putUser(record: UserRecord): Promise<void> {
    this.database.write(() => {
      const before = this.all('SELECT alias FROM aliases WHERE user = ?', record.key).map((row) =>
        String(row['alias']),
      );
      this.run('DELETE FROM aliases WHERE user = ?', record.key);
      for (const alias of record.aliases)
        this.run('INSERT OR REPLACE INTO aliases VALUES (?, ?)', alias, record.key);
      const { key, ...rest } = record;
      this.run('INSERT OR REPLACE INTO users VALUES (?, ?)', key, JSON.stringify(rest));
      for (const name of new Set([key, ...before, ...record.aliases])) this.append(null, name);
    });
  }

  async decide(user: UserKey | null, device: DeviceKey, decision: ManualDecision | null): Promise<void> {
    this.database.write(() => this.write(user, device, decision));
  }

  async replaceDecision(
    user: UserKey | null,
    device: DeviceKey,
    expected: ManualDecision | null,
    decision: ManualDecision | null,
  ): Promise<boolean> {
    return this.database.write(() => {
      const stored = this.decision(device, user ?? EVERY_USER, new TolerantReader());
      if (!isDeepStrictEqual(stored, expected)) return false;
      this.write(user, device, decision);
      return true;
    });
  }

  async noteWipeTold(user: UserKey | null, device: DeviceKey, notice: WipeNotice): Promise<boolean> {
    return this.database.write(() => {
      const stored = this.decision(device, user ?? EVERY_USER, new TolerantReader());
      const told = noteTold(stored, notice);
      if (told !== null && told !== stored) this.put(user, device, told);
      return told !== null;
    });
  }

  async acknowledgeWipe(user: UserKey | null, device: DeviceKey, outcome: WipeOutcome): Promise<boolean> {
    return this.database.write(() => {
      const settled = settleWipe(this.decision(device, user ?? EVERY_USER, new TolerantReader()), outcome);
      if (settled !== null) this.write(user, device, settled);
      return settled !== null;
    });
  }

  async listUserDecisions(device: DeviceKey): Promise<readonly UserDecision[]> {
    return this.database.read(() =>
      this.userDecisions(device, new TolerantReader()).flatMap(({ user, read }) => {
        const decision = read();
        return decision === null ? [] : [{ user, decision }];
      }),
    );
  }

  async listDecisions(): Promise<readonly StoredDecision[]> {
    return this.database.read(() =>
      this.all('SELECT device, user FROM decisions ORDER BY device, user').flatMap((row) => {
        const device = String(row['device']) as DeviceKey;
        const user = String(row['user']);
        const decision = this.decision(device, user, new TolerantReader());
        return decision === null
          ? []
          : [{ device, user: user === EVERY_USER ? null : (user as UserKey), decision }];
      }),
    );
  }

  async listDevices(): Promise<readonly DeviceListing[]> {
    return this.database.read(() => {
      const keys = this.all(
        'SELECT key FROM devices UNION SELECT device AS key FROM decisions WHERE user = ? ORDER BY key',
        EVERY_USER,
      );
      const listings = keys.map((row) => this.listing(String(row['key']) as DeviceKey));
      return listings.flatMap((listing) => (listing === null ? [] : [listing]));
    });
  }

  async listPartnerships(): Promise<readonly PartnershipListing[]> {
    return this.database.read(() =>
      this.all('SELECT user, device, record FROM partnerships ORDER BY user, device').map((row) => {
        const user = String(row['user']) as UserKey;
        const device = String(row['device']) as DeviceKey;
        const reader = new TolerantReader();
        const record = reader.read(String(row['record']), (stored) => readPartnership(user, device, stored));
        const decision = this.decision(device, user, reader);
        return { record: record ?? blankPartnership(user, device), decision, ...reader.unreadable() };
      }),
    );
  }

  async unreadable(): Promise<readonly string[]> {
    return this.database.read(() => {
      const reader = new TolerantReader();
      const { epoch } = this.database.guard;
      const each = (sql: string, parse: (stored: string, one: string, two: string) => unknown): void => {
        for (const { record, one, two } of this.all(sql))
          reader.read(String(record), (stored) => parse(stored, String(one), String(two)));
      };
      each('SELECT record, key AS one FROM devices ORDER BY key', (stored, key) =>
        readDevice(key as DeviceKey, stored),
      );
      each('SELECT record, key AS one FROM users ORDER BY key', (stored, key) =>
        readUser(key as UserKey, stored),
      );
      each(
        'SELECT record, user AS one, device AS two FROM partnerships ORDER BY user, device',
        (stored, user, device) => readPartnership(user as UserKey, device as DeviceKey, stored),
      );
      each(
        'SELECT record, device AS one, user AS two FROM decisions ORDER BY device, user',
        (stored, device, user) => readDecision(stored, decisionName(device, user), epoch),
      );
      return reader.unreadable().unreadable ?? [];
    });
  }

  async recordSeen(batch: readonly PartnershipRecord[]): Promise<readonly NewSpelling[]> {
    return this.database.write(() => {
      const added: NewSpelling[] = [];
      for (const { user: name, device, ...rest } of batch) {
        const user = this.canonical(name);
        const before = this.partnership(user, device);
        const spellings = joinSpellings(before?.spellings ?? [], rest.spellings);
        if (before !== null && spellings.length > before.spellings.length)
          added.push({ user, device, spellings });
        const record = JSON.stringify({
          ...rest,
          firstSeen: before?.firstSeen ?? rest.firstSeen,
          model: rest.model ?? before?.model ?? null,
          os: rest.os ?? before?.os ?? null,
          imei: rest.imei ?? before?.imei ?? null,
          spellings,
        });
        this.run('INSERT OR REPLACE INTO partnerships VALUES (?, ?, ?)', user, device, record);
      }
      return added;
    });
  }

  async sharedSecret(): Promise<string> {
    return this.database.write(() => {
      this.run('INSERT OR IGNORE INTO secrets VALUES (?, ?)', SHARED_SECRET, newSecret());
      return String(this.get('SELECT value FROM secrets WHERE name = ?', SHARED_SECRET)?.['value']);
    });
  }

  async position(): Promise<LogPosition> {
    return this.database.read(() => this.lastId());
  }

  async changesAfter(position: LogPosition): Promise<ChangeBatch> {
    const end = monotonicNow() + WAIT_MS;
    let noted = true;
    while (!this.closed) {
      const found = this.database.read(() => this.changed(position));
      if (found !== null) {
        if (!noted) this.watch.again();
        return found;
      }
      if (monotonicNow() >= end) break;
      noted = await this.watch.wait();
    }
    return { changes: [], position, trimmed: false };
  }

  isBefore(a: LogPosition, b: LogPosition): boolean {
    return Number(a) < Number(b);
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.watch.close();
    this.database.close();
  }

  /** Null = no change. */
  private changed(position: LogPosition): ChangeBatch | null {
    const last = this.lastId();
    const { generation } = this.database.guard;
    if (this.announced !== generation) {
      this.announced = generation;
      return { changes: [], position: last, trimmed: true };
    }
    if (last === position) return null;
    const rows = this.all('SELECT id, device, user FROM changes WHERE id > ? ORDER BY id', Number(position));
    const first = rows[0];
    // Ids have no gaps: another next id, or an end before the position, means that changes were removed.
    const trimmed = first === undefined || Number(first['id']) !== Number(position) + 1;
    const changes = rows.map((row): Change => ({
      device: row['device'] as DeviceKey | null,
      user: row['user'] as UserKey | null,
    }));
    const end = rows.at(-1);
    return { changes, position: end === undefined ? last : String(end['id']), trimmed };
  }

  private partnership(user: UserKey, device: DeviceKey): PartnershipRecord | null {
    const row = this.get('SELECT record FROM partnerships WHERE user = ? AND device = ?', user, device);
    return seenPartnership(user, device, row === undefined ? null : String(row['record']));
  }

  private device(key: DeviceKey, reader: TolerantReader): DeviceRecord | null {
    const row = this.get('SELECT record FROM devices WHERE key = ?', key);
    return row === undefined ? null : reader.read(String(row['record']), (stored) => readDevice(key, stored));
  }

  private listing(key: DeviceKey): DeviceListing | null {
    const reader = new TolerantReader();
    const record = this.device(key, reader);
    const decision = this.decision(key, EVERY_USER, reader);
    const unreadable = reader.unreadable();
    if (record === null && decision === null && unreadable.unreadable === undefined) return null;
    return { key, record, decision, ...unreadable };
  }

  private decision(device: DeviceKey, user: string, reader: TolerantReader): ManualDecision | null {
    const row = this.get('SELECT record FROM decisions WHERE device = ? AND user = ?', device, user);
    if (row === undefined) return null;
    const { epoch } = this.database.guard;
    return reader.read(String(row['record']), (stored) =>
      readDecision(stored, decisionName(device, user), epoch),
    );
  }

  private write(user: UserKey | null, device: DeviceKey, decision: ManualDecision | null): void {
    if (decision === null)
      this.run('DELETE FROM decisions WHERE device = ? AND user = ?', device, user ?? EVERY_USER);
    else this.put(user, device, decision);
    this.append(device, user);
  }

  private put(user: UserKey | null, device: DeviceKey, decision: ManualDecision): void {
    const record = decisionText(decision, this.database.guard.epoch);
    this.run('INSERT OR REPLACE INTO decisions VALUES (?, ?, ?)', device, user ?? EVERY_USER, record);
  }

  /** All decisions on users of the device; there are few. */
  private userDecisions(device: DeviceKey, reader: TolerantReader): StoredUserDecision[] {
    const rows = this.all(
      'SELECT user, record FROM decisions WHERE device = ? AND user <> ?',
      device,
      EVERY_USER,
    );
    return rows.map((row) => {
      const user = String(row['user']) as UserKey;
      const target = this.targetOf(user) ?? user;
      const read = (): ManualDecision | null =>
        reader.read(String(row['record']), (text) =>
          readDecision(text, decisionName(device, user), this.database.guard.epoch),
        );
      return { user, target, aliases: this.aliases(target, reader), read };
    });
  }

  private aliases(user: UserKey, reader: TolerantReader): readonly UserKey[] {
    const row = this.get('SELECT record FROM users WHERE key = ?', user);
    const stored = row === undefined ? null : String(row['record']);
    return reader.read(stored, (text) => readUser(user, text).aliases) ?? [];
  }

  private canonical(name: UserKey): UserKey {
    const grouped = this.names.canonical(name);
    return this.targetOf(name) ?? this.targetOf(grouped) ?? grouped;
  }

  private targetOf(alias: UserKey): UserKey | null {
    const row = this.get('SELECT user FROM aliases WHERE alias = ?', alias);
    return row === undefined ? null : (String(row['user']) as UserKey);
  }

  private append(device: DeviceKey | null, user: string | null): void {
    this.watch.note();
    this.run('INSERT INTO changes (device, user) VALUES (?, ?)', device, user);
    this.run('DELETE FROM changes WHERE id <= (SELECT max(id) FROM changes) - ?', MAX_CHANGES);
  }

  private lastId(): LogPosition {
    // The sequence table keeps the last id even when all rows were removed.
    return String(Number(this.get("SELECT seq FROM sqlite_sequence WHERE name = 'changes'")?.['seq'] ?? 0));
  }

  private get(sql: string, ...values: (string | number | null)[]): Row | undefined {
    return this.database.statement(sql).get(...values);
  }

  private all(sql: string, ...values: (string | number | null)[]): Row[] {
    return this.database.statement(sql).all(...values);
  }

  private run(sql: string, ...values: (string | number | null)[]): void {
    this.database.statement(sql).run(...values);
  }
}

function decisionName(device: string, user: string): string {
  return user === EVERY_USER ? `decision ${device}` : `decision ${device} ${user}`;
}
