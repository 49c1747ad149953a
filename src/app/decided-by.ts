// Owns saying which policy a verdict comes from, and why that one decides for the user.
import { extentText } from '../model/rollout-text.ts';
import type { ActivePolicies, Choice, NumberedPolicy } from '../policy/active-policies.ts';

/** Which policy decided, and why. */
export interface DecidedBy {
  /** The version; null = the policy of the configuration. */
  readonly version: number | null;
  /** The `name` of the document. */
  readonly name: string | null;
  readonly why: Choice['why'];
  /** For people. */
  readonly text: string;
}

/** Says so in words. */
export function decidedBy(
  { live, rollout }: ActivePolicies,
  { choice, by }: { readonly choice: Choice; readonly by: NumberedPolicy },
): DecidedBy {
  const { policy, version } = by;
  const reason =
    rollout === null ? '' : `, ${reasonOf(choice, nameOf(rollout), extentText(rollout), nameOf(live))}`;
  return { version, name: policy.name, why: choice.why, text: `${nameOf(by)}${reason}` };
}

function reasonOf(choice: Choice, rollout: string, extent: string, live: string): string {
  switch (choice.why) {
    case 'group':
      return `rolled out to group ${choice.group}`;
    case 'share':
      return `rolled out to a share of all users, in which this one is`;
    case 'groupsUnknown':
      return `the stricter of ${live} and ${rollout}, which is rolled out to ${extent}: no feed knows the groups of the user`;
    default:
      return `as the user is outside the roll-out of ${rollout} to ${extent}`;
  }
}

function nameOf({ version, policy }: NumberedPolicy): string {
  if (version !== null) return `version ${version}`;
  return policy.name === null ? 'the policy of the configuration' : `the policy "${policy.name}"`;
}
