// Owns the choice of the configuration file of a command.
import type { Command } from 'commander';

/** The file without `--config`: from EASGATE_CONFIG, which the container image sets. */
export function defaultConfig(): string {
  return process.env['EASGATE_CONFIG'] ?? 'config/easgate.yaml';
}

/** The value of the global `--config` option. */
export function configPath(command: Command): string {
  const { config } = command.optsWithGlobals<{ config?: string }>();
  return config ?? defaultConfig();
}
