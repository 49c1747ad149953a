// Owns which configuration file a command uses.
import type { Command } from 'commander';

/** The file when `--config` is not given: as EASGATE_CONFIG says, which the container image sets. */
export function defaultConfig(): string {
  return process.env['EASGATE_CONFIG'] ?? 'config/easgate.yaml';
}

/** The value of the global `--config` option. */
export function configPath(command: Command): string {
  const { config } = command.optsWithGlobals<{ config?: string }>();
  return config ?? defaultConfig();
}
