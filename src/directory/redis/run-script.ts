// Owns running scripts in Redis.
import type { RedisClient } from './redis-cluster.ts';
import type { Script } from './redis-scripts.ts';

/** Runs a script by its hash, or by its text if Redis does not have it; in that case nothing had been executed. */
export async function runScript(
  client: RedisClient,
  { sha, text, packed }: Script,
  keys: readonly string[],
  values: readonly string[],
): Promise<unknown> {
  try {
    return packed
      ? await client.callBuffer('evalsha', sha, keys.length, ...keys, ...values)
      : await client.evalsha(sha, keys.length, ...keys, ...values);
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
    return packed
      ? client.callBuffer('eval', text, keys.length, ...keys, ...values)
      : client.eval(text, keys.length, ...keys, ...values);
  }
}
