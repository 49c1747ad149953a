// Owns the directory in Redis: shared by any number of gateways; one hash for each device, one for the users with one local part.
import { foldedLocalPart } from '../../identity/folded-name.ts';
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import { NO_GROUPS } from '../../identity/user-names.ts';
import type { UserNames } from '../../identity/user-names.ts';
import type { DecisionOrigin, DecisionSubject, ManualDecision } from '../../model/decision.ts';
import type { DeviceObservation } from '../../model/device.ts';
import type { PartnershipRecord } from '../../model/partnership.ts';
import type { PartnershipSignal } from '../../model/signal.ts';
import type { UserObservation, UserReport } from '../../model/user.ts';
import type { WipeNotice, WipeOutcome } from '../../policy/wipe.ts';
import type { ReportOutcome, SourceOrder } from '../device-reports.ts';
import { deviceEntry, userEntry, userReport } from '../entries.ts';
import { Lookup } from '../lookup.ts';
import { SHARED_SECRET, newSecret } from '../secret.ts';
import { UNGUARDED } from '../store-guard.ts';
import type { GuardOptions } from '../store-guard.ts';
import type {
  ChangeBatch,
  DeviceEntry,
  DirectoryStore,
  ImportedChange,
  JoinedUser,
  LogPosition,
  LookupResult,
  Pair,
  SentWalk,
  UserEntry,
  Written,
} from '../store.ts';
import type { StoredUsers } from '../stored-records.ts';
import { withBackgroundTimeout } from '../background-timeout.ts';
import { unreadableIn } from '../unreadable-records.ts';
import { BulkAccess, MAX_OF_GATEWAY } from './bulk-access.ts';
import { ChangeLog } from './change-log.ts';
import { logConnectionTrouble } from './connection-trouble.ts';
import { DeviceWriter, putImported } from './device-writes.ts';
import { isEarlierPosition } from './log-position.ts';
import { isCluster } from './redis-cluster.ts';
import type { RedisAddress, RedisClient } from './redis-cluster.ts';
import { begun, connect, placeOf, ready } from './redis-connection.ts';
import type { RedisStoreOptions } from './redis-connection.ts';
import { RedisGuard } from './redis-guard.ts';
import { RedisDecisions } from './redis-decisions.ts';
import { UserWriter } from './new-users.ts';
import { PARTITIONS, RedisKeys } from './redis-keys.ts';
import { RedisDeliveries } from './redis-deliveries.ts';
import { RedisLease } from './redis-lease.ts';
import { RedisLocks } from './redis-locks.ts';
import { RedisNotes } from './redis-notes.ts';
import { MEND_STREAMS } from './redis-scripts.ts';
import type { Script } from './redis-scripts.ts';
import { readLogin, readLookup } from './read-lookup.ts';
import type { LookupReads } from './read-lookup.ts';
import { RedisAccounts } from './redis-accounts.ts';
import { RedisPolicies } from './redis-policies.ts';
import { RedisPushes } from './redis-pushes.ts';
import { Replication } from './replication.ts';
import { RedisWalks } from './redis-walks.ts';
import { SeenWriter } from './seen-writes.ts';
import { SentinelWatch, followPrimary } from './sentinel-watch.ts';
import { StoreAccess } from './store-access.ts';
import { storedDevice, storedUsers } from './stored-hashes.ts';

/** The directory in Redis: a single server, replicas behind Sentinel, or a Cluster. */
export class RedisStore implements DirectoryStore {
  readonly kind = 'redis';
  readonly names: UserNames;
  readonly sources: SourceOrder;
  readonly policies: RedisPolicies;
  readonly leases: RedisLease;
  readonly accounts: RedisAccounts;
  readonly locks: RedisLocks;
  readonly deliveries: RedisDeliveries;
  readonly pushes: RedisPushes;
  readonly notes: RedisNotes;
  readonly spread: SentWalk;
  private readonly client: RedisClient;
  /** Waits for changes; on a Cluster nothing waits in Redis, and it is `client`. */
  private readonly reader: RedisClient;
  private readonly keys: RedisKeys;
  private readonly guard: RedisGuard;
  private readonly log: ChangeLog;
  private readonly replication: Replication;
  /** The guard's generation whose change was announced last. */
  private announced = 0;
  /** The log shows that the store lost writes, which is still to be told. */
  private hasLost = false;
  private readonly access: StoreAccess;
  private readonly lookupReads: LookupReads;
  private readonly bulk: BulkAccess;
  private readonly decisions: RedisDecisions;
  private readonly devices: DeviceWriter;
  private readonly users: UserWriter;
  private readonly seen: SeenWriter;
  private readonly walks: RedisWalks;
  private readonly watch: SentinelWatch | null;
  private closed = false;

  private constructor(
    options: RedisStoreOptions,
    names: UserNames,
    guard: GuardOptions,
    sources: SourceOrder,
  ) {
    this.names = names;
    this.sources = sources;
    this.client = connect(options, options.commandTimeoutMs);
    // No phone waits for the log. XREAD waits at one server; the nodes of a Cluster are asked again and again.
    this.reader = connect(
      options,
      isCluster(this.client) ? withBackgroundTimeout(options).commandTimeoutMs : undefined,
    );
    this.keys = new RedisKeys(options.keyPrefix, isCluster(this.client));
    this.guard = new RedisGuard(this.client, this.keys, placeOf(options), guard);
    this.log = new ChangeLog(this.client, this.reader, this.keys);
    this.access = new StoreAccess(this.client, this.guard);
    this.lookupReads = { reads: this.access.reads, keys: this.keys };
    const { client } = this;
    this.policies = new RedisPolicies(this.access.direct, this.keys);
    const run = (script: Script, keys: readonly string[], values: readonly string[]): Promise<unknown> =>
      this.guard.script(script, keys, values);
    this.leases = new RedisLease(run, this.keys);
    this.bulk = new BulkAccess(client, this.guard, options, () => this.leases.doubt());
    this.accounts = new RedisAccounts(run, this.keys.accounts);
    this.locks = new RedisLocks(run, this.keys);
    this.deliveries = new RedisDeliveries(run, this.keys);
    this.pushes = new RedisPushes(run, this.keys);
    this.notes = new RedisNotes(run, this.keys);
    this.walks = new RedisWalks({ client, keys: this.keys, guard: this.guard, sources }, options);
    this.spread = this.walks.spread;
    this.devices = new DeviceWriter(this.keys);
    this.users = new UserWriter(this.keys, names);
    this.seen = new SeenWriter(this.keys, names);
    this.replication = new Replication(options);
    this.decisions = new RedisDecisions({
      keys: this.keys,
      names,
      sources,
      notes: this.notes,
      replication: this.replication,
      lookups: this.lookupReads,
      accessOn: (on) => this.access.over(on),
      epoch: () => this.epoch,
    });
    this.watch =
      options.sentinel === undefined
        ? null
        : new SentinelWatch(options, options.sentinel, (primary) => this.followPrimary(primary));
    this.guard.watch(this.reader);
  }

  /** Connects. Rejects as soon as it is known that Redis cannot be used, or is not the known store (redis-guard.ts). */
  static async open(
    options: RedisStoreOptions,
    names: UserNames = NO_GROUPS,
    guard: GuardOptions = UNGUARDED,
    sources: SourceOrder = [],
  ): Promise<RedisStore> {
    const store = new RedisStore(options, names, guard, sources);
    try {
      await Promise.all([ready(store.client, options), ready(store.reader, options)]);
      await begun(() => store.guard.check(), options);
      // The first beat of a gateway, which the second check writes, shows whether the server accepts writes.
      const { reader } = store;
      await begun(() => store.guard.check(reader), options);
      // Disconnects, because a reader would keep waiting on the old log.
      store.guard.onNewEpoch = () => (isCluster(reader) ? store.log.hurry() : reader.disconnect(true));
      store.announced = store.guard.guard.generation;
      if (guard.serves) logConnectionTrouble([store.client, store.reader], options, guard.onEvent);
    } catch (error) {
      await store.close();
      throw error;
    }
    return store;
  }

  lookup(name: UserKey, key: DeviceKey): Promise<LookupResult> {
    return readLookup(this.lookupReads, new Lookup(this.names, this.sources, name), key, () => this.epoch);
  }

  lookups(pairs: readonly Pair[]): readonly Promise<LookupResult>[] {
    // Look-ups of one turn share script calls.
    return pairs.map(({ user, device }) => this.lookup(user, device));
  }

  async joinedUser(name: UserKey): Promise<JoinedUser> {
    const lookup = new Lookup(this.names, this.sources, name);
    await readLogin(this.lookupReads, lookup);
    return lookup.login.behind;
  }

  async getDevice(key: DeviceKey): Promise<DeviceEntry | null> {
    const [hash] = await this.access.reads.read([{ key: this.keys.device(key) }]);
    return deviceEntry(storedDevice(key, hash?.values ?? null), this.sources, this.epoch);
  }

  getDevices(keys: readonly DeviceKey[]): Promise<readonly (DeviceEntry | null)[]> {
    return Promise.all(keys.map((key) => this.getDevice(key)));
  }

  async getUser(name: UserKey): Promise<UserEntry | null> {
    const local = foldedLocalPart(name);
    const stored = await this.usersOf(local);
    const entry = userEntry(name, stored, this.sources, this.epoch);
    const target = stored.aliases.get(name);
    if (entry !== null || target === undefined) return entry;
    const other = foldedLocalPart(target);
    const users = other === local ? stored : await this.usersOf(other);
    return userEntry(target, users, this.sources, this.epoch);
  }

  getUserReports(source: string, keys: readonly UserKey[]): Promise<readonly (UserReport | null)[]> {
    const read = async (key: UserKey): Promise<UserReport | null> => {
      const { reports } = await this.usersOf(foldedLocalPart(key));
      return userReport(key, source, reports.find((one) => one.user === key && one.source === source)?.text);
    };
    return Promise.all(keys.map(read));
  }

  scanDevices(): AsyncIterable<readonly DeviceEntry[]> {
    return this.walks.devices();
  }

  scanUsers(withDevices = true): AsyncIterable<readonly UserEntry[]> {
    return this.walks.users(withDevices);
  }

  putDevices(observations: readonly DeviceObservation[], fence?: number): Promise<readonly ReportOutcome[]> {
    return this.devices.put(this.bulk.access(observations.length, fence), observations);
  }

  putUsers(observations: readonly UserObservation[], fence?: number): Promise<readonly ReportOutcome[]> {
    const { length } = observations;
    return this.users.put(this.bulk.access(length, fence), this.bulk.creation(length, fence), observations);
  }

  putImported(source: string, changes: readonly ImportedChange[], fence?: number): Promise<void> {
    return putImported(this.bulk.access(changes.length, fence), this.keys, source, changes, (user) =>
      this.decisions.newsOf({ device: null, user }),
    );
  }

  decide(
    subject: DecisionSubject,
    decision: ManualDecision | null,
    origin: DecisionOrigin,
  ): Promise<Written> {
    return this.decisions.decide(subject, decision, origin);
  }

  replaceDecision(
    subject: DecisionSubject,
    expected: ManualDecision | null,
    decision: ManualDecision | null,
    origin: DecisionOrigin,
  ): Promise<Written | null> {
    return this.decisions.replaceDecision(subject, expected, decision, origin);
  }

  noteWipeTold(user: UserKey | null, device: DeviceKey, notice: WipeNotice): Promise<boolean> {
    return this.decisions.noteWipeTold(user, device, notice);
  }

  acknowledgeWipe(user: UserKey | null, device: DeviceKey, outcome: WipeOutcome): Promise<boolean> {
    return this.decisions.acknowledgeWipe(user, device, outcome);
  }

  recordSeen(
    batch: readonly PartnershipRecord[],
    onSignal: (signal: PartnershipSignal) => void = () => undefined,
  ): Promise<void> {
    const { length } = batch;
    // How busy Redis is need not be asked for few.
    if (length <= MAX_OF_GATEWAY) return this.seen.record(this.access.direct, null, batch, onSignal);
    return this.seen.record(this.bulk.access(length), this.bulk.creation(length), batch, onSignal);
  }

  unreadable(): Promise<readonly string[]> {
    return unreadableIn(this, this.walks.failures());
  }

  async sharedSecret(): Promise<string> {
    await this.guard.verified();
    const key = this.keys.secret(SHARED_SECRET);
    await this.client.set(key, newSecret(), 'NX');
    const stored = await this.client.get(key);
    if (stored === null) throw new Error('the shared secret was deleted during its creation: try again');
    return stored;
  }

  position(): Promise<LogPosition> {
    return this.mended(() => this.log.position());
  }

  async changesAfter(position: LogPosition): Promise<ChangeBatch> {
    const { reader } = this;
    await this.guard.verified(reader);
    const { lost, ...batch } = await this.mended(() => this.log.changesAfter(position));
    this.hasLost ||= lost;
    // The log of another store does not apply to this one. While a node of a Cluster is away, that is judged by what is known.
    if (batch.isPartial === true) await this.guard.verified(reader);
    else if (this.hasLost) {
      await this.guard.lostWrites(reader);
      this.hasLost = false;
    } else if (batch.trimmed) await this.guard.check(reader);
    else await this.guard.verified(reader);
    const { generation } = this.guard.guard;
    const { silence } = this.guard;
    if (this.announced === generation) return silence === null ? batch : { ...batch, silence };
    // The read of the position may fail. Only after it the change of the store counts as reported, so that the next call reports it.
    const end = batch.isPartial === true ? batch.position : await this.position();
    this.announced = generation;
    return { ...batch, changes: [], position: end, trimmed: true };
  }

  isBefore(a: LogPosition, b: LogPosition): boolean {
    return isEarlierPosition(a, b);
  }

  /** If another program gave a change stream another type, deletes the key and repeats `work`: because of the gap, everything is read again. */
  private async mended<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Error && error.message.includes('WRONGTYPE'))) throw error;
    }
    for (const partition of PARTITIONS)
      await this.guard.script(MEND_STREAMS, [this.keys.changes(partition)], []);
    return work();
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.guard.close();
    this.log.close();
    this.client.disconnect();
    this.reader.disconnect();
    this.replication.close();
    this.watch?.close();
    this.walks.close();
    this.bulk.close();
  }

  private followPrimary(primary: RedisAddress): void {
    for (const client of [this.client, this.reader]) if (!isCluster(client)) followPrimary(client, primary);
    this.replication.followPrimary(primary);
    this.bulk.followPrimary(primary);
  }

  private async usersOf(local: string): Promise<StoredUsers> {
    const [hash] = await this.access.reads.read([{ key: this.keys.users(local) }]);
    return storedUsers(local, hash?.values ?? null);
  }

  get refusal(): string | null {
    return this.guard.guard.refusal;
  }

  private get epoch(): number {
    return this.guard.guard.epoch;
  }
}
