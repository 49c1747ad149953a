// Owns the policies in use of a worker: it applies each stored version, logs the change, and reports it in the status.
import { standingWarnings } from '../config/served-policy.ts';
import type { Config } from '../config/schema.ts';
import type { DirectoryStore } from '../directory/store.ts';
import { rolloutWarnings } from '../model/rollout-text.ts';
import { forEverybody, withRollout } from '../policy/active-policies.ts';
import type { ActivePolicies } from '../policy/active-policies.ts';
import type { CompiledPolicy } from '../policy/compile/compiled-policy.ts';
import type { PolicyInUse, PolicyRolloutInUse, WorkerStatus } from '../supervisor/messages.ts';
import type { ProcessLog } from '../telemetry/logger.ts';
import { PolicyFollower } from './policy-follower.ts';
import type { PoliciesInUse, RolloutInUse, VersionInUse } from './policy-follower.ts';

/** The policies that decide; `configured` does where no version is live. */
export function activeOf({ live, rollout }: PoliciesInUse, configured: CompiledPolicy): ActivePolicies {
  const everybody =
    live === null ? forEverybody(configured) : forEverybody(live.policy, live.version.version);
  if (rollout === null) return everybody;
  const { policy, version, rollout: extent } = rollout;
  return withRollout(everybody, { policy, version: version.version }, extent);
}

/** For the status of the worker. */
export function describedPolicies({ live, shadow, rollout }: PoliciesInUse): WorkerStatus['policies'] {
  return { live: described(live), shadow: described(shadow), rollout: describedRollout(rollout) };
}

function described(inUse: VersionInUse | null): PolicyInUse | null {
  if (inUse === null) return null;
  const { version, name, hash } = inUse.version;
  return { version, name, hash, warnings: standingWarnings(inUse.policy) };
}

function describedRollout(inUse: RolloutInUse | null): PolicyRolloutInUse | null {
  const version = described(inUse);
  if (inUse === null || version === null) return null;
  const { groups, share, since } = inUse.rollout;
  const warnings = [...rolloutWarnings(inUse.rollout, Date.now()), ...version.warnings];
  return { ...version, warnings, groups, share, since };
}

/** A document that the configuration names comes before the versions of the directory: then these are not followed. */
export function followPolicy(
  { policy: { file } }: Config,
  { policies }: DirectoryStore,
  { logger }: ProcessLog,
  onChange: (policies: PoliciesInUse, isDecided: boolean) => void,
): PolicyFollower | null {
  if (file !== undefined) return null;
  return new PolicyFollower(policies, {
    onChange: (inUse, before) => {
      const isLiveChanged = inUse.live !== before.live;
      const isRolloutChanged = inUse.rollout !== before.rollout;
      onChange(inUse, isLiveChanged || isRolloutChanged);
      const version = inUse.live?.version.version;
      const shadow = inUse.shadow?.version.version;
      const rollout = inUse.rollout?.version.version;
      const { groups, share } = inUse.rollout?.rollout ?? {};
      const text = isLiveChanged
        ? 'another version of the policy is in use'
        : isRolloutChanged
          ? rolloutText(rollout)
          : shadowText(shadow);
      logger.info({ code: 'EASGATE_POLICY', version, shadow, rollout, groups, share }, text);
    },
    onError: (error) =>
      logger.error({ code: 'EASGATE_POLICY_REJECTED', cause: String(error) }, 'the policy in use stays'),
  });
}

function rolloutText(rollout: number | undefined): string {
  return rollout === undefined
    ? 'no version of the policy is rolled out to a part of the users any more'
    : 'a version of the policy is rolled out to a part of the users';
}

function shadowText(shadow: number | undefined): string {
  return shadow === undefined
    ? 'no version of the policy runs in the shadow any more'
    : 'another version of the policy runs in the shadow; the one in use stays';
}
