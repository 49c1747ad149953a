// Owns the work of `easgate policy`: opens a policy document, decides facts by it.
import { createInterface } from 'node:readline';
import { evaluateLine } from '../app/policy-evaluate.ts';
import { loadPolicyFile } from '../app/policy-file.ts';
import type { PlacedProblem } from '../app/policy-file.ts';
import { ProgramError } from '../errors.ts';
import type { CompiledPolicy } from '../policy/compile/compiled-policy.ts';

/** `policy evaluate`. */
export async function evaluate({ policy }: { readonly policy: string }): Promise<void> {
  const compiled = openPolicy(policy);
  endWithReader();
  const lines = createInterface({ input: process.stdin, crlfDelay: Infinity });
  for await (const line of lines) {
    if (line.trim() === '') continue;
    await print(evaluateLine(compiled, line, Date.now()) + '\n');
  }
}

/** Reads a policy that can be used. @throws ProgramError that lists every problem */
export function openPolicy(path: string): CompiledPolicy {
  const { policy, problems } = loadPolicyFile(path);
  if (policy !== null) return policy;
  const errors = problems.filter(({ severity }) => severity === 'error');
  throw new ProgramError(
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
