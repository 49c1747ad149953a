// Owns whether this control process leads: it takes the lease, renews it, and stops in time when it cannot.
import { randomBytes } from 'node:crypto';
import { hostname } from 'node:os';
import { monotonicNow } from '../clock.ts';
import type { Leader, LeaseRecords } from '../directory/lease.ts';

/** Timing, in milliseconds. */
export interface LeaseTimes {
  /** How long a lease holds without renewal. */
  readonly leaseMs: number;
  readonly renewMs: number;
}

const TIMES: LeaseTimes = { leaseMs: 15_000, renewMs: 5_000 };

/**
 * Called when this process begins to lead, with its fence, and when it no longer does, with null. `refusal`: why the store did not
 * renew the lease; null = it did.
 */
export type OnLeadership = (fence: number | null, refusal: Error | null) => void;

/** Tries to lead until closed. */
export class Leadership {
  /** The leader as it was known last; null = nobody. */
  leader: Leader | null = null;
  private readonly records: LeaseRecords;
  private readonly times: LeaseTimes;
  private readonly onChange: OnLeadership;
  private readonly token = randomBytes(16).toString('hex');
  private readonly holder: string;
  private lease: { readonly fence: number; readonly endsAt: number } | null = null;
  private timer: NodeJS.Timeout | null = null;
  private closed = false;

  /** `holder`: its name for people. */
  constructor(
    records: LeaseRecords,
    onChange: OnLeadership = () => undefined,
    { holder = `${hostname()} ${process.pid}`, times = TIMES } = {},
  ) {
    this.records = records;
    this.onChange = onChange;
    this.holder = holder;
    this.times = times;
  }

  /** The fence to write with; null = this process does not lead, or can no longer know. */
  get fence(): number | null {
    return this.lease !== null && monotonicNow() < this.lease.endsAt ? this.lease.fence : null;
  }

  /** Tries once, and goes on trying. Never rejects. */
  async start(): Promise<void> {
    await this.renew();
    if (this.closed) return;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.start(), this.times.renewMs);
    this.timer.unref();
  }

  /** Gives the lease back. Never rejects. */
  async close(): Promise<void> {
    this.closed = true;
    if (this.timer !== null) clearTimeout(this.timer);
    const led = this.lease !== null;
    this.lose();
    if (!led) return;
    try {
      await this.records.release(this.token);
    } catch {
      // The lease runs out by itself.
    }
  }

  private async renew(): Promise<void> {
    // Counted from before the request: the store counts from later, so it never ends the lease earlier.
    const endsAt = monotonicNow() + this.times.leaseMs;
    try {
      const lease = await this.records.take(this.token, this.holder, this.times.leaseMs);
      if (this.closed) return;
      if (lease === null) {
        this.lose();
        this.leader = await this.records.leader();
        return;
      }
      if (this.lease !== null && this.lease.fence !== lease.fence) this.lose();
      const begins = this.lease === null;
      this.lease = { fence: lease.fence, endsAt };
      this.leader = { holder: this.holder, fence: lease.fence };
      if (begins) this.onChange(lease.fence, null);
    } catch (error) {
      // The store is away, or takes no writes: it leads as long as its lease holds.
      if (this.fence === null) this.lose(error instanceof Error ? error : new Error(String(error)));
    }
  }

  private lose(refusal: Error | null = null): void {
    if (this.lease === null) return;
    this.lease = null;
    this.leader = null;
    this.onChange(null, refusal);
  }
}
