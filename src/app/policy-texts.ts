// Owns documents of the policy as texts: checking one, what is in use now, and putting one in use.
import { loadVersion, readDocument } from '../config/stored-policy.ts';
import type { PolicyTexts } from '../config/stored-policy.ts';
import type { LoadedPolicy, PlacedProblem } from '../config/policy-file.ts';
import { problemLine } from '../config/policy-file.ts';
import { standingWarnings } from '../config/served-policy.ts';
import type { Config } from '../config/schema.ts';
import { YamlSource, readYaml } from '../config/yaml-source.ts';
import type { DirectoryStore } from '../directory/store.ts';
import { ProgramError } from '../errors.ts';
import type { AuditSink } from '../journal/audit-log.ts';
import type { PolicyVersion } from '../model/policy-version.ts';
import type { CompiledPolicy } from '../policy/compile/compiled-policy.ts';
import { addVersion, readPolicies, refuseWithFile, versionOf } from './policy-versions.ts';
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

/** Checks texts, where a costly one keeps nothing else waiting. `mode`: is written into the document first. */
export type CheckText = (texts: PolicyTexts, mode?: PolicyMode) => Promise<CheckedText>;

/** Checks texts in the calling thread, which a hostile text may keep busy for minutes. @throws ProgramError as {@link withMode} */
export function checkTexts({ document, lists }: PolicyTexts, mode?: PolicyMode): CheckedText {
  const texts = { document: mode === undefined ? document : withMode(document, mode), lists };
  const loaded = loadVersion(texts);
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

/** The texts of a policy; null = the configuration decides, by its file or its three actions. @throws ProgramError */
export async function textsOf(
  store: DirectoryStore,
  config: WithPolicy,
  ref: PolicyRef,
): Promise<PolicyTexts | null> {
  if ('document' in ref) return givenTexts(store, config, ref);
  if ('version' in ref) return versionOf(store, ref.version);
  if (ref.place === 'configured' || (ref.place === 'live' && config.policy.file !== undefined)) return null;
  const { live, shadow } = (await readPolicies(store)).state;
  const number = ref.place === 'live' ? live : shadow;
  if (number !== null) return versionOf(store, number);
  if (ref.place === 'live') return null;
  throw new ProgramError('EASGATE_NOT_FOUND', 'no policy runs in the shadow');
}

/** Compiles texts in the calling thread. @throws ProgramError that lists every problem */
export function compileTexts(texts: PolicyTexts): CompiledPolicy {
  const { policy, problems } = loadVersion(texts);
  if (policy === null) throw unusable(problems);
  return policy;
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
export interface PublishedText extends GivenText {
  /** Written into the document; absent = as it says. */
  readonly mode?: PolicyMode | undefined;
  readonly comment: string | null;
  readonly place: PolicyPlace;
}

/**
 * Adds a document as a version, live or in the shadow. `known`: as it was looked at; `changedBy`: how many phones it changes, null = not
 * counted. @throws ProgramError
 */
export async function publishText(
  store: DirectoryStore,
  config: WithPolicy,
  known: KnownPolicies,
  { mode, comment, place, ...given }: PublishedText,
  author: PolicyAuthor,
  audit: AuditSink,
  check: CheckText,
  changedBy: (texts: PolicyTexts) => number | null = () => null,
): Promise<{ readonly version: PolicyVersion; readonly warnings: readonly PlacedProblem[] }> {
  refuseWithFile(config);
  const { texts, name, warnings } = usable(await check(await givenTexts(store, config, given), mode));
  const version = await addVersion(
    store,
    known,
    { texts, name, comment, place, changed: changedBy(texts) },
    author,
    audit,
  );
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
