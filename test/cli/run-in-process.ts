// Owns running a command in the process of the test: starting one costs a fifth of a second.
import { Readable } from 'node:stream';
import { CommanderError } from 'commander';
import type { Command } from 'commander';
import { vi } from 'vitest';
import { exitCodeOf, failureText } from '../../src/cli/failure.ts';
import { defineProgram } from '../../src/cli/program.ts';

/** What a command did. */
export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly error: string;
}

/** Runs one command line, without the name of the program. Its exit code is also that of a command that sets `process.exitCode`. */
export async function runInProcess(...words: string[]): Promise<Ended> {
  let [out, error] = ['', ''];
  const { exitCode } = process;
  process.exitCode = undefined;
  const program = defineProgram();
  redirectErrors(program, (text) => (error += text));
  const printed = vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  const warned = vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    error += String(text);
    return true;
  });
  try {
    await program.parseAsync(words, { from: 'user' });
    return { code: exitCodeNow(), out, error };
  } catch (failure) {
    if (failure instanceof CommanderError) return { code: failure.exitCode === 0 ? 0 : 2, out, error };
    return { code: exitCodeOf(failure), out, error: `${error}${failureText(failure)}\n` };
  } finally {
    printed.mockRestore();
    warned.mockRestore();
    process.exitCode = exitCode;
  }
}

/** As the process would end with now; 0 = no command set it. */
const exitCodeNow = (): number => Number(process.exitCode ?? 0);

/** The same with this text on stdin. */
export async function runWithInput(input: string, ...words: string[]): Promise<Ended> {
  const stdin = vi.spyOn(process, 'stdin', 'get');
  stdin.mockReturnValue(Readable.from([Buffer.from(input)]) as unknown as typeof process.stdin);
  try {
    return await runInProcess(...words);
  } finally {
    stdin.mockRestore();
  }
}

function redirectErrors(command: Command, onError: (text: string) => void): void {
  command.configureOutput({ writeErr: onError });
  for (const below of command.commands) redirectErrors(below, onError);
}
