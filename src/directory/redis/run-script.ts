// Owns running scripts in Redis.
import type { Cluster } from 'ioredis';
import type { SharedDeadline } from '../deadline.ts';
import { isCluster, nodeOf } from './redis-cluster.ts';
import type { RedisClient } from './redis-cluster.ts';
import type { Script } from './redis-scripts.ts';
import { ScriptCommand } from './script-command.ts';
import { ScriptStream } from './script-stream.ts';

/** A connection that runs scripts. */
export type ScriptClient = RedisClient | ScriptStream;

/**
 * Runs a script by its hash, or by its text if Redis does not have it; in that case nothing had been executed. `deadline`: limits a script that returns one
 * text from a single server, in place of the library (script-command.ts); null = the library does.
 */
export async function runScript(
  client: ScriptClient,
  script: Script,
  keys: readonly string[],
  values: readonly string[],
  deadline: SharedDeadline | null = null,
): Promise<unknown> {
  if (client instanceof ScriptStream) return client.run(script, keys, values);
  const { sha, text, packed } = script;
  try {
    if (!packed) return await client.evalsha(sha, keys.length, ...keys, ...values);
    if (deadline === null || isCluster(client))
      return await client.callBuffer('evalsha', sha, keys.length, ...keys, ...values);
    const command = new ScriptCommand(sha, keys, values);
    deadline.add(command);
    try {
      return await client.sendCommand(command);
    } finally {
      deadline.remove(command);
    }
  } catch (error) {
    if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
    return packed
      ? client.callBuffer('eval', text, keys.length, ...keys, ...values)
      : client.eval(text, keys.length, ...keys, ...values);
  }
}

/**
 * Asks each node of a Cluster one question about those of these keys that it has: `values` makes the values of the script of them. True =
 * all answer 0. False also when a node cannot be asked, or a slot was moved: read the keys then.
 */
export async function agreeElsewhere(
  client: Cluster,
  script: Script,
  keys: readonly string[],
  values: (some: readonly (readonly [index: number, key: string])[]) => readonly string[],
): Promise<boolean> {
  const byNode = Map.groupBy(keys.entries(), ([, key]) => nodeOf(client, key));
  const answers = [...byNode.values()].map((some) =>
    runScript(
      client,
      script,
      some.slice(0, 1).map(([, key]) => key),
      values(some),
    ),
  );
  const settled = await Promise.allSettled(answers);
  return settled.every((answer) => answer.status === 'fulfilled' && answer.value === 0);
}
