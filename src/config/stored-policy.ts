// Owns the compilation of a version of the policy that the directory keeps, and what a document on disk becomes as a version.
import { createHash } from 'node:crypto';
import { dirname, relative, resolve } from 'node:path';
import type { CompiledPolicy } from '../policy/compile/compiled-policy.ts';
import type { Known } from '../policy/compile/warnings.ts';
import { compileChecked, loadPolicyText, problemsOfChecked, readText } from './policy-file.ts';
import type { LoadedPolicy, PlacedProblem, ReadFile } from './policy-file.ts';

/** The texts of a version (model/policy-version.ts). */
export interface PolicyTexts {
  readonly document: string;
  /** The document, parsed. */
  readonly parsed?: unknown;
  /** The texts of the files that its lists name, by their names in the document. */
  readonly lists: Readonly<Record<string, string>>;
}

/** A document on disk with the files of its lists. */
export interface ReadDocument {
  readonly texts: PolicyTexts;
  readonly loaded: LoadedPolicy;
}

/** Versions have no folder: lists are found by their names in the document. */
const NOWHERE = '/';
const NAME = `${NOWHERE}policy.yaml`;

/** Compiles a version, and says what is wrong with it. */
export function loadVersion({ document, lists }: PolicyTexts, known: Known = {}): LoadedPolicy {
  return loadPolicyText(document, { folder: NOWHERE, known, read: reader(lists) });
}

/** The policy of a version that was checked when it was published, part by part. @throws when it cannot be used */
export function* versionPolicy(texts: PolicyTexts): Generator<undefined, CompiledPolicy> {
  const { parsed, lists } = texts;
  const compiled =
    parsed === undefined || parsed === null ? null : yield* compileChecked(parsed, NAME, reader(lists));
  if (compiled !== null) return compiled;
  const { policy, problems } = loadVersion(texts);
  if (policy === null) throw new Error(problems.map(({ message }) => message).join('; '));
  return policy;
}

/** The problems of a version that was checked when it was published, part by part; of an older record with places in its text. */
export function* versionProblems(
  texts: PolicyTexts,
  known: Known,
): Generator<undefined, readonly PlacedProblem[]> {
  const { parsed, lists } = texts;
  if (parsed === undefined || parsed === null) return loadVersion(texts, known).problems;
  return yield* problemsOfChecked(parsed, NAME, known, reader(lists));
}

function reader(lists: PolicyTexts['lists']): ReadFile {
  return (path) => {
    const name = relative(NOWHERE, path);
    const text = Object.hasOwn(lists, name) ? lists[name] : undefined;
    if (text === undefined) throw new Error(`the version has no list ${name}`);
    return text;
  };
}

/** Reads a document and the files that its lists name. @throws when one cannot be read */
export function readDocument(path: string): ReadDocument {
  const folder = dirname(resolve(path));
  const lists: Record<string, string> = {};
  const files = new Map<string, string>();
  const document = readText(path);
  const read = (file: string): string => {
    const text = readText(file);
    // As the document names it, but from the root: `../x` has no meaning without a folder.
    const name = relative(NOWHERE, resolve(NOWHERE, relative(folder, file)));
    const other = files.get(name) ?? file;
    if (other !== file)
      throw new Error(`a version cannot keep ${file} and ${other} apart: rename one of them`);
    // In JSON it is a name, but no program keeps it as one.
    if (name === '__proto__') throw new Error(`a version cannot keep a list named ${name}: rename ${file}`);
    files.set(name, file);
    lists[name] = text;
    return text;
  };
  const loaded = loadPolicyText(document, { folder, read });
  return { texts: { document, parsed: loaded.document, lists }, loaded };
}

/** Names texts: versions with the same hash decide alike. */
export function hashOf({ document, lists }: PolicyTexts): string {
  const hash = createHash('sha256').update(`${document.length}\0${document}`);
  for (const name of Object.keys(lists).sort())
    hash.update(`\0${name}\0${lists[name]?.length ?? 0}\0${lists[name] ?? ''}`);
  return hash.digest('hex').slice(0, 16);
}
