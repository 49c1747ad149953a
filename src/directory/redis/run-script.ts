// Owns running a Lua script.
import type { Redis } from 'ioredis';
import type { Script } from './redis-scripts.ts';

/** By name; by its text where Redis does not have it (yet, or since it was restarted): then nothing of it was done. */
export async function runScript(
  client: Redis,
  { sha, text }: Script,
  values: readonly string[],
): Promise<unknown> {
  try {
    return await client.evalsha(sha, 0, ...values);
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
    return client.eval(text, 0, ...values);
  }
}
