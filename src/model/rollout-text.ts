// Owns the texts about a roll-out: whom it reaches, and the warning about one that lasts too long.
import type { RolloutExtent, StoredRollout } from './policy-version.ts';

/** Whom a version is rolled out to, in words: `group Pilot, group Board and 10 % of all users`. */
export function extentText({ groups, share }: RolloutExtent): string {
  const parts = [
    ...groups.map((group) => `group ${group}`),
    ...(share > 0 || groups.length === 0 ? [`${share} % of all users`] : []),
  ];
  const last = parts.pop() ?? '';
  return parts.length === 0 ? last : `${parts.join(', ')} and ${last}`;
}

/** A roll-out that lasts longer is probably forgotten. */
const MAX_ROLLOUT_DAYS = 30;
const DAY_MS = 86_400_000;

/** Warnings about a roll-out that should have ended. `now`: milliseconds since the epoch. */
export function rolloutWarnings(rollout: StoredRollout, now: number): string[] {
  const days = Math.floor((now - rollout.since) / DAY_MS);
  if (days < MAX_ROLLOUT_DAYS) return [];
  return [
    `version ${rollout.version} of the policy has been rolled out to a part of the users for ${days} days: finish or abandon it`,
  ];
}
