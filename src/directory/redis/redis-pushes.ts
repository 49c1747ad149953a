// Owns the answers to pushed records in Redis: for each feed a hash, and a sorted set of their ends.
import { ANSWER_MEMORY_MS, MOST_ANSWERS } from '../push-memory.ts';
import type { PushMemory } from '../push-memory.ts';
import type { RedisKeys } from './redis-keys.ts';
import { RECALL_PUSH, REMEMBER_PUSH } from './redis-scripts.ts';
import type { Script } from './redis-scripts.ts';

/** Runs a script of the known store. */
type Run = (script: Script, keys: readonly string[], values: readonly string[]) => Promise<unknown>;

export class RedisPushes implements PushMemory {
  private readonly run: Run;
  private readonly keys: RedisKeys;

  constructor(run: Run, keys: RedisKeys) {
    this.run = run;
    this.keys = keys;
  }

  async remember(feed: string, key: string, answer: string, now: number): Promise<void> {
    const values = [key, answer, now + ANSWER_MEMORY_MS, now, MOST_ANSWERS, ANSWER_MEMORY_MS].map(String);
    await this.run(REMEMBER_PUSH, this.keys.pushes(feed), values);
  }

  async recall(feed: string, key: string, now: number): Promise<string | null> {
    const answer = await this.run(RECALL_PUSH, this.keys.pushes(feed), [key, String(now)]);
    return typeof answer === 'string' ? answer : null;
  }
}
