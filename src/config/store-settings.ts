// Owns the translation of the configuration into how to reach the directory. Apart from the other settings: commands that only
// read the directory load nothing of the gateway.
import { dirname, relative } from 'node:path';
import type { StoreOptions } from '../directory/open-store.ts';
import { readSecret } from './load.ts';
import { ConfigError } from './problems.ts';
import type { Config } from './schema.ts';

/** How to open the directory. @throws ConfigError when a secret is missing, or is no URL of Redis */
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

/** Redis may move to another address and is the same store; a file is named as seen from where it is remembered. */
function memoryName(store: Config['store'], identityFile: string): string {
  return store.kind === 'redis' ? `redis ${store.keyPrefix}` : relative(dirname(identityFile), store.path);
}
