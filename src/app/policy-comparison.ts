// Owns a comparison of policies as it is asked for: by references, which can be sent to another thread, with what is changed about
// them.
import type { Config } from '../config/schema.ts';
import type { DirectoryStore } from '../directory/store.ts';
import type { ActivePolicies } from '../policy/active-policies.ts';
import type { OnProgress } from './policy-diff.ts';
import type { StoreOptions } from '../directory/open-store.ts';
import { diffInThreads } from './diff-threads.ts';
import type { Spread } from './diff-threads.ts';
import { withoutGrandfathering } from './policy-diff.ts';
import type { PolicyDiff } from './policy-diff.ts';
import { policiesOf } from './policy-texts.ts';
import type { PolicyRef, PolicyView } from './policy-texts.ts';

/** Policies, and how they are looked at. */
export interface ComparedPolicies extends PolicyView {
  readonly ref: PolicyRef;
  /** Without letting phones in because they were in use before. */
  readonly withoutGrandfathering?: boolean;
}

/** What is compared. `now`: milliseconds since the epoch. */
export interface PolicyComparison {
  readonly before: ComparedPolicies;
  readonly after: ComparedPolicies;
  readonly now: number;
}

/** The part of the configuration that says which policy is in use. */
export type PolicySettings = Pick<Config, 'policy'>;

/**
 * Compares what policies decide on every partnership. `options`: how threads open the store, to compare a large directory on several
 * cores; null = the calling thread compares alone. @throws ProgramError where one cannot be used
 */
export async function comparePolicies(
  store: DirectoryStore,
  settings: PolicySettings,
  { before, after, now }: PolicyComparison,
  onProgress?: OnProgress,
  options: StoreOptions | null = null,
  spread?: Spread,
): Promise<PolicyDiff> {
  const old = await comparedPolicies(store, settings, before);
  const next = await comparedPolicies(store, settings, after);
  return diffInThreads(store, options, { before: old, after: next, now }, onProgress, spread);
}

/** The compiled policies. @throws ProgramError */
async function comparedPolicies(
  store: DirectoryStore,
  settings: PolicySettings,
  { ref, withoutGrandfathering: isWithout = false, ...view }: ComparedPolicies,
): Promise<ActivePolicies> {
  const active = await policiesOf(store, settings, ref, view);
  return isWithout ? withoutGrandfathering(active) : active;
}
