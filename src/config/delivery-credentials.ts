// Owns what proves a delivery to a feed of kind webhook or push: keys of signatures, and digests of tokens.
import { createHash } from 'node:crypto';
import { keyOf } from '../feeds/webhook/signature.ts';
import { readSecret } from './load.ts';
import { ConfigError } from './problems.ts';
import type { Config } from './schema.ts';

/** Shortest secret of a signature and shortest token, in characters: shorter ones can be guessed. */
const MIN_SECRET = 16;
const MIN_TOKEN = 32;

/** A feed that is sent its records. */
export type ReceivedSettings = Extract<Config['feeds'][number], { kind: 'webhook' | 'push' }>;

/** What proves a delivery; one of the two lists is empty. */
export interface DeliveryCredentials {
  readonly keys: readonly Buffer[];
  /** SHA-256 of each token. */
  readonly tokens: readonly Buffer[];
}

/** @throws ConfigError for a secret that is missing or too short */
export function readDeliveryCredentials(feed: ReceivedSettings): DeliveryCredentials {
  const place = `feeds: ${feed.name}`;
  const keys = feed.kind === 'push' ? [] : (feed.secrets ?? []);
  return {
    keys: keys.map((secret) => {
      const key = keyOf(readSecret(secret, `${place}: secrets`));
      if (key.length < MIN_SECRET)
        throw new ConfigError(`${place}: secrets`, [`needs at least ${MIN_SECRET} characters`]);
      return key;
    }),
    tokens: (feed.tokens ?? []).map((token) => {
      if (typeof token === 'object' && 'sha256' in token) return Buffer.from(token.sha256, 'hex');
      const text = readSecret(token, `${place}: tokens`);
      if (text.length < MIN_TOKEN)
        throw new ConfigError(`${place}: tokens`, [
          `needs at least ${MIN_TOKEN} characters, as of \`openssl rand -hex 32\``,
        ]);
      return tokenDigest(text);
    }),
  };
}

/** The form in which tokens are compared. */
export function tokenDigest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}
