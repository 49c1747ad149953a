// Owns `easgate check`: whether a configuration can be used.
import type { Command } from 'commander';
import { gatewaySettings, storeOptions } from '../config/gateway-settings.ts';
import { configurationSchema, configurationTable } from '../config/describe.ts';
import { answersTable } from '../gateway/describe-answers.ts';
import { errorsTable } from '../http/describe-errors.ts';
import { loadConfig } from '../config/load.ts';
import type { DirectoryStore } from '../directory/store.ts';
import { printable } from './inventory.ts';
import { CommandError, configPath, withStore } from './context.ts';

interface CheckOptions {
  readonly schema?: true;
  readonly fields?: true;
  readonly answers?: true;
  readonly errors?: true;
  readonly store?: true;
}

/** Registers `check`. */
export function registerCheck(program: Command): void {
  program
    .command('check')
    .description('check a configuration file; lists every problem')
    .option('--schema', 'print the JSON Schema of the file instead')
    .option('--fields', 'print all fields as Markdown instead')
    .option('--answers', 'print what refused phones are told as Markdown instead')
    .option('--errors', 'print the errors a request can end in as Markdown instead')
    .option('--store', 'read every record of the directory too; lists those that are not understood')
    .action(async (options: CheckOptions, command: Command) => {
      if (options.answers || options.errors) {
        process.stdout.write(options.answers ? answersTable() : errorsTable());
        return;
      }
      if (options.schema || options.fields) {
        process.stdout.write(options.schema ? configurationSchema() : configurationTable());
        return;
      }
      const path = configPath(command);
      const config = loadConfig(path);
      storeOptions(config);
      // Reads what the file names, as `serve` does: certificates, keys, secrets, the operator's texts.
      gatewaySettings(config, null);
      process.stdout.write(`${path}: ok\n`);
      if (options.store) await withStore(command, checkStore);
    });
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
