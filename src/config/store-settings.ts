// Owns the settings that open the directory. Separate from the other settings, so that commands that only read the
// directory load no code of the gateway.
import { dirname, relative } from 'node:path';
import type { StoreOptions } from '../directory/open-store.ts';
import { readSecret } from './load.ts';
import { ConfigError } from './problems.ts';
import type { Config } from './schema.ts';

/** The settings of the directory. @throws ConfigError when a secret is missing, or is not a Redis URL */
export function storeOptions(config: Config): StoreOptions {
  const { store } = config;
  const { identityFile: path } = store;
  const known = {
    memory: path === undefined ? null : { path, name: memoryName(store, path) },
    id: store.id ?? null,
    maxRollbackMs: store.maxRollbackSeconds * 1_000,
  };
  const { domains } = config.identity;
  if (store.kind === 'embedded') return { kind: store.kind, path: store.path, domains, known };
  const { kind, keyPrefix, commandTimeoutMs } = store;
  const url = readSecret(store.url, 'store.url');
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase() ?? null;
  if (scheme !== 'redis' && scheme !== 'rediss')
    throw new ConfigError('store.url', [
      `must begin with redis:// or, for TLS, rediss://${scheme === null ? '' : `, not with ${scheme}://`}`,
    ]);
  return { kind, url, keyPrefix, commandTimeoutMs, domains, known };
}

/**
 * The store's name in the identity file. Redis may move to another address, so its name is constant; a SQLite file is
 * named relative to the identity file.
 */
function memoryName(store: Config['store'], identityFile: string): string {
  return store.kind === 'redis' ? `redis ${store.keyPrefix}` : relative(dirname(identityFile), store.path);
}
