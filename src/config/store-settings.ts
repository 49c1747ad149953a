// Owns the translation of the configuration into how to reach the directory. Apart from the other settings: commands that only
// read the directory load nothing of the gateway.
import type { StoreOptions } from '../directory/open-store.ts';
import { readSecret } from './load.ts';
import { ConfigError } from './problems.ts';
import type { Config } from './schema.ts';

/** How to open the directory. @throws ConfigError when a secret is missing, or is no URL of Redis */
export function storeOptions(config: Config): StoreOptions {
  const { store } = config;
  const { domains } = config.identity;
  if (store.kind === 'embedded') return { ...store, domains };
  const url = readSecret(store.url, 'store.url');
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase() ?? null;
  if (scheme !== 'redis' && scheme !== 'rediss')
    throw new ConfigError('store.url', [
      `must begin with redis:// or, for TLS, rediss://${scheme === null ? '' : `, not with ${scheme}://`}`,
    ]);
  return { ...store, url, domains };
}
