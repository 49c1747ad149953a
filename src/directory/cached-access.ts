// Owns one entry of the verdict cache: the records behind the verdicts on a user with a device, and these verdicts. They are
// decided anew in memory when the policy, a moment in time, or what a rule looks at in a request wants it.
import { LRUCache } from 'lru-cache';
import { monotonicAt, monotonicNow } from '../clock.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { Verdict } from '../model/verdict.ts';
import { decideAccess } from '../policy/access.ts';
import { readAccess } from '../policy/access-facts.ts';
import type { Access } from '../policy/access-facts.ts';
import { choiceOf, chosenFacts, decideChosen, requestKeyOf } from '../policy/active-policies.ts';
import type { ActivePolicies, Choice } from '../policy/active-policies.ts';
import type { RequestFacts } from '../policy/engine/facts.ts';
import { packRecords, sharedText, unpackRecords } from './packed-access.ts';
import type { ShadowComparison } from './shadow-comparison.ts';

/** Which conditions of a policy hold on a request (CompiledPolicy.requestKey); null = the policy does not look at requests. */
type RequestKey = number | string | null;

/** A verdict for one set of conditions on requests that hold. */
interface Decided {
  readonly key: RequestKey;
  readonly by: ActivePolicies;
  readonly verdict: Verdict;
  /** When it must be decided anew, on the monotonic clock; `Infinity` = never. */
  readonly lapsesAt: number;
}

/** Further verdicts kept of one user with one device: requests of one phone differ in few conditions of a policy. */
const MAX_OTHERS = 7;
const NONE: Decided[] = [];

const [SEEN, UNKNOWN, OPEN_WIPE, DENIED] = [1, 2, 4, 8];
const FLAGS = 4;
const NOWHERE = -1 << FLAGS;

/** The wall clock against the monotonic one when the process started. */
const USUAL_OFFSET_MS = Math.round(Date.now() - monotonicNow());

/** Entries whose records were read again lately: a policy that looks at requests reads those of busy phones at each one. */
const MAX_READ = 1_000;
const readLately = new LRUCache<CachedAccess, Access>({ max: MAX_READ });

/** What is known of a user with a device. */
export class CachedAccess {
  readonly user: UserKey;
  /** The user that the name stands for, by the directory's aliases. */
  readonly canonical: UserKey;
  readonly device: DeviceKey;
  /** When the facts were read, monotonic. */
  readonly readAt: number;
  /** The next entry of the same device, of another user (access-entries.ts). */
  next: CachedAccess | undefined = undefined;
  /** How long the facts serve without another look-up, milliseconds. A whole number takes no memory of its own, unlike a time. */
  lifetimeMs = 0;
  /** Flags, and {@link place} before them: one number takes less memory than four fields. */
  private bits: number;
  /** The wall clock at {@link readAt}, against {@link USUAL_OFFSET_MS}. */
  private readonly offsetMs: number;
  private readonly deviceType: string | null;
  private readonly packed: string;
  /** The records as they were read, until the first verdict: then they are garbage, and most of them die young. */
  private fresh: Access | null;
  /** The only verdict of most, or the first one; the conditions that it is for, and the policies that it comes from (null = none by now). */
  private verdict: Verdict | null = null;
  private key: RequestKey = null;
  private verdictBy: ActivePolicies | null = null;
  /** For other conditions on requests; the latest last. */
  private others = NONE;
  /** Of a roll-out that looks at requests: which policies decide for the user, and among which that was chosen. */
  private choice: { readonly made: Choice; readonly by: ActivePolicies } | null = null;

  constructor(
    access: Access,
    names: {
      readonly user: UserKey;
      readonly canonical: UserKey;
      readonly device: DeviceKey;
      readonly deviceType: string | null;
    },
    readAt: number,
  ) {
    const { records, facts } = access;
    this.user = names.user;
    this.canonical = names.canonical === names.user ? names.user : names.canonical;
    this.device = names.device;
    this.deviceType = names.deviceType === null ? null : sharedText(names.deviceType);
    const seen = records.partnership ?? null;
    const wasDenied = seen !== null && seen.lastVerdict !== 'allow';
    const isUnknown = (facts.device?.managed ?? null) === null && facts.decisions.length === 0;
    const hasOpenWipe = facts.decisions.some(
      ({ action, acknowledged }) => !acknowledged && (action === 'wipe' || action === 'accountWipe'),
    );
    this.bits =
      NOWHERE |
      (seen !== null ? SEEN : 0) |
      (isUnknown ? UNKNOWN : 0) |
      (hasOpenWipe ? OPEN_WIPE : 0) |
      (wasDenied ? DENIED : 0);
    this.readAt = readAt;
    this.offsetMs = Math.round(access.readAt - readAt - USUAL_OFFSET_MS);
    this.packed = packRecords(records, this);
    this.fresh = access;
  }

  /** The mail server has accepted this user with this device: other users cannot evict this entry. */
  get seen(): boolean {
    return (this.bits & SEEN) !== 0;
  }

  /** Nobody has reported the device, and no operator decided on it: anybody can make up such a one. */
  get isUnknown(): boolean {
    return (this.bits & UNKNOWN) !== 0;
  }

  get hasOpenWipe(): boolean {
    return (this.bits & OPEN_WIPE) !== 0;
  }

  /**
   * Whether the phone was denied lately: its last request, by its partnership, or at some time while this entry and those before it were
   * kept. Once true it stays so: the phone may still show the quarantine mailbox.
   */
  get wasDenied(): boolean {
    return (this.bits & DENIED) !== 0;
  }

  noteDenied(): void {
    this.bits |= DENIED;
  }

  /** Where it is among all entries (entries-by-user.ts); -1 = nowhere. */
  get place(): number {
    return this.bits >> FLAGS;
  }

  set place(place: number) {
    this.bits = (place << FLAGS) | (this.bits & ~NOWHERE);
  }

  /** Until when the facts serve without another look-up; monotonic. */
  get expiresAt(): number {
    return this.readAt + this.lifetimeMs;
  }

  /** The wall clock when the facts were read. */
  private get wallAt(): number {
    return this.readAt + USUAL_OFFSET_MS + this.offsetMs;
  }

  /** The verdict of policies that do not look at requests, if it still stands. Allocates nothing. */
  standing(active: ActivePolicies, now: number): Verdict | null {
    if (this.verdictBy !== active || this.key !== null || now >= this.readAt + this.lifetimeMs) return null;
    return now < lapse(this.verdict) ? this.verdict : null;
  }

  /** The verdict at `now`, monotonic. A verdict that says the same as before stays the same object. */
  verdictFor(
    active: ActivePolicies,
    now: number,
    request: RequestFacts,
    shadow: ShadowComparison | null = null,
  ): Verdict {
    // Counted on the monotonic clock since the facts were read: a step of the wall clock brings back nothing that has ended.
    const wall = this.wallAt + (now - this.readAt);
    if (active.readsRequests) return this.forRequest(active, now, wall, request, shadow);
    const isAlike = this.key === null;
    if (isAlike && this.verdictBy === active && now < lapse(this.verdict)) return this.verdict as Verdict;
    const access = this.access();
    const choice = choiceOf(active, access);
    const facts = chosenFacts(active, choice, access, wall, request);
    const found = lapsing(decideChosen(active, choice, access, facts), now, wall);
    const verdict = this.noted(sameOr(isAlike ? this.verdict : null, found));
    if (shadow !== null) this.compare(shadow, choice, verdict, access, wall, request);
    this.verdict = verdict;
    this.key = null;
    this.verdictBy = active;
    this.others = NONE;
    this.fresh = null;
    return verdict;
  }

  private noted(verdict: Verdict): Verdict {
    if (verdict.action !== 'allow') this.noteDenied();
    return verdict;
  }

  /** Keeps the verdicts of the entry that this one replaces, as far as they are decided alike. */
  takeOver(before: CachedAccess): void {
    if (before.wasDenied) this.noteDenied();
    // Each is decided anew. An equal result reuses the old object: callers compare by identity.
    this.verdict = before.verdict;
    this.key = before.key;
    this.verdictBy = null;
    this.others =
      before.others.length === 0 ? NONE : before.others.map((one) => ({ ...one, lapsesAt: -Infinity }));
  }

  private forRequest(
    active: ActivePolicies,
    now: number,
    wall: number,
    request: RequestFacts,
    shadow: ShadowComparison | null,
  ): Verdict {
    const access = this.access();
    // The records are not kept at the first request after a look-up or a change of policy: most phones are silent for minutes then, and what
    // is kept of a hundred thousand of them would live just long enough to be costly to collect.
    if (this.isAnyBy(active)) readLately.set(this, access);
    this.fresh = null;
    const choice = this.chosen(active, access);
    const facts = chosenFacts(active, choice, access, wall, request);
    const key = requestKeyOf(active, choice, access, facts);
    const isFirst = this.key === key || this.key === null;
    const at = isFirst ? -1 : placeOf(this.others, key);
    const other = this.others[at];
    if (this.key === key) {
      if (this.verdictBy === active && now < lapse(this.verdict)) return this.verdict as Verdict;
    } else if (other !== undefined && other.by === active && now < other.lapsesAt) return other.verdict;
    const before = this.key === key ? this.verdict : (other?.verdict ?? null);
    const found = lapsing(decideChosen(active, choice, access, facts), now, wall);
    const verdict = this.noted(sameOr(before, found));
    if (shadow !== null) this.compare(shadow, choice, verdict, access, wall, request);
    if (isFirst) {
      this.verdict = verdict;
      this.key = key;
      this.verdictBy = active;
      return verdict;
    }
    const one = { key, by: active, verdict, lapsesAt: lapse(verdict) };
    if (at !== -1) this.others[at] = one;
    else if (this.others === NONE) this.others = [one];
    else if (this.others.push(one) > MAX_OTHERS) this.others.shift();
    return verdict;
  }

  private isAnyBy(active: ActivePolicies): boolean {
    if (this.key !== null && this.verdictBy === active) return true;
    for (const one of this.others) if (one.by === active) return true;
    return false;
  }

  /**
   * The policy in the shadow decides nothing: an error in it must not reach a phone. What it fails to decide is not counted, nor
   * is a phone that the live policy does not decide on, because another version is rolled out to its user.
   */
  private compare(
    shadow: ShadowComparison,
    { why }: Choice,
    live: Verdict,
    access: Access,
    wall: number,
    request: RequestFacts,
  ): void {
    if (why !== 'everybody' && why !== 'outside') return;
    let verdict: Verdict;
    try {
      verdict = decideAccess(shadow.policy, access, wall, request);
    } catch {
      return;
    }
    shadow.note(this.user, this.device, live, verdict);
  }

  /** A user may be in a thousand groups, which are not searched for every request. */
  private chosen(active: ActivePolicies, access: Access): Choice {
    if (active.rollout === null) return choiceOf(active, access);
    if (this.choice?.by !== active) this.choice = { made: choiceOf(active, access), by: active };
    return this.choice.made;
  }

  private access(): Access {
    const known = this.fresh ?? readLately.get(this);
    if (known !== undefined) return known;
    const { user, device, deviceType, wallAt } = this;
    return readAccess(unpackRecords(this.packed, this), { user, device, deviceType }, wallAt);
  }
}

function placeOf(decided: readonly Decided[], key: Decided['key']): number {
  for (let at = 0; at < decided.length; at++) if (decided[at]?.key === key) return at;
  return -1;
}

/** The verdict before, where it says the same. */
function sameOr(before: Verdict | null, found: Verdict): Verdict {
  return before !== null && isSame(before, found) ? before : found;
}

/** Adds to a verdict when it lapses on the monotonic clock, where it lapses at all: converted once, when it is decided. */
export function lapsing(verdict: Verdict, now: number, wall: number): Verdict {
  if (verdict.validUntil === Infinity) return verdict;
  return Object.freeze({ ...verdict, lapsesAt: monotonicAt(verdict.validUntil, now, wall) });
}

function lapse(verdict: Verdict | null): number {
  return verdict === null ? -Infinity : (verdict.lapsesAt ?? Infinity);
}

/** Two conversions of one time differ by rounding; a larger difference means that the wall clock was set. */
const SAME_MOMENT_MS = 1_000;

/** Small parts of verdicts. */
function isAlike(a: object | undefined, b: object | undefined): boolean {
  return a === b || (a !== undefined && b !== undefined && JSON.stringify(a) === JSON.stringify(b));
}

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
    a.nextStep === b.nextStep &&
    isAlike(a.wouldBe, b.wouldBe) &&
    isAlike(a.message, b.message) &&
    a.wipe === undefined &&
    b.wipe === undefined
  );
}
