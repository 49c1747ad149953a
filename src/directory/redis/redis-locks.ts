// Owns the locks in Redis: for each a key that ends by itself, with the token and the holder.
import { MAX_LOCK_MS } from '../locks.ts';
import type { LockRecords } from '../locks.ts';
import type { RedisKeys } from './redis-keys.ts';
import { RELEASE_LEASE, TAKE_LOCK } from './redis-scripts.ts';
import type { Script } from './redis-scripts.ts';

/** Runs a script of the known store. */
type Run = (script: Script, keys: readonly string[], values: readonly string[]) => Promise<unknown>;

export class RedisLocks implements LockRecords {
  private readonly run: Run;
  private readonly keys: RedisKeys;

  constructor(run: Run, keys: RedisKeys) {
    this.run = run;
    this.keys = keys;
  }

  async take(name: string, token: string, holder: string, milliseconds: number): Promise<string | null> {
    const ttl = String(Math.min(milliseconds, MAX_LOCK_MS));
    const other = await this.run(TAKE_LOCK, [this.keys.lock(name)], [token, ttl, holder]);
    return typeof other === 'string' ? other : null;
  }

  async release(name: string, token: string): Promise<void> {
    await this.run(RELEASE_LEASE, [this.keys.lock(name)], [token]);
  }
}
