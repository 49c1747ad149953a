// Owns how the policy looks in answers: what is in use, versions, problems with their places.
import { historyEntry } from '../app/policy-history.ts';
import { versionOrNumber } from '../app/policy-versions.ts';
import type { KnownPolicies } from '../app/policy-versions.ts';
import { warningsOf } from '../app/policy-texts.ts';
import type { CheckText } from '../app/policy-texts.ts';
import { policyHash, servedPolicy } from '../config/served-policy.ts';
import { readDocument } from '../config/stored-policy.ts';
import type { PlacedProblem } from '../config/policy-file.ts';
import type { PolicyState, PolicyVersion, StoredRollout } from '../model/policy-version.ts';
import { shadowSum } from '../model/shadow.ts';
import type { ShadowSum } from '../model/shadow.ts';
import { suggestedIn } from '../suggest.ts';
import type { ApiParts } from './api-parts.ts';

const SHADOW_PHONES = 500;

/** A problem of a document. */
export function shownProblem({ severity, path, message, place }: PlacedProblem): object {
  return {
    severity,
    path,
    message,
    line: place?.line ?? null,
    column: place?.column ?? null,
    suggestion: suggestedIn(message),
  };
}

/** A version with its texts. */
export async function shownVersion(
  version: PolicyVersion,
  state: PolicyState,
  check: CheckText,
): Promise<object> {
  const { document, lists } = version;
  return { ...historyEntry(version, state), document, lists, mode: (await check(version)).mode };
}

/** The policy that gateways with this configuration decide by. */
export async function shownPolicy(
  parts: ApiParts,
  { state }: KnownPolicies,
  check: CheckText,
): Promise<object> {
  const store = parts.store();
  const rowOf = async (number: number | null): Promise<object | null> =>
    number === null ? null : historyEntry(await versionOrNumber(store, number), state);
  const shadow = await rowOf(state.shadow);
  const rolledOut = await rowOf(state.rollout?.version ?? null);
  return {
    ...(await textInUse(parts, state, check)),
    live: await rowOf(state.live),
    ...liveStep(state),
    shadow: shadow === null ? null : { ...shadow, counts: await shadowCounts(parts) },
    rollout:
      state.rollout === null || rolledOut === null ? null : { ...rolledOut, ...shownRollout(state.rollout) },
    earlier: state.earlier,
    latest: state.latest,
    changedAt: state.changedAt === 0 ? null : state.changedAt,
    changedBy: state.changedAt === 0 ? null : state.changedBy,
  };
}

/** Since when the live version is the live one, and by whom. */
function liveStep({ live, steps }: PolicyState): object {
  const last = steps.findLast(
    ({ version, step }) => version === live && (step === 'live' || step === 'rollback'),
  );
  return { liveSince: last?.at ?? null, liveBy: last?.by ?? null };
}

function shownRollout({ groups, share, since, changedAt, by }: StoredRollout): object {
  return { extent: { groups, share }, since, changedAt, by };
}

async function textInUse(parts: ApiParts, { live }: PolicyState, check: CheckText): Promise<object> {
  const { config } = parts;
  const { file = null } = config.policy;
  if (file !== null) {
    const { texts, loaded } = readDocument(file);
    const { source } = servedPolicy(config);
    return {
      source: 'file',
      file,
      name: loaded.policy?.name ?? null,
      mode: loaded.policy?.reportOnly === true ? 'reportOnly' : 'enforce',
      hash: source === null ? null : policyHash(source),
      document: texts.document,
      lists: texts.lists,
      warnings: warningsOf(loaded).map(shownProblem),
    };
  }
  if (live === null)
    return {
      source: 'configuration',
      file: null,
      name: null,
      mode: 'enforce',
      hash: null,
      document: null,
      lists: {},
      warnings: [],
    };
  const version = await versionOrNumber(parts.store(), live);
  const { mode, warnings } = await check(version);
  const { name, hash, document, lists } = version;
  return {
    source: 'directory',
    file: null,
    name,
    mode,
    hash,
    document,
    lists,
    warnings: warnings.map(shownProblem),
  };
}

/** Of the workers of this gateway; null = none answers. */
async function shadowCounts(parts: ApiParts): Promise<ShadowSum | null> {
  const gateway = await parts.gateway();
  if (gateway === null) return null;
  return shadowSum(
    gateway.workers.flatMap((worker) => worker?.shadow ?? []),
    SHADOW_PHONES,
  );
}
