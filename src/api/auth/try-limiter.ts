// Owns limits on tries: after so many within a window further ones get 429, until the window since the first of them is over. Usually
// wrong secrets of one address: five in ten minutes.
import { parseAddress } from '../../ip-address.ts';

const MAX_TRIES = 5;
const WINDOW_MS = 600_000;
/** Addresses that are remembered; beyond them the oldest is forgotten. */
const MAX_ADDRESSES = 10_000;

interface Tries {
  count: number;
  readonly since: number;
}

/** Tries by address, or by another name. Times: milliseconds since the epoch. */
export class TryLimiter {
  private readonly most: number;
  private readonly windowMs: number;
  private readonly tries = new Map<string, Tries>();

  constructor(most = MAX_TRIES, windowMs = WINDOW_MS) {
    this.most = most;
    this.windowMs = windowMs;
  }

  /** How long the address must wait, milliseconds; 0 = not at all. */
  waitOf(address: string, now: number): number {
    const known = this.current(prefixOf(address), now);
    return known === null || known.count < this.most ? 0 : Math.max(0, known.since + this.windowMs - now);
  }

  /** Counts a try. Returns the number, with this one. */
  count(address: string, now: number): number {
    const prefix = prefixOf(address);
    const known = this.current(prefix, now);
    if (known !== null) {
      known.count += 1;
      return known.count;
    }
    const [oldest] = this.tries.keys();
    if (this.tries.size >= MAX_ADDRESSES && oldest !== undefined) this.tries.delete(oldest);
    this.tries.set(prefix, { count: 1, since: now });
    return 1;
  }

  /** Null = no try within the window. Tries "in the future" count as none: the clock was set back. */
  private current(address: string, now: number): Tries | null {
    const known = this.tries.get(address);
    if (known === undefined) return null;
    if (now - known.since < this.windowMs && now >= known.since) return known;
    this.tries.delete(address);
    return null;
  }
}

/** One host has a whole /64 of IPv6 (RFC 4291 2.5.4): its addresses count as one. */
export function prefixOf(address: string): string {
  const words = parseAddress(address);
  if (words === null || words.length === 1) return words === null ? address : `4:${words[0]}`;
  return `6:${words[0]}:${words[1]}`;
}
