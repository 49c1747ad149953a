// Owns the work of `easgate reload`: checks the configuration, then makes the running gateway reload it.
import type { Command } from 'commander';
import { codeOf, messageOf } from '../caught-error.ts';
import { loadUsable } from '../config/check.ts';
import { report } from '../config/problems.ts';
import { mayBeGateway, readPidFile } from '../supervisor/pid-file.ts';
import { ProgramError } from '../errors/program-errors.ts';
import { configPath } from './config-path.ts';
import { print, printJson } from './output.ts';

/** `reload`. */
export function reload({ json }: { readonly json?: true }, command: Command): void {
  const path = configPath(command);
  const { config, problems } = loadUsable(path);
  for (const problem of problems) process.stderr.write(`${report(path, problem)}\n`);
  const { pidFile } = config.workers;
  const pid = readPidFile(pidFile);
  if (pid === null)
    throw new ProgramError('EASGATE_NOT_RUNNING', `${pidFile} names no process: check that the gateway runs`);
  if (!mayBeGateway(pid))
    throw new ProgramError('EASGATE_NOT_RUNNING', `process ${pid} of ${pidFile} is not a gateway any more`);
  try {
    process.kill(pid, 'SIGHUP');
  } catch (error) {
    const cause = messageOf(error);
    throw new ProgramError(
      codeOf(error, '') === 'ESRCH' ? 'EASGATE_NOT_RUNNING' : 'EASGATE_NO_ANSWER',
      `process ${pid} of ${pidFile} cannot be signalled: ${cause}`,
    );
  }
  if (json)
    printJson({ pid, problems: problems.map(({ severity, place, text }) => ({ severity, place, text })) });
  else print('the configuration is valid; the gateway replaces its workers (see its log)\n');
}
