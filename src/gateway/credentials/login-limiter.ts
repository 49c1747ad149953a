// Owns the limits on wrong passwords: per user and address, per user, and per address. Passwords that were good before
// are never counted in advance, so nobody can lock a user out.
// Threat: an attacker with many made-up users evicts the counter of a real one, and continues. Rule: counters are in a
// fixed number of buckets, selected by a keyed hash, and end only with their minute.
import { createHmac, randomBytes } from 'node:crypto';
import { clientBlock } from '../../identity/client-address.ts';
import type { UserKey } from '../../identity/keys.ts';
import { countedAs } from '../../identity/user-names.ts';

/** The buckets of one check, and the minute of each. */
export interface Charge {
  readonly buckets: readonly [pair: number, user: number, address: number];
  readonly until: readonly [pair: number, user: number, address: number];
}

const WINDOW_MS = 60_000;
/** 640 KB of each kind. With 12,000 made-up users in a minute, one counter in six is shared with one of them. */
const BUCKETS = 65_536;
const PER_USER_AND_ADDRESS = 10;
/** More than a person mistypes on all devices, and acceptable to a mail server. */
const PER_USER = 60;
/** A whole office may share one address; accepted passwords do not count. */
const PER_ADDRESS = 100;

/** Counters per minute, which starts with the first check. Users that share a bucket count together. */
class Buckets {
  private readonly counts = new Uint16Array(BUCKETS);
  /** Clock milliseconds at which a count ends. */
  private readonly ends = new Float64Array(BUCKETS);

  count(bucket: number, now: number): number {
    return (this.ends[bucket] as number) > now ? (this.counts[bucket] as number) : 0;
  }

  /** Adds one; returns when the counter ends. */
  add(bucket: number, now: number): number {
    if ((this.ends[bucket] as number) <= now) {
      this.counts[bucket] = 0;
      this.ends[bucket] = now + WINDOW_MS;
    }
    if ((this.counts[bucket] as number) < 0xffff) (this.counts[bucket] as number)++;
    return this.ends[bucket] as number;
  }

  /** Removes one from the minute that ends at `until`. */
  take(bucket: number, until: number): void {
    if (this.ends[bucket] === until && (this.counts[bucket] as number) > 0) (this.counts[bucket] as number)--;
  }
}

/** The three limits. */
export class LoginLimiter {
  private readonly now: () => number;
  private readonly key = randomBytes(32);
  private readonly pairs = new Buckets();
  private readonly users = new Buckets();
  private readonly addresses = new Buckets();

  constructor(now: () => number) {
    this.now = now;
  }

  /** Counts a check in advance as if it would be refused; null = it must not be made now. */
  charge(user: UserKey, address: string): Charge | null {
    const [pair, ofUser, ofAddress] = this.bucketsOf(user, address);
    const now = this.now();
    const isFull =
      this.pairs.count(pair, now) >= PER_USER_AND_ADDRESS ||
      this.users.count(ofUser, now) >= PER_USER ||
      this.addresses.count(ofAddress, now) >= PER_ADDRESS;
    return isFull ? null : this.note(user, address);
  }

  /** Counts a refused check that was not counted in advance. */
  note(user: UserKey, address: string): Charge {
    const buckets = this.bucketsOf(user, address);
    const now = this.now();
    const [pair, ofUser, ofAddress] = buckets;
    const until = [
      this.pairs.add(pair, now),
      this.users.add(ofUser, now),
      this.addresses.add(ofAddress, now),
    ] as const;
    return { buckets, until };
  }

  /** Removes the count of a check that was not refused. */
  refund({ buckets, until }: Charge): void {
    this.pairs.take(buckets[0], until[0]);
    this.users.take(buckets[1], until[1]);
    this.addresses.take(buckets[2], until[2]);
  }

  private bucketsOf(user: UserKey, address: string): Charge['buckets'] {
    const block = clientBlock(address);
    // Most servers ignore a NetBIOS domain, and Active Directory ignores accents: made-up variants would allow
    // unlimited guesses.
    const name = countedAs(user);
    return [this.bucketOf(`${name}\0${block}`), this.bucketOf(name), this.bucketOf(block)];
  }

  private bucketOf(name: string): number {
    return createHmac('sha256', this.key).update(name).digest().readUInt32LE(0) % BUCKETS;
  }
}
