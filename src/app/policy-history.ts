// Owns the history of the policy: its versions, and when each was published, in the shadow, and rolled out to whom.
import type { DirectoryStore } from '../directory/store.ts';
import type { PolicyState, PolicyStep, PolicyVersion, RolloutExtent } from '../model/policy-version.ts';
import { readPolicies, versionOrNumber } from './policy-versions.ts';
import type { PolicyPlace } from './policy-versions.ts';

/** A version in the history. Times: milliseconds since the epoch; null = never, or too long ago to be known. */
export type PolicyHistoryEntry = Omit<PolicyVersion, 'document' | 'parsed' | 'lists'> & {
  readonly place: PolicyPlace | null;
  /** When it last came into the shadow. */
  readonly shadowAt: number | null;
  /** When it was first rolled out to some users, and to whom in the end. */
  readonly rolledOutAt: number | null;
  readonly rolledOutTo: RolloutExtent | null;
  /** When its roll-out was abandoned. */
  readonly abandonedAt: number | null;
  /** When it first became the live one. */
  readonly publishedAt: number | null;
  /** Why it last became the live one, or was rolled out; null = not said, or the same as why it was added. */
  readonly liveComment: string | null;
  /** When a rollback replaced it as the live one; null = it is live, or was never rolled back. */
  readonly rolledBackAt: number | null;
};

/** The latest versions, the latest first; `before`: those with lower numbers. */
export async function policyHistory(
  store: DirectoryStore,
  limit: number,
  before = Infinity,
): Promise<PolicyHistoryEntry[]> {
  const { state } = await readPolicies(store);
  const entries: PolicyHistoryEntry[] = [];
  for (let number = Math.min(state.latest, before - 1); number > 0 && entries.length < limit; number--)
    entries.push(historyEntry(await versionOrNumber(store, number), state));
  return entries;
}

/** Steps by which a version comes to decide. */
const DECIDES: ReadonlySet<PolicyStep['step']> = new Set(['live', 'rollback', 'rollout']);

/** A version without its texts, where it is in use, and what happened to it. */
export function historyEntry(version: PolicyVersion, state: PolicyState): PolicyHistoryEntry {
  const { document: _document, parsed: _parsed, lists: _lists, ...rest } = version;
  const steps = state.steps.filter((one) => one.version === version.version);
  const rollouts = steps.filter(({ step }) => step === 'rollout');
  const last = (wanted: PolicyStep['step']): number | null =>
    steps.findLast(({ step }) => step === wanted)?.at ?? null;
  const liveComment = steps.findLast(({ step }) => DECIDES.has(step))?.comment ?? null;
  return {
    ...rest,
    place: placeOf(version.version, state),
    shadowAt: last('shadow'),
    rolledOutAt: rollouts[0]?.at ?? null,
    rolledOutTo: extentOf(rollouts),
    abandonedAt: last('abandoned'),
    publishedAt: steps.find(({ step }) => step === 'live')?.at ?? null,
    liveComment: liveComment === version.comment ? null : liveComment,
    rolledBackAt: rolledBackAt(version.version, state.steps),
  };
}

/** Of the last step at which it ceased to be live, if that was a rollback. */
function rolledBackAt(version: number, steps: readonly PolicyStep[]): number | null {
  let live: number | null = null;
  let at: number | null = null;
  for (const one of steps) {
    if (one.step !== 'live' && one.step !== 'rollback') continue;
    if (one.version === version) at = null;
    else if (live === version) at = one.step === 'rollback' ? one.at : null;
    live = one.version;
  }
  return at;
}

function placeOf(version: number, { live, shadow, rollout }: PolicyState): PolicyPlace | null {
  if (version === live) return 'live';
  if (version === rollout?.version) return 'rollout';
  return version === shadow ? 'shadow' : null;
}

/** Each step names the groups that it added. */
function extentOf(rollouts: readonly PolicyStep[]): RolloutExtent | null {
  const last = rollouts.at(-1);
  return last === undefined ? null : { groups: rollouts.flatMap(({ groups }) => groups), share: last.share };
}
