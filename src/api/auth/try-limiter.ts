// Owns the limit on wrong secrets: after five in ten minutes an address gets 429 for further ones, until ten minutes after the first.
import { parseAddress } from '../../ip-address.ts';

const MAX_TRIES = 5;
const WINDOW_MS = 600_000;
/** Addresses that are remembered; beyond them the oldest is forgotten. */
const MAX_ADDRESSES = 10_000;

interface Tries {
  count: number;
  readonly since: number;
}

/** Wrong tries by address. Times: milliseconds since the epoch. */
export class TryLimiter {
  private readonly tries = new Map<string, Tries>();

  /** How long the address must wait, milliseconds; 0 = not at all. */
  waitOf(address: string, now: number): number {
    const known = this.current(prefixOf(address), now);
    return known === null || known.count < MAX_TRIES ? 0 : Math.max(0, known.since + WINDOW_MS - now);
  }

  /** The number of tries, with this one. */
  failed(address: string, now: number): number {
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
    if (now - known.since < WINDOW_MS && now >= known.since) return known;
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
