// Owns the plain form of compiled policies, which another thread can be sent: it decides there exactly as here, whatever is published
// or written to a file meanwhile. Pure.
import { compilePolicy } from './compile/compile.ts';
import type { CompiledPolicy } from './compile/compiled-policy.ts';
import { forEverybody, withRollout } from './active-policies.ts';
import type { ActivePolicies, NumberedPolicy } from './active-policies.ts';
import type { RolloutExtent } from '../model/policy-version.ts';

/** A policy: its document with the entries of all lists, and what is changed about it for a comparison. */
interface PlainPolicy extends Pick<CompiledPolicy, 'reportOnly' | 'grandfather' | 'admitsUnmet'> {
  readonly document: unknown;
  readonly version: number | null;
}

/** The policies that decide. */
export interface PlainPolicies {
  readonly live: PlainPolicy;
  readonly rollout: (PlainPolicy & RolloutExtent) | null;
}

/** The policies as plain data. */
export function plainPolicies({ live, rollout }: ActivePolicies): PlainPolicies {
  if (rollout === null) return { live: plain(live), rollout };
  const { groups, share } = rollout;
  return { live: plain(live), rollout: { ...plain(rollout), groups, share } };
}

/** Compiles them. */
export function policiesFrom({ live, rollout }: PlainPolicies): ActivePolicies {
  const { policy, version } = compiled(live);
  const everybody = forEverybody(policy, version);
  return rollout === null ? everybody : withRollout(everybody, compiled(rollout), rollout);
}

function plain({ policy, version }: NumberedPolicy): PlainPolicy {
  const { document, lists, reportOnly, grandfather, admitsUnmet } = policy;
  const isListed = document.lists !== undefined;
  return {
    document: isListed ? { ...document, lists: Object.fromEntries(lists) } : document,
    reportOnly,
    grandfather,
    admitsUnmet,
    version,
  };
}

/** @throws where a policy that was compiled before cannot be compiled, which is a defect */
function compiled({ document, version, ...changed }: PlainPolicy): NumberedPolicy {
  const { policy, problems } = compilePolicy(document, { warns: false });
  if (policy === null) throw new Error(problems.map(({ message }) => message).join('; '));
  return { policy: { ...policy, ...changed }, version };
}
