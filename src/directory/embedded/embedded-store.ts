// Owns the embedded directory: one SQLite file, shared by the gateway and the command line, survives restarts.
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { StatementSync } from 'node:sqlite';
import { isDeepStrictEqual } from 'node:util';
import { monotonicNow } from '../../clock.ts';
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import { NO_GROUPS } from '../../identity/user-names.ts';
import type { UserNames } from '../../identity/user-names.ts';
import type { ManualDecision } from '../../policy/model.ts';
import { noteTold, settleWipe } from '../../policy/wipe.ts';
import type { WipeNotice, WipeOutcome } from '../../policy/wipe.ts';
import {
  boundRequirements,
  joinSpellings,
  readDecision,
  readDevice,
  readPartnership,
  readUser,
  sameFacts,
  sameState,
  seenPartnership,
} from '../records.ts';
import type { DeviceRecord, DeviceReport, NewSpelling, PartnershipRecord, UserRecord } from '../records.ts';
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
import { migrate } from './migrations.ts';
import { SCHEMA, SCHEMA_VERSION, SECRETS } from './schema.ts';

/** Changes kept; a worker that lags further drops its cache. */
const MAX_CHANGES = 100_000;
/** How often a waiting {@link EmbeddedStore.changesAfter} looks, and for how long. */
const POLL_MS = 50;
const WAIT_MS = 5_000;
/** Longest wait for another process that writes; its transactions take milliseconds. */
const BUSY_MS = 500;
/** `user` of a decision that holds for every user of the device. */
const EVERY_USER = '';

interface Row {
  readonly [column: string]: unknown;
}

/** Opens or creates the file. @throws Error when it cannot be opened or has another schema. */
export class EmbeddedStore implements DirectoryStore {
  readonly kind = 'embedded';
  readonly names: UserNames;
  private readonly database: DatabaseSync;
  private readonly statements = new Map<string, StatementSync>();
  private closed = false;
  private wake: (() => void) | null = null;

  constructor(path: string, names: UserNames = NO_GROUPS) {
    this.names = names;
    if (path !== ':memory:') mkdirSync(dirname(path), { recursive: true });
    this.database = new DatabaseSync(path, { timeout: BUSY_MS });
    this.database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL;');
    this.transaction(() => {
      const version = Number(this.get('PRAGMA user_version')?.['user_version'] ?? 0);
      if (version === 0) this.database.exec(`${SCHEMA} PRAGMA user_version = ${SCHEMA_VERSION};`);
      else if (version > SCHEMA_VERSION)
        throw new Error(`${path}: schema version ${version} is not known here`);
      else migrate(this.database, version);
      this.database.exec(SECRETS);
    });
  }

  async lookup(name: UserKey, key: DeviceKey): Promise<LookupResult> {
    return this.snapshot(() => {
      const user = this.canonical(name);
      const record = this.get('SELECT record FROM devices WHERE key = ?', key);
      const deviceDecision = this.decision(key, EVERY_USER);
      const stored = this.userDecisions(key);
      const login = { name, user, aliases: stored.length === 0 ? [] : this.aliases(user) };
      return {
        user,
        device: record === undefined ? null : readDevice(key, String(record['record'])),
        deviceDecision,
        ...concerning(this.names, login, deviceDecision, stored),
        partnership: this.partnership(user, key),
        position: this.lastId(),
      };
    });
  }

  async getDevice(key: DeviceKey): Promise<DeviceListing | null> {
    const row = this.get('SELECT record FROM devices WHERE key = ?', key);
    const decision = this.decision(key, EVERY_USER);
    if (row === undefined && decision === null) return null;
    return { key, record: row === undefined ? null : readDevice(key, String(row['record'])), decision };
  }

  async putDevice(report: DeviceReport): Promise<boolean> {
    return this.transaction(() => {
      const row = this.get('SELECT record FROM devices WHERE key = ?', report.key);
      const stored = row === undefined ? null : readDevice(report.key, String(row['record']));
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
    const row = this.get('SELECT record FROM users WHERE key = ?', key);
    return row === undefined ? null : readUser(key, String(row['record']));
  }

  async putUser(record: UserRecord): Promise<void> {
    this.transaction(() => {
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
    this.transaction(() => this.write(user, device, decision));
  }

  async replaceDecision(
    user: UserKey | null,
    device: DeviceKey,
    expected: ManualDecision | null,
    decision: ManualDecision | null,
  ): Promise<boolean> {
    return this.transaction(() => {
      if (!isDeepStrictEqual(this.decision(device, user ?? EVERY_USER), expected)) return false;
      this.write(user, device, decision);
      return true;
    });
  }

  async noteWipeTold(user: UserKey | null, device: DeviceKey, notice: WipeNotice): Promise<boolean> {
    return this.transaction(() => {
      const stored = this.decision(device, user ?? EVERY_USER);
      const told = noteTold(stored, notice);
      if (told !== null && told !== stored) this.put(user, device, told);
      return told !== null;
    });
  }

  async acknowledgeWipe(user: UserKey | null, device: DeviceKey, outcome: WipeOutcome): Promise<boolean> {
    return this.transaction(() => {
      const settled = settleWipe(this.decision(device, user ?? EVERY_USER), outcome);
      if (settled !== null) this.write(user, device, settled);
      return settled !== null;
    });
  }

  async listUserDecisions(device: DeviceKey): Promise<readonly UserDecision[]> {
    return this.userDecisions(device).map(({ user, read }) => ({ user, decision: read() }));
  }

  async listDecisions(): Promise<readonly StoredDecision[]> {
    return this.all('SELECT device, user, record FROM decisions ORDER BY device, user').map((row) => {
      const device = String(row['device']) as DeviceKey;
      const user = String(row['user']);
      return {
        device,
        user: user === EVERY_USER ? null : (user as UserKey),
        decision: readDecision(String(row['record']), `decision ${device} ${user}`),
      };
    });
  }

  async listDevices(): Promise<readonly DeviceListing[]> {
    const keys = this.all(
      'SELECT key FROM devices UNION SELECT device AS key FROM decisions WHERE user = ? ORDER BY key',
      EVERY_USER,
    );
    const listings = await Promise.all(keys.map((row) => this.getDevice(String(row['key']) as DeviceKey)));
    return listings.flatMap((listing) => (listing === null ? [] : [listing]));
  }

  async listPartnerships(): Promise<readonly PartnershipListing[]> {
    return this.all('SELECT user, device, record FROM partnerships ORDER BY user, device').map((row) => {
      const user = String(row['user']) as UserKey;
      const device = String(row['device']) as DeviceKey;
      return {
        record: readPartnership(user, device, String(row['record'])),
        decision: this.decision(device, user),
      };
    });
  }

  async recordSeen(batch: readonly PartnershipRecord[]): Promise<readonly NewSpelling[]> {
    return this.transaction(() => {
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
    return this.transaction(() => {
      this.run('INSERT OR IGNORE INTO secrets VALUES (?, ?)', SHARED_SECRET, newSecret());
      return String(this.get('SELECT value FROM secrets WHERE name = ?', SHARED_SECRET)?.['value']);
    });
  }

  async position(): Promise<LogPosition> {
    return this.lastId();
  }

  async changesAfter(position: LogPosition): Promise<ChangeBatch> {
    const end = monotonicNow() + WAIT_MS;
    while (!this.closed) {
      const last = this.lastId();
      if (last !== position) return this.read(position, last);
      if (monotonicNow() >= end) break;
      await this.pause();
    }
    return { changes: [], position, trimmed: false };
  }

  isBefore(a: LogPosition, b: LogPosition): boolean {
    return Number(a) < Number(b);
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.wake?.();
    this.database.close();
  }

  private read(position: LogPosition, last: LogPosition): ChangeBatch {
    const rows = this.all('SELECT id, device, user FROM changes WHERE id > ? ORDER BY id', Number(position));
    const first = rows[0];
    // Ids are without gaps: another next id, or an end before our place, means that changes are gone.
    const trimmed = first === undefined || Number(first['id']) !== Number(position) + 1;
    const changes = rows.map((row): Change => ({
      device: row['device'] as DeviceKey | null,
      user: row['user'] as UserKey | null,
    }));
    const end = rows.at(-1);
    return { changes, position: end === undefined ? last : String(end['id']), trimmed };
  }

  private pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, POLL_MS);
      timer.unref();
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  private partnership(user: UserKey, device: DeviceKey): PartnershipRecord | null {
    const row = this.get('SELECT record FROM partnerships WHERE user = ? AND device = ?', user, device);
    return seenPartnership(user, device, row === undefined ? null : String(row['record']));
  }

  private decision(device: DeviceKey, user: string): ManualDecision | null {
    const row = this.get('SELECT record FROM decisions WHERE device = ? AND user = ?', device, user);
    return row === undefined ? null : readDecision(String(row['record']), `decision ${device} ${user}`);
  }

  private write(user: UserKey | null, device: DeviceKey, decision: ManualDecision | null): void {
    if (decision === null)
      this.run('DELETE FROM decisions WHERE device = ? AND user = ?', device, user ?? EVERY_USER);
    else this.put(user, device, decision);
    this.append(device, user);
  }

  private put(user: UserKey | null, device: DeviceKey, decision: ManualDecision): void {
    const record = JSON.stringify(decision);
    this.run('INSERT OR REPLACE INTO decisions VALUES (?, ?, ?)', device, user ?? EVERY_USER, record);
  }

  /** All decisions on users of the device; an operator writes few. */
  private userDecisions(device: DeviceKey): StoredUserDecision[] {
    const rows = this.all(
      'SELECT user, record FROM decisions WHERE device = ? AND user <> ?',
      device,
      EVERY_USER,
    );
    return rows.map((row) => {
      const user = String(row['user']) as UserKey;
      const target = this.targetOf(user) ?? user;
      const read = (): ManualDecision => readDecision(String(row['record']), `decision ${device} ${user}`);
      return { user, target, aliases: this.aliases(target), read };
    });
  }

  private aliases(user: UserKey): readonly UserKey[] {
    const row = this.get('SELECT record FROM users WHERE key = ?', user);
    return row === undefined ? [] : readUser(user, String(row['record'])).aliases;
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
    this.run('INSERT INTO changes (device, user) VALUES (?, ?)', device, user);
    this.run('DELETE FROM changes WHERE id <= (SELECT max(id) FROM changes) - ?', MAX_CHANGES);
  }

  private lastId(): LogPosition {
    // The sequence table remembers the last id also when every row was trimmed.
    return String(Number(this.get("SELECT seq FROM sqlite_sequence WHERE name = 'changes'")?.['seq'] ?? 0));
  }

  /** One consistent view for reads; waits for no writer. */
  private snapshot<T>(work: () => T): T {
    return this.within('BEGIN', work);
  }

  private transaction<T>(work: () => T): T {
    return this.within('BEGIN IMMEDIATE', work);
  }

  private within<T>(begin: string, work: () => T): T {
    this.database.exec(begin);
    try {
      const result = work();
      this.database.exec('COMMIT');
      return result;
    } catch (error) {
      this.database.exec('ROLLBACK');
      throw error;
    }
  }

  private prepare(sql: string): StatementSync {
    let statement = this.statements.get(sql);
    if (statement === undefined) {
      statement = this.database.prepare(sql);
      this.statements.set(sql, statement);
    }
    return statement;
  }

  private get(sql: string, ...values: (string | number | null)[]): Row | undefined {
    return this.prepare(sql).get(...values);
  }

  private all(sql: string, ...values: (string | number | null)[]): Row[] {
    return this.prepare(sql).all(...values);
  }

  private run(sql: string, ...values: (string | number | null)[]): void {
    this.prepare(sql).run(...values);
  }
}
