// Owns the L1: verdicts by device and user, fresh by the change log, bounded, and what holds while the store is away.
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
  /** How long the last known verdict serves while the store is away: for allowed devices, and for all others. */
  readonly staleAllowedMs: number;
  readonly staleBlockedMs: number;
  /** Called for every look-up that failed: store away, too slow, or a record that is not understood. */
  readonly onLookupError: (error: unknown) => void;
  /** Told when the store is away, also without traffic, and when it is back. */
  readonly onStoreState?: StoreStateListener;
}

/** A verdict, and where it came from; null = the store is away and nothing usable is known. */
export interface Decision {
  readonly verdict: Verdict | null;
  readonly source: 'store' | 'stale' | 'none';
}

/** What changed. */
export interface ChangedKeys {
  readonly devices: ReadonlySet<string>;
  /** Local parts of the names that changed: a decision on one name may hold for others (user-names.ts). */
  readonly users: ReadonlySet<string>;
  readonly all: boolean;
}

interface CachedVerdict {
  readonly user: UserKey;
  /** The user that the name means, by the directory's aliases. */
  readonly canonical: UserKey;
  /** The mail server knows the user with this device: nobody else can take the place of this verdict. */
  readonly seen: boolean;
  readonly verdict: Verdict;
  readonly decidedAt: number;
  readonly expiresAt: number;
  /** When the decision it rests on lapses; `Infinity` = never. */
  readonly lapsesAt: number;
}

/** Who wants to know. */
export interface Asker {
  /** The client's address. */
  readonly address: string;
  /** The mail server took the credentials of this request before. */
  readonly proven: boolean;
}

/** A part of the gateway itself. */
const ITSELF: Asker = { address: '', proven: true };

interface Flight {
  readonly user: UserKey;
  readonly device: DeviceKey;
  readonly promise: Promise<Decision>;
  /** The latest change of this user or device that was seen while the look-up was under way. */
  changedAt: LogPosition | null;
  /** All that was read before is void, whatever its place in the log. */
  dropped: boolean;
}

/** Users remembered per device; one is the rule. */
const MAX_USERS_PER_DEVICE = 8;
/** A wipe may be taken back until it is carried out, so it is remembered for no longer than this. */
const MAX_WIPE_LIFETIME_MS = 5_000;
/** A verdict that keeps changing under the look-up is served, but not kept. */
const MAX_ATTEMPTS = 3;

/** Serves in place of a wipe that cannot be read from the store: nobody knows whether it was taken back. */
const WIPE_UNCONFIRMED: Verdict = Object.freeze({
  action: 'block',
  reason: 'storeUnavailable',
  rule: 'a wipe that the directory does not confirm',
  validUntil: Infinity,
});

function isWipe({ action }: Verdict): boolean {
  return action === 'wipe' || action === 'accountWipe';
}

/** Two conversions of one moment differ by rounding; a larger difference means that the wall clock was set. */
const SAME_MOMENT_MS = 1_000;

/** `lastReason` is no part of what is decided. Orders to wipe are never the same: each says when it was read. */
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

/** Decides (user, device): from memory synchronously, else by one look-up. */
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
  /** Of known phones, and of those that nobody vouched for: these never keep the places of the others busy. */
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

  /** Follows the change log from now on. Rejects when the store is not reachable. */
  async start(): Promise<void> {
    await this.follower.start();
  }

  async stop(): Promise<void> {
    this.knownPlaces.close();
    this.strangerPlaces.close();
    await this.follower.stop();
  }

  /** Age in milliseconds of the state that decisions rest on. */
  stateAgeMs(): number {
    return Math.max(0, monotonicNow() - this.follower.lastReadAt);
  }

  /** Calls after a change was applied; returns the way to stop listening. */
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
   * One look-up per key at a time, bounded in number and time. Phones whose credentials were taken before, or whose partnership
   * is known, have places of their own; strangers share theirs by address. Never rejects.
   */
  decide(user: UserKey, device: DeviceKey, asker: Asker = ITSELF): Promise<Decision> {
    const isKnown = asker.proven || this.find(user, device)?.seen === true;
    // A known phone does not wait for the look-up of a stranger who names it.
    const key = `${isKnown ? 'k' : 's'}\0${device}\0${user}`;
    const under = this.flights.get(key);
    if (under !== undefined) return under.promise;
    this.misses++;
    // Known phones may all come from one address; strangers make up devices, not addresses.
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

  /** The last known verdict where there is no place in time, or no answer. */
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
   * The verdict as the store says it now, not from memory and not of a look-up already under way; null when the store
   * did not answer in time or too many look-ups are under way. Nothing is to be wiped on the word of anything else:
   * {@link peek} and {@link decide} may say `wipe` for seconds after it was taken back. Never rejects.
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
   * Records that the order of a confirmed verdict is about to be sent. False when that wipe was taken back or acknowledged
   * meanwhile. Rejects when the store did not answer in time.
   */
  noteWipeTold(device: DeviceKey, order: WipeOrder): Promise<boolean> {
    const { decidedFor, user, requestedAt } = order;
    const notice = { requestedAt, user, at: Date.now() };
    const work = this.store.noteWipeTold(decidedFor as UserKey | null, device, notice);
    return withDeadline(work, this.options.lookupTimeoutMs);
  }

  /**
   * Records what a device answered to the wipe that a confirmed verdict ordered (`status` as in MS-ASPROV 2.2.2.54.3).
   * False when that wipe was taken back or acknowledged meanwhile. Rejects when the store did not answer in time: the
   * answer may or may not be recorded, and can be recorded again.
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
      // Read before a change, stored after it: such a verdict must not survive (compare places in the log).
      const changedAt: LogPosition | null = flight.changedAt;
      const overtaken =
        isDropped(flight) || (changedAt !== null && this.store.isBefore(result.position, changedAt));
      if (!overtaken) return { verdict: this.keep(user, device, result, verdict), source: 'store' };
      if (attempt === MAX_ATTEMPTS) return { verdict, source: 'store' };
    }
  }

  /** A verdict that lapses carries that moment on the monotonic clock too: it is converted here, once. */
  private evaluate(result: LookupResult): Verdict {
    const now = this.wall();
    const { unreadable } = result;
    if (unreadable !== undefined) this.options.onLookupError(new CorruptRecordError(unreadable.join(', ')));
    const verdict = evaluate(this.policy, { ...result, now });
    if (verdict.validUntil === Infinity) return verdict;
    return Object.freeze({ ...verdict, lapsesAt: monotonicAt(verdict.validUntil, this.now(), now) });
  }

  /** Remembers a verdict. One that says the same as before stays the same object; a change drops the one before. */
  private keep(user: UserKey, device: DeviceKey, result: LookupResult, found: Verdict): Verdict {
    const before = this.find(user, device)?.verdict;
    const verdict = before !== undefined && isSame(before, found) ? before : found;
    const unknown = verdict.reason === 'unknownDevice';
    const usual = unknown ? this.options.unknownLifetimeMs : this.options.lifetimeMs;
    const lifetime = isWipe(verdict) ? Math.min(usual, MAX_WIPE_LIFETIME_MS) : usual;
    const decidedAt = this.now();
    // A tenth of jitter, so that a fleet that arrived together does not expire together.
    const lapsesAt = verdict.lapsesAt ?? Infinity;
    const expiresAt = Math.min(decidedAt + lifetime * (0.9 + Math.random() * 0.1), lapsesAt);
    const seen = result.partnership !== null;
    const times = { decidedAt, expiresAt, lapsesAt };
    const entry: CachedVerdict = { user, canonical: result.user, seen, verdict, ...times };
    const [cache, other] = unknown ? [this.unknown, this.known] : [this.known, this.unknown];
    cache.set(device, bounded([entry, ...withoutUser(cache.get(device), user)]));
    // Of other users the other cache may still know something.
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

  /** The last known verdict while it may still serve; expired manual decisions never do, and a wipe only keeps out. */
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
      // Which user an alias means is not known yet: any change of a user may concern a look-up under way.
      if (batch.trimmed || devices.has(device) || users.size > 0) flight.changedAt = batch.position;
      if (batch.trimmed) flight.dropped = true;
    }
    const changed = { devices, users, all: batch.trimmed };
    for (const listener of this.listeners) listener(changed);
  }

  /** Users change rarely, and a worker's cache is walked in milliseconds: no index is kept for them. */
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

/** Read afresh: it may have changed during a wait. */
function isDropped({ dropped }: Flight): boolean {
  return dropped;
}

function withoutUser(entries: readonly CachedVerdict[] | undefined, user: UserKey): CachedVerdict[] {
  return entries === undefined ? [] : entries.filter((entry) => entry.user !== user);
}

/** Anybody can name a device: beyond the bound goes the oldest user who was never seen with it, else the oldest. */
function bounded(entries: CachedVerdict[]): CachedVerdict[] {
  if (entries.length <= MAX_USERS_PER_DEVICE) return entries;
  const index = entries.findLastIndex(({ seen }) => !seen);
  return entries.toSpliced(index, 1);
}
