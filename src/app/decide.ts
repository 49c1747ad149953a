// Owns the use cases of decisions by hand: allow, block or quarantine a device or one user on it, and take that back. Says
// what was replaced, whom the decision holds for, and what looks like a slip.
import type { DirectoryStore } from '../directory/store.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { AuditSink } from '../journal/audit-log.ts';
import type { AccessDecision, DecisionOrigin } from '../model/decision.ts';
import { acquaintanceOf, coverage, doubts } from './coverage.ts';
import type { CoverageNote, Doubt } from './coverage.ts';
import { clear, decidedBefore, decidedOn, write } from './decisions.ts';
import type { Decided } from './decisions.ts';
import { canonicalUser, parseDevice } from './names.ts';

/** What a decision is about, as a person names it. */
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
  /** The decisions it took the place of. */
  readonly replaced: readonly Decided[];
  /** Whether a second server of the directory has it; null = there is none. */
  readonly replicated: boolean | null;
  readonly covers: readonly CoverageNote[];
  readonly warnings: readonly Doubt[];
}

/** Writes a decision. @throws ProgramError over a wipe, or when the decision changed meanwhile */
export async function decide(
  store: DirectoryStore,
  subject: Subject,
  decision: AccessDecision,
  origin: DecisionOrigin,
  audit: AuditSink,
): Promise<DecideResult> {
  const device = parseDevice(subject.device);
  const user = await canonicalUser(store, device, subject.user);
  const seen = await acquaintanceOf(store, device);
  const { replaced, replicated } = await write(store, device, user, decision, origin);
  await audit.record({
    ...origin,
    operation: 'decide',
    device,
    user,
    before: decidedBefore(replaced),
    after: decision,
    comment: decision.reason,
  });
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

/** Decisions that were taken back. */
export interface ClearResult {
  readonly device: DeviceKey;
  /** The user that was named; null = every user of the device. */
  readonly user: UserKey | null;
  /** What was taken back; empty = there was nothing. */
  readonly cleared: readonly Decided[];
  /** What is still decided on the device or its users. */
  readonly left: readonly Decided[];
}

/** Takes back what {@link decide} or a wipe wrote. `force`: also a wipe that the device acknowledged. @throws ProgramError */
export async function clearDecision(
  store: DirectoryStore,
  subject: Subject,
  { force, ...origin }: DecisionOrigin & { readonly force: boolean },
  audit: AuditSink,
): Promise<ClearResult> {
  const device = parseDevice(subject.device);
  const user = await canonicalUser(store, device, subject.user);
  const cleared = await clear(store, device, user, force, origin);
  if (cleared.length > 0)
    await audit.record({ ...origin, operation: 'clear', device, user, before: decidedBefore(cleared) });
  return { device, user, cleared, left: await decidedOn(store, device) };
}
