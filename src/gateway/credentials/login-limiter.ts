// Owns how many passwords may turn out wrong in a while before no more are tried: for a user from one address, for a user,
// for an address. What was right before is never counted ahead: no stranger can lock a user out.
// Threat: who makes up users pushes the counts of a real one out of memory, and guesses on. Rule: counts stand in a fixed
// number of buckets that nobody can choose (a keyed hash), and end with their minute alone.
import { createHmac, randomBytes } from 'node:crypto';
import { clientBlock } from '../../identity/client-address.ts';
import type { UserKey } from '../../identity/keys.ts';
import { countedAs } from '../../identity/user-names.ts';

/** Where one question was counted, and in which minute of each bucket. */
export interface Charge {
  readonly buckets: readonly [pair: number, user: number, address: number];
  readonly until: readonly [pair: number, user: number, address: number];
}

const WINDOW_MS = 60_000;
/** 640 KB of each kind. With 12,000 made-up users in a minute one count in six is shared with one of them. */
const BUCKETS = 65_536;
const PER_USER_AND_ADDRESS = 10;
/** More than a person mistypes on all devices, less than a mail server should hear of one user. */
const PER_USER = 60;
/** A whole office may stand behind one address: what the mail server takes is not counted. */
const PER_ADDRESS = 100;

/** Counts per minute, from the first question on. Two that share a bucket count together, from the first question of either on. */
class Buckets {
  private readonly counts = new Uint16Array(BUCKETS);
  /** Clock milliseconds at which a count ends. */
  private readonly ends = new Float64Array(BUCKETS);

  count(bucket: number, now: number): number {
    return (this.ends[bucket] as number) > now ? (this.counts[bucket] as number) : 0;
  }

  /** Counts one more; returns when the count ends. */
  add(bucket: number, now: number): number {
    if ((this.ends[bucket] as number) <= now) {
      this.counts[bucket] = 0;
      this.ends[bucket] = now + WINDOW_MS;
    }
    if ((this.counts[bucket] as number) < 0xffff) (this.counts[bucket] as number)++;
    return this.ends[bucket] as number;
  }

  /** Takes back what was counted in the minute that ends at `until`. */
  take(bucket: number, until: number): void {
    if (this.ends[bucket] === until && (this.counts[bucket] as number) > 0) (this.counts[bucket] as number)--;
  }
}

/** The three limits. */
export class GuessLimits {
  private readonly now: () => number;
  private readonly key = randomBytes(32);
  private readonly pairs = new Buckets();
  private readonly users = new Buckets();
  private readonly addresses = new Buckets();

  constructor(now: () => number) {
    this.now = now;
  }

  /** Counts a question as if it would be refused; null = it must not be asked now. */
  charge(user: UserKey, address: string): Charge | null {
    const [pair, ofUser, ofAddress] = this.bucketsOf(user, address);
    const now = this.now();
    const isFull =
      this.pairs.count(pair, now) >= PER_USER_AND_ADDRESS ||
      this.users.count(ofUser, now) >= PER_USER ||
      this.addresses.count(ofAddress, now) >= PER_ADDRESS;
    return isFull ? null : this.note(user, address);
  }

  /** Counts a question that was refused and not charged. */
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

  /** The question was not refused. */
  refund({ buckets, until }: Charge): void {
    this.pairs.take(buckets[0], until[0]);
    this.users.take(buckets[1], until[1]);
    this.addresses.take(buckets[2], until[2]);
  }

  private bucketsOf(user: UserKey, address: string): Charge['buckets'] {
    const block = clientBlock(address);
    // Most servers ignore a NetBIOS domain, AD accents: with made-up ones a user would have any number of guesses.
    const name = countedAs(user);
    return [this.bucketOf(`${name}\0${block}`), this.bucketOf(name), this.bucketOf(block)];
  }

  private bucketOf(name: string): number {
    return createHmac('sha256', this.key).update(name).digest().readUInt32LE(0) % BUCKETS;
  }
}
