// Owns the comparison of two policies over the whole inventory: which phones another policy would let in or keep out, and why.
import type { DirectoryStore } from '../directory/store.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { Verdict, VerdictAction } from '../model/verdict.ts';
import { decideAccess } from '../policy/access.ts';
import type { CompiledPolicy } from '../policy/compile/compiled-policy.ts';
import { fleet } from './fleet.ts';
import type { FleetMember, OnProgress } from './fleet.ts';

/** One phone that the two policies decide differently on. */
export interface ChangedPhone {
  readonly user: UserKey;
  readonly device: DeviceKey;
  readonly model: string | null;
  readonly groups: readonly string[];
  /** Milliseconds since the epoch. */
  readonly lastSeen: number;
  readonly before: Decided;
  readonly after: Decided;
}

/** A verdict, as far as it is compared. */
export interface Decided {
  readonly action: VerdictAction;
  readonly reason: string;
  /** Name of the rule, compliance policy or place in the document. */
  readonly rule: string;
}

/** Phones by how lately they were seen. */
export interface ActiveCounts {
  readonly all: number;
  readonly lastDay: number;
  readonly lastWeek: number;
  readonly lastMonth: number;
}

/** A group of changed phones. */
export interface DiffCount {
  readonly name: string;
  readonly phones: ActiveCounts;
}

/** What a change of the policy would do. */
export interface PolicyDiff {
  readonly compared: number;
  /** Phones that pass now and would not. */
  readonly keptOut: ActiveCounts;
  /** Phones that do not pass now and would. */
  readonly letIn: ActiveCounts;
  /** Phones that are kept out by both, in another way. */
  readonly otherwise: ActiveCounts;
  /** Of the phones that are kept out newly: by reason, by group, by model; the most first, {@link MAX_COUNTS} at most. */
  readonly byReason: readonly DiffCount[];
  readonly byGroup: readonly DiffCount[];
  readonly byModel: readonly DiffCount[];
  /** The phones that change, the last seen first; {@link MAX_ROWS} at most. */
  readonly phones: readonly ChangedPhone[];
  /** There are more than are listed. */
  readonly isCut: boolean;
}

const MAX_COUNTS = 100;
const MAX_ROWS = 100_000;
const DAY_MS = 86_400_000;

interface Count {
  all: number;
  lastDay: number;
  lastWeek: number;
  lastMonth: number;
}

const newCount = (): Count => ({ all: 0, lastDay: 0, lastWeek: 0, lastMonth: 0 });

/** Compares two policies on every partnership at `now`, milliseconds since the epoch. `enforced`: the documents as if they did not only report. */
export async function diffPolicies(
  store: DirectoryStore,
  before: CompiledPolicy,
  after: CompiledPolicy,
  now: number,
  onProgress: OnProgress = () => undefined,
): Promise<PolicyDiff> {
  const diff = new Diff(now);
  for await (const part of fleet(store, now, onProgress))
    for (const member of part)
      diff.add(member, decideAccess(before, member.access, now), decideAccess(after, member.access, now));
  return diff.result();
}

/** What a policy would keep out, if it were enforced: the comparison with one that lets everybody pass is not made. */
class Diff {
  private readonly now: number;
  private compared = 0;
  private readonly keptOut = newCount();
  private readonly letIn = newCount();
  private readonly otherwise = newCount();
  private readonly byReason = new Map<string, Count>();
  private readonly byGroup = new Map<string, Count>();
  private readonly byModel = new Map<string, Count>();
  private readonly phones: ChangedPhone[] = [];
  private isCut = false;

  constructor(now: number) {
    this.now = now;
  }

  add(member: FleetMember, before: Verdict, after: Verdict): void {
    this.compared++;
    if (before.action === after.action && before.reason === after.reason) return;
    const { lastSeen } = member.partnership;
    const [passes, passed] = [after.action === 'allow', before.action === 'allow'];
    if (passes && passed) return;
    this.count(passed ? this.keptOut : passes ? this.letIn : this.otherwise, lastSeen);
    const phone = phoneOf(member, before, after);
    if (passed && !passes) {
      this.count(counted(this.byReason, after.reason), lastSeen);
      this.count(counted(this.byModel, phone.model ?? 'unknown'), lastSeen);
      for (const group of phone.groups.length === 0 ? ['none'] : phone.groups)
        this.count(counted(this.byGroup, group), lastSeen);
    }
    if (this.phones.length < MAX_ROWS) this.phones.push(phone);
    else this.isCut = true;
  }

  result(): PolicyDiff {
    const { compared, keptOut, letIn, otherwise, isCut } = this;
    return {
      compared,
      keptOut,
      letIn,
      otherwise,
      byReason: listed(this.byReason),
      byGroup: listed(this.byGroup),
      byModel: listed(this.byModel),
      phones: this.phones.sort((a, b) => b.lastSeen - a.lastSeen),
      isCut,
    };
  }

  private count(into: Count, lastSeen: number): void {
    const age = this.now - lastSeen;
    into.all++;
    if (age <= DAY_MS) into.lastDay++;
    if (age <= 7 * DAY_MS) into.lastWeek++;
    if (age <= 30 * DAY_MS) into.lastMonth++;
  }
}

function phoneOf(member: FleetMember, before: Verdict, after: Verdict): ChangedPhone {
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

function decidedOf({ action, reason, rule }: Verdict): Decided {
  return { action, reason, rule };
}

function counted(counts: Map<string, Count>, name: string): Count {
  let count = counts.get(name);
  if (count === undefined) counts.set(name, (count = newCount()));
  return count;
}

function listed(counts: ReadonlyMap<string, Count>): DiffCount[] {
  return [...counts]
    .map(([name, phones]) => ({ name, phones }))
    .sort((a, b) => b.phones.all - a.phones.all || (a.name < b.name ? -1 : 1))
    .slice(0, MAX_COUNTS);
}
