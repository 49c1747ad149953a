// Owns the client address of a request: the peer, or what trusted proxies wrote in X-Forwarded-For. Pure.
import { contains, parseAddress } from '../ip-address.ts';
import type { AddressRange } from '../ip-address.ts';

/** Whether `text` is an address in one of the ranges. */
export function inRanges(text: string, ranges: readonly AddressRange[]): boolean {
  const address = parseAddress(text);
  if (address === null) return false;
  for (const range of ranges) if (contains(range, address)) return true;
  return false;
}

/**
 * Walks X-Forwarded-For from the right, the side that our own proxies wrote, to the first address that is not a trusted
 * proxy. An entry that is no address ends the walk: everything left of it is untrusted. Returns the trusted addresses
 * in header order, from client to peer.
 */
export function clientChain(peer: string, forwardedFor: string, trusted: readonly AddressRange[]): string {
  let client = peer;
  let chain = peer;
  const entries = forwardedFor.split(',');
  for (let index = entries.length - 1; index >= 0 && inRanges(client, trusted); index--) {
    const entry = (entries[index] as string).trim();
    if (parseAddress(entry) === null) break;
    client = entry;
    chain = `${entry}, ${chain}`;
  }
  return chain;
}

/** Whether {@link clientChain} stopped at an entry of a trusted proxy that hides the client (`unknown`, a name). */
export function isHidden(chain: string, forwardedFor: string, trusted: readonly AddressRange[]): boolean {
  const read = chain.split(',').length - 1;
  return read < forwardedFor.split(',').length && inRanges(firstOf(chain), trusted);
}

/** The client's address in a chain. */
export function firstOf(chain: string): string {
  const comma = chain.indexOf(',');
  return comma === -1 ? chain : chain.slice(0, comma);
}

/**
 * The unit for limits per client: an IPv4 address, or the /64 of an IPv6 address, because one host usually has a whole
 * /64 (RFC 6177 2).
 */
export function clientBlock(address: string): string {
  if (!address.includes(':')) return address;
  const words = parseAddress(address);
  if (words === null) return address;
  return words.length === 1 ? hex(words[0]) : hex(words[0]) + hex(words[1]);
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, '0');
}
