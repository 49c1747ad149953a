// Owns the verdict cache: verdicts by device and user, kept current by the change log, bounded, and used for a limited
// time while the store is unavailable.
import { LRUCache } from 'lru-cache';
import { monotonicAt, monotonicNow } from '../clock.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import { localPart } from '../identity/user-names.ts';
import { decideAccess, factsOf } from '../policy/access.ts';
import { NO_REQUEST, readAccess } from '../policy/access-facts.ts';
import type { Access } from '../policy/access-facts.ts';
import type { CompiledPolicy } from '../policy/compile/compiled-policy.ts';
import type { RequestFacts } from '../policy/engine/facts.ts';
import type { Verdict, WipeOrder } from '../model/verdict.ts';
import { clientBlock } from '../identity/client-address.ts';
import { ChangeFollower } from './change-follower.ts';
import type { StoreStateListener } from './change-follower.ts';
import { CorruptRecordError } from '../model/corrupt-record.ts';
import { SharedDeadline, withDeadline } from './deadline.ts';
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
  /** Only the policy changed, not the directory: cached facts are decided again without a look-up. */
  readonly policy?: true;
}

/** A verdict, and the conditions on requests under which it was decided. */
interface Decided {
  /** Identifies the conditions of the policy that are true for the request (CompiledPolicy.requestKey). */
  readonly key: number | string;
  readonly policy: CompiledPolicy;
  readonly verdict: Verdict;
  /** Monotonic time at which it must be decided again; `Infinity` = never. */
  readonly lapsesAt: number;
}

/** The cached facts about a user with a device, and the verdicts derived from them. */
interface CachedAccess {
  readonly user: UserKey;
  /** The user that the name stands for, by the directory's aliases. */
  readonly canonical: UserKey;
  /** The mail server has accepted this user with this device: other users cannot evict this verdict. */
  readonly seen: boolean;
  readonly access: Access;
  /** Monotonic times at which the facts were read, and at which they expire. */
  readonly readAt: number;
  readonly expiresAt: number;
  /** Oldest first. */
  readonly decided: Decided[];
  /** The verdict of a policy that does not look at requests, for {@link VerdictCache.peek}; its policy, and until when. */
  verdict: Verdict | null;
  verdictBy: CompiledPolicy | null;
  verdictUntil: number;
}

/** The origin of a request, for fairness between look-ups. */
export interface Asker {
  /** The client's address. */
  readonly address: string;
  /** The mail server accepted the credentials of this request before. */
  readonly proven: boolean;
  /** DeviceType of the query. Absent = unknown. */
  readonly deviceType?: string;
}

/** The gateway itself. */
const ITSELF: Asker = { address: '', proven: true };

interface Flight {
  readonly user: UserKey;
  readonly device: DeviceKey;
  readonly deviceType: string | null;
  readonly promise: Promise<Found>;
  /** The latest change of this user or device that was seen while the look-up was under way. */
  changedAt: LogPosition | null;
  /** Everything read before is invalid, at any position of the log. */
  dropped: boolean;
  /** Its time is over, or it was answered: changes are no longer noted, so a later result must not be kept. */
  over: boolean;
}

/** The result of a look-up, or of one that was not possible. */
interface Found {
  readonly known: CachedAccess | null;
  readonly source: Decision['source'];
}

/** Most verdicts kept per user and device: the requests of one phone differ in few conditions of a policy. */
const MAX_VERDICTS = 8;
/** Most users kept per device; most devices have one. */
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

/** Whether two small parts of verdicts are equal. */
function isAlike(a: object | undefined, b: object | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && JSON.stringify(a) === JSON.stringify(b));
}

/** Whether two verdicts are equal apart from `lastReason`. Wipe orders never are: each has the time of its read. */
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
    a.nextStep === b.nextStep &&
    isAlike(a.wouldBe, b.wouldBe) &&
    isAlike(a.message, b.message) &&
    a.wipe === undefined &&
    b.wipe === undefined
  );
}

/** Decides for (user, device): from memory synchronously, else by one look-up. */
export class VerdictCache {
  hits = 0;
  misses = 0;
  private readonly store: DirectoryStore;
  private policy: CompiledPolicy;
  private readonly options: VerdictCacheOptions;
  /** Monotonic. */
  private readonly now: () => number;
  private readonly wall: () => number;
  private readonly known: LRUCache<DeviceKey, CachedAccess[]>;
  private readonly unknown: LRUCache<DeviceKey, CachedAccess[]>;
  private readonly flights = new Map<string, Flight>();
  /** Places of known phones are separate from those of unknown ones, which cannot occupy them. */
  private readonly knownPlaces: LookupPlaces;
  private readonly strangerPlaces: LookupPlaces;
  private readonly lookupDeadline: SharedDeadline;
  private confirming = 0;
  private readonly listeners = new Set<(changed: ChangedKeys) => void>();
  private readonly follower: ChangeFollower;

  constructor(
    store: DirectoryStore,
    policy: CompiledPolicy,
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
    this.lookupDeadline = new SharedDeadline(lookupTimeoutMs);
    this.follower = new ChangeFollower(store, (batch) => this.apply(batch), options.onStoreState);
  }

  /** Follows the change log from now on. Rejects when the store is unavailable. */
  async start(): Promise<void> {
    await this.follower.start();
  }

  async stop(): Promise<void> {
    this.knownPlaces.close();
    this.strangerPlaces.close();
    this.lookupDeadline.close();
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

  /** Whether verdicts depend on facts of the request; if not, callers need not pass any. */
  get readsRequests(): boolean {
    return this.policy.requestConditions.length > 0;
  }

  /** Replaces the policy for all further decisions. Listeners revalidate the open requests. */
  usePolicy(policy: CompiledPolicy): void {
    this.policy = policy;
    const changed: ChangedKeys = { devices: NOBODY, users: NOBODY, all: true, policy: true };
    for (const listener of this.listeners) listener(changed);
  }

  /**
   * The verdict by cached facts that are not expired, or undefined. Hot path: synchronous, and without allocation unless the
   * policy has conditions on requests, or a new policy or the time requires a new decision.
   */
  peek(user: UserKey, device: DeviceKey, request: RequestFacts = NO_REQUEST): Verdict | undefined {
    const found = this.find(user, device);
    if (found === undefined) return undefined;
    const now = this.now();
    if (found.verdict !== null && found.verdictBy === this.policy && now < found.verdictUntil) {
      this.hits++;
      return found.verdict;
    }
    if (found.expiresAt <= now) return undefined;
    this.hits++;
    return this.verdictOf(found, request);
  }

  /**
   * One look-up per key at a time, bounded in number and time. Phones with accepted credentials or a known partnership
   * have their own places; others share places by address. Never rejects.
   */
  async decide(
    user: UserKey,
    device: DeviceKey,
    asker: Asker = ITSELF,
    request: RequestFacts = NO_REQUEST,
  ): Promise<Decision> {
    const { known, source } = await this.found(user, device, asker);
    if (known === null) return { verdict: null, source: 'none' };
    const verdict = this.verdictOf(known, request);
    if (source === 'store') return { verdict, source };
    const { staleAllowedMs, staleBlockedMs } = this.options;
    const limit = verdict.action === 'allow' ? staleAllowedMs : staleBlockedMs;
    if (this.now() - known.readAt > limit) return { verdict: null, source: 'none' };
    return { verdict: isWipe(verdict) ? WIPE_UNCONFIRMED : verdict, source };
  }

  private found(user: UserKey, device: DeviceKey, asker: Asker): Promise<Found> {
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
    const { promise, resolve } = Promise.withResolvers<Found>();
    const { deviceType = null } = asker;
    const flight: Flight = {
      user,
      device,
      deviceType,
      promise,
      changedAt: null,
      dropped: false,
      over: false,
    };
    this.flights.set(key, flight);
    void this.lookUpInTurn(flight, places, holder).then((found) => {
      this.flights.delete(key);
      resolve(found);
    });
    return promise;
  }

  /** Looks up once there is a place; without a place or answer in time, returns the last known facts. */
  private async lookUpInTurn(flight: Flight, places: LookupPlaces, holder: string): Promise<Found> {
    const { user, device } = flight;
    const entered = places.enter(holder);
    if (!(typeof entered === 'boolean' ? entered : await entered)) return this.stale(user, device);
    try {
      return { known: await this.lookupDeadline.limit(this.lookUp(flight)), source: 'store' };
    } catch (error) {
      this.options.onLookupError(error);
      return this.stale(user, device);
    } finally {
      flight.over = true;
      places.leave(holder);
    }
  }

  /**
   * The current verdict of the store, from neither the cache nor a running look-up; null when the store did not answer
   * in time or too many look-ups are running. Required before every wipe order: {@link peek} and {@link decide} may
   * return `wipe` for seconds after it was cancelled. Never rejects.
   */
  async confirm(
    user: UserKey,
    device: DeviceKey,
    request: RequestFacts = NO_REQUEST,
  ): Promise<Verdict | null> {
    if (this.confirming >= this.options.maxConcurrentLookups) return null;
    this.confirming++;
    try {
      const work = withDeadline(this.store.lookup(user, device), this.options.lookupTimeoutMs);
      return this.evaluate(this.read(await work, user, device, null), this.wall(), request);
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

  private async lookUp(flight: Flight): Promise<CachedAccess> {
    const { user, device, deviceType } = flight;
    for (let attempt = 1; ; attempt++) {
      flight.changedAt = null;
      flight.dropped = false;
      const result = await this.store.lookup(user, device);
      const access = this.read(result, user, device, deviceType);
      // Facts that were read before a change and arrive after it must not be cached (positions in the log are compared).
      const changedAt: LogPosition | null = flight.changedAt;
      const overtaken =
        isDropped(flight) || (changedAt !== null && this.store.isBefore(result.position, changedAt));
      const known = this.entryOf(user, device, result, access);
      if (flight.over) return known;
      if (!overtaken) this.keep(device, known);
      if (!overtaken || attempt === MAX_ATTEMPTS) return known;
    }
  }

  private read(result: LookupResult, user: UserKey, device: DeviceKey, deviceType: string | null): Access {
    const { unreadable } = result;
    if (unreadable !== undefined) this.options.onLookupError(new CorruptRecordError(unreadable.join(', ')));
    return readAccess(result, { user, device, deviceType }, this.wall());
  }

  /** Decides. The time at which the verdict lapses is converted to the monotonic clock here, once. */
  private evaluate(access: Access, now: number, request: RequestFacts): Verdict {
    const verdict = decideAccess(this.policy, access, now, request);
    if (verdict.validUntil === Infinity) return verdict;
    return Object.freeze({ ...verdict, lapsesAt: monotonicAt(verdict.validUntil, this.now(), now) });
  }

  /** The verdict of a request by cached facts; decided again if the policy changed or the verdict lapsed. */
  private verdictOf(known: CachedAccess, request: RequestFacts): Verdict {
    const { policy } = this;
    const { access, readAt, decided } = known;
    const now = this.now();
    // The time since the read is measured on the monotonic clock: a change of the wall clock must not revive an expired decision.
    const wall = access.readAt + (now - readAt);
    const key = policy.requestConditions.length === 0 ? 0 : policy.requestKey(factsOf(access, wall, request));
    let at = 0;
    while (at < decided.length && decided[at]?.key !== key) at++;
    const before = decided[at];
    if (before !== undefined && before.policy === policy && before.lapsesAt > now) return before.verdict;
    const found = this.evaluate(access, wall, request);
    const verdict = before !== undefined && isSame(before.verdict, found) ? before.verdict : found;
    if (at === MAX_VERDICTS) decided.splice(0, 1);
    decided[Math.min(at, MAX_VERDICTS - 1)] = {
      key,
      policy,
      verdict,
      lapsesAt: verdict.lapsesAt ?? Infinity,
    };
    if (policy.requestConditions.length === 0) {
      known.verdict = verdict;
      known.verdictBy = policy;
      known.verdictUntil = Math.min(known.expiresAt, verdict.lapsesAt ?? Infinity);
    }
    return verdict;
  }

  /** The new cache entry. A verdict equal to the earlier one stays the same object. */
  private entryOf(user: UserKey, device: DeviceKey, result: LookupResult, access: Access): CachedAccess {
    const before = this.find(user, device)?.decided ?? [];
    // Marked as lapsed, so that each is decided again. An equal result reuses the old object: callers compare by identity.
    const decided = before.map((one) => ({ ...one, lapsesAt: -Infinity }));
    const readAt = this.now();
    const known: CachedAccess = {
      user,
      canonical: result.user,
      seen: result.partnership !== null,
      access,
      readAt,
      expiresAt: readAt + this.lifetimeOf(access),
      decided,
      verdict: null,
      verdictBy: null,
      verdictUntil: 0,
    };
    return known;
  }

  /** A tenth of jitter, so that a fleet that arrived together does not expire together. */
  private lifetimeOf(access: Access): number {
    const { lifetimeMs, unknownLifetimeMs } = this.options;
    const usual = isUnknown(access) ? unknownLifetimeMs : lifetimeMs;
    const lifetime = hasOpenWipe(access) ? Math.min(usual, MAX_WIPE_LIFETIME_MS) : usual;
    return lifetime * (0.9 + Math.random() * 0.1);
  }

  private keep(device: DeviceKey, entry: CachedAccess): void {
    const { user } = entry;
    const [cache, other] = isUnknown(entry.access) ? [this.unknown, this.known] : [this.known, this.unknown];
    cache.set(device, bounded([entry, ...withoutUser(cache.get(device), user)]));
    // The other cache may hold verdicts of other users.
    const left = withoutUser(other.get(device), user);
    if (left.length === 0) other.delete(device);
    else other.set(device, left);
  }

  private find(user: UserKey, device: DeviceKey): CachedAccess | undefined {
    return this.findIn(this.known, user, device) ?? this.findIn(this.unknown, user, device);
  }

  private findIn(
    cache: LRUCache<DeviceKey, CachedAccess[]>,
    user: UserKey,
    device: DeviceKey,
  ): CachedAccess | undefined {
    const entries = cache.get(device);
    if (entries === undefined) return undefined;
    for (let index = 0; index < entries.length; index++) {
      const entry = entries[index];
      if (entry !== undefined && entry.user === user) return entry;
    }
    return undefined;
  }

  /** The last known facts; {@link decide} limits how long they are used. */
  private stale(user: UserKey, device: DeviceKey): Found {
    const known = this.find(user, device);
    return known === undefined ? { known: null, source: 'none' } : { known, source: 'stale' };
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

  /** Users change rarely, and a worker's cache is walked in milliseconds: no index is kept for them. */
  private dropUsers(cache: LRUCache<DeviceKey, CachedAccess[]>, users: Set<string>): void {
    for (const [device, entries] of cache.entries()) {
      for (const { user, canonical } of entries) {
        if (!users.has(localPart(user)) && !users.has(localPart(canonical))) continue;
        users.add(localPart(user));
        cache.delete(device);
      }
    }
  }
}

const NOBODY: ReadonlySet<string> = new Set();

/** Neither a feed nor an operator knows the device, so its id may be made up. */
function isUnknown({ facts: { device, decisions } }: Access): boolean {
  return (device === null || device.managed === null) && decisions.length === 0;
}

function hasOpenWipe({ facts: { decisions } }: Access): boolean {
  for (const { action, acknowledged } of decisions)
    if (!acknowledged && (action === 'wipe' || action === 'accountWipe')) return true;
  return false;
}

/** A function, so that the compiler does not assume the value from before an await. */
function isDropped({ dropped }: Flight): boolean {
  return dropped;
}

function withoutUser(entries: readonly CachedAccess[] | undefined, user: UserKey): CachedAccess[] {
  return entries === undefined ? [] : entries.filter((entry) => entry.user !== user);
}

/** Limits the users of a device, since anybody can use its id. Evicts the oldest user never seen with it, else the oldest. */
function bounded(entries: CachedAccess[]): CachedAccess[] {
  if (entries.length <= MAX_USERS_PER_DEVICE) return entries;
  const index = entries.findLastIndex(({ seen }) => !seen);
  return entries.toSpliced(index, 1);
}
