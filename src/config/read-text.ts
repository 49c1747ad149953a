// Owns reading the text of a configuration: YAML and schema, all problems at once, and the usable rest.
import { dirname, resolve } from 'node:path';
import type { z } from 'zod';
import { Excerpts } from './excerpts.ts';
import { withPaths } from './paths.ts';
import type { Problem } from './problems.ts';
import { configSchema } from './schema.ts';
import type { Config } from './schema.ts';
import { describeIssue } from './words.ts';
import { YamlSource } from './yaml-source.ts';
import { describeYamlErrors } from './yaml-words.ts';
import { messageOf } from '../caught-error.ts';

/** The parsed text. */
export interface ConfigText {
  /** The fields without problems; null = nothing could be read. */
  readonly config: Config | null;
  readonly problems: readonly Problem[];
  /** The file is empty apart from comments. */
  readonly empty: boolean;
  /** Whether the file contains a field. */
  readonly has: (place: string) => boolean;
  /** Makes a problem for the field at a dotted place. */
  problem(severity: Problem['severity'], place: string, text: string, aboutCertificate?: boolean): Problem;
}

type Path = readonly PropertyKey[];

/** A removal causes new problems only when a required field was removed, so few rounds suffice. */
const MAX_ROUNDS = 20;

/** Reads as much as possible; never throws. */
export function readConfigText(text: string, path: string): ConfigText {
  const source = new YamlSource(text);
  const excerpts = new Excerpts(source);
  const problems: Problem[] = describeYamlErrors(source.document.errors, text).map(
    ({ text, span, broken }) => ({
      severity: 'error',
      place: '',
      text,
      aboutCertificate: false,
      ...excerpts.at(span, broken),
    }),
  );
  const kept = new KeptEntries();
  const problem = (
    severity: Problem['severity'],
    at: Path,
    text: string,
    atName = false,
    anyway = false,
    offset = 0,
  ): Problem => {
    const span = source.findInside(at, atName, offset);
    const where = span === null ? { line: null, column: null, excerpt: '' } : excerpts.at(span);
    return { severity, place: at.join('.'), text, aboutCertificate: anyway, ...where };
  };
  const result = (config: Config | null, raw: unknown): ConfigText => ({
    config,
    problems,
    empty: source.document.contents === null,
    has: (place) => valueAt(raw, place.split('.')) !== undefined,
    problem: (severity, place, text, anyway = false) =>
      problem(severity, kept.original(pathOf(place)), text, false, anyway),
  });

  if (source.document.errors.some(({ code }) => code !== 'DUPLICATE_KEY')) return result(null, null);
  let raw: unknown;
  try {
    raw = source.toValue() ?? {};
  } catch (error) {
    problems.push(problem('error', [], messageOf(error)));
    return result(null, null);
  }
  for (let round = 0; round < MAX_ROUNDS; round++) {
    // It is read once: compiling the schema would take longer than walking it.
    const parsed = configSchema.safeParse(raw, { jitless: true });
    if (parsed.success) return result(withPaths(parsed.data, dirname(resolve(path))), raw);
    const { issues } = parsed.error;
    if (round === 0) {
      for (const issue of issues)
        for (const { path: at, text, atName } of describeIssue(issue, valueAt(raw, issue.path)))
          problems.push(problem('error', at, text, atName, false, offsetOf(issue)));
      problems.sort((a, b) => (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0));
    }
    raw = withoutFaults(raw, issues, kept);
  }
  return result(null, raw);
}

/** Where in a text the problem is, in characters. */
function offsetOf(issue: z.core.$ZodIssue): number {
  const offset: unknown = issue.code === 'custom' ? issue.params?.['offset'] : 0;
  return typeof offset === 'number' ? offset : 0;
}

/** Maps list entries to their original indexes while other entries are removed. */
class KeptEntries {
  private readonly lists = new Map<string, number[]>();

  /** Removes an entry of a list that has `length` entries. */
  remove(list: Path, index: number, length: number): void {
    const name = list.join('.');
    const places = this.lists.get(name) ?? Array.from({ length }, (_, at) => at);
    places.splice(index, 1);
    this.lists.set(name, places);
  }

  original(path: Path): Path {
    return path.map((step, index) =>
      typeof step === 'number' ? (this.lists.get(path.slice(0, index).join('.'))?.[step] ?? step) : step,
    );
  }
}

/** Removes the values that the validator refused, and the parents of missing required ones. */
function withoutFaults(raw: unknown, issues: readonly z.core.$ZodIssue[], kept: KeptEntries): unknown {
  const faults = issues.flatMap((issue): Path[] => {
    if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => [...issue.path, key]);
    return [valueAt(raw, issue.path) === undefined ? issue.path.slice(0, -1) : issue.path];
  });
  if (faults.some((path) => path.length === 0)) return {};
  // From the end of each list, so that earlier indexes stay valid.
  const order = [...new Map(faults.map((path) => [path.join('.'), path])).values()].sort(fromTheEnd);
  for (const path of order) {
    const holder = valueAt(raw, path.slice(0, -1));
    const last = path.at(-1) ?? '';
    if (Array.isArray(holder)) {
      kept.remove(path.slice(0, -1), Number(last), holder.length);
      holder.splice(Number(last), 1);
    } else if (typeof holder === 'object' && holder !== null) {
      Reflect.deleteProperty(holder, last);
    }
  }
  return raw;
}

function fromTheEnd(a: Path, b: Path): number {
  for (let index = 0; index < Math.min(a.length, b.length); index++) {
    const [one, other] = [a[index], b[index]];
    if (one === other) continue;
    return typeof one === 'number' && typeof other === 'number' ? other - one : 0;
  }
  return b.length - a.length;
}

function valueAt(raw: unknown, path: Path): unknown {
  let at: unknown = raw;
  for (const step of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, step)) return undefined;
    at = (at as Record<PropertyKey, unknown>)[step];
  }
  return at;
}

/** The steps of a dotted place. */
export function pathOf(place: string): Path {
  return place === '' ? [] : place.split('.').map((step) => (/^\d+$/.test(step) ? Number(step) : step));
}
