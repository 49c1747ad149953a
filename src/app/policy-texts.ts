// Owns documents of the policy as texts: checking one, what is in use now, and putting one in use.
import { readDocument, loadVersion } from '../config/stored-policy.ts';
import type { PolicyTexts } from '../config/stored-policy.ts';
import type { LoadedPolicy, PlacedProblem } from '../config/policy-file.ts';
import { problemLine } from '../config/policy-file.ts';
import { servedPolicy, standingWarnings } from '../config/served-policy.ts';
import type { Config } from '../config/schema.ts';
import { YamlSource, readYaml } from '../config/yaml-source.ts';
import type { DirectoryStore } from '../directory/store.ts';
import { ProgramError } from '../errors.ts';
import type { AuditSink } from '../journal/audit-log.ts';
import type { PolicyVersion } from '../model/policy-version.ts';
import type { CompiledPolicy } from '../policy/compile/compiled-policy.ts';
import {
  addVersion,
  compiledVersion,
  policyInUse,
  readPolicies,
  refuseWithFile,
  versionOf,
} from './policy-versions.ts';
import type { KnownPolicies, PolicyAuthor, PolicyPlace } from './policy-versions.ts';

/** A document; `lists` absent = those of the policy in use. */
export interface GivenText {
  readonly document: string;
  readonly lists?: Readonly<Record<string, string>> | undefined;
}

/** A policy: a text, the number of a version, or the one in a place; `configured`: what the configuration says. */
export type PolicyRef =
  | GivenText
  | { readonly version: number }
  | { readonly place: PolicyPlace | 'configured' };

type WithPolicy = Pick<Config, 'policy'>;

/** A document that was compiled. */
export interface CheckedText {
  readonly texts: PolicyTexts;
  readonly loaded: LoadedPolicy;
}

/** Compiles a text, and says what is wrong with it. */
export async function checkText(
  store: DirectoryStore,
  config: WithPolicy,
  { document, lists }: GivenText,
): Promise<CheckedText> {
  const texts = { document, lists: lists ?? (await listsInUse(store, config)) };
  const loaded = loadVersion(texts);
  return { texts: { ...texts, parsed: loaded.document }, loaded };
}

/** The texts of the lists of the policy in use. */
async function listsInUse(store: DirectoryStore, config: WithPolicy): Promise<PolicyTexts['lists']> {
  const { file } = config.policy;
  if (file !== undefined) return readDocument(file).texts.lists;
  const { live } = (await readPolicies(store)).state;
  return live === null ? {} : (await versionOf(store, live)).lists;
}

/** The compiled policy. `enforced`: as if it did not only report. @throws ProgramError */
export async function policyOf(
  store: DirectoryStore,
  config: WithPolicy,
  ref: PolicyRef,
  enforced = false,
): Promise<CompiledPolicy> {
  const policy = await referred(store, config, ref);
  return enforced && policy.reportOnly ? { ...policy, reportOnly: false } : policy;
}

async function referred(store: DirectoryStore, config: WithPolicy, ref: PolicyRef): Promise<CompiledPolicy> {
  if ('document' in ref) return usable(await checkText(store, config, ref));
  if ('version' in ref) return compiledVersion(await versionOf(store, ref.version));
  if (ref.place === 'configured') return servedPolicy(config).policy;
  if (ref.place === 'live') return policyInUse(store, config);
  const { shadow } = (await readPolicies(store)).state;
  if (shadow === null) throw new ProgramError('EASGATE_NOT_FOUND', 'no policy runs in the shadow');
  return compiledVersion(await versionOf(store, shadow));
}

/** @throws ProgramError that lists every problem */
function usable({ loaded: { policy, problems } }: CheckedText): CompiledPolicy {
  if (policy !== null) return policy;
  const errors = problems.filter(({ severity }) => severity === 'error');
  throw new ProgramError('EASGATE_POLICY', errors.map((one) => problemLine('policy', one)).join('\n'));
}

/** A document to put in use. */
export interface PublishedText extends GivenText {
  /** Written into the document; absent = as it says. */
  readonly mode?: PolicyMode | undefined;
  readonly comment: string | null;
  readonly place: PolicyPlace;
}

/** Adds a document as a version, live or in the shadow. `known`: as it was looked at. @throws ProgramError */
export async function publishText(
  store: DirectoryStore,
  config: WithPolicy,
  known: KnownPolicies,
  { document, lists, mode, comment, place }: PublishedText,
  author: PolicyAuthor,
  audit: AuditSink,
): Promise<{ readonly version: PolicyVersion; readonly warnings: readonly PlacedProblem[] }> {
  refuseWithFile(config);
  const text = mode === undefined ? document : withMode(document, mode);
  const checked = await checkText(store, config, { document: text, lists });
  const policy = usable(checked);
  const { texts, loaded } = checked;
  const version = await addVersion(store, known, { texts, name: policy.name, comment, place }, author, audit);
  return { version, warnings: warningsOf(loaded) };
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
