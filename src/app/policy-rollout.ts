// Owns the roll-out of a version to some users: widening it, and its end for everybody or for nobody.
import type { DirectoryStore } from '../directory/store.ts';
import type { AuditSink } from '../journal/audit-log.ts';
import { ProgramError } from '../errors/program-errors.ts';
import type { PolicyVersion, StoredRollout } from '../model/policy-version.ts';
import { replace, versionOf, versionOrNumber, withLive } from './policy-versions.ts';
import type { KnownPolicies, PolicyAuthor } from './policy-versions.ts';
import { rolloutStep, widened } from './rollout-extent.ts';

/** The roll-out. @throws ProgramError when there is none */
export function rolloutIn({ state: { rollout } }: KnownPolicies): StoredRollout {
  if (rollout === null) throw noRollout();
  return rollout;
}

/** The error where no version is rolled out. */
export function noRollout(): ProgramError {
  return new ProgramError('EASGATE_NO_ROLLOUT', 'no version is rolled out to a part of the users');
}

/** Who changes a roll-out, why, and what was looked at before. */
export interface RolloutChange {
  readonly known: KnownPolicies;
  /** Why, for the audit. */
  readonly comment: string | null;
  readonly author: PolicyAuthor;
  readonly audit: AuditSink;
}

/** Rolls the version out to more users. @throws ProgramError */
export async function widenRollout(
  store: DirectoryStore,
  more: Parameters<typeof widened>[1],
  { known, ...change }: RolloutChange,
): Promise<PolicyVersion> {
  const rollout = rolloutIn(known);
  const extent = widened(rollout, more);
  const version = await versionOf(store, rollout.version);
  const state = { ...known.state, rollout: { ...rollout, ...extent, changedAt: change.author.at } };
  const step = rolloutStep({ groups: extent.groups.slice(rollout.groups.length), share: extent.share });
  await replace(store, known, state, { ...change, operation: 'policy_rollout', step, version });
  return version;
}

/** The version decides for everybody. @throws ProgramError */
export async function finishRollout(
  store: DirectoryStore,
  { known, ...change }: RolloutChange,
): Promise<PolicyVersion> {
  const version = await versionOf(store, rolloutIn(known).version);
  const state = { ...withLive(known.state, version.version), rollout: null };
  const step = { step: 'live' } as const;
  await replace(store, known, state, { ...change, operation: 'policy_rollout_finish', step, version });
  return version;
}

/** The live version decides for everybody again, also where the version that is rolled out cannot be read. @throws ProgramError */
export async function abandonRollout(
  store: DirectoryStore,
  { known, ...change }: RolloutChange,
): Promise<PolicyVersion> {
  const version = await versionOrNumber(store, rolloutIn(known).version);
  const state = { ...known.state, rollout: null };
  const step = { step: 'abandoned' } as const;
  await replace(store, known, state, { ...change, operation: 'policy_rollout_abandon', step, version });
  return version;
}
