// Owns the embedded directory: one SQLite file, shared by the gateway and the command line.
import { setImmediate as turn } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { monotonicNow } from '../../clock.ts';
import { foldedLocalPart } from '../../identity/folded-name.ts';
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import { NO_GROUPS } from '../../identity/user-names.ts';
import type { UserNames } from '../../identity/user-names.ts';
import { readDecisionRecord } from '../../model/decision.ts';
import type {
  DecisionOrigin,
  DecisionRecord,
  DecisionSubject,
  ManualDecision,
} from '../../model/decision.ts';
import type { DeviceObservation } from '../../model/device.ts';
import type { PartnershipRecord } from '../../model/partnership.ts';
import type { PartnershipSignal } from '../../model/signal.ts';
import type { UserObservation, UserReport } from '../../model/user.ts';
import { changedDecision, decisionRecordText } from '../../model/wipe.ts';
import { noteTold, settleWipe } from '../../policy/wipe.ts';
import type { WipeNotice, WipeOutcome } from '../../policy/wipe.ts';
import type { ReportOutcome, SourceOrder } from '../device-reports.ts';
import { UNDECIDED, deviceEntries, deviceEntry, userEntries, userEntry, userReport } from '../entries.ts';
import { Lookup } from '../lookup.ts';
import { recordNames } from '../record-names.ts';
import { SHARED_SECRET, newSecret } from '../secret.ts';
import type {
  ChangeBatch,
  DeviceEntry,
  DirectoryStore,
  ImportedChange,
  JoinedUser,
  LogPosition,
  LookupResult,
  Pair,
  PartsWalk,
  ScanPart,
  UserEntry,
  Written,
} from '../store.ts';
import type { StoredUsers } from '../stored-records.ts';
import { UNGUARDED } from '../store-guard.ts';
import type { GuardOptions } from '../store-guard.ts';
import { TolerantReader } from '../tolerant-reader.ts';
import { unreadableIn } from '../unreadable-records.ts';
import { BulkTransactions } from './bulk-transactions.ts';
import { ChangeLog } from './change-log.ts';
import { GuardedDatabase } from './guarded-database.ts';
import type { Row } from './guarded-database.ts';
import { DeliveryTable } from './delivery-table.ts';
import { LeaseTable } from './lease-table.ts';
import { LockTable } from './lock-table.ts';
import { LogWatch } from './log-watch.ts';
import { NoteTable } from './note-table.ts';
import { PolicyTable } from './policy-table.ts';
import { PushTable } from './push-table.ts';
import { readLookups } from './read-lookups.ts';
import { RecordWriter } from './record-writer.ts';
import { EVERY } from './schema.ts';
import { SeenWriter } from './seen-writer.ts';
import { StoredRows } from './stored-rows.ts';

/** Longest wait of {@link EmbeddedStore.changesAfter}. */
const WAIT_MS = 5_000;
/** Longest transaction in which a worker writes phones that it has seen, milliseconds: requests come first. */
const SEEN_LOCK_MS = 2;
/** Rows of devices of each kind, or local parts of users, read in one transaction. */
const SCAN_BATCH = 200;

/** All devices. */
const WHOLE: ScanPart = Object.freeze({ after: '', upTo: null });

/** There is one file. */
const NOT_REPLICATED: Written = Object.freeze({ replicated: null });

/** Opens the file, or creates it. Throws when it cannot be opened, or is not the known one (guarded-database.ts). */
export class EmbeddedStore implements DirectoryStore {
  readonly kind = 'embedded';
  readonly spread: PartsWalk = {
    kind: 'parts',
    parts: (most, atLeast) => this.partsOf(most, atLeast),
    users: (withDevices) => this.walkUsers(withDevices),
    devices: (part) => this.walkDevices(part),
  };
  readonly names: UserNames;
  readonly sources: SourceOrder;
  readonly policies: PolicyTable;
  readonly leases: LeaseTable;
  /** One gateway uses the file: its accounts are in a file of their own. */
  readonly accounts = null;
  readonly locks: LockTable;
  readonly deliveries: DeliveryTable;
  readonly pushes: PushTable;
  readonly notes: NoteTable;
  private readonly database: GuardedDatabase;
  private readonly rows: StoredRows;
  private readonly log: ChangeLog;
  private readonly writer: RecordWriter;
  private readonly seen: SeenWriter;
  private readonly bulk: BulkTransactions;
  private closed = false;
  private readonly watch: LogWatch;

  constructor(
    path: string,
    names: UserNames = NO_GROUPS,
    options: GuardOptions = UNGUARDED,
    sources: SourceOrder = [],
  ) {
    this.names = names;
    this.sources = sources;
    this.database = new GuardedDatabase(path, options);
    this.watch = new LogWatch(path);
    this.rows = new StoredRows(this.database);
    this.log = new ChangeLog(this.database, () => this.watch.note());
    this.policies = new PolicyTable(this.database, this.log);
    this.leases = new LeaseTable(this.database);
    this.locks = new LockTable(this.database);
    this.deliveries = new DeliveryTable(this.database);
    this.pushes = new PushTable(this.database);
    this.notes = new NoteTable(this.database);
    this.writer = new RecordWriter(this.database, this.rows, this.log, names);
    this.seen = new SeenWriter(this.database, this.rows, names);
    this.bulk = new BulkTransactions(this.database, this.leases);
  }

  async lookup(user: UserKey, device: DeviceKey): Promise<LookupResult> {
    return this.read([{ user, device }])[0] as LookupResult;
  }

  lookups(pairs: readonly Pair[]): readonly Promise<LookupResult>[] {
    const all = this.readTogether(pairs);
    return pairs.map(({ user, device }, at) => all.then((found) => found?.[at] ?? this.lookup(user, device)));
  }

  async joinedUser(name: UserKey): Promise<JoinedUser> {
    return this.database.read(() => this.readLogin(name).login.behind);
  }

  private readLogin(name: UserKey): Lookup {
    const lookup = new Lookup(this.names, this.sources, name);
    const { login } = lookup;
    for (let parts = login.missing(); parts.length > 0; parts = login.missing())
      for (const part of parts) login.add(part, this.rows.users(part));
    return lookup;
  }

  async getDevice(key: DeviceKey): Promise<DeviceEntry | null> {
    return this.database.read(() => deviceEntry(this.rows.device(key), this.sources, this.epoch));
  }

  async getDevices(keys: readonly DeviceKey[]): Promise<readonly (DeviceEntry | null)[]> {
    return this.database.read(() =>
      keys.map((key) => deviceEntry(this.rows.device(key), this.sources, this.epoch)),
    );
  }

  async getUser(name: UserKey): Promise<UserEntry | null> {
    return this.database.read(() => {
      const part = foldedLocalPart(name);
      const stored = this.rows.allOfUsers(part);
      const entry = userEntry(name, stored, this.sources, this.epoch);
      const target = stored.aliases.get(name);
      if (entry !== null || target === undefined) return entry;
      const other = foldedLocalPart(target);
      const users = other === part ? stored : this.rows.allOfUsers(other);
      return userEntry(target, users, this.sources, this.epoch);
    });
  }

  async getUserReports(source: string, keys: readonly UserKey[]): Promise<readonly (UserReport | null)[]> {
    return this.database.read(() => {
      const reports = this.rows.userReports(keys.map((key) => foldedLocalPart(key)));
      const textOf = (key: UserKey): string | undefined =>
        reports.get(key)?.find((one) => one.source === source)?.text;
      return keys.map((key) => userReport(key, source, textOf(key)));
    });
  }

  async *scanDevices(): AsyncIterable<readonly DeviceEntry[]> {
    for await (const entries of this.walkDevices(WHOLE)) yield [...entries];
  }

  private async *walkDevices(part: ScanPart): AsyncGenerator<Iterable<DeviceEntry>> {
    let after: string | null = part.after;
    while (after !== null && after !== part.upTo) {
      const from: string = after;
      const { devices, end } = this.database.read(() => this.rows.devicesAfter(from, part.upTo, SCAN_BATCH));
      if (devices.length > 0) yield deviceEntries(devices, this.sources, this.epoch);
      after = end;
      await turn();
    }
  }

  private async partsOf(most: number, atLeast: number): Promise<readonly ScanPart[]> {
    return this.database.read(() => {
      const ends = this.rows.endsOfParts(most, atLeast);
      return [...ends, null].map((upTo, at) => ({ after: ends[at - 1] ?? '', upTo }));
    });
  }

  async *scanUsers(withDevices = true): AsyncIterable<readonly UserEntry[]> {
    for await (const entries of this.walkUsers(withDevices)) yield [...entries];
  }

  private async *walkUsers(withDevices: boolean): AsyncGenerator<Iterable<UserEntry>> {
    let after: string | null = null;
    while (true) {
      const stored = this.usersAfter(after, withDevices);
      if (stored.size === 0) return;
      after = [...stored.keys()].at(-1) ?? null;
      yield userEntries(stored.values(), this.sources, this.epoch);
      await turn();
    }
  }

  async putDevices(
    observations: readonly DeviceObservation[],
    fence?: number,
  ): Promise<readonly ReportOutcome[]> {
    return this.bulk.writeInOrder(
      observations,
      ({ key }) => key,
      (some) => this.writer.putDevices(some, Date.now()),
      { fence },
    );
  }

  async putUsers(
    observations: readonly UserObservation[],
    fence?: number,
  ): Promise<readonly ReportOutcome[]> {
    return this.bulk.writeInOrder(
      observations,
      ({ key }) => key,
      (some) => this.writer.putUsers(some, Date.now()),
      { fence },
    );
  }

  async putImported(source: string, changes: readonly ImportedChange[], fence?: number): Promise<void> {
    await this.bulk.write(changes, (some) => some.map((one) => this.writer.putImported(source, one)), {
      fence,
    });
  }

  async recordSeen(
    batch: readonly PartnershipRecord[],
    onSignal: (signal: PartnershipSignal) => void = () => undefined,
  ): Promise<void> {
    const onWritten = (written: readonly (readonly PartnershipSignal[])[]): void => {
      for (const signals of written) for (const signal of signals) onSignal(signal);
    };
    const write = (some: readonly PartnershipRecord[]) => this.seen.record(some);
    await this.bulk.writeInOrder(batch, ({ device }) => device, write, { onWritten, lockMs: SEEN_LOCK_MS });
    // Who has more of them goes on in another turn.
    await turn();
  }

  async decide(
    subject: DecisionSubject,
    decision: ManualDecision | null,
    origin: DecisionOrigin,
  ): Promise<Written> {
    return this.database.write(() => this.change(subject, this.decided(subject), decision, origin));
  }

  async replaceDecision(
    subject: DecisionSubject,
    expected: ManualDecision | null,
    decision: ManualDecision | null,
    origin: DecisionOrigin,
  ): Promise<Written | null> {
    return this.database.write(() => {
      const stored = this.decided(subject);
      if (!isDeepStrictEqual(stored.decision, expected)) return null;
      this.notes.add(subject, origin);
      return this.change(subject, stored, decision, origin);
    });
  }

  async noteWipeTold(user: UserKey | null, device: DeviceKey, notice: WipeNotice): Promise<boolean> {
    return this.database.write(() => {
      const subject = { device, user };
      const { decision, history } = this.decided(subject);
      const told = noteTold(decision, notice);
      if (told !== null && told !== decision) this.put(subject, { decision: told, history });
      return told !== null;
    });
  }

  async acknowledgeWipe(user: UserKey | null, device: DeviceKey, outcome: WipeOutcome): Promise<boolean> {
    return this.database.write(() => {
      const subject = { device, user };
      const stored = this.decided(subject);
      const settled = settleWipe(stored.decision, outcome);
      if (settled === null) return false;
      this.change(subject, stored, settled, { by: outcome.user, via: 'device', at: outcome.at });
      return true;
    });
  }

  unreadable(): Promise<readonly string[]> {
    return unreadableIn(this);
  }

  async sharedSecret(): Promise<string> {
    return this.database.write(() => {
      this.run('INSERT OR IGNORE INTO secrets VALUES (?, ?)', SHARED_SECRET, newSecret());
      return String(this.get('SELECT value FROM secrets WHERE name = ?', SHARED_SECRET)?.['value']);
    });
  }

  async position(): Promise<LogPosition> {
    return this.database.read(() => this.log.end());
  }

  async changesAfter(position: LogPosition): Promise<ChangeBatch> {
    const end = monotonicNow() + WAIT_MS;
    let noted = true;
    while (!this.closed) {
      const found = this.database.read(() => this.log.after(position));
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
    await this.bulk.close();
    this.database.close();
  }

  /** Null = another program wrote a value that Node.js does not read: it must not concern those that are asked about with it. */
  private async readTogether(pairs: readonly Pair[]): Promise<readonly LookupResult[] | null> {
    try {
      return this.read(pairs);
    } catch (error) {
      if (error instanceof RangeError) return null;
      throw error;
    }
  }

  private read(pairs: readonly Pair[]): readonly LookupResult[] {
    const { names, sources, rows } = this;
    return this.database.read(() =>
      readLookups({ names, sources, rows, position: this.log.end(), epoch: this.epoch }, pairs),
    );
  }

  get refusal(): string | null {
    return this.database.guard.refusal;
  }

  private get epoch(): number {
    return this.database.guard.epoch;
  }

  private usersAfter(after: string | null, withDevices: boolean): ReadonlyMap<string, StoredUsers> {
    return this.database.read(() =>
      this.rows.manyUsers(this.rows.localPartsAfter(after, SCAN_BATCH, withDevices), withDevices),
    );
  }

  /** The decision as it is stored; null = none. */
  private storedDecision({ device, user }: DecisionSubject): string | null {
    const sql = 'SELECT record FROM decisions WHERE device = ? AND user = ?';
    const row = this.get(sql, device ?? EVERY, user ?? EVERY);
    return row === undefined ? null : String(row['record']);
  }

  /** A malformed record counts as none: it is overwritten. */
  private decided(subject: DecisionSubject): DecisionRecord {
    const what = recordNames.decision(subject.device, subject.user);
    return (
      new TolerantReader().read(this.storedDecision(subject), (text) =>
        readDecisionRecord(text, what, this.epoch),
      ) ?? UNDECIDED
    );
  }

  private change(
    subject: DecisionSubject,
    before: DecisionRecord,
    decision: ManualDecision | null,
    origin: DecisionOrigin,
  ): Written {
    // Nothing is taken back where nothing is stored.
    if (decision === null && this.storedDecision(subject) === null) return NOT_REPLICATED;
    this.put(subject, changedDecision(before, decision, origin));
    this.writer.appendSubject(subject);
    return NOT_REPLICATED;
  }

  private put({ device, user }: DecisionSubject, record: DecisionRecord): void {
    if (device === null && user === null) throw new TypeError('a decision on nothing');
    this.run(
      'INSERT OR REPLACE INTO decisions VALUES (?, ?, ?, ?)',
      device ?? EVERY,
      user ?? EVERY,
      user === null ? EVERY : foldedLocalPart(user),
      decisionRecordText(record, this.epoch),
    );
  }

  private get(sql: string, ...values: (string | number | null)[]): Row | undefined {
    return this.database.statement(sql).get(...values);
  }

  private run(sql: string, ...values: (string | number | null)[]): void {
    this.database.statement(sql).run(...values);
  }
}
