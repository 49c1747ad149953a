// Owns the deliveries that were carried out, in Redis: a sorted set for each feed, by the ends of the memory.
import { LONGEST_MEMORY_MS, MOST_DELIVERIES } from '../delivery-memory.ts';
import type { DeliveryMemory } from '../delivery-memory.ts';
import type { RedisKeys } from './redis-keys.ts';
import { KNOWN_DELIVERY, REMEMBER_DELIVERY } from './redis-scripts.ts';
import type { Script } from './redis-scripts.ts';

/** Runs a script of the known store. */
type Run = (script: Script, keys: readonly string[], values: readonly string[]) => Promise<unknown>;

export class RedisDeliveries implements DeliveryMemory {
  private readonly run: Run;
  private readonly keys: RedisKeys;

  constructor(run: Run, keys: RedisKeys) {
    this.run = run;
    this.keys = keys;
  }

  async remember(feed: string, name: string, end: number, now: number): Promise<void> {
    const values = [name, end, now, MOST_DELIVERIES, LONGEST_MEMORY_MS].map(String);
    await this.run(REMEMBER_DELIVERY, [this.keys.deliveries(feed)], values);
  }

  async isKnown(feed: string, name: string, now: number): Promise<boolean> {
    return (await this.run(KNOWN_DELIVERY, [this.keys.deliveries(feed)], [name, String(now)])) === 1;
  }
}
