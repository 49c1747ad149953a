// Owns `easgate check`: whether a configuration can be used.
import type { Command } from 'commander';
import { checkConfig } from '../config/check.ts';
import { configurationSchema, configurationTable } from '../config/describe.ts';
import { answersTable } from '../gateway/access/describe-local-replies.ts';
import { errorsTable } from '../describe-errors.ts';
import type { DirectoryStore } from '../directory/store.ts';
import { printable } from './inventory.ts';
import { readConfigSource } from '../config/load.ts';
import { ConfigFileError, report, summary } from '../config/problems.ts';
import { CommandError, configPath, withStore } from './context.ts';

interface CheckOptions {
  readonly schema?: true;
  readonly fields?: true;
  readonly answers?: true;
  readonly errors?: true;
  readonly store?: true;
  readonly strict?: true;
}

/** Registers `check`. */
export function registerCheck(program: Command): void {
  program
    .command('check')
    .argument('[file]', 'configuration file, as with --config')
    .description('check a configuration file and all it names; lists every problem')
    .option('--strict', 'warnings count as errors')
    .option('--schema', 'print the JSON Schema of the file instead')
    .option('--fields', 'print all fields as Markdown instead')
    .option('--answers', 'print what refused phones are told as Markdown instead')
    .option('--errors', 'print the errors a request can end in as Markdown instead')
    .option('--store', 'read every record of the directory too; lists those that are not understood')
    .action(async (file: string | undefined, options: CheckOptions, command: Command) => {
      if (options.answers || options.errors) {
        process.stdout.write(options.answers ? answersTable() : errorsTable());
        return;
      }
      if (options.schema || options.fields) {
        process.stdout.write(options.schema ? configurationSchema() : configurationTable());
        return;
      }
      const path = fileOf(file, command);
      check(path, options.strict === true);
      if (options.store) await withStore(command, checkStore);
    });
}

function fileOf(file: string | undefined, command: Command): string {
  const { config } = command.optsWithGlobals<{ config?: string }>();
  if (file !== undefined && config !== undefined && file !== config)
    throw new CommandError('EASGATE_USAGE', `two files to check: ${file} and ${config}; name one`);
  return file ?? configPath(command);
}

/** Warnings alone are no failure: the file can be used. */
function check(path: string, strict: boolean): void {
  const { problems } = checkConfig(readConfigSource(path));
  if (problems.some(({ severity }) => severity === 'error' || strict))
    throw new ConfigFileError(path, problems);
  for (const problem of problems) process.stderr.write(`${report(path, problem)}\n\n`);
  process.stdout.write(`${path}: ${problems.length === 0 ? 'ok' : summary(problems)}\n`);
}

async function checkStore(store: DirectoryStore): Promise<void> {
  const unreadable = await store.unreadable();
  if (unreadable.length === 0) {
    process.stdout.write('directory: ok\n');
    return;
  }
  throw new CommandError(
    'EASGATE_CORRUPT_RECORD',
    [
      `${unreadable.length} record${unreadable.length === 1 ? '' : 's'} of the directory not understood: their devices are ` +
        'kept out; `devices clear`, `block`, `allow` or `set` overwrites them',
      ...unreadable.map((name) => `  - ${printable(name)}`),
    ].join('\n'),
  );
}
