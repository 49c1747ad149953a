// Owns the use cases of manual decisions: allow, block or quarantine a device or one user on it, and clear that decision. They
// return what was replaced, whom the decision covers, and probable mistakes.
import type { DirectoryStore } from '../directory/store.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { AuditSink } from '../journal/audit-log.ts';
import type { AccessDecision, DecisionOrigin } from '../model/decision.ts';
import { readSeenUsers, coverage, doubts } from './decision-coverage.ts';
import type { CoverageNote, Doubt } from './decision-coverage.ts';
import { always, clear, decidedBefore, decidedOn, overwritten, write } from './write-decision.ts';
import type { BeforeChange, Decided } from './write-decision.ts';
import { canonicalUser, parseDevice } from './names.ts';

/** The subject of a decision, as typed by a person. */
export interface Subject {
  /** Device id, in any spelling. */
  readonly device: string;
  /** User name; absent = every user of the device. */
  readonly user?: string | undefined;
}

/** A decision that was written. */
export interface DecideResult {
  readonly device: DeviceKey;
  /** The user it is stored under; null = every user of the device. */
  readonly user: UserKey | null;
  readonly decision: AccessDecision;
  /** The decisions that it replaced. */
  readonly replaced: readonly Decided[];
  /** Whether a second server of the directory has it; null = there is none. */
  readonly replicated: boolean | null;
  readonly covers: readonly CoverageNote[];
  readonly warnings: readonly Doubt[];
}

/** Writes a decision; with `dryRun` it only finds what that would do. @throws ProgramError when a wipe is in place, or the stored decision changed meanwhile */
export async function decide(
  store: DirectoryStore,
  subject: Subject,
  decision: AccessDecision,
  { dryRun = false, ...origin }: DecisionOrigin & { readonly dryRun?: boolean },
  audit: AuditSink,
  check: BeforeChange = always,
): Promise<DecideResult> {
  const device = parseDevice(subject.device);
  const user = await canonicalUser(store, device, subject.user);
  const seen = await readSeenUsers(store, device);
  const record = (before: readonly Decided[]): Promise<void> =>
    audit.record({
      ...origin,
      operation: 'decide',
      device,
      user,
      before: decidedBefore(before),
      after: decision,
      comment: decision.reason,
    });
  const { replaced, replicated } = dryRun
    ? await overwritten(store, device, user)
    : await write(store, device, user, decision, origin, record, check);
  return {
    device,
    user,
    decision,
    replaced,
    replicated,
    covers: await coverage(store, seen, user, decision.action),
    warnings: doubts(store, seen, user),
  };
}

/** Cleared decisions. */
export interface ClearResult {
  readonly device: DeviceKey;
  /** The user that was named; null = every user of the device. */
  readonly user: UserKey | null;
  /** The cleared decisions; empty = there were none. */
  readonly cleared: readonly Decided[];
  /** Remaining decisions on the device or its users. */
  readonly left: readonly Decided[];
}

/** Clears a decision or wipe. `force`: also a wipe that the device acknowledged. @throws ProgramError */
export async function clearDecision(
  store: DirectoryStore,
  subject: Subject,
  { force, ...origin }: DecisionOrigin & { readonly force: boolean },
  audit: AuditSink,
  check: BeforeChange = always,
): Promise<ClearResult> {
  const device = parseDevice(subject.device);
  const user = await canonicalUser(store, device, subject.user);
  const cleared: Decided[] = [];
  try {
    await clear(store, device, user, force, origin, (one) => cleared.push(one), check);
  } finally {
    if (cleared.length > 0)
      await audit.record({ ...origin, operation: 'clear', device, user, before: decidedBefore(cleared) });
  }
  return { device, user, cleared, left: await decidedOn(store, device) };
}
