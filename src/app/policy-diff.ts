// Owns the comparison of two policies over the whole directory: which phones another policy would let in or keep out, and why.
import { setImmediate as nextTurn } from 'node:timers/promises';
import { monotonicNow } from '../clock.ts';
import type { DirectoryStore } from '../directory/store.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { Verdict, VerdictAction } from '../model/verdict.ts';
import { NO_REQUEST } from '../policy/access-facts.ts';
import type { Access } from '../policy/access-facts.ts';
import {
  choiceOf,
  decideActive,
  chosenFacts,
  decideChosen,
  forEverybody,
  withRollout,
} from '../policy/active-policies.ts';
import type { ActivePolicies, Choice } from '../policy/active-policies.ts';
import type { SeenCounts } from '../directory/read-model/model-reader.ts';
import { scanPartnerships } from './scan-partnerships.ts';
import type { ReadRecords, ScannedPartnership } from './scan-partnerships.ts';
import { NamedCounts, addCounts, addSeen, newCounts } from './seen-counts.ts';

/** One phone that the two policies decide differently on. */
export interface ChangedPhone {
  readonly user: UserKey;
  readonly device: DeviceKey;
  readonly model: string | null;
  readonly groups: readonly string[];
  /** Milliseconds since the epoch. */
  readonly lastSeen: number;
  readonly before: ShortVerdict;
  readonly after: ShortVerdict;
}

/** A verdict, as far as it is compared. */
export interface ShortVerdict {
  readonly action: VerdictAction;
  readonly reason: string;
  /** Name of the rule, compliance policy or place in the document. */
  readonly rule: string;
}

/** A group of changed phones. */
export interface DiffCount {
  readonly name: string;
  readonly phones: SeenCounts;
}

/** What a change of the policy would do. */
export interface PolicyDiff {
  readonly compared: number;
  /** Phones that pass now and would not. */
  readonly keptOut: SeenCounts;
  /** Phones that pass now, and would pass for a time: in a grace period, or because they were in use before. */
  readonly keptOutLater: SeenCounts;
  /** Phones that do not pass now and would. */
  readonly letIn: SeenCounts;
  /** Phones that do not pass now, and would for a time. */
  readonly letInForNow: SeenCounts;
  /** Phones that are kept out by both, in another way. */
  readonly otherwise: SeenCounts;
  /** Of the phones that are kept out newly: by reason, by group, by model; the most first, 100 of each at most. */
  readonly byReason: readonly DiffCount[];
  readonly byGroup: readonly DiffCount[];
  readonly byModel: readonly DiffCount[];
  /** The phones that change, the last seen first; of more than {@link MAX_ROWS} those that were compared first. */
  readonly phones: readonly ChangedPhone[];
  /** There are more than are listed. */
  readonly isCut: boolean;
  /** Phones that the roll-out in the policies after the change reaches; null = there is none. */
  readonly reach: Reach | null;
}

/** Phones by the choice for their users. */
export interface Reach {
  readonly inside: number;
  /** No feed knows the groups of the user: the stricter verdict of both counts. */
  readonly groupsUnknown: number;
  /** Groups of the roll-out that no user with a phone is in. */
  readonly emptyGroups: readonly string[];
}

/** Most phones that are listed. */
const MAX_ROWS = 100_000;
/** Longest stretch without a turn of the event loop: a policy of very many rules takes long for one phone. */
const TURN_MS = 20;
/** Reasons of phones that pass until a time comes. */
const FOR_NOW: ReadonlySet<string> = new Set(['inGracePeriod', 'grandfathered']);

/** The policies without their grandfathering: phones that they let in only because they were in use before are kept out newly. */
export function withoutGrandfathering({ live, rollout }: ActivePolicies): ActivePolicies {
  const everybody = forEverybody({ ...live.policy, grandfather: null }, live.version);
  if (rollout === null) return everybody;
  return withRollout(everybody, { ...rollout, policy: { ...rollout.policy, grandfather: null } }, rollout);
}

/** Of a part: the counts with all names, and the phones in the order in which they were compared. */
export interface DiffPart extends Omit<PolicyDiff, 'byReason' | 'byGroup' | 'byModel'> {
  readonly byReason: ReadonlyMap<string, SeenCounts>;
  readonly byGroup: ReadonlyMap<string, SeenCounts>;
  readonly byModel: ReadonlyMap<string, SeenCounts>;
}

/** Two policies, and when they decide: milliseconds since the epoch. */
export interface DiffTask {
  readonly before: ActivePolicies;
  readonly after: ActivePolicies;
  readonly now: number;
}

/** Whether one of the policies asks how many devices a user has, or which place one has among them. A false yes only costs time. */
export function countsDevices({ before, after }: Pick<DiffTask, 'before' | 'after'>): boolean {
  return [before, after]
    .flatMap(({ live, rollout }) => (rollout === null ? [live] : [live, rollout]))
    .some(
      ({ policy: { limits, document } }) =>
        limits !== null || /devicesOfUser|rank/.test(JSON.stringify(document)),
    );
}

/** How far a comparison is: partnerships so far. */
export type OnProgress = (done: number) => void;

/** Compares them on all partnerships, or on those of what is `read` (see {@link scanPartnerships}). */
export async function diffPart(
  store: DirectoryStore,
  task: DiffTask,
  onProgress: OnProgress,
  read?: ReadRecords,
): Promise<DiffPart> {
  const { before, after, now } = task;
  const diff = new PartDiff(now, after.rollout);
  let end = monotonicNow() + TURN_MS;
  for await (const members of scanPartnerships(store, now, countsDevices(task), read)) {
    for (const member of members) {
      const { access } = member;
      const choice = choiceOf(after, access);
      diff.reached(choice, access);
      diff.add(
        member,
        decideActive(before, access, now),
        decideChosen(after, choice, access, chosenFacts(after, choice, access, now, NO_REQUEST)),
      );
      if (monotonicNow() < end) continue;
      await nextTurn();
      end = monotonicNow() + TURN_MS;
    }
    onProgress(diff.compared);
  }
  return diff.result();
}

/** How many phones the two policies decide differently on; null = they were not compared. */
export function changedCount(diff: Partial<PolicyDiff>): number | null {
  const { keptOut, keptOutLater, letIn, letInForNow, otherwise } = diff;
  const counts = [keptOut, keptOutLater, letIn, letInForNow, otherwise].filter((one) => one !== undefined);
  return counts.length === 0 ? null : counts.reduce((sum, { all }) => sum + all, 0);
}

/** All parts of one comparison, in the order of the parts. @throws where there is none */
export function joinParts(parts: readonly DiffPart[]): PolicyDiff {
  const [first] = parts;
  if (first === undefined) throw new TypeError('a comparison has at least one part');
  const counts = (name: 'keptOut' | 'keptOutLater' | 'letIn' | 'letInForNow' | 'otherwise'): SeenCounts => {
    const sum = newCounts();
    for (const part of parts) addCounts(sum, part[name]);
    return sum;
  };
  const named = (name: 'byReason' | 'byGroup' | 'byModel'): PolicyDiff[typeof name] => {
    const sum = new NamedCounts<string>();
    for (const part of parts) sum.join(part[name]);
    return sum.listed();
  };
  const phones: ChangedPhone[] = [];
  for (const part of parts) for (const phone of part.phones) if (phones.length < MAX_ROWS) phones.push(phone);
  return {
    compared: parts.reduce((sum, { compared }) => sum + compared, 0),
    keptOut: counts('keptOut'),
    keptOutLater: counts('keptOutLater'),
    letIn: counts('letIn'),
    letInForNow: counts('letInForNow'),
    otherwise: counts('otherwise'),
    byReason: named('byReason'),
    byGroup: named('byGroup'),
    byModel: named('byModel'),
    phones: phones.sort(lastSeenFirst),
    isCut:
      parts.some(({ isCut }) => isCut) || parts.reduce((sum, part) => sum + part.phones.length, 0) > MAX_ROWS,
    reach: reachOf(parts.map(({ reach }) => reach)),
  };
}

/** Phones seen at the same moment by their names: a walk has another order in parts, and none in Redis. */
function lastSeenFirst(a: ChangedPhone, b: ChangedPhone): number {
  return b.lastSeen - a.lastSeen || order(a.device, b.device) || order(a.user, b.user);
}

function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A group is empty where it is in every part. */
function reachOf(reaches: readonly PolicyDiff['reach'][]): PolicyDiff['reach'] {
  return reaches.reduce((sum, one) =>
    sum === null || one === null
      ? null
      : {
          inside: sum.inside + one.inside,
          groupsUnknown: sum.groupsUnknown + one.groupsUnknown,
          emptyGroups: [...new Set(sum.emptyGroups).intersection(new Set(one.emptyGroups))],
        },
  );
}

/** The numbers and phones of one part. */
class PartDiff {
  private readonly now: number;
  compared = 0;
  private readonly keptOut = newCounts();
  private readonly keptOutLater = newCounts();
  private readonly letIn = newCounts();
  private readonly letInForNow = newCounts();
  private readonly otherwise = newCounts();
  private readonly byReason = new NamedCounts<string>();
  private readonly byGroup = new NamedCounts<string>();
  private readonly byModel = new NamedCounts<string>();
  private readonly phones: ChangedPhone[] = [];
  private isCut = false;

  private inside = 0;
  private groupsUnknown = 0;
  /** Of the roll-out, as they are compared; those with a user are taken out. Null = there is no roll-out. */
  private readonly emptyGroups: Map<string, string> | null;

  constructor(now: number, rollout: ActivePolicies['rollout']) {
    this.now = now;
    this.emptyGroups = rollout === null ? null : new Map(rollout.byGroup);
  }

  /** Whom the roll-out after the change reaches. */
  reached({ why }: Choice, { facts }: Access): void {
    if (why === 'group' || why === 'share') this.inside++;
    else if (why === 'groupsUnknown') this.groupsUnknown++;
    if (this.emptyGroups === null || this.emptyGroups.size === 0) return;
    for (const { lower } of facts.user.groups ?? []) this.emptyGroups.delete(lower);
  }

  add(member: ScannedPartnership, before: Verdict, after: Verdict): void {
    this.compared++;
    if (before.action === after.action && before.reason === after.reason) return;
    const { lastSeen } = member.partnership;
    const [passes, passed] = [after.action === 'allow', before.action === 'allow'];
    const forNow = passes && FOR_NOW.has(after.reason);
    if (passes && passed && (!forNow || FOR_NOW.has(before.reason))) return;
    const { now } = this;
    addSeen(this.countsOf(passed, passes, forNow), lastSeen, now);
    const phone = phoneOf(member, before, after);
    if (passed && !passes) {
      this.byReason.add(after.reason, lastSeen, now);
      this.byModel.add(phone.model ?? 'unknown', lastSeen, now);
      for (const group of phone.groups.length === 0 ? ['none'] : phone.groups)
        this.byGroup.add(group, lastSeen, now);
    }
    if (this.phones.length < MAX_ROWS) this.phones.push(phone);
    else this.isCut = true;
  }

  private countsOf(passed: boolean, passes: boolean, forNow: boolean): ReturnType<typeof newCounts> {
    if (!passes) return passed ? this.keptOut : this.otherwise;
    if (passed) return this.keptOutLater;
    return forNow ? this.letInForNow : this.letIn;
  }

  result(): DiffPart {
    const { compared, keptOut, keptOutLater, letIn, letInForNow, otherwise, phones, isCut } = this;
    const { inside, groupsUnknown, emptyGroups } = this;
    return {
      compared,
      keptOut,
      keptOutLater,
      letIn,
      letInForNow,
      otherwise,
      byReason: this.byReason.all(),
      byGroup: this.byGroup.all(),
      byModel: this.byModel.all(),
      phones,
      isCut,
      reach: emptyGroups === null ? null : { inside, groupsUnknown, emptyGroups: [...emptyGroups.values()] },
    };
  }
}

function phoneOf(member: ScannedPartnership, before: Verdict, after: Verdict): ChangedPhone {
  const { user, device, partnership, access } = member;
  return {
    user,
    device,
    model: partnership.model ?? access.records.device?.model ?? null,
    groups: access.records.userRecord?.groups ?? [],
    lastSeen: partnership.lastSeen,
    before: decidedOf(before),
    after: decidedOf(after),
  };
}

function decidedOf({ action, reason, rule }: Verdict): ShortVerdict {
  return { action, reason, rule };
}
