// Owns test cases of a policy: facts, the expected verdict, and differences from it.
import { dirname, resolve } from 'node:path';
import { z } from 'zod';
import { readYaml } from '../config/yaml-source.ts';
import type { CompiledPolicy } from '../policy/compile/compiled-policy.ts';
import { evaluate } from '../policy/engine/evaluate.ts';
import { unknownFacts } from '../policy/engine/fact-names.ts';
import type { UnknownField } from '../policy/engine/fact-names.ts';
import { readFacts } from '../policy/engine/read-facts.ts';
import { verdictDocument } from '../policy/engine/verdict.ts';
import { readText } from '../config/policy-file.ts';

const wouldBe = z
  .strictObject({ action: z.string(), reason: z.string(), rule: z.string().nullable() })
  .partial()
  .nullable();
const expectation = z
  .strictObject({
    action: z.string(),
    reason: z.string(),
    rule: z.string().nullable(),
    requirement: z.string().nullable(),
    wouldBe,
    validUntil: z.string().nullable(),
  })
  .partial();
const testCase = z.strictObject({
  name: z.string().min(1).describe('what the case shows'),
  facts: z.looseObject({}).describe('facts, as `easgate policy evaluate` reads them'),
  expect: expectation.describe('the parts of the verdict that matter'),
});
const casesSchema = z.union([
  z.array(testCase).min(1),
  z.strictObject({
    policy: z.string().min(1).optional().describe('the document they test, relative to this file'),
    cases: z.array(testCase).min(1),
  }),
]);

/** One case. */
export type PolicyCase = z.infer<typeof testCase>;

/** The cases of a file. */
export interface PolicyCases {
  /** The document they name, as a path; null = none. */
  readonly policy: string | null;
  readonly cases: readonly PolicyCase[];
}

/** Reads a file of cases. @throws with every problem and its line */
export function loadPolicyCases(path: string): PolicyCases {
  const { value, errors, source } = readYaml(readText(path));
  const problems = errors.map(({ message, place }) => `${path}:${place?.line ?? 1}: ${message}`);
  const parsed = casesSchema.safeParse(value);
  const issues = parsed.success ? misspeltFacts(parsed.data) : flatten(parsed.error.issues, [], value);
  if (problems.length === 0)
    for (const issue of issues) {
      const place = source.placeOf(issue.path);
      problems.push(`${path}:${place?.line ?? 1}: ${issue.path.map(String).join('.')}: ${issue.message}`);
    }
  if (!parsed.success || problems.length > 0) throw new Error(problems.join('\n'));
  const { data } = parsed;
  if (Array.isArray(data)) return { policy: null, cases: data };
  return {
    policy: data.policy === undefined ? null : resolve(dirname(path), data.policy),
    cases: data.cases,
  };
}

/** Without this check a misspelt fact would count as unknown, and the case would test something else than it seems to. */
function misspeltFacts(data: z.infer<typeof casesSchema>): readonly UnknownField[] {
  const [cases, below] = Array.isArray(data) ? [data, []] : [data.cases, ['cases']];
  return cases.flatMap(({ facts }, at) =>
    unknownFacts(facts).map(({ path, message }) => ({ path: [...below, at, 'facts', ...path], message })),
  );
}

type Issue = z.core.$ZodIssue;

/** The problems of the intended form: a list, or a map with cases. */
function flatten(
  issues: readonly Issue[],
  below: readonly PropertyKey[],
  value: unknown,
): { readonly path: readonly PropertyKey[]; readonly message: string }[] {
  return issues.flatMap((issue) => {
    const path = [...below, ...issue.path];
    if (issue.code === 'invalid_union' && path.length === 0)
      return flatten(issue.errors[Array.isArray(value) ? 0 : 1] ?? [], [], value);
    return [{ path, message: issue.message }];
  });
}

/** One field of a verdict that differs. */
export interface Difference {
  readonly part: string;
  readonly expected: unknown;
  readonly actual: unknown;
}

/** The result of a case. */
export interface CaseResult {
  readonly name: string;
  readonly differences: readonly Difference[];
  /** All parts of the verdict. */
  readonly verdict: object;
}

/** Runs the cases; facts without a time are decided at `now`. */
export function runPolicyCases(
  policy: CompiledPolicy,
  cases: readonly PolicyCase[],
  now: number,
): CaseResult[] {
  return cases.map(({ name, facts, expect }) => {
    const verdict = verdictDocument(evaluate(policy, readFacts(facts, now)));
    return { name, differences: differencesOf(expect, verdict, ''), verdict };
  });
}

function differencesOf(expected: object, actual: object, below: string): Difference[] {
  return Object.entries(expected).flatMap(([part, wanted]: [string, unknown]) => {
    const found = (actual as Readonly<Record<string, unknown>>)[part];
    if (isObject(wanted) && isObject(found)) return differencesOf(wanted, found, `${below}${part}.`);
    if (wanted === found || (typeof wanted === 'string' && sameTime(wanted, found))) return [];
    return [{ part: `${below}${part}`, expected: wanted, actual: found }];
  });
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null;
}

/** Compares two times whatever their spelling. */
function sameTime(wanted: string, found: unknown): boolean {
  return typeof found === 'string' && /^\d{4}-/.test(wanted) && Date.parse(wanted) === Date.parse(found);
}
