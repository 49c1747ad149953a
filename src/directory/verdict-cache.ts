// Owns the verdict cache: verdicts by device and user, kept current by the change log, bounded, and used for a limited
// time while the store is unavailable.
import { monotonicNow } from '../clock.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import { foldedLocalPart } from '../identity/folded-name.ts';
import { NO_REQUEST, readAccess } from '../policy/access-facts.ts';
import type { Access } from '../policy/access-facts.ts';
import { decideActive, forEverybody } from '../policy/active-policies.ts';
import type { ActivePolicies } from '../policy/active-policies.ts';
import type { CompiledPolicy } from '../policy/compile/compiled-policy.ts';
import type { RequestFacts } from '../policy/engine/facts.ts';
import type { Verdict, WipeOrder } from '../model/verdict.ts';
import { AccessEntries } from './access-entries.ts';
import { AwaitedLookups } from './awaited-lookups.ts';
import type { Asker } from './awaited-lookups.ts';
import { CachedAccess, lapsing } from './cached-access.ts';
import { ChangeFollower } from './change-follower.ts';
import type { StoreStateListener } from './change-follower.ts';
import { CorruptRecordError } from '../model/corrupt-record.ts';
import { SharedDeadline, withDeadline } from './deadline.ts';
import type { LookupFlight } from './lookup-flight.ts';
import { duringOutage } from './outage.ts';
import { ShadowComparison } from './shadow-comparison.ts';
import type { ShadowCounts } from '../model/shadow.ts';
import { Refresh } from './refresh.ts';
import type { Asked, OnAnswer } from './refresh.ts';
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
  /** Called when other versions of the policy may be in use: the store said so, or changes were lost. */
  readonly onPolicyChange?: () => void;
  /** Called when the store becomes unavailable, even without traffic, and when it is available again. */
  readonly onStoreState?: StoreStateListener;
  /** Called at the end of every look-up that was not given up, with its time, milliseconds, and whether it failed. */
  readonly onLookup?: (ms: number, failed: boolean) => void;
}

/** A verdict and its source; null = the store is unavailable and no usable verdict is known. */
export interface Decision {
  readonly verdict: Verdict | null;
  readonly source: 'store' | 'stale' | 'none';
}

/** The keys that changed. */
export interface ChangedKeys {
  readonly devices: ReadonlySet<string>;
  /** Folded local parts of the changed names: a decision on one name may apply to others (folded-name.ts). */
  readonly users: ReadonlySet<string>;
  readonly all: boolean;
  /** The policy changed, and nothing in the directory: verdicts in memory are decided anew without a look-up. */
  readonly policy?: true;
}

/** The gateway itself. */
const ITSELF: Asker = { address: '', proven: true };

/** For requests that have ended: it counts as no failure. */
const UNWANTED: Decision = { verdict: null, source: 'none' };

/** A wipe can be cancelled until it is carried out, so it is cached no longer than this. */
const MAX_WIPE_LIFETIME_MS = 5_000;

/** Decides for (user, device): from memory synchronously, else by one look-up. */
export class VerdictCache {
  hits = 0;
  /** Questions that were answered with what was last known, and those without an answer. */
  stale = 0;
  unavailable = 0;
  private readonly store: DirectoryStore;
  private active: ActivePolicies;
  private shadow: ShadowComparison | null = null;
  private readonly options: VerdictCacheOptions;
  /** Monotonic. */
  private readonly now: () => number;
  private readonly wall: () => number;
  private readonly entries: AccessEntries;
  private readonly awaited: AwaitedLookups;
  private readonly refreshing: Refresh;
  private refreshed = 0;
  private confirming = 0;
  /** The end of the change log as far as it was applied; null = nothing was yet. */
  private applied: LogPosition | null = null;
  private readonly lookupDeadline: SharedDeadline;
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
    this.active = forEverybody(policy);
    this.options = options;
    this.now = now;
    this.wall = wall;
    this.entries = new AccessEntries(options.maxEntries, options.maxUnknownEntries);
    this.lookupDeadline = new SharedDeadline(options.lookupTimeoutMs);
    this.follower = new ChangeFollower(store, (batch) => this.apply(batch), options.onStoreState);
    const deadline = this.lookupDeadline;
    this.awaited = new AwaitedLookups({
      store,
      deadline,
      limits: options,
      now,
      applied: () => this.applied,
      isAway: () => this.follower.away,
      keep: (flight, result) => this.keep(flight, result),
      lastKnown: (user, device) => this.entries.find(user, device) ?? null,
      onLookupError: options.onLookupError,
      onLookup: options.onLookup,
    });
    this.refreshing = new Refresh({
      store,
      deadline,
      keep: (flight, result) => void this.keep(flight, result),
      onLookupError: options.onLookupError,
    });
  }

  /** Follows the change log from now on. Rejects when the store is unavailable. */
  async start(): Promise<void> {
    await this.follower.start();
  }

  async stop(): Promise<void> {
    this.awaited.close();
    this.lookupDeadline.close();
    await this.follower.stop();
  }

  /** Look-ups in the directory that were begun. */
  get misses(): number {
    return this.awaited.begun + this.refreshed;
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

  /** Evaluates another policy beside the live one from now on, and counts where they differ; null = none. */
  useShadow(policy: CompiledPolicy | null): void {
    if (policy === (this.shadow?.policy ?? null)) return;
    this.shadow = policy === null ? null : new ShadowComparison(policy, this.wall);
  }

  /** What was counted since the shadow began; null = there is none. */
  shadowCounts(): ShadowCounts | null {
    return this.shadow?.counts() ?? null;
  }

  /** Whether the live policy as a whole only reports. */
  get isReportOnly(): boolean {
    return this.active.live.policy.reportOnly;
  }

  /** Whether verdicts depend on facts of the request: only then need they be handed in. */
  get readsRequests(): boolean {
    const { active, shadow } = this;
    return active.readsRequests || (shadow !== null && shadow.policy.requestConditions.length > 0);
  }

  /** Takes other policies: they decide everything from now on. Listeners revalidate the open requests. */
  usePolicies(active: ActivePolicies): void {
    this.active = active;
    const changed: ChangedKeys = { devices: NOBODY, users: NOBODY, all: true, policy: true };
    for (const listener of this.listeners) listener(changed);
  }

  /**
   * A verdict from memory by facts that are fresh, or undefined. Hot path: synchronous, allocates nothing but where a policy
   * looks at requests, or another policy or moment in time makes it decide anew.
   */
  peek(user: UserKey, device: DeviceKey, request: RequestFacts = NO_REQUEST): Verdict | undefined {
    const found = this.entries.find(user, device);
    if (found === undefined) return undefined;
    const now = this.now();
    const standing = found.standing(this.active, now);
    if (standing === null && found.expiresAt <= now) return undefined;
    this.hits++;
    return standing ?? found.verdictFor(this.active, now, request, this.shadow);
  }

  /** Whether the phone may show the quarantine mailbox: it was denied lately, or nothing is known of it. */
  mayShowMailbox(user: UserKey, device: DeviceKey): boolean {
    return this.entries.find(user, device)?.wasDenied ?? true;
  }

  /**
   * One look-up per key at a time, of unknown clients per key and address, bounded in number and time. Phones with accepted credentials or a known
   * partnership have their own places; others share places by address. Never rejects.
   */
  async decide(
    user: UserKey,
    device: DeviceKey,
    asker: Asker = ITSELF,
    request: RequestFacts = NO_REQUEST,
  ): Promise<Decision> {
    // Changes are applied in a turn of the event loop of their own: none comes between the look-up's end and here.
    const isKnown = asker.proven || this.knows(user, device);
    const { known, source } = await this.awaited.find(user, device, asker, isKnown);
    if (source === 'givenUp') return UNWANTED;
    if (known === null) return this.nothing();
    const verdict = known.verdictFor(this.active, this.now(), request, this.shadow);
    if (source === 'store') return { verdict, source };
    const usable = this.duringOutage(known, verdict);
    if (usable === null) return this.nothing();
    this.stale++;
    return { verdict: usable, source };
  }

  /**
   * The verdict by cached facts, even if they are older than {@link peek} accepts, or undefined. A change would have removed them, as long as the
   * change log is read; during an outage they are used for `outage.*Seconds`.
   */
  recall(user: UserKey, device: DeviceKey, request: RequestFacts = NO_REQUEST): Verdict | undefined {
    const known = this.entries.find(user, device);
    if (known === undefined) return undefined;
    const verdict = known.verdictFor(this.active, this.now(), request, this.shadow);
    if (this.stateAgeMs() <= this.options.lifetimeMs) return verdict;
    return this.duringOutage(known, verdict) ?? undefined;
  }

  /**
   * Looks many phones up in one call and caches the results, so that {@link peek} has their verdicts. A result that a change made outdated meanwhile is
   * not cached. The caller limits the number of phones. Never throws.
   */
  refresh(asked: readonly Asked[], onAnswer: OnAnswer): void {
    this.refreshed += asked.length;
    const began = this.now();
    this.refreshing.read(asked, this.applied, (at, isAnswered) => {
      this.options.onLookup?.(this.now() - began, !isAnswered);
      onAnswer(at, isAnswered);
    });
  }

  private duringOutage(known: CachedAccess, verdict: Verdict): Verdict | null {
    return duringOutage(verdict, this.now() - known.readAt, this.options);
  }

  private nothing(): Decision {
    this.unavailable++;
    return { verdict: null, source: 'none' };
  }

  /** Whether the last look-up showed a partnership, which is recorded once the mail server accepted its user. */
  knows(user: UserKey, device: DeviceKey): boolean {
    return this.entries.find(user, device)?.seen === true;
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
      const access = this.read(await work, user, device, null);
      const wall = this.wall();
      return lapsing(decideActive(this.active, access, wall, request), this.now(), wall);
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

  private keep({ user, device, deviceType }: LookupFlight, result: LookupResult): CachedAccess {
    const access = this.read(result, user, device, deviceType);
    const names = { user, canonical: result.user, device, deviceType };
    const known = this.entryOf(new CachedAccess(access, names, this.now()));
    this.entries.keep(known);
    return known;
  }

  private read(result: LookupResult, user: UserKey, device: DeviceKey, deviceType: string | null): Access {
    const { unreadable } = result;
    if (unreadable !== undefined) this.options.onLookupError(new CorruptRecordError(unreadable.join(', ')));
    return readAccess(result, { user, device, deviceType }, this.wall());
  }

  /** Expires in its time, and keeps the verdicts of the entry before it as far as they stay the same. */
  private entryOf(known: CachedAccess): CachedAccess {
    const before = this.entries.find(known.user, known.device);
    if (before !== undefined) known.takeOver(before);
    else if (this.entries.wasDropped(known.device)) known.noteDenied();
    known.lifetimeMs = Math.ceil(this.lifetimeOf(known));
    return known;
  }

  /** A tenth of jitter, so that verdicts of phones that arrived together do not expire together. */
  private lifetimeOf({ isUnknown, hasOpenWipe }: CachedAccess): number {
    const { lifetimeMs, unknownLifetimeMs } = this.options;
    const usual = isUnknown ? unknownLifetimeMs : lifetimeMs;
    const lifetime = hasOpenWipe ? Math.min(usual, MAX_WIPE_LIFETIME_MS) : usual;
    return lifetime * (0.9 + Math.random() * 0.1);
  }

  private apply(batch: ChangeBatch): void {
    this.applied = batch.position;
    if (batch.trimmed || batch.changes.some(({ policy }) => policy === true)) this.options.onPolicyChange?.();
    const devices = new Set<string>();
    const users = new Set<string>();
    for (const { device, user } of batch.changes) {
      if (device !== null) devices.add(device);
      else if (user !== null) users.add(foldedLocalPart(user));
    }
    if (batch.trimmed) {
      this.entries.clear();
    } else {
      this.entries.dropDevices(devices);
      if (users.size > 0) this.entries.dropUsers(users);
    }
    this.awaited.noteChanges(devices, users, batch);
    this.refreshing.noteChanges(devices, users, batch);
    const changed = { devices, users, all: batch.trimmed };
    for (const listener of this.listeners) listener(changed);
  }
}

const NOBODY: ReadonlySet<string> = new Set();
