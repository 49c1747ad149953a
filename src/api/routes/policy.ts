// Owns the routes of the policy: what is in use, versions, checks, comparisons, publishing, the shadow, simulation.
import { createHash } from 'node:crypto';
import {
  endShadow,
  historyEntry,
  policyHistory,
  promote,
  readPolicies,
  refuseWithFile,
  rollBack,
  versionOf,
} from '../../app/policy-versions.ts';
import type { KnownPolicies } from '../../app/policy-versions.ts';
import { CHANGED_CSV } from '../../app/csv-columns.ts';
import { changedCount } from '../../app/policy-diff.ts';
import { givenTexts, publishText, textsOf } from '../../app/policy-texts.ts';
import type { PolicyMode, PolicyRef, PublishedText } from '../../app/policy-texts.ts';
import { simulate } from '../../app/simulate.ts';
import { servedPolicy } from '../../config/served-policy.ts';
import { hashOf } from '../../config/stored-policy.ts';
import type { PolicyTexts } from '../../config/stored-policy.ts';
import type { CompiledPolicy } from '../../policy/compile/compiled-policy.ts';
import { shownPolicy, shownProblem, shownVersion } from '../policy-view.ts';
import type { ApiParts } from '../parts.ts';
import { ApiError } from '../problems.ts';
import type { PolicyChecks } from '../policy-checks.ts';
import type { DiffRun, PolicyDiffs } from '../policy-diffs.ts';
import { CSV_TYPE, csvParts } from './csv-parts.ts';
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
      const { isValid, name, mode, problems } = await checkFor(call)(texts);
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
      return new FileAnswer(CSV_TYPE, 'changes.csv', csvParts(CHANGED_CSV, run.diff.phones));
    }),
    route('publishPolicy', ({ body }, call) => publish({ ...body, place: 'live' }, call)),
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
      const version = await promote(store, known, body.comment, call.origin, audit);
      return inUse(parts, version.version, call);
    }),
    route('rollBackPolicy', async ({ body }, call) => {
      refuseWithFile(config);
      const store = parts.store();
      const known = await knownPolicies(parts, call);
      const version = await rollBack(store, body.version, body.comment, call.origin, audit, known);
      return inUse(parts, version.version, call);
    }),
    route('simulate', async ({ body }, { now, principal }) => {
      const { policy: ref, ...simulation } = body;
      const texts = await textsOf(parts.store(), config, ref);
      return texts === null
        ? simulate(servedPolicy(config).policy, simulation, now)
        : checks.simulate(principal.id, texts, simulation, now);
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
  /** As if `after` did not only report. */
  readonly enforced: boolean;
  /** False = as if `after` let no phone in because it was in use before. */
  readonly grandfathered: boolean;
}

/** Starts a comparison. @throws ProgramError, ApiError */
export async function startDiff(
  parts: ApiParts,
  policies: Policies,
  asked: AskedDiff,
  call: Call,
): Promise<DiffRun> {
  const before = await policyOf(parts, policies, asked.before, call);
  const named = await policyOf(parts, policies, asked.after, call);
  const after = {
    ...named,
    ...(asked.enforced && { reportOnly: false }),
    ...(!asked.grandfathered && { grandfather: null }),
  };
  const question = {
    key: await keyOf(parts, asked),
    before,
    after,
    total: await phonesIn(parts),
    ofLive: await liveKeyOf(parts, asked),
  };
  return policies.diffs.start(parts.store(), question, call.now);
}

/** The compiled policy. @throws ProgramError, ApiError */
export async function policyOf(
  parts: ApiParts,
  { checks }: Pick<Policies, 'checks'>,
  ref: PolicyRef,
  { principal }: Call,
): Promise<CompiledPolicy> {
  const texts = await textsOf(parts.store(), parts.config, ref);
  return texts === null ? servedPolicy(parts.config).policy : checks.compile(principal.id, texts);
}

/** Names the comparison of the live policy with a text that could be published; null = it is another comparison. */
async function liveKeyOf(
  parts: ApiParts,
  { before, after, enforced, grandfathered }: AskedDiff,
): Promise<string | null> {
  const isPlain = !enforced && grandfathered && 'place' in before && before.place === 'live';
  if (!isPlain || !('document' in after)) return null;
  const store = parts.store();
  return ofLive(await readPolicies(store), await givenTexts(store, parts.config, after));
}

function ofLive({ stored }: KnownPolicies, texts: PolicyTexts): string {
  return `${stored ?? ''} ${hashOf(texts)}`;
}

/** Comparisons with one key are the same: of the same policies. */
async function keyOf(parts: ApiParts, asked: AskedDiff): Promise<string> {
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
  return { version: historyEntry(await versionOf(store, number), known.state) };
}

/** ETag of which versions are in use: another one after each change (RFC 9110 8.8.3). */
function tagOf({ state: { latest, live, shadow, changedAt } }: KnownPolicies): string {
  return `"${latest}.${live ?? 0}.${shadow ?? 0}.${changedAt}"`;
}
