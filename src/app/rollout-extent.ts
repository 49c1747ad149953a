// Owns the rules about whom a version is rolled out to: what is a valid extent, and that it only grows.
import { ProgramError } from '../errors/program-errors.ts';
import { MAX_ROLLOUT_GROUPS } from '../model/policy-version.ts';
import type { PolicyState, PolicyStep, RolloutExtent } from '../model/policy-version.ts';
import { foldCase } from '../policy/document/case.ts';

const MAX_GROUP_NAME = 256;

/** An extent as it is kept: each group once. @throws ProgramError when it reaches nobody, or is too large */
export function checkedExtent({ groups, share }: RolloutExtent): RolloutExtent {
  const named = new Map<string, string>();
  for (const group of groups.map((name) => name.trim())) {
    if (group === '' || group.length > MAX_GROUP_NAME || /\p{Cc}/u.test(group))
      throw usage(
        `the name of a group has 1 to ${MAX_GROUP_NAME} characters, none of which is a control character`,
      );
    if (!named.has(foldCase(group))) named.set(foldCase(group), group);
  }
  if (named.size > MAX_ROLLOUT_GROUPS) throw usage(`a roll-out names ${MAX_ROLLOUT_GROUPS} groups at most`);
  if (!Number.isInteger(share) || share < 0 || share > 100)
    throw usage('the share is a whole number of percent, 0 to 100');
  if (named.size === 0 && share === 0) throw usage('a roll-out needs groups, a share of all users, or both');
  return { groups: [...named.values()], share };
}

/** The extent of a roll-out with more users. A share of null stays. @throws ProgramError when it adds nobody, or would leave out some */
export function widened(
  rollout: RolloutExtent,
  { groups, share }: { readonly groups: readonly string[]; readonly share: number | null },
): RolloutExtent {
  const wider = checkedExtent({ groups: [...rollout.groups, ...groups], share: share ?? rollout.share });
  if (wider.share < rollout.share)
    throw usage(
      `it reaches ${rollout.share} % of all users already, and only grows: abandon the roll-out to take it back`,
    );
  if (wider.share === rollout.share && wider.groups.length === rollout.groups.length)
    throw usage('it reaches these users already: name more groups, or a larger share');
  return wider;
}

function usage(text: string): ProgramError {
  return new ProgramError('EASGATE_ROLLOUT_EXTENT', text);
}

/** For the history. */
export function rolloutStep({ groups, share }: RolloutExtent): Pick<PolicyStep, 'step'> & RolloutExtent {
  return { step: 'rollout', groups, share };
}

/** The live policy stays the same for those outside until a roll-out ends. @throws ProgramError while there is one */
export function refuseDuringRollout({ rollout }: PolicyState): void {
  if (rollout !== null)
    throw new ProgramError(
      'EASGATE_ROLLOUT',
      `version ${rollout.version} is rolled out to a part of the users: finish or abandon that roll-out first`,
    );
}
