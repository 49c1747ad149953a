// Owns the roll-out of a version through an admin API: what it is, and its steps. Each says whom it concerns and asks, as on this machine.
import type { PolicyDiff } from '../../app/policy-diff.ts';
import { noRollout } from '../../app/policy-rollout.ts';
import { refuseWithFile } from '../../app/policy-versions.ts';
import { widened } from '../../app/rollout-extent.ts';
import type { RolloutExtent, StoredRollout } from '../../model/policy-version.ts';
import type { ChangeOptions } from '../policy-change.ts';
import { ask } from './client.ts';
import type { Context } from './contexts.ts';
import { policiesInUse, remoteDiff } from './policies.ts';
import type { RemotePolicies } from './policies.ts';
import { announcedThere, extentBody } from './policy-changes.ts';

/** A roll-out as it is shown. */
export interface ShownRollout {
  /** `policy.file` of the configuration, which decides then; null = the versions do. */
  readonly file: string | null;
  /** Null = no version is rolled out. */
  readonly rollout: StoredRollout | null;
  /** The version that decides for the others; null = the policy of the configuration does. */
  readonly live: number | null;
  /** What the roll-out decides differently; null = there is none. */
  readonly found: PolicyDiff | null;
}

/** A step that was taken, and what it changes. */
export interface ChangedRollout {
  readonly version: number;
  readonly change: object;
}

/** Whom a version is rolled out to besides. A share of null stays. */
export interface MoreUsers {
  readonly groups: readonly string[];
  readonly share: number | null;
}

const IN_USE = { place: 'inUse' } as const;
const LIVE = { place: 'live' } as const;
const ROLLED_OUT = { place: 'rollout' } as const;

/** The roll-out, and what it decides differently. @throws RemoteError */
export async function rolloutThere(context: Context): Promise<ShownRollout> {
  const { policies } = await policiesInUse(context);
  const { file } = policies;
  const rollout = rolloutOf(policies);
  if (rollout === null) return { file, rollout, live: null, found: null };
  const { diff: found } = await remoteDiff(context, { before: LIVE, after: IN_USE });
  return { file, rollout, live: file === null ? (policies.live?.version ?? null) : null, found };
}

function rolloutOf({ rollout }: RemotePolicies): StoredRollout | null {
  if (rollout === null) return null;
  const { version, extent, since, changedAt, by } = rollout;
  return { ...extent, version, since, changedAt, by };
}

/** What a step is based on. @throws ProgramError where the policy is a file, or no version is rolled out */
async function rolloutToChange(context: Context): Promise<{
  readonly rollout: StoredRollout;
  readonly live: number | null;
  readonly tag: string | null;
}> {
  const { policies, tag } = await policiesInUse(context);
  refuseWithFile(policies.file);
  const rollout = rolloutOf(policies);
  if (rollout === null) throw noRollout();
  return { rollout, live: policies.live?.version ?? null, tag };
}

/** Rolls the version out to more users; null = dry run. `question`: of the version, and whom it decides for then. @throws RemoteError */
export async function widenThere(
  context: Context,
  more: MoreUsers,
  options: ChangeOptions,
  question: (version: number, extent: RolloutExtent) => string,
): Promise<(ChangedRollout & { readonly extent: RolloutExtent }) | null> {
  const { rollout, tag } = await rolloutToChange(context);
  const { version } = rollout;
  const extent = widened(rollout, more);
  const compared = { after: ROLLED_OUT, rollout: extentBody(extent) };
  const change = await announcedThere(context, compared, options, question(version, extent));
  if (change === null) return null;
  const { comment = null } = options;
  const body = { groups: [...more.groups], share: more.share, comment };
  await ask(context, 'widenRollout', { body, match: tag });
  return { version, change, extent };
}

/** Makes the version live, for everybody; null = dry run. @throws RemoteError */
export async function finishThere(
  context: Context,
  options: ChangeOptions,
  question: (version: number) => string,
): Promise<ChangedRollout | null> {
  const { rollout, tag } = await rolloutToChange(context);
  const { version } = rollout;
  const change = await announcedThere(context, { after: ROLLED_OUT }, options, question(version));
  if (change === null) return null;
  await ask(context, 'finishRollout', { body: { comment: options.comment ?? null }, match: tag });
  return { version, change };
}

/** Lets the live version, null = the policy of the configuration, decide for everybody again; null = dry run. @throws RemoteError */
export async function abandonThere(
  context: Context,
  options: ChangeOptions,
  question: (version: number) => string,
): Promise<(ChangedRollout & { readonly live: number | null }) | null> {
  const { rollout, live, tag } = await rolloutToChange(context);
  const { version } = rollout;
  const change = await announcedThere(context, { after: LIVE }, options, question(version), 'repair');
  if (change === null) return null;
  await ask(context, 'abandonRollout', { body: { comment: options.comment ?? null }, match: tag });
  return { version, change, live };
}
