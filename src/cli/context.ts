// Owns what the subcommands share: the configuration file, the store it names, and how a failure is told.
import type { Command } from 'commander';
import { storeOptions } from '../config/gateway-settings.ts';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { openStore } from '../directory/open-store.ts';
import type { DirectoryStore } from '../directory/store.ts';

/** The file when `--config` is not given: as EASGATE_CONFIG says, which the container image sets. */
export function defaultConfig(): string {
  return process.env['EASGATE_CONFIG'] ?? 'config/easgate.yaml';
}

/** The value of the global `--config` option. */
export function configPath(command: Command): string {
  const { config } = command.optsWithGlobals<{ config?: string }>();
  return config ?? defaultConfig();
}

/** Opens the store of the configuration for one piece of work, and closes it. */
export async function withStore<T>(
  command: Command,
  work: (store: DirectoryStore, config: Config) => Promise<T>,
): Promise<T> {
  const config = loadConfig(configPath(command));
  const store = await openStore(storeOptions(config));
  try {
    return await work(store, config);
  } finally {
    await store.close();
  }
}

/** A failure that a person can act on; ends the command with exit code 1, without a stack. */
export class CommandError extends Error {
  readonly code: string;
  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Reads all of standard input. */
export async function readStdin(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
