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
  toPlace,
  versionOf,
  versionOrNumber,
} from '../../app/policy-versions.ts';
import type { KnownPolicies } from '../../app/policy-versions.ts';
import { CHANGED_CSV } from '../../app/csv-columns.ts';
import type { PolicyComparison } from '../../app/policy-comparison.ts';
import { changedCount } from '../../app/policy-diff.ts';
import { givenTexts, policiesOf, publishText, usable } from '../../app/policy-texts.ts';
import type { PolicyMode, PolicyRef, PublishedText } from '../../app/policy-texts.ts';
import type { PolicyVersion, RolloutExtent } from '../../model/policy-version.ts';
import { simulate } from '../../app/simulate.ts';
import { knownAttributes } from '../../app/unknown-names.ts';
import { hashOf } from '../../config/stored-policy.ts';
import type { PolicyTexts } from '../../config/stored-policy.ts';
import type { Known } from '../../policy/compile/warnings.ts';
import { shownPolicy, shownProblem, shownVersion } from '../policy-view.ts';
import type { ApiParts } from '../api-parts.ts';
import { ApiError } from '../problems.ts';
import type { PolicyChecks } from '../policy-checks.ts';
import type { DiffRun, PolicyDiffs } from '../comparisons/policy-diffs.ts';
import { CSV_TYPE, csvInTurns } from './csv-in-turns.ts';
import { FileAnswer, route } from './route.ts';
import type { Call, Route } from './route.ts';

/** A short comparison is answered at once. */
const WAIT_MS = 2_000;
const PHONES = 500;

/** The routes. */
export function policyRoutes(parts: ApiParts, policies: Policies): Route[] {
  const { config, audit } = parts;
  const { checks, diffs } = policies;
  const checkFor =
    ({ principal: { id } }: Call) =>
    (texts: PolicyTexts, mode?: PolicyMode) =>
      checks.check(id, texts, mode);
  const publish = async (text: PublishedText, call: Call): Promise<object> => {
    const store = parts.store();
    const known = await knownPolicies(parts, call);
    const check = checkFor(call);
    const changedBy = (texts: PolicyTexts): number | null => {
      const diff = policies.diffs.found(ofLive(known, texts));
      return diff === null ? null : changedCount(diff);
    };
    const { origin } = call;
    const { version, warnings } = await publishText(
      store,
      config,
      known,
      text,
      origin,
      audit,
      check,
      changedBy,
    );
    const after = await readPolicies(store);
    call.tag(tagOf(after));
    return { version: historyEntry(version, after.state), warnings: warnings.map(shownProblem) };
  };
  const changeRollout = async (
    call: Call,
    comment: string | null,
    work: (change: RolloutChange) => Promise<PolicyVersion>,
  ): Promise<object> => {
    refuseWithFile(config.policy.file);
    const known = await knownPolicies(parts, call);
    const version = await work({ known, comment, author: call.origin, audit });
    return inUse(parts, version.version, call);
  };
  return [
    route('showPolicy', async (_input, call) => {
      const known = await readPolicies(parts.store());
      call.tag(tagOf(known));
      return shownPolicy(parts, known, checkFor(call));
    }),
    route('listPolicyVersions', async ({ query }) => {
      const { limit, after } = query;
      const rows = await policyHistory(parts.store(), limit, after);
      const last = rows.at(-1)?.version ?? 1;
      return { rows, next: rows.length < limit || last === 1 ? null : last };
    }),
    route('showPolicyVersion', async ({ params }, call) => {
      const store = parts.store();
      const { state } = await readPolicies(store);
      return shownVersion(await versionOf(store, params.version), state, checkFor(call));
    }),
    route('checkPolicy', async ({ body }, call) => {
      const texts = await givenTexts(parts.store(), config, body);
      const { isValid, name, mode, problems } = await checks.check(
        call.principal.id,
        texts,
        undefined,
        await namesKnown(parts),
      );
      return { isValid, name, mode: isValid ? mode : null, problems: problems.map(shownProblem) };
    }),
    route('diffPolicy', async ({ body }, call) => {
      const run = await startDiff(parts, policies, body, call);
      await diffs.waitFor(run, WAIT_MS);
      return shownRun(run);
    }),
    route('showPolicyDiff', async ({ params, query }, { now }) => {
      const run = diffs.get(params.diff, now);
      if (query.format === 'json') return shownRun(run);
      if (run.diff === null)
        throw new ApiError('EASGATE_API_BUSY', 'the comparison is not done: ask again', 2);
      return new FileAnswer(CSV_TYPE, 'changes.csv', csvInTurns(CHANGED_CSV, run.diff.phones));
    }),
    route('publishPolicy', ({ body: { rollout, ...text } }, call) =>
      publish({ ...text, ...toPlace(rollout) }, call),
    ),
    route('shadowPolicy', ({ body }, call) => publish({ ...body, place: 'shadow' }, call)),
    route('endShadow', async (_input, call) => {
      refuseWithFile(config.policy.file);
      const known = await knownPolicies(parts, call);
      const store = parts.store();
      const ended = await endShadow(store, call.origin, audit, known);
      call.tag(tagOf(await readPolicies(store)));
      return { ended };
    }),
    route('promoteShadow', async ({ body }, call) => {
      refuseWithFile(config.policy.file);
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
      refuseWithFile(config.policy.file);
      const store = parts.store();
      const known = await knownPolicies(parts, call);
      const version = await rollBack(store, body.version, body.comment, call.origin, audit, known);
      return inUse(parts, version.version, call);
    }),
    route('simulate', async ({ body }, { now, principal }) => {
      const { policy: ref, ...simulation } = body;
      const store = parts.store();
      if (!('document' in ref)) return simulate(await policiesOf(store, config, ref), simulation, now);
      const texts = await givenTexts(store, config, ref);
      return checks.simulate(principal.id, texts, simulation, now);
    }),
  ];
}

/** What is done with policies in one process. */
export interface Policies {
  readonly checks: PolicyChecks;
  readonly diffs: PolicyDiffs;
}

/** What to compare. */
export interface AskedDiff {
  readonly before: PolicyRef;
  readonly after: PolicyRef;
  /** As if `after` decided for these users only; null = for everybody. */
  readonly rollout: RolloutExtent | null;
  /** As if `after` did not only report. */
  readonly enforced: boolean;
  /** False = as if `after` let no phone in because it was in use before. */
  readonly grandfathered: boolean;
}

/** Starts a comparison. @throws ProgramError, ApiError */
export async function startDiff(
  parts: ApiParts,
  { checks, diffs }: Policies,
  asked: AskedDiff,
  { principal, now }: Call,
): Promise<DiffRun> {
  const { before, after, rollout, enforced, grandfathered } = asked;
  const store = parts.store();
  // The thread that compares reads exactly the texts that were found to cost little.
  const checkedRef = async (ref: PolicyRef): Promise<PolicyRef> => {
    if (!('document' in ref)) return ref;
    const { document, lists } = await givenTexts(store, parts.config, ref);
    usable(await checks.check(principal.id, { document, lists }));
    return { document, lists };
  };
  const compared: Omit<PolicyComparison, 'now'> = {
    before: { ref: await checkedRef(before) },
    after: { ref: await checkedRef(after), rollout, enforced, withoutGrandfathering: !grandfathered },
  };
  const key = await keyOf(parts, compared);
  const question = {
    key,
    caller: principal.id,
    compared,
    total: await phonesIn(parts),
    ofLive: await liveKeyOf(parts, { ...asked, after: compared.after.ref }),
  };
  return diffs.start(parts.compare, question, now);
}

/** Names the comparison of what is in use with a text that could be published; null = it is another comparison. */
async function liveKeyOf(
  parts: ApiParts,
  { before, after, rollout, enforced, grandfathered }: AskedDiff,
): Promise<string | null> {
  const isInUse = 'place' in before && (before.place === 'live' || before.place === 'inUse');
  if (!isInUse || enforced || !grandfathered || rollout !== null || !('document' in after)) return null;
  const store = parts.store();
  return ofLive(await readPolicies(store), await givenTexts(store, parts.config, after));
}

function ofLive({ stored }: KnownPolicies, texts: PolicyTexts): string {
  return `${stored ?? ''} ${hashOf(texts)}`;
}

/** Comparisons with one key are the same: of the same policies. */
async function keyOf(parts: ApiParts, asked: Omit<PolicyComparison, 'now'>): Promise<string> {
  const { stored } = await readPolicies(parts.store());
  return createHash('sha256')
    .update(JSON.stringify([asked, stored]))
    .digest('hex');
}

/** Attributes that a policy may name; none where the read model is away: then nothing is warned of. */
async function namesKnown(parts: ApiParts): Promise<Known> {
  try {
    return knownAttributes(parts.config, await parts.model().ask('attributes', null));
  } catch {
    return {};
  }
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
