// Owns the verdict cache: verdicts by device and user, kept current by the change log, bounded, and used for a limited
// time while the store is unavailable.
import { LRUCache } from 'lru-cache';
import { monotonicAt, monotonicNow } from '../clock.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import { localPart } from '../identity/user-names.ts';
import { evaluate } from '../policy/evaluate.ts';
import type { Policy } from '../policy/model.ts';
import type { Verdict, WipeOrder } from '../model/verdict.ts';
import { clientBlock } from '../identity/client-address.ts';
import { ChangeFollower } from './change-follower.ts';
import type { StoreStateListener } from './change-follower.ts';
import { CorruptRecordError } from '../model/corrupt-record.ts';
import { withDeadline } from './deadline.ts';
import { LookupPlaces } from './lookup-places.ts';
import type { ChangeBatch, DirectoryStore, LogPosition, LookupResult } from './store.ts';

/** Bounds and lifetimes; milliseconds. */
export interface VerdictCacheOptions {
  readonly maxEntries: number;
  readonly maxUnknownEntries: number;
  readonly lifetimeMs: number;
  readonly unknownLifetimeMs: number;
  readonly maxConcurrentLookups: number;
  readonly lookupTimeoutMs: number;
  /**
   * How long the last known verdict is used while the store is unavailable: for allowed devices, and for all others.
   */
  readonly staleAllowedMs: number;
  readonly staleBlockedMs: number;
  /** Called for every failed look-up: store unavailable, too slow, or a malformed record. */
  readonly onLookupError: (error: unknown) => void;
  /** Called when the store becomes unavailable, even without traffic, and when it is available again. */
  readonly onStoreState?: StoreStateListener;
}

/** A verdict and its source; null = the store is unavailable and no usable verdict is known. */
export interface Decision {
  readonly verdict: Verdict | null;
  readonly source: 'store' | 'stale' | 'none';
}

/** The keys that changed. */
export interface ChangedKeys {
  readonly devices: ReadonlySet<string>;
  /** Local parts of the changed names: a decision on one name may apply to others (user-names.ts). */
  readonly users: ReadonlySet<string>;
  readonly all: boolean;
}

interface CachedVerdict {
  readonly user: UserKey;
  /** The user that the name stands for, by the directory's aliases. */
  readonly canonical: UserKey;
  /** The mail server has accepted this user with this device: other users cannot evict this verdict. */
  readonly seen: boolean;
  readonly verdict: Verdict;
  readonly decidedAt: number;
  readonly expiresAt: number;
  /** When the underlying decision lapses; `Infinity` = never. */
  readonly lapsesAt: number;
}

/** The origin of a request, for fairness between look-ups. */
export interface Asker {
  /** The client's address. */
  readonly address: string;
  /** The mail server accepted the credentials of this request before. */
  readonly proven: boolean;
}

/** The gateway itself. */
const ITSELF: Asker = { address: '', proven: true };

interface Flight {
  readonly user: UserKey;
  readonly device: DeviceKey;
  readonly promise: Promise<Decision>;
  /** The latest change of this user or device during the look-up. */
  changedAt: LogPosition | null;
  /** Everything read before is invalid, at any position of the log. */
  dropped: boolean;
}

/** Users cached per device; usually there is one. */
const MAX_USERS_PER_DEVICE = 8;
/** A wipe can be cancelled until it is carried out, so it is cached no longer than this. */
const MAX_WIPE_LIFETIME_MS = 5_000;
/** A verdict that changes repeatedly during its look-up is used, but not cached. */
const MAX_ATTEMPTS = 3;

/** Replaces a wipe that cannot be confirmed by the store: it may have been cancelled. */
const WIPE_UNCONFIRMED: Verdict = Object.freeze({
  action: 'block',
  reason: 'storeUnavailable',
  rule: 'a wipe that the directory does not confirm',
  validUntil: Infinity,
});

function isWipe({ action }: Verdict): boolean {
  return action === 'wipe' || action === 'accountWipe';
}

/** Two conversions of one time differ by rounding; a larger difference means that the wall clock was set. */
const SAME_MOMENT_MS = 1_000;

/** Compares decisions without `lastReason`. Two wipe orders are never equal: each carries the time it was read. */
function isSame(a: Verdict, b: Verdict): boolean {
  return (
    a.action === b.action &&
    a.reason === b.reason &&
    a.rule === b.rule &&
    a.validUntil === b.validUntil &&
    Math.abs((a.lapsesAt ?? 0) - (b.lapsesAt ?? 0)) < SAME_MOMENT_MS &&
    a.since === b.since &&
    a.requirement === b.requirement &&
    a.model === b.model &&
    a.wipe === undefined &&
    b.wipe === undefined
  );
}

/** Decides for (user, device): from memory synchronously, else by one look-up. */
export class VerdictCache {
  hits = 0;
  misses = 0;
  private readonly store: DirectoryStore;
  private readonly policy: Policy;
  private readonly options: VerdictCacheOptions;
  /** Monotonic. */
  private readonly now: () => number;
  private readonly wall: () => number;
  private readonly known: LRUCache<DeviceKey, CachedVerdict[]>;
  private readonly unknown: LRUCache<DeviceKey, CachedVerdict[]>;
  private readonly flights = new Map<string, Flight>();
  /** Places of known phones are separate from those of unknown ones, which cannot occupy them. */
  private readonly knownPlaces: LookupPlaces;
  private readonly strangerPlaces: LookupPlaces;
  private confirming = 0;
  private readonly listeners = new Set<(changed: ChangedKeys) => void>();
  private readonly follower: ChangeFollower;

  constructor(
    store: DirectoryStore,
    policy: Policy,
    options: VerdictCacheOptions,
    now: () => number = monotonicNow,
    wall: () => number = Date.now,
  ) {
    this.store = store;
    this.policy = policy;
    this.options = options;
    this.now = now;
    this.wall = wall;
    this.known = new LRUCache({ max: options.maxEntries });
    this.unknown = new LRUCache({ max: options.maxUnknownEntries });
    const { maxConcurrentLookups, lookupTimeoutMs } = options;
    this.knownPlaces = new LookupPlaces(maxConcurrentLookups, lookupTimeoutMs);
    this.strangerPlaces = new LookupPlaces(maxConcurrentLookups, lookupTimeoutMs);
    this.follower = new ChangeFollower(store, (batch) => this.apply(batch), options.onStoreState);
  }

  /** Follows the change log from now on. Rejects when the store is unavailable. */
  async start(): Promise<void> {
    await this.follower.start();
  }

  async stop(): Promise<void> {
    this.knownPlaces.close();
    this.strangerPlaces.close();
    await this.follower.stop();
  }

  /** Age in milliseconds of the state behind decisions. */
  stateAgeMs(): number {
    return Math.max(0, monotonicNow() - this.follower.lastReadAt);
  }

  /** Called after a change was applied; returns a function that unsubscribes. */
  onChange(listener: (changed: ChangedKeys) => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  /** A fresh verdict from memory, or undefined. Hot path: synchronous, allocates nothing. */
  peek(user: UserKey, device: DeviceKey): Verdict | undefined {
    const found = this.find(user, device);
    if (found === undefined || found.expiresAt <= this.now()) return undefined;
    this.hits++;
    return found.verdict;
  }

  /**
   * One look-up per key at a time, bounded in number and time. Phones with accepted credentials or a known partnership
   * have their own places; others share places by address. Never rejects.
   */
  decide(user: UserKey, device: DeviceKey, asker: Asker = ITSELF): Promise<Decision> {
    const isKnown = asker.proven || this.find(user, device)?.seen === true;
    // The look-up of an unknown client must not delay a known phone with the same key.
    const key = `${isKnown ? 'k' : 's'}\0${device}\0${user}`;
    const under = this.flights.get(key);
    if (under !== undefined) return under.promise;
    this.misses++;
    // Known phones may share one address. Unknown clients can invent devices, but not addresses.
    const [places, holder] = isKnown
      ? [this.knownPlaces, device]
      : [this.strangerPlaces, clientBlock(asker.address)];
    const { promise, resolve } = Promise.withResolvers<Decision>();
    const flight: Flight = { user, device, promise, changedAt: null, dropped: false };
    this.flights.set(key, flight);
    void this.lookUpInTurn(flight, places, holder).then((decision) => {
      this.flights.delete(key);
      resolve(decision);
    });
    return promise;
  }

  /** The last known verdict when there is no place or no answer in time. */
  private async lookUpInTurn(flight: Flight, places: LookupPlaces, holder: string): Promise<Decision> {
    const { user, device } = flight;
    const entered = places.enter(holder);
    if (!(typeof entered === 'boolean' ? entered : await entered)) return this.stale(user, device);
    try {
      return await this.lookUp(user, device, flight);
    } catch (error) {
      this.options.onLookupError(error);
      return this.stale(user, device);
    } finally {
      places.leave(holder);
    }
  }

  /**
   * The current verdict of the store, from neither the cache nor a running look-up; null when the store did not answer
   * in time or too many look-ups are running. Required before every wipe order: {@link peek} and {@link decide} may
   * return `wipe` for seconds after it was cancelled. Never rejects.
   */
  async confirm(user: UserKey, device: DeviceKey): Promise<Verdict | null> {
    if (this.confirming >= this.options.maxConcurrentLookups) return null;
    this.confirming++;
    try {
      return this.evaluate(await withDeadline(this.store.lookup(user, device), this.options.lookupTimeoutMs));
    } catch (error) {
      this.options.onLookupError(error);
      return null;
    } finally {
      this.confirming--;
    }
  }

  /**
   * Records that the order of a confirmed verdict is about to be sent. False when that wipe was cancelled or
   * acknowledged meanwhile. Rejects when the store did not answer in time.
   */
  noteWipeTold(device: DeviceKey, order: WipeOrder): Promise<boolean> {
    const { decidedFor, user, requestedAt } = order;
    const notice = { requestedAt, user, at: Date.now() };
    const work = this.store.noteWipeTold(decidedFor as UserKey | null, device, notice);
    return withDeadline(work, this.options.lookupTimeoutMs);
  }

  /**
   * Records a device's answer to a confirmed wipe (`status` as in MS-ASPROV 2.2.2.54.3). False when that wipe was
   * cancelled or acknowledged meanwhile. Rejects when the store did not answer in time: the answer may or may not be
   * recorded, and can be recorded again.
   */
  acknowledgeWipe(device: DeviceKey, order: WipeOrder, status: 1 | 2): Promise<boolean> {
    const { decidedFor, user, requestedAt } = order;
    const outcome = { requestedAt, user, status, at: this.wall() };
    const work = this.store.acknowledgeWipe(decidedFor as UserKey | null, device, outcome);
    return withDeadline(work, this.options.lookupTimeoutMs);
  }

  private async lookUp(user: UserKey, device: DeviceKey, flight: Flight): Promise<Decision> {
    const end = this.now() + this.options.lookupTimeoutMs;
    for (let attempt = 1; ; attempt++) {
      flight.changedAt = null;
      flight.dropped = false;
      const result = await withDeadline(this.store.lookup(user, device), end - this.now());
      const verdict = this.evaluate(result);
      // Read before a change and stored after it: such a verdict must not stay (compare log positions).
      const changedAt: LogPosition | null = flight.changedAt;
      const overtaken =
        isDropped(flight) || (changedAt !== null && this.store.isBefore(result.position, changedAt));
      if (!overtaken) return { verdict: this.keep(user, device, result, verdict), source: 'store' };
      if (attempt === MAX_ATTEMPTS) return { verdict, source: 'store' };
    }
  }

  /** The end of a verdict is converted to the monotonic clock once, here. */
  private evaluate(result: LookupResult): Verdict {
    const now = this.wall();
    const { unreadable } = result;
    if (unreadable !== undefined) this.options.onLookupError(new CorruptRecordError(unreadable.join(', ')));
    const verdict = evaluate(this.policy, { ...result, now });
    if (verdict.validUntil === Infinity) return verdict;
    return Object.freeze({ ...verdict, lapsesAt: monotonicAt(verdict.validUntil, this.now(), now) });
  }

  /** Caches a verdict. An equal one keeps the same object; a changed one replaces it. */
  private keep(user: UserKey, device: DeviceKey, result: LookupResult, found: Verdict): Verdict {
    const before = this.find(user, device)?.verdict;
    const verdict = before !== undefined && isSame(before, found) ? before : found;
    const unknown = verdict.reason === 'unknownDevice';
    const usual = unknown ? this.options.unknownLifetimeMs : this.options.lifetimeMs;
    const lifetime = isWipe(verdict) ? Math.min(usual, MAX_WIPE_LIFETIME_MS) : usual;
    const decidedAt = this.now();
    // A tenth of jitter, so that verdicts of a fleet do not expire together.
    const lapsesAt = verdict.lapsesAt ?? Infinity;
    const expiresAt = Math.min(decidedAt + lifetime * (0.9 + Math.random() * 0.1), lapsesAt);
    const seen = result.partnership !== null;
    const times = { decidedAt, expiresAt, lapsesAt };
    const entry: CachedVerdict = { user, canonical: result.user, seen, verdict, ...times };
    const [cache, other] = unknown ? [this.unknown, this.known] : [this.known, this.unknown];
    cache.set(device, bounded([entry, ...withoutUser(cache.get(device), user)]));
    // The other cache may hold verdicts of other users.
    const left = withoutUser(other.get(device), user);
    if (left.length === 0) other.delete(device);
    else other.set(device, left);
    return verdict;
  }

  private find(user: UserKey, device: DeviceKey): CachedVerdict | undefined {
    return this.findIn(this.known, user, device) ?? this.findIn(this.unknown, user, device);
  }

  private findIn(
    cache: LRUCache<DeviceKey, CachedVerdict[]>,
    user: UserKey,
    device: DeviceKey,
  ): CachedVerdict | undefined {
    const entries = cache.get(device);
    if (entries === undefined) return undefined;
    for (let index = 0; index < entries.length; index++) {
      const entry = entries[index];
      if (entry !== undefined && entry.user === user) return entry;
    }
    return undefined;
  }

  /** The last known verdict while it may be used; never an expired decision, and a wipe only as a denial. */
  private stale(user: UserKey, device: DeviceKey): Decision {
    const found = this.find(user, device);
    if (found === undefined || found.lapsesAt <= this.now()) return { verdict: null, source: 'none' };
    const { staleAllowedMs, staleBlockedMs } = this.options;
    const limit = found.verdict.action === 'allow' ? staleAllowedMs : staleBlockedMs;
    if (this.now() - found.decidedAt > limit) return { verdict: null, source: 'none' };
    return { verdict: isWipe(found.verdict) ? WIPE_UNCONFIRMED : found.verdict, source: 'stale' };
  }

  private apply(batch: ChangeBatch): void {
    const devices = new Set<string>();
    const users = new Set<string>();
    for (const { device, user } of batch.changes) {
      if (device !== null) devices.add(device);
      else if (user !== null) users.add(localPart(user));
    }
    if (batch.trimmed) {
      this.known.clear();
      this.unknown.clear();
    } else {
      for (const device of devices) {
        this.known.delete(device as DeviceKey);
        this.unknown.delete(device as DeviceKey);
      }
      if (users.size > 0) {
        this.dropUsers(this.known, users);
        this.dropUsers(this.unknown, users);
      }
    }
    for (const flight of this.flights.values()) {
      const { device } = flight;
      // The user of an alias is not known yet, so any change of a user may affect a running look-up.
      if (batch.trimmed || devices.has(device) || users.size > 0) flight.changedAt = batch.position;
      if (batch.trimmed) flight.dropped = true;
    }
    const changed = { devices, users, all: batch.trimmed };
    for (const listener of this.listeners) listener(changed);
  }

  /** Users change rarely, and the cache is scanned in milliseconds: it has no index by user. */
  private dropUsers(cache: LRUCache<DeviceKey, CachedVerdict[]>, users: Set<string>): void {
    for (const [device, entries] of cache.entries()) {
      for (const { user, canonical } of entries) {
        if (!users.has(localPart(user)) && !users.has(localPart(canonical))) continue;
        users.add(localPart(user));
        cache.delete(device);
      }
    }
  }
}

/** Read again, because it may have changed during a wait. */
function isDropped({ dropped }: Flight): boolean {
  return dropped;
}

function withoutUser(entries: readonly CachedVerdict[] | undefined, user: UserKey): CachedVerdict[] {
  return entries === undefined ? [] : entries.filter((entry) => entry.user !== user);
}

/** Anyone can name a device: beyond the bound the oldest user never seen with it is evicted, else the oldest. */
function bounded(entries: CachedVerdict[]): CachedVerdict[] {
  if (entries.length <= MAX_USERS_PER_DEVICE) return entries;
  const index = entries.findLastIndex(({ seen }) => !seen);
  return entries.toSpliced(index, 1);
}
