// Owns `easgate policy`: check, test, evaluate and explain a policy document.
import { createInterface } from 'node:readline';
import type { Command } from 'commander';
import { evaluateLine } from '../app/policy-evaluate.ts';
import { loadPolicyFile } from '../app/policy-file.ts';
import type { PlacedProblem } from '../app/policy-file.ts';
import type { CompiledPolicy } from '../policy/compile/compiled-policy.ts';
import { CommandError } from './context.ts';

/** Registers `policy` and its subcommands. */
export function registerPolicy(program: Command): void {
  const policy = program.command('policy').description('policy documents: check, test, evaluate, explain');

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
}

/** Reads a policy that can be used. @throws CommandError that lists every problem */
export function openPolicy(path: string): CompiledPolicy {
  const { policy, problems } = loadPolicyFile(path);
  if (policy !== null) return policy;
  const errors = problems.filter(({ severity }) => severity === 'error');
  throw new CommandError(
    'EASGATE_POLICY',
    `${path}: ${errors.length} problem${errors.length === 1 ? '' : 's'}\n${errors.map((one) => problemLine(path, one)).join('\n')}`,
  );
}

/** `FILE:LINE:COLUMN: error: PATH: MESSAGE`, as compilers write it. */
export function problemLine(file: string, { severity, path, message, place }: PlacedProblem): string {
  const where = place === null ? file : `${file}:${place.line}:${place.column}`;
  return `${where}: ${severity}: ${path === '' ? '' : `${path}: `}${message}`;
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
