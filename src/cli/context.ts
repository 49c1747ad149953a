// Owns helpers of all commands: the configured store, the login name, standard input.
import { userInfo } from 'node:os';
import type { Command } from 'commander';
import { loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { storeOptions } from '../config/store-settings.ts';
import { openStore } from '../directory/open-store.ts';
import type { DirectoryStore } from '../directory/store.ts';
import { configPath } from './config-path.ts';

/** Opens the configured store for `work`, and closes it afterwards. */
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

/** The author of a decision without `--by`. */
export function loginName(): string {
  return userInfo().username;
}

/** Reads all of standard input. */
export async function readStdin(): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
