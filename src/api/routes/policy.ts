// Owns the routes of the policy: what is in use, versions, checks, comparisons, publishing, the roll-out, the shadow, simulation.
import { createHash } from 'node:crypto';
import { historyEntry, policyHistory } from '../../app/policy-history.ts';
import { abandonRollout, finishRollout, widenRollout } from '../../app/policy-rollout.ts';
import type { RolloutChange } from '../../app/policy-rollout.ts';
import {
  endShadow,
  promote,
  readPolicies,
  refuseWithFile,
  rollBack,
  versionOf,
  versionOrNumber,
} from '../../app/policy-versions.ts';
import type { KnownPolicies, ToPlace } from '../../app/policy-versions.ts';
import { comparedPolicies } from '../../app/policy-comparison.ts';
import type { PolicyComparison } from '../../app/policy-comparison.ts';
import { checkText, policiesOf, publishText } from '../../app/policy-texts.ts';
import type { PolicyRef, PublishedText } from '../../app/policy-texts.ts';
import type { PolicyVersion, RolloutExtent } from '../../model/policy-version.ts';
import { simulate } from '../../app/simulate.ts';
import { shownPolicy, shownProblem, shownVersion } from '../policy-view.ts';
import type { ApiParts } from '../parts.ts';
import type { DiffRun, PolicyDiffs } from '../comparisons/policy-diffs.ts';
import { route } from './route.ts';
import type { Call, Route } from './route.ts';

/** A short comparison is answered at once. */
const WAIT_MS = 2_000;
const PHONES = 500;

/** The routes. */
export function policyRoutes(parts: ApiParts, diffs: PolicyDiffs): Route[] {
  const { config, audit } = parts;
  const publish = async (text: PublishedText, call: Call): Promise<object> => {
    const store = parts.store();
    const known = await knownPolicies(parts, call);
    const { version, warnings } = await publishText(store, config, known, text, call.origin, audit);
    const after = await readPolicies(store);
    call.tag(tagOf(after));
    return { version: historyEntry(version, after.state), warnings: warnings.map(shownProblem) };
  };
  const changeRollout = async (
    call: Call,
    comment: string | null,
    work: (change: RolloutChange) => Promise<PolicyVersion>,
  ): Promise<object> => {
    refuseWithFile(config);
    const known = await knownPolicies(parts, call);
    const version = await work({ known, comment, author: call.origin, audit });
    return inUse(parts, version.version, call);
  };
  return [
    route('showPolicy', async (_input, { tag }) => {
      const known = await readPolicies(parts.store());
      tag(tagOf(known));
      return shownPolicy(parts, known);
    }),
    route('listPolicyVersions', async ({ query }) => {
      const { limit, after } = query;
      const rows = await policyHistory(parts.store(), limit, after);
      const last = rows.at(-1)?.version ?? 1;
      return { rows, next: rows.length < limit || last === 1 ? null : last };
    }),
    route('showPolicyVersion', async ({ params }) => {
      const store = parts.store();
      const { state } = await readPolicies(store);
      return shownVersion(await versionOf(store, params.version), state);
    }),
    route('checkPolicy', async ({ body }) => {
      const { loaded } = await checkText(parts.store(), config, body);
      const { policy, problems } = loaded;
      return {
        isValid: policy !== null,
        name: policy?.name ?? null,
        mode: policy === null ? null : policy.reportOnly ? 'reportOnly' : 'enforce',
        problems: problems.map(shownProblem),
      };
    }),
    route('diffPolicy', async ({ body }, { now }) => {
      const run = await startDiff(parts, diffs, body, now);
      await diffs.waitFor(run, WAIT_MS);
      return shownRun(run);
    }),
    route('showPolicyDiff', async ({ params }, { now }) => shownRun(diffs.get(params.diff, now))),
    route('publishPolicy', ({ body: { rollout, ...text } }, call) =>
      publish({ ...text, ...toPlace(rollout) }, call),
    ),
    route('shadowPolicy', ({ body }, call) => publish({ ...body, place: 'shadow' }, call)),
    route('endShadow', async (_input, call) => {
      refuseWithFile(config);
      const known = await knownPolicies(parts, call);
      const store = parts.store();
      const ended = await endShadow(store, call.origin, audit, known);
      call.tag(tagOf(await readPolicies(store)));
      return { ended };
    }),
    route('promoteShadow', async ({ body }, call) => {
      refuseWithFile(config);
      const store = parts.store();
      const known = await knownPolicies(parts, call);
      const version = await promote(store, known, body.comment, call.origin, audit, body.rollout);
      return inUse(parts, version.version, call);
    }),
    route('widenRollout', ({ body: { comment, ...more } }, call) =>
      changeRollout(call, comment, (change) => widenRollout(parts.store(), more, change)),
    ),
    route('finishRollout', ({ body }, call) =>
      changeRollout(call, body.comment, (change) => finishRollout(parts.store(), change)),
    ),
    route('abandonRollout', ({ body }, call) =>
      changeRollout(call, body.comment, (change) => abandonRollout(parts.store(), change)),
    ),
    route('rollBackPolicy', async ({ body }, call) => {
      refuseWithFile(config);
      const store = parts.store();
      const known = await knownPolicies(parts, call);
      const version = await rollBack(store, body.version, body.comment, call.origin, audit, known);
      return inUse(parts, version.version, call);
    }),
    route('simulate', async ({ body }, { now }) => {
      const { policy: ref, ...simulation } = body;
      return simulate(await policiesOf(parts.store(), config, ref), simulation, now);
    }),
  ];
}

function toPlace(rollout: RolloutExtent | null): ToPlace {
  return rollout === null ? { place: 'live' } : { place: 'rollout', rollout };
}

/** What to compare. */
export interface AskedDiff {
  readonly before: PolicyRef;
  readonly after: PolicyRef;
  /** As if `after` decided for these users only; null = for everybody. */
  readonly rollout: RolloutExtent | null;
  /** As if `after` did not only report. */
  readonly enforced: boolean;
}

/** Starts a comparison. @throws ProgramError, ApiError */
export async function startDiff(
  parts: ApiParts,
  diffs: PolicyDiffs,
  { before, after, rollout, enforced }: AskedDiff,
  now: number,
): Promise<DiffRun> {
  return start(parts, diffs, { before: { ref: before }, after: { ref: after, rollout, enforced } }, now);
}

/** Starts the comparison of the policies in use with themselves, but without their grandfathering. @throws ProgramError, ApiError */
export async function startGrandfathered(parts: ApiParts, diffs: PolicyDiffs, now: number): Promise<DiffRun> {
  const ref = { place: 'inUse' } as const;
  return start(parts, diffs, { before: { ref }, after: { ref, withoutGrandfathering: true } }, now);
}

async function start(
  parts: ApiParts,
  diffs: PolicyDiffs,
  compared: Omit<PolicyComparison, 'now'>,
  now: number,
): Promise<DiffRun> {
  const store = parts.store();
  // What is wrong with one of them is said at once.
  for (const policies of [compared.before, compared.after])
    await comparedPolicies(store, parts.config, policies);
  const key = await keyOf(parts, compared);
  const total = await phonesIn(parts);
  return diffs.start(parts.compare, { key, compared, total }, now);
}

/** Comparisons with one key are the same: of the same policies. */
async function keyOf(parts: ApiParts, asked: Omit<PolicyComparison, 'now'>): Promise<string> {
  const { stored } = await readPolicies(parts.store());
  return createHash('sha256')
    .update(JSON.stringify([asked, stored]))
    .digest('hex');
}

async function phonesIn(parts: ApiParts): Promise<number | null> {
  try {
    return await parts.model().ask('seenPhones', null);
  } catch {
    return null;
  }
}

function shownRun({ id, state, compared, total, startedAt, diff, error }: DiffRun): object {
  return {
    id,
    state,
    compared,
    total,
    startedAt,
    error,
    diff:
      diff === null
        ? null
        : { ...diff, phones: diff.phones.slice(0, PHONES), isCut: diff.isCut || diff.phones.length > PHONES },
  };
}

/** What is in use now, if it is what If-Match names. @throws ApiError */
async function knownPolicies(parts: ApiParts, { mustMatch }: Call): Promise<KnownPolicies> {
  const known = await readPolicies(parts.store());
  mustMatch(tagOf(known));
  return known;
}

async function inUse(parts: ApiParts, number: number, { tag }: Call): Promise<object> {
  const store = parts.store();
  const known = await readPolicies(store);
  tag(tagOf(known));
  return { version: historyEntry(await versionOrNumber(store, number), known.state) };
}

/** ETag of which versions are in use: another one after each change (RFC 9110 8.8.3). */
function tagOf({ state: { latest, live, shadow, rollout, changedAt } }: KnownPolicies): string {
  const extent = rollout === null ? '0' : `${rollout.version}-${rollout.groups.length}-${rollout.share}`;
  return `"${latest}.${live ?? 0}.${shadow ?? 0}.${extent}.${changedAt}"`;
}
