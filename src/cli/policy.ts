// Owns `easgate policy`: check, test, evaluate and explain a policy document.
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import { loadPolicyCases, runPolicyCases } from '../app/policy-cases.ts';
import type { CaseResult } from '../app/policy-cases.ts';
import { evaluateLine } from '../app/policy-evaluate.ts';
import { loadPolicyFile } from '../app/policy-file.ts';
import type { PlacedProblem } from '../app/policy-file.ts';
import { policyReference, policySchemaText } from '../app/policy-reference.ts';
import { CommandError, readStdin } from './context.ts';
import { explainFacts, openPolicy, problemLine } from './policy-file.ts';

interface CheckOptions {
  readonly json?: true;
  readonly strict?: true;
  readonly schema?: true;
  readonly fields?: true;
}

/** Registers `policy` and its subcommands. */
export function registerPolicy(program: Command): void {
  const policy = program.command('policy').description('policy documents: check, test, evaluate, explain');

  policy
    .command('check')
    .argument('[file]', 'policy document')
    .description('lists every problem of a policy document, with line and column')
    .option('--strict', 'warnings fail too')
    .option('--json', 'one JSON document')
    .option('--schema', 'print the JSON Schema of policy documents instead')
    .option('--fields', 'print all fields as Markdown instead')
    .action((file: string | undefined, options: CheckOptions) => {
      if (options.schema || options.fields) {
        process.stdout.write(options.schema ? policySchemaText() : policyReference());
        return;
      }
      if (file === undefined) throw new CommandError('EASGATE_USAGE', 'policy check needs a file');
      check(file, options);
    });

  policy
    .command('test')
    .argument('<cases>', 'YAML or JSON file: a list of { name, facts, expect }')
    .description('runs test cases against a policy document')
    .option('--policy <file>', 'policy document; default: the one the file of cases names')
    .option('--json', 'one JSON document')
    .action((file: string, options: { policy?: string; json?: true }) => {
      const { policy: named, cases } = read(() => loadPolicyCases(file));
      const path = options.policy ?? named;
      if (path === null || path === undefined)
        throw new CommandError(
          'EASGATE_USAGE',
          'name the policy document: --policy FILE, or `policy:` in the cases',
        );
      const results = runPolicyCases(openPolicy(path), cases, Date.now());
      process.stdout.write(options.json ? JSON.stringify(results, null, 2) + '\n' : resultsText(results));
      if (results.some(({ differences }) => differences.length > 0)) process.exitCode = 1;
    });

  policy
    .command('evaluate')
    .description('decides facts on stdin, one JSON object a line; prints one verdict a line')
    .requiredOption('--policy <file>', 'policy document')
    .action(async (options: { policy: string }) => {
      const compiled = openPolicy(options.policy);
      endWithReader();
      const lines = createInterface({ input: process.stdin, crlfDelay: Infinity });
      for await (const line of lines) {
        if (line.trim() === '') continue;
        await print(evaluateLine(compiled, line, Date.now()) + '\n');
      }
    });

  policy
    .command('explain')
    .description('decides one JSON object of facts on stdin, and shows every step')
    .requiredOption('--policy <file>', 'policy document')
    .option('--json', 'one JSON document')
    .action(async (options: { policy: string; json?: true }) => {
      const compiled = openPolicy(options.policy);
      let facts: unknown;
      try {
        facts = JSON.parse((await readStdin()).toString('utf8'));
      } catch {
        throw new CommandError('EASGATE_POLICY_FACTS', 'standard input is not one JSON object');
      }
      process.stdout.write(explainFacts(compiled, facts, options.json === true));
    });
}

function check(file: string, { json, strict }: CheckOptions): void {
  const { problems } = read(() => loadPolicyFile(file));
  const errors = problems.filter(({ severity }) => severity === 'error').length;
  if (json) process.stdout.write(JSON.stringify(problems, null, 2) + '\n');
  else {
    for (const problem of problems) process.stdout.write(`${problemLine(file, problem)}\n`);
    process.stdout.write(`${file}: ${summary(problems, errors)}\n`);
  }
  if (errors > 0 || (strict && problems.length > 0)) process.exitCode = 1;
}

function summary(problems: readonly PlacedProblem[], errors: number): string {
  if (problems.length === 0) return 'ok';
  return `${count(errors, 'error')}, ${count(problems.length - errors, 'warning')}`;
}

function count(number: number, word: string): string {
  return `${number} ${word}${number === 1 ? '' : 's'}`;
}

function resultsText(results: readonly CaseResult[]): string {
  const failed = results.filter(({ differences }) => differences.length > 0).length;
  const lines = results.flatMap(({ name, differences }) => [
    `${differences.length === 0 ? 'ok  ' : 'FAIL'}  ${name}`,
    ...differences.map(
      ({ part, expected, actual }) =>
        `      ${part}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`,
    ),
  ]);
  return `${lines.join('\n')}\n\n${results.length} cases, ${failed} failed\n`;
}

/** A file that cannot be read ends the command without a stack. */
function read<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw new CommandError('EASGATE_FILE', error instanceof Error ? error.message : String(error));
  }
}

/** Ends quietly when whoever reads the output has gone (`| head`). */
function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    throw error;
  });
}

/** Writes to standard output and waits until there is room for more. */
async function print(text: string): Promise<void> {
  if (process.stdout.write(text)) return;
  await new Promise<void>((resolve) => process.stdout.once('drain', resolve));
}
