// Owns the lease of the leader in Redis: a key that ends by itself, a count of leaders, and a fence in each partition, which the
// scripts that write compare.
import { MAX_LEASE_MS } from '../lease.ts';
import type { Leader, Lease, LeaseRecords } from '../lease.ts';
import { PARTITIONS } from './redis-keys.ts';
import type { RedisKeys } from './redis-keys.ts';
import { RAISE_FENCE, READ_LEASE, RELEASE_LEASE, TAKE_LEASE } from './redis-scripts.ts';
import type { Script } from './redis-scripts.ts';

/** Runs a script of the known store. */
type Run = (script: Script, keys: readonly string[], values: readonly string[]) => Promise<unknown>;

export class RedisLease implements LeaseRecords {
  private readonly run: Run;
  private readonly keys: RedisKeys;
  /** The fence that this process raised everywhere; 0 = none. */
  private raised = 0;
  /** A write with it was refused. */
  private isDoubted = false;

  constructor(run: Run, keys: RedisKeys) {
    this.run = run;
    this.keys = keys;
  }

  /** A write was refused: another one leads by now, or a fence is not what it was raised to. */
  doubt(): void {
    this.isDoubted = true;
  }

  async take(token: string, holder: string, milliseconds: number): Promise<Lease | null> {
    const ttl = String(Math.min(milliseconds, MAX_LEASE_MS));
    let fence = 0;
    for (let least = 0; ;) {
      fence = Number(await this.run(TAKE_LEASE, this.leaseKeys(), [token, ttl, holder, String(least)]));
      if (fence === 0) return null;
      const isOwn = fence === this.raised;
      if (isOwn && !this.isDoubted) break;
      // Before it leads: from now on no write of an earlier leader arrives.
      let before = 0;
      for (const partition of PARTITIONS)
        before = Math.max(
          before,
          Number(await this.run(RAISE_FENCE, [this.keys.fence(partition)], [String(fence)])),
        );
      this.raised = fence;
      this.isDoubted = false;
      // A node of a Cluster lost the count of leaders: the partitions on other nodes have higher fences, and would refuse this leader.
      if (before < fence || (isOwn && before === fence)) break;
      least = before + 1;
    }
    return { fence };
  }

  async release(token: string): Promise<void> {
    await this.run(RELEASE_LEASE, this.leaseKeys(), [token]);
  }

  async leader(): Promise<Leader | null> {
    const [holder, fence] = (await this.run(READ_LEASE, this.leaseKeys(), [])) as [
      string | null,
      string | null,
    ];
    return holder === null ? null : { holder, fence: Number(fence ?? 0) };
  }

  private leaseKeys(): string[] {
    return [this.keys.lease, this.keys.leaseCount];
  }
}
