// Owns `easgate check`: whether a configuration can be used.
import type { Command } from 'commander';
import { gatewaySettings, storeOptions } from '../config/gateway-settings.ts';
import { configurationSchema, configurationTable } from '../config/describe.ts';
import { answersTable } from '../gateway/describe-answers.ts';
import { errorsTable } from '../http/describe-errors.ts';
import { loadConfig } from '../config/load.ts';
import { configPath } from './context.ts';

interface CheckOptions {
  readonly schema?: true;
  readonly fields?: true;
  readonly answers?: true;
  readonly errors?: true;
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
    .action((options: CheckOptions, command: Command) => {
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
    });
}
