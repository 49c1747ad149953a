// Owns documents of the policy as texts: checking one, what is in use now, and putting one in use.
import { loadVersion, readDocument } from '../config/stored-policy.ts';
import type { PolicyTexts } from '../config/stored-policy.ts';
import type { LoadedPolicy, PlacedProblem } from '../config/policy-file.ts';
import { problemLine } from '../config/policy-file.ts';
import { servedPolicy, standingWarnings } from '../config/served-policy.ts';
import type { Config } from '../config/schema.ts';
import { YamlSource, readYaml } from '../config/yaml-source.ts';
import type { DirectoryStore } from '../directory/store.ts';
import { ProgramError } from '../errors/program-errors.ts';
import type { AuditSink } from '../journal/audit-log.ts';
import type { PolicyVersion, RolloutExtent } from '../model/policy-version.ts';
import { forEverybody, withRollout } from '../policy/active-policies.ts';
import type { ActivePolicies, NumberedPolicy } from '../policy/active-policies.ts';
import type { CompiledPolicy } from '../policy/compile/compiled-policy.ts';
import type { Known } from '../policy/compile/warnings.ts';
import {
  addVersion,
  compiledVersion,
  policiesInUse,
  readPolicies,
  refuseWithFile,
  versionOf,
} from './policy-versions.ts';
import type { KnownPolicies, PolicyAuthor, PolicyPlace, ToPlace } from './policy-versions.ts';
import { checkedExtent } from './rollout-extent.ts';

/** A document; `lists` absent = those of the policy in use. */
export interface GivenText {
  readonly document: string;
  readonly lists?: Readonly<Record<string, string>> | undefined;
}

/**
 * A policy: a text, the number of a version, or the one in a place; `configured`: what the configuration says; `inUse`: those that
 * decide now, the live one and the one that is rolled out.
 */
export type PolicyRef =
  | GivenText
  | { readonly version: number }
  | { readonly place: PolicyPlace | 'configured' | 'inUse' };

type WithPolicy = Pick<Config, 'policy'>;

/** A text that was checked: plain data, which another thread can send. */
export interface CheckedText {
  /** With the mode written into the document, and the document parsed. */
  readonly texts: PolicyTexts;
  /** No problem is an error. */
  readonly isValid: boolean;
  /** Null = it has none, or the document is not valid. */
  readonly name: string | null;
  readonly mode: PolicyMode;
  readonly problems: readonly PlacedProblem[];
  /** Those of the document, and what an operator should not forget as long as it is in use. */
  readonly warnings: readonly PlacedProblem[];
}

/** Checks texts, in a thread, so that a costly text delays no other request. `mode`: is written into the document first. */
export type CheckText = (texts: PolicyTexts, mode?: PolicyMode) => Promise<CheckedText>;

/** Checks texts in the calling thread, which a hostile text may keep busy for minutes. `known`: for warnings. @throws ProgramError as {@link withMode} */
export function checkTexts(
  { document, lists }: PolicyTexts,
  mode?: PolicyMode,
  known: Known = {},
): CheckedText {
  const texts = { document: mode === undefined ? document : withMode(document, mode), lists };
  const loaded = loadVersion(texts, known);
  const { policy, problems } = loaded;
  return {
    texts: { ...texts, parsed: loaded.document },
    isValid: policy !== null,
    name: policy?.name ?? null,
    mode: policy?.reportOnly === true ? 'reportOnly' : 'enforce',
    problems,
    warnings: warningsOf(loaded),
  };
}

/** A given text with its lists. */
export async function givenTexts(
  store: DirectoryStore,
  config: WithPolicy,
  { document, lists }: GivenText,
): Promise<PolicyTexts> {
  return { document, lists: lists ?? (await listsInUse(store, config)) };
}

/** The texts of the lists of the policy in use. */
async function listsInUse(store: DirectoryStore, config: WithPolicy): Promise<PolicyTexts['lists']> {
  const { file } = config.policy;
  if (file !== undefined) return readDocument(file).texts.lists;
  const { live } = (await readPolicies(store)).state;
  return live === null ? {} : (await versionOf(store, live)).lists;
}

/** Compiles texts in the calling thread. @throws ProgramError that lists every problem */
export function compileTexts(texts: PolicyTexts): CompiledPolicy {
  const { policy, problems } = loadVersion(texts);
  if (policy === null) throw unusable(problems);
  return policy;
}

/** How a policy is looked at. */
export interface PolicyView {
  /** As if it did not only report. */
  readonly enforced?: boolean;
  /** As if it decided for these users only, and the live one for the others; null = for everybody. */
  readonly rollout?: RolloutExtent | null;
}

/** The policies that decide where this one is in use. @throws ProgramError */
export async function policiesOf(
  store: DirectoryStore,
  config: WithPolicy,
  ref: PolicyRef,
  { enforced = false, rollout = null }: PolicyView = {},
): Promise<ActivePolicies> {
  const active =
    'place' in ref && ref.place === 'inUse'
      ? await policiesInUse(store, config)
      : await everybodyBy(store, config, ref);
  const viewed = enforced ? asEnforced(active) : active;
  if (rollout === null) return viewed;
  return withRollout(
    await everybodyBy(store, config, { place: 'live' }),
    viewed.live,
    checkedExtent(rollout),
  );
}

async function everybodyBy(
  store: DirectoryStore,
  config: WithPolicy,
  ref: PolicyRef,
): Promise<ActivePolicies> {
  const { policy, version } = await referred(store, config, ref);
  return forEverybody(policy, version);
}

/** As if the policies did not only report. */
export function asEnforced(active: ActivePolicies): ActivePolicies {
  const { live, rollout } = active;
  const everybody = forEverybody(enforcedOf(live.policy), live.version);
  if (rollout === null) return everybody;
  return withRollout(everybody, { ...rollout, policy: enforcedOf(rollout.policy) }, rollout);
}

function enforcedOf(policy: CompiledPolicy): CompiledPolicy {
  return policy.reportOnly ? { ...policy, reportOnly: false } : policy;
}

async function referred(store: DirectoryStore, config: WithPolicy, ref: PolicyRef): Promise<NumberedPolicy> {
  if ('document' in ref) return { policy: compileTexts(await givenTexts(store, config, ref)), version: null };
  if ('version' in ref) return numbered(store, ref.version);
  if (ref.place === 'configured') return { policy: servedPolicy(config).policy, version: null };
  if (ref.place === 'inUse') return (await policiesInUse(store, config)).live;
  const { state } = await readPolicies(store);
  if (ref.place === 'live') {
    if (state.live === null || config.policy.file !== undefined)
      return { policy: servedPolicy(config).policy, version: null };
    return numbered(store, state.live);
  }
  const version = ref.place === 'shadow' ? state.shadow : (state.rollout?.version ?? null);
  if (version === null)
    throw new ProgramError(
      'EASGATE_NOT_FOUND',
      ref.place === 'shadow'
        ? 'no policy runs in the shadow'
        : 'no version is rolled out to a part of the users',
    );
  return numbered(store, version);
}

async function numbered(store: DirectoryStore, version: number): Promise<NumberedPolicy> {
  return { policy: compiledVersion(await versionOf(store, version)), version };
}

/** The text, where it has no errors. @throws ProgramError that lists every problem */
export function usable(checked: CheckedText): CheckedText {
  if (!checked.isValid) throw unusable(checked.problems);
  return checked;
}

function unusable(problems: readonly PlacedProblem[]): ProgramError {
  const errors = problems.filter(({ severity }) => severity === 'error');
  return new ProgramError('EASGATE_POLICY', errors.map((one) => problemLine('policy', one)).join('\n'));
}

/** A document to put in use. */
export type PublishedText = GivenText &
  ToPlace & {
    /** Written into the document; absent = as it says. */
    readonly mode?: PolicyMode | undefined;
    readonly comment: string | null;
  };

/**
 * Adds a document as a version: live, for some users, or in the shadow. `known`: as it was looked at; `changedBy`: how many phones it
 * changes, null = not counted. @throws ProgramError
 */
export async function publishText(
  store: DirectoryStore,
  config: WithPolicy,
  known: KnownPolicies,
  { document, lists, mode, comment, ...place }: PublishedText,
  author: PolicyAuthor,
  audit: AuditSink,
  check: CheckText,
  changedBy: (texts: PolicyTexts) => number | null = () => null,
): Promise<{ readonly version: PolicyVersion; readonly warnings: readonly PlacedProblem[] }> {
  refuseWithFile(config.policy.file);
  const given = await givenTexts(store, config, { document, lists });
  const { texts, name, warnings } = usable(await check(given, mode));
  const changed = place.place === 'live' ? changedBy(texts) : null;
  const version = await addVersion(store, known, { ...place, texts, name, comment, changed }, author, audit);
  return { version, warnings };
}

/** Warnings of the document, and what an operator should not forget as long as it is in use. */
export function warningsOf({ policy, problems }: LoadedPolicy): PlacedProblem[] {
  const standing = policy === null ? [] : standingWarnings(policy);
  return [
    ...standing.map((message): PlacedProblem => ({ severity: 'warning', path: '', message, place: null })),
    ...problems.filter(({ severity }) => severity === 'warning'),
  ];
}

/** What a document does with phones that it would refuse. */
export type PolicyMode = 'enforce' | 'reportOnly';

/** The document with another mode; the rest of the text stays as it is. @throws ProgramError where it is no map in lines */
export function withMode(document: string, mode: PolicyMode): string {
  const source = new YamlSource(document);
  const span = source.find(['mode']);
  const hasMode = source.document.has('mode');
  const text =
    hasMode && span !== null
      ? document.slice(0, span.from) + mode + document.slice(span.to)
      : `mode: ${mode}\n${document}`;
  const { value, errors } = readYaml(text);
  const isWritten = typeof value === 'object' && value !== null && 'mode' in value && value.mode === mode;
  if (errors.length > 0 || !isWritten)
    throw new ProgramError(
      'EASGATE_POLICY',
      `the mode cannot be written into this document: write \`mode: ${mode}\` into it, and leave the mode out of the request`,
    );
  return text;
}
