// Owns the work of `easgate check`: checks a configuration file.
import { numberText } from '../app/number-text.ts';
import type { Command } from 'commander';
import { checkConfig } from '../config/check.ts';
import { configurationSchema, configurationTable } from '../config/describe.ts';
import { answersTable } from '../gateway/access/describe-local-replies.ts';
import { errorsTable } from '../describe-errors.ts';
import { metricsTable } from '../metrics/describe.ts';
import type { DirectoryStore } from '../directory/store.ts';
import { readConfigSource } from '../config/load.ts';
import { ConfigFileError, report, summary } from '../config/problems.ts';
import { ProgramError } from '../errors/program-errors.ts';
import { configPath } from './config-path.ts';
import { withStore } from './context.ts';
import { print, printJson, printable } from './output.ts';

/** Options of `check`. */
export interface CheckOptions {
  readonly schema?: true;
  readonly fields?: true;
  readonly answers?: true;
  readonly errors?: true;
  readonly metrics?: true;
  readonly commands?: true;
  readonly store?: true;
  readonly strict?: true;
  readonly json?: true;
}

/** `check`: checks a file, or (by option) prints one of the generated pages. */
export async function check(
  file: string | undefined,
  options: CheckOptions,
  command: Command,
): Promise<void> {
  if (options.answers || options.errors) print(options.answers ? answersTable() : errorsTable());
  else if (options.metrics) print(metricsTable());
  else if (options.schema || options.fields)
    print(options.schema ? configurationSchema() : configurationTable());
  else {
    const path = fileOf(file, command);
    if (options.json) checkAsJson(path, options.strict === true);
    else checkFile(path, options.strict === true);
    if (options.store) await withStore(command, checkStore);
  }
}

function fileOf(file: string | undefined, command: Command): string {
  const { config } = command.optsWithGlobals<{ config?: string }>();
  if (file !== undefined && config !== undefined && file !== config)
    throw new ProgramError('EASGATE_USAGE', `two files to check: ${file} and ${config}; name one`);
  return file ?? configPath(command);
}

/** Warnings alone are not a failure, unless `strict`. */
function checkFile(path: string, strict: boolean): void {
  const { problems } = checkConfig(readConfigSource(path));
  if (problems.some(({ severity }) => severity === 'error' || strict))
    throw new ConfigFileError(path, problems);
  for (const problem of problems) process.stderr.write(`${report(path, problem)}\n\n`);
  print(`${path}: ${problems.length === 0 ? 'ok' : summary(problems)}\n`);
}

/** The same problems as one JSON document; the exit code tells whether the file can be used. */
function checkAsJson(path: string, strict: boolean): void {
  const problems = checkConfig(readConfigSource(path)).problems.map(
    ({ severity, place, text, line, column }) => ({ severity, place, text, line, column }),
  );
  const ok = !problems.some(({ severity }) => severity === 'error' || strict);
  printJson({ file: path, ok, problems });
  if (!ok) process.exitCode = 1;
}

async function checkStore(store: DirectoryStore): Promise<void> {
  const unreadable = await store.unreadable();
  if (unreadable.length === 0) {
    print('directory: ok\n');
    return;
  }
  throw new ProgramError(
    'EASGATE_CORRUPT_RECORD',
    [
      `${numberText(unreadable.length)} malformed record${unreadable.length === 1 ? '' : 's'} in the directory: their devices are ` +
        'blocked; `devices clear`, `block`, `allow` or `set` overwrites them',
      ...unreadable.map((name) => `  - ${printable(name)}`),
    ].join('\n'),
  );
}
