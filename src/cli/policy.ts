// Owns the work of `easgate policy`: check, test, evaluate and explain a policy document.
import { numberText } from '../app/number-text.ts';
import type { Command } from 'commander';
import type { AnswerOf } from '../api/contract/operations.ts';
import { loadPolicyCases, runPolicyCases } from '../app/policy-cases.ts';
import { MAX_LINE, evaluateLine } from '../app/policy-evaluate.ts';
import { messageOf } from '../caught-error.ts';
import { loadPolicyFile, problemLine } from '../config/policy-file.ts';
import type { PlacedProblem } from '../config/policy-file.ts';
import { policyReference, policySchemaText } from '../app/policy-reference.ts';
import { ProgramError } from '../errors/program-errors.ts';
import { safeJson } from '../app/times.ts';
import { readStdin } from './context.ts';
import { inputLines } from './input-lines.ts';
import { print } from './output.ts';
import { casesText } from './policy-cases.ts';
import { explainFacts, openPolicy } from './policy-file.ts';
import { ask } from './remote/client.ts';
import { contextOf } from './remote/contexts.ts';
import { readChecked } from './remote/policies.ts';

/** Options of `policy check`. */
export interface CheckOptions {
  readonly json?: true;
  readonly strict?: true;
  readonly schema?: true;
  readonly fields?: true;
}

/** `policy check`. */
export async function check(
  file: string | undefined,
  options: CheckOptions,
  command: Command,
): Promise<void> {
  const context = contextOf(command);
  if (options.schema || options.fields) print(options.schema ? policySchemaText() : policyReference());
  else if (file === undefined) throw new ProgramError('EASGATE_USAGE', 'policy check needs a file');
  else if (context === null) showProblems(file, read(() => loadPolicyFile(file)).problems, options);
  else {
    const { document, lists } = readChecked(file).texts;
    const { problems } = await ask(context, 'checkPolicy', { body: { document, lists } });
    showProblems(file, problems.map(placedProblem), options);
  }
}

/** A problem as the API gives it. */
function placedProblem(problem: AnswerOf<'checkPolicy'>['problems'][number]): PlacedProblem {
  const { severity, path, message, line, column } = problem;
  return { severity, path, message, place: line === null || column === null ? null : { line, column } };
}

/** `policy test`. */
export function test(
  file: string,
  { policy, json }: { readonly policy?: string; readonly json?: true },
): void {
  const { policy: named, cases } = read(() => loadPolicyCases(file));
  const path = policy ?? named;
  if (path === null || path === undefined)
    throw new ProgramError(
      'EASGATE_USAGE',
      'name the policy document: --policy FILE, or `policy:` in the cases',
    );
  const results = runPolicyCases(openPolicy(path), cases, Date.now());
  print(json ? `${safeJson(results, 2)}\n` : casesText(results));
  if (results.some(({ differences }) => differences.length > 0)) process.exitCode = 1;
}

/** `policy evaluate`. */
export async function evaluate({ policy }: { readonly policy: string }): Promise<void> {
  const compiled = openPolicy(policy);
  endWithReader();
  for await (const line of inputLines(process.stdin, MAX_LINE)) {
    if (line.trim() === '') continue;
    await printLine(evaluateLine(compiled, line, Date.now()));
  }
}

/** `policy explain`. */
export async function explain({
  policy,
  json,
}: {
  readonly policy: string;
  readonly json?: true;
}): Promise<void> {
  const compiled = openPolicy(policy);
  let facts: unknown;
  try {
    facts = JSON.parse((await readStdin()).toString('utf8'));
  } catch {
    throw new ProgramError('EASGATE_POLICY_FACTS', 'standard input is not one JSON object');
  }
  print(explainFacts(compiled, facts, json === true));
}

function showProblems(
  file: string,
  problems: readonly PlacedProblem[],
  { json, strict }: CheckOptions,
): void {
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  if (json) print(`${safeJson(problems, 2)}\n`);
  else {
    for (const problem of problems) print(`${problemLine(file, problem)}\n`);
    print(`${file}: ${summary(problems, errors)}\n`);
  }
  if (errors > 0 || (strict && problems.length > 0)) process.exitCode = 1;
}

function summary(problems: readonly PlacedProblem[], errors: number): string {
  if (problems.length === 0) return 'ok';
  return `${count(errors, 'error')}, ${count(problems.length - errors, 'warning')}`;
}

function count(number: number, word: string): string {
  return `${numberText(number)} ${word}${number === 1 ? '' : 's'}`;
}

/** A file that cannot be read ends the command without a stack. */
function read<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new ProgramError('EASGATE_FILE', messageOf(error));
  }
}

/** Ends without an error when the reader closes the pipe (`| head`). */
function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}

/** Writes a line to standard output and waits until the stream accepts more. */
async function printLine(text: string): Promise<void> {
  if (process.stdout.write(`${text}\n`)) return;
  await new Promise<void>((resolve) => process.stdout.once('drain', resolve));
}
