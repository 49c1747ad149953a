// Owns `easgate check`: whether a configuration can be used.
import type { Command } from 'commander';
import { storeOptions } from '../config/gateway-settings.ts';
import { loadConfig } from '../config/load.ts';
import { configPath } from './context.ts';

/** Registers `check`. */
export function registerCheck(program: Command): void {
  program
    .command('check')
    .description('check a configuration file; lists every problem')
    .action((_options, command: Command) => {
      const path = configPath(command);
      storeOptions(loadConfig(path));
      process.stdout.write(`${path}: ok\n`);
    });
}
