// Owns reading a policy document from a file, with the files it names, and the positions of its problems.
import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { misreadIn } from './yaml-misread.ts';
import { readYaml } from './yaml-source.ts';
import type { Place } from './yaml-source.ts';
import { allCommands } from '../eas/commands.ts';
import { fileTrouble } from '../file-words.ts';
import { compileInParts, compilePolicy } from '../policy/compile/compile.ts';
import type { CompiledPolicy } from '../policy/compile/compiled-policy.ts';
import type { Known } from '../policy/compile/warnings.ts';
import type { Problem } from '../policy/document/problem.ts';

/** A problem with its place in the file. */
export interface PlacedProblem {
  readonly severity: 'error' | 'warning';
  /** Path in the document, e.g. `rules.0.match.platform`; empty = the document. */
  readonly path: string;
  readonly message: string;
  readonly place: Place | null;
}

/** A policy document that was read: compiled, or null when it has errors. */
export interface LoadedPolicy {
  readonly policy: CompiledPolicy | null;
  readonly problems: readonly PlacedProblem[];
  /** Its YAML, parsed: a JSON value. */
  readonly document: unknown;
}

/** Largest document and largest list file, in bytes. */
const MAX_BYTES = 16 * 1024 * 1024;
/** A document may be so large, in characters of JSON, and more only where its text is half as long: aliases repeat parts of it. */
const MAX_REPEATED = 4 * 1024 * 1024;
/** Problems of one document that are shown. */
const MAX_PROBLEMS = 200;

/** Known names that do not depend on the directory. */
const COMMANDS: Known = { commands: new Set(allCommands().map(({ name }) => name.toLowerCase())) };

/** `FILE:LINE:COLUMN: error: PATH: MESSAGE`, as compilers write it. */
export function problemLine(file: string, { severity, path, message, place }: PlacedProblem): string {
  const where = place === null ? file : `${file}:${place.line}:${place.column}`;
  return `${where}: ${severity}: ${path === '' ? '' : `${path}: `}${message}`;
}

/** Reads and compiles a file. @throws when it cannot be read */
export function loadPolicyFile(path: string, known: Known = {}, read: ReadFile = readText): LoadedPolicy {
  return loadPolicyText(read(path), { folder: dirname(resolve(path)), known, read });
}

/** Reads a file of the document by its path. @throws with the reason when it cannot */
export type ReadFile = (path: string) => string;

/** Compiles the text of a document; without a folder it cannot name files. */
export function loadPolicyText(
  text: string,
  {
    folder = null,
    known = {},
    read = readText,
  }: { readonly folder?: string | null; readonly known?: Known; readonly read?: ReadFile },
): LoadedPolicy {
  const { value, errors, source } = readYaml(text);
  // An empty file is an empty document: every default.
  const document: unknown = value ?? {};
  const refusals = errors.length > 0 || !isRepetitive(document, text) ? errors : [REPETITIVE];
  if (refusals.length > 0) {
    const problems = refusals.map(({ message, place }): PlacedProblem => ({
      severity: 'error',
      path: '',
      message,
      place,
    }));
    return { policy: null, problems, document: null };
  }
  const compiled = compilePolicy(document, {
    known: { ...COMMANDS, ...known },
    ...(folder !== null && { readList: (file: string) => listOf(read(resolve(folder, file))) }),
  });
  const problems = withMisread(compiled.problems, misreadIn(source.document));
  const policy = problems.some(({ severity }) => severity === 'error') ? null : compiled.policy;
  const placed = shownOf(problems).map((problem): PlacedProblem => ({
    severity: problem.severity,
    path: problem.path.map(String).join('.'),
    message: problem.message,
    place: source.placeOf(problem.path, placeOptions(problem)),
  }));
  return { policy, problems: placed.sort(byPlace), document };
}

/** A value that is refused anyway has one problem. */
function withMisread(problems: readonly Problem[], misread: readonly Problem[]): readonly Problem[] {
  const refused = new Set(
    problems.filter(({ severity }) => severity === 'error').map(({ path }) => path.map(String).join('.')),
  );
  return [...problems, ...misread.filter(({ path }) => !refused.has(path.map(String).join('.')))];
}

const REPETITIVE = { message: 'its aliases (*name) repeat too much: write fewer of them', place: null };

/** Versions are kept with their parsed document: a short text must not become a large one. */
function isRepetitive(document: unknown, text: string): boolean {
  try {
    return JSON.stringify(document).length > Math.max(MAX_REPEATED, 2 * text.length);
  } catch {
    // An alias within what it names has no end.
    return true;
  }
}

/** Finding the place of a problem takes longer in a longer document: a text of nothing but errors must not take minutes. */
function shownOf(problems: readonly Problem[]): readonly Problem[] {
  if (problems.length <= MAX_PROBLEMS) return problems;
  const errors = problems.filter(({ severity }) => severity === 'error');
  const others = problems.filter(({ severity }) => severity !== 'error');
  const shown = [...errors, ...others].slice(0, MAX_PROBLEMS);
  const message = `${problems.length - MAX_PROBLEMS} further problems are not shown`;
  return [...shown, { severity: errors.length > 0 ? 'error' : 'warning', path: [], message }];
}

/** Compiles a document that was checked before, part by part; `read` gives the texts of its lists. */
export function* compileChecked(
  document: unknown,
  path: string,
  read: ReadFile,
): Generator<undefined, CompiledPolicy | null> {
  const folder = dirname(resolve(path));
  const readList = (file: string): string[] => listOf(read(resolve(folder, file)));
  return (yield* compileInParts(document, { warns: false, readList })).policy;
}

/** The problems of a document that was checked before, part by part, without places in its text. */
export function* problemsOfChecked(
  document: unknown,
  path: string,
  known: Known,
  read: ReadFile,
): Generator<undefined, readonly PlacedProblem[]> {
  const folder = dirname(resolve(path));
  const readList = (file: string): string[] => listOf(read(resolve(folder, file)));
  const { problems } = yield* compileInParts(document, { known: { ...COMMANDS, ...known }, readList });
  return shownOf(problems).map(({ severity, path: place, message }) => ({
    severity,
    path: place.map(String).join('.'),
    message,
    place: null,
  }));
}

function placeOptions({ atKey, offset }: Problem): { atKey?: boolean; offset?: number } {
  return { ...(atKey && { atKey }), ...(offset !== undefined && { offset }) };
}

function byPlace(a: PlacedProblem, b: PlacedProblem): number {
  return (a.place?.line ?? 0) - (b.place?.line ?? 0) || (a.place?.column ?? 0) - (b.place?.column ?? 0);
}

/** One value per line; empty lines and lines that begin with # are skipped. */
function listOf(text: string): string[] {
  return text
    .split(/\r\n|\r|\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '' && !line.startsWith('#'));
}

/** Reads a text file of a bounded size. @throws when it cannot be read, or is no text in UTF-8 */
export function readText(path: string): string {
  const bytes = readBytes(path);
  try {
    // Without the mark of byte order that it may begin with.
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    // Nearly every text of UTF-16 has zeros.
    if (!text.includes('\0')) return text;
  } catch {
    // As the text with zeros: not what its author sees.
  }
  throw new Error(`${path} is not a text in UTF-8: save it as UTF-8`);
}

/** Reads a file of a bounded size. @throws when it cannot be read */
export function readBytes(path: string): Buffer {
  try {
    if (statSync(path).size > MAX_BYTES) throw new Error(`is larger than ${MAX_BYTES} bytes`);
    return readFileSync(path);
  } catch (error) {
    throw new Error(`${path} cannot be read: ${fileTrouble(error, path)}`, { cause: error });
  }
}
