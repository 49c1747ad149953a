// Owns the Redis directory: shared by any number of gateways, one script per operation, a Stream as change log.
import { isDeepStrictEqual } from 'node:util';
import type { Redis } from 'ioredis';
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import { NO_GROUPS } from '../../identity/user-names.ts';
import type { UserNames } from '../../identity/user-names.ts';
import type { ManualDecision } from '../../model/decision.ts';
import { noteTold, settleWipe } from '../../policy/wipe.ts';
import type { WipeNotice, WipeOutcome } from '../../policy/wipe.ts';
import {
  MAX_SPELLINGS,
  blankPartnership,
  readPartnership,
  seenPartnership,
} from '../../model/partnership.ts';
import { TolerantReader } from '../tolerant-reader.ts';
import { boundRequirements, readDevice } from '../../model/device.ts';
import { readDecision } from '../../model/decision.ts';
import { decisionText } from '../../model/wipe.ts';
import { readUser } from '../../model/user.ts';
import type { DeviceReport } from '../../model/device.ts';
import type { NewSpelling, PartnershipRecord } from '../../model/partnership.ts';
import type { UserRecord } from '../../model/user.ts';
import { SHARED_SECRET, newSecret } from '../secret.ts';
import type {
  ChangeBatch,
  DeviceListing,
  DirectoryStore,
  LogPosition,
  LookupResult,
  PartnershipListing,
  StoredDecision,
  UserDecision,
} from '../store.ts';
import { UNGUARDED } from '../store-guard.ts';
import type { GuardOptions } from '../store-guard.ts';
import { concerning } from '../user-decisions.ts';
import { LookupBatch } from './lookup-batch.ts';
import { readTexts, unreadableRecords } from './redis-check.ts';
import { connect, placeOf, ready } from './redis-connection.ts';
import type { RedisStoreOptions } from './redis-connection.ts';
import { RedisGuard } from './redis-guard.ts';
import { RedisKeys, decodeUser, encodeUser } from './redis-keys.ts';
import { RedisMigration } from './redis-migration.ts';
import {
  AMEND_DECISION,
  DECIDE,
  LOOKUP,
  PUT_DEVICE,
  PUT_USER,
  RECORD_SEEN,
  REPLACE_DECISION,
} from './redis-scripts.ts';

/** Changes kept in the Stream, approximately. */
const MAX_CHANGES = 100_000;
/** Longest wait of one XREAD. */
const BLOCK_MS = 2_000;
const READ_COUNT = 1_000;
const LIST_BATCH = 500;
/** Partnerships written by one script, which blocks Redis. */
const SEEN_BATCH = 20;
/** Most attempts to change one decision against other writers. */
const MAX_ATTEMPTS = 5;

/** The directory in Redis. Single server or Sentinel-less replica set; not Cluster (scripts touch several keys). */
export class RedisStore implements DirectoryStore {
  readonly kind = 'redis';
  readonly names: UserNames;
  private readonly client: Redis;
  /** XREAD blocks its connection, so it has its own one, without a command timeout. */
  private readonly reader: Redis;
  private readonly keys: RedisKeys;
  private readonly guard: RedisGuard;
  /** The guard's generation whose change was announced last. */
  private announced = 0;
  private readonly lookups = new LookupBatch((values) => this.guard.script(LOOKUP, values));
  private closed = false;

  private constructor(options: RedisStoreOptions, names: UserNames, guard: GuardOptions) {
    this.names = names;
    this.client = connect(options, options.commandTimeoutMs);
    this.reader = connect(options, undefined);
    this.keys = new RedisKeys(options.keyPrefix);
    this.guard = new RedisGuard(this.client, this.keys, placeOf(options), guard);
    this.reader.on('close', () => this.guard.doubt());
  }

  /**
   * Connects and migrates older records. Rejects as soon as it is known that Redis cannot be used, or is not the known
   * store (redis-guard.ts).
   */
  static async open(
    options: RedisStoreOptions,
    names: UserNames = NO_GROUPS,
    guard: GuardOptions = UNGUARDED,
  ): Promise<RedisStore> {
    const store = new RedisStore(options, names, guard);
    try {
      await Promise.all([ready(store.client, options.url), ready(store.reader, options.url)]);
      await store.guard.check();
      // The first beat shows whether the server accepts writes.
      if (guard.serves) await store.guard.check();
      await new RedisMigration(store.client, store.guard, store.keys).run();
      // Disconnects, because a reader would keep waiting on the old log.
      store.guard.onNewEpoch = () => store.reader.disconnect(true);
      store.announced = store.guard.guard.generation;
    } catch (error) {
      await store.close();
      throw error;
    }
    return store;
  }

  async lookup(name: UserKey, key: DeviceKey): Promise<LookupResult> {
    const stored = await this.lookups.read(name, this.names.canonical(name), key);
    const user = decodeUser(stored.user);
    const reader = new TolerantReader();
    if (stored.failure !== null) reader.fail(stored.failure);
    const deviceDecision = this.decision(stored.deviceDecision, key, reader);
    const aliasesOf = (of: UserKey, record: string | null): readonly UserKey[] =>
      reader.read(record, (text) => readUser(of, text).aliases) ?? [];
    const login = { name, user, aliases: aliasesOf(user, stored.userRecord) };
    const decisions = stored.userDecisions.map((row) => {
      const target = decodeUser(row.target);
      return {
        user: decodeUser(row.name),
        target,
        aliases: aliasesOf(target, row.record),
        read: () => this.decision(row.decision, key, reader),
      };
    });
    return {
      user,
      device: reader.read(stored.device, (text) => readDevice(key, text)),
      deviceDecision,
      ...concerning(this.names, login, deviceDecision, decisions),
      partnership: seenPartnership(user, key, stored.partnership),
      position: stored.position,
      ...reader.unreadable(),
    };
  }

  async getDevice(key: DeviceKey): Promise<DeviceListing | null> {
    const [listing] = await this.readDevices([key]);
    return listing ?? null;
  }

  async putDevice(report: DeviceReport): Promise<boolean> {
    const { managed, compliant, model, os, encrypted, compromised, owner, lastCheckIn } = report;
    const { key, source, version, observedAt } = report;
    const unmetRequirements = boundRequirements(report.unmetRequirements);
    const said = { managed, compliant, model, os, encrypted, compromised, owner, lastCheckIn };
    const text = JSON.stringify({ ...said, source, version, observedAt, unmetRequirements }).slice(0, -1);
    const values = [key, text, source, String(version), String(MAX_CHANGES), String(observedAt)];
    return (await this.guard.script(PUT_DEVICE, values)) === 1;
  }

  async getUser(key: UserKey): Promise<UserRecord | null> {
    await this.guard.verified();
    const stored = await this.client.get(this.keys.user(key));
    return stored === null ? null : readUser(key, stored);
  }

  async putUser(record: UserRecord): Promise<void> {
    const { key, ...rest } = record;
    const aliases = record.aliases.map(encodeUser);
    const stored = JSON.stringify({ ...rest, encodedAliases: aliases });
    await this.guard.script(PUT_USER, [encodeUser(key), stored, String(MAX_CHANGES), ...aliases]);
  }

  async decide(user: UserKey | null, device: DeviceKey, decision: ManualDecision | null): Promise<void> {
    const stored = decision === null ? '' : decisionText(decision, this.epoch);
    await this.guard.script(DECIDE, [
      device,
      user === null ? '' : encodeUser(user),
      stored,
      String(MAX_CHANGES),
    ]);
  }

  async replaceDecision(
    user: UserKey | null,
    device: DeviceKey,
    expected: ManualDecision | null,
    decision: ManualDecision | null,
  ): Promise<boolean> {
    return this.change(user, device, (stored) =>
      isDeepStrictEqual(stored, expected) ? { next: decision } : null,
    );
  }

  async noteWipeTold(user: UserKey | null, device: DeviceKey, notice: WipeNotice): Promise<boolean> {
    await this.guard.verified();
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      const [stored] = await readTexts(this.client, [this.keys.decision(user, device)]);
      const decision = this.decision(stored ?? null, device, new TolerantReader());
      const told = noteTold(decision, notice);
      if (typeof stored !== 'string' || told === null) return false;
      if (told === decision) return true;
      const values = [device, user === null ? '' : encodeUser(user), stored, decisionText(told, this.epoch)];
      if ((await this.guard.script(AMEND_DECISION, values)) === 1) return true;
    }
    throw new Error('the decision changed during every attempt to write it: try again');
  }

  async acknowledgeWipe(user: UserKey | null, device: DeviceKey, outcome: WipeOutcome): Promise<boolean> {
    return this.change(user, device, (stored) => {
      const next = settleWipe(stored, outcome);
      return next === null ? null : { next };
    });
  }

  async listUserDecisions(device: DeviceKey): Promise<readonly UserDecision[]> {
    await this.guard.verified();
    const users = (await this.scan(this.keys.decisionIndex(device))).map(decodeUser);
    const stored = await readTexts(
      this.client,
      users.map((user) => this.keys.decision(user, device)),
    );
    const reader = new TolerantReader();
    return users.flatMap((user, index) => {
      const decision = this.decision(stored[index] ?? null, device, reader);
      return decision === null ? [] : [{ user, decision }];
    });
  }

  async listDecisions(): Promise<readonly StoredDecision[]> {
    await this.guard.verified();
    // Every device with a decision is in this index.
    const devices = (await this.scan(this.keys.deviceIndex)) as DeviceKey[];
    const found: StoredDecision[] = [];
    for (let at = 0; at < devices.length; at += LIST_BATCH) {
      const batch = devices.slice(at, at + LIST_BATCH);
      const stored = await readTexts(
        this.client,
        batch.map((device) => this.keys.decision(null, device)),
      );
      const onUsers = await Promise.all(batch.map((device) => this.listUserDecisions(device)));
      for (const [index, device] of batch.entries()) {
        const decision = this.decision(stored[index] ?? null, device, new TolerantReader());
        if (decision !== null) found.push({ device, user: null, decision });
        for (const one of onUsers[index] ?? []) found.push({ device, ...one });
      }
    }
    return found;
  }

  async listDevices(): Promise<readonly DeviceListing[]> {
    await this.guard.verified();
    const keys = (await this.scan(this.keys.deviceIndex)) as DeviceKey[];
    const listings: DeviceListing[] = [];
    for (let at = 0; at < keys.length; at += LIST_BATCH) {
      listings.push(...(await this.readDevices(keys.slice(at, at + LIST_BATCH))));
    }
    return listings;
  }

  async listPartnerships(): Promise<readonly PartnershipListing[]> {
    await this.guard.verified();
    const members = await this.scan(this.keys.partnershipIndex);
    const listings: PartnershipListing[] = [];
    for (let at = 0; at < members.length; at += LIST_BATCH) {
      const pairs = members.slice(at, at + LIST_BATCH).map((member) => {
        const [user = '', device = ''] = member.split(':');
        return { user: decodeUser(user), device: device as DeviceKey };
      });
      const records = await readTexts(
        this.client,
        pairs.map(({ user, device }) => this.keys.partnership(user, device)),
      );
      const decisions = await readTexts(
        this.client,
        pairs.map(({ user, device }) => this.keys.decision(user, device)),
      );
      for (const [index, { user, device }] of pairs.entries()) {
        const stored = records[index];
        if (stored === null) continue;
        const reader = new TolerantReader();
        if (stored === undefined) reader.fail(`partnership ${user} ${device}`);
        const record = reader.read(stored, (text) => readPartnership(user, device, text));
        const decision = this.decision(decisions[index], device, reader);
        listings.push({
          record: record ?? blankPartnership(user, device),
          decision,
          ...reader.unreadable(),
        });
      }
    }
    return listings;
  }

  async recordSeen(batch: readonly PartnershipRecord[]): Promise<readonly NewSpelling[]> {
    const added: NewSpelling[] = [];
    for (let at = 0; at < batch.length; at += SEEN_BATCH) {
      const values = batch.slice(at, at + SEEN_BATCH).flatMap(({ user, device, ...rest }) => {
        const grouped = encodeUser(this.names.canonical(user));
        return [encodeUser(user), grouped, device, JSON.stringify(rest)];
      });
      const reply = (await this.guard.script(RECORD_SEEN, [String(MAX_SPELLINGS), ...values])) as string[];
      for (let index = 0; index + 2 < reply.length; index += 3) {
        const [user = '', device = '', spellings = '[]'] = reply.slice(index, index + 3);
        added.push({
          user: decodeUser(user),
          device: device as DeviceKey,
          spellings: JSON.parse(spellings) as string[],
        });
      }
    }
    return added;
  }

  async unreadable(): Promise<readonly string[]> {
    await this.guard.verified();
    return unreadableRecords(this.client, this.keys.prefix, this.epoch);
  }

  async sharedSecret(): Promise<string> {
    await this.guard.verified();
    const key = this.keys.secret(SHARED_SECRET);
    await this.client.set(key, newSecret(), 'NX');
    const stored = await this.client.get(key);
    if (stored === null) throw new Error('the shared secret was deleted during its creation: try again');
    return stored;
  }

  async position(): Promise<LogPosition> {
    const last = await this.client.xrevrange(this.keys.changes, '+', '-', 'COUNT', 1);
    return last[0]?.[0] ?? '0-0';
  }

  async changesAfter(position: LogPosition): Promise<ChangeBatch> {
    await this.guard.verified();
    const batch = await this.read(position);
    // The log of another store does not apply to this one.
    if (batch.trimmed) await this.guard.check();
    else await this.guard.verified();
    const { generation } = this.guard.guard;
    if (this.announced === generation) return batch;
    this.announced = generation;
    return { changes: [], position: await this.position(), trimmed: true };
  }

  private async read(position: LogPosition): Promise<ChangeBatch> {
    const reply = await this.reader.xread(
      'COUNT',
      READ_COUNT,
      'BLOCK',
      BLOCK_MS,
      'STREAMS',
      this.keys.changes,
      position,
    );
    const entries = reply?.[0]?.[1] ?? [];
    const last = entries.at(-1)?.[0];
    if (last === undefined) {
      // No change, unless the Stream was emptied, or replaced by one that ends before the position. Later writes are
      // left to the next read: the position is kept.
      const end = await this.position();
      const trimmed = this.isBefore(end, position);
      return { changes: [], position: trimmed ? end : position, trimmed };
    }
    const changes = entries.map(([, fields]) => {
      const values = new Map<string, string>();
      for (let index = 0; index + 1 < fields.length; index += 2) {
        values.set(fields[index] as string, fields[index + 1] as string);
      }
      const device = values.get('d') ?? '';
      const user = values.get('u') ?? '';
      return {
        device: device === '' ? null : (device as DeviceKey),
        user: user === '' ? null : decodeUser(user),
      };
    });
    return { changes, position: last, trimmed: !(await this.holds(position)) };
  }

  isBefore(a: LogPosition, b: LogPosition): boolean {
    const [timeA = 0, sequenceA = 0] = a.split('-').map(Number);
    const [timeB = 0, sequenceB = 0] = b.split('-').map(Number);
    return timeA === timeB ? sequenceA < sequenceB : timeA < timeB;
  }

  async close(): Promise<void> {
    if (this.closed) return;
    this.closed = true;
    this.guard.close();
    this.client.disconnect();
    this.reader.disconnect();
  }

  /**
   * Whether the entry at a position exists. If not, later entries were trimmed as well, or it is another log. A server
   * that took over without the last entries numbers new ones by its own clock, so they may lie before the position.
   */
  private async holds(position: LogPosition): Promise<boolean> {
    if (position === '0-0') return true;
    return (await this.client.xrange(this.keys.changes, position, position)).length > 0;
  }

  /** Writes the result of `work` on the stored decision; repeats when another writer changed it. */
  private async change(
    user: UserKey | null,
    device: DeviceKey,
    work: (stored: ManualDecision | null) => { readonly next: ManualDecision | null } | null,
  ): Promise<boolean> {
    for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
      await this.guard.verified();
      const [stored = null] = await readTexts(this.client, [this.keys.decision(user, device)]);
      const changed = work(this.decision(stored, device, new TolerantReader()));
      if (changed === null) return false;
      const next = changed.next === null ? '' : decisionText(changed.next, this.epoch);
      const name = user === null ? '' : encodeUser(user);
      const values = [device, name, stored ?? '', next, String(MAX_CHANGES)];
      if ((await this.guard.script(REPLACE_DECISION, values)) === 1) return true;
    }
    throw new Error('the decision changed during every attempt to write it: try again');
  }

  private async readDevices(keys: readonly DeviceKey[]): Promise<DeviceListing[]> {
    await this.guard.verified();
    const records = await readTexts(
      this.client,
      keys.map((key) => this.keys.device(key)),
    );
    const decisions = await readTexts(
      this.client,
      keys.map((key) => this.keys.decision(null, key)),
    );
    return keys.flatMap((key, index) => {
      const reader = new TolerantReader();
      if (records[index] === undefined) reader.fail(`device ${key}`);
      const record = reader.read(records[index], (stored) => readDevice(key, stored));
      const decision = this.decision(decisions[index], key, reader);
      const unreadable = reader.unreadable();
      const isNothing = record === null && decision === null && unreadable.unreadable === undefined;
      return isNothing ? [] : [{ key, record, decision, ...unreadable }];
    });
  }

  private get epoch(): number {
    return this.guard.guard.epoch;
  }

  /** `undefined` = the stored value is not text. */
  private decision(
    stored: string | null | undefined,
    device: DeviceKey,
    reader: TolerantReader,
  ): ManualDecision | null {
    const what = `decision ${device}`;
    if (stored === undefined) reader.fail(what);
    return reader.read(stored, (text) => readDecision(text, what, this.epoch));
  }

  private async scan(index: string): Promise<string[]> {
    const members = new Set<string>();
    let cursor = '0';
    do {
      const [next, found] = await this.client.sscan(index, cursor, 'COUNT', LIST_BATCH);
      for (const member of found) members.add(member);
      cursor = next;
    } while (cursor !== '0');
    return [...members].sort();
  }
}
