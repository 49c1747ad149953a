// Owns how many passwords may turn out wrong in a while before no more are tried: for a user from one address, for a user,
// for an address. What was right before is never counted ahead: no stranger can lock a user out.
import { LRUCache } from 'lru-cache';
import { clientBlock } from '../../identity/client-address.ts';
import type { UserKey } from '../../identity/keys.ts';
import { countedAs } from '../../identity/user-names.ts';

interface Count {
  /** Questions that were refused, or are not answered yet. */
  count: number;
  /** Clock milliseconds. */
  readonly until: number;
}

/** What one question is counted by. */
export type Charge = readonly Count[];

const WINDOW_MS = 60_000;
/** Of each kind, at most so many are counted at a time. */
const MAX_COUNTED = 10_000;
const PER_USER_AND_ADDRESS = 10;
/** More than a person mistypes on all devices, less than a mail server should hear of one user. */
const PER_USER = 60;
/** A whole office may stand behind one address: what the mail server takes is not counted. */
const PER_ADDRESS = 100;

/** Counts per minute, from the first question on. */
export class GuessLimits {
  private readonly now: () => number;
  private readonly pairs = new LRUCache<string, Count>({ max: MAX_COUNTED });
  private readonly users = new LRUCache<string, Count>({ max: MAX_COUNTED });
  private readonly addresses = new LRUCache<string, Count>({ max: MAX_COUNTED });

  constructor(now: () => number) {
    this.now = now;
  }

  /** Counts a question as if it would be refused; null = it must not be asked now. */
  charge(user: UserKey, address: string): Charge | null {
    const counts = this.countsOf(user, address);
    const [pair, ofUser, ofAddress] = counts;
    if (pair.count >= PER_USER_AND_ADDRESS || ofUser.count >= PER_USER || ofAddress.count >= PER_ADDRESS)
      return null;
    for (const count of counts) count.count++;
    return counts;
  }

  /** Counts a question that was refused and not charged. */
  note(user: UserKey, address: string): void {
    for (const count of this.countsOf(user, address)) count.count++;
  }

  /** The question was not refused. */
  refund(charge: Charge): void {
    for (const count of charge) count.count--;
  }

  private countsOf(user: UserKey, address: string): readonly [Count, Count, Count] {
    const block = clientBlock(address);
    // Most servers ignore a NetBIOS domain, AD accents: with made-up ones a user would have any number of guesses.
    const name = countedAs(user);
    return [
      this.of(this.pairs, `${name}\0${block}`),
      this.of(this.users, name),
      this.of(this.addresses, block),
    ];
  }

  private of(counts: LRUCache<string, Count>, key: string): Count {
    const now = this.now();
    const known = counts.get(key);
    if (known !== undefined && known.until > now) return known;
    const fresh: Count = { count: 0, until: now + WINDOW_MS };
    counts.set(key, fresh);
    return fresh;
  }
}
