// Owns addresses and address blocks, and the client address of a request: the peer, or what trusted proxies wrote in
// X-Forwarded-For. Pure.

/** An address block, as bytes. */
export interface AddressRange {
  readonly bytes: Uint8Array;
  readonly bits: number;
}

/** Parses `192.0.2.0/24`, `2001:db8::/32` or a single address; throws on anything else (start-up only). */
export function parseRange(text: string): AddressRange {
  const [address = '', prefix] = text.split('/');
  const bytes = parseAddress(address);
  if (bytes === null) throw new Error(`not an IP address or block: ${text}`);
  const bits = prefix === undefined ? bytes.length * 8 : Number(prefix);
  if (!Number.isInteger(bits) || bits < 0 || bits > bytes.length * 8)
    throw new Error(`not an IP block: ${text}`);
  return { bytes, bits };
}

/** Whether `address` lies in one of the blocks. */
export function inRanges(address: string, ranges: readonly AddressRange[]): boolean {
  const bytes = parseAddress(address);
  return bytes !== null && ranges.some((range) => contains(range, bytes));
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
  const bytes = parseAddress(address);
  return bytes === null
    ? address
    : Buffer.from(bytes.length === 16 ? bytes.subarray(0, 8) : bytes).toString('hex');
}

function contains(range: AddressRange, bytes: Uint8Array): boolean {
  if (range.bytes.length !== bytes.length) return false;
  for (let bit = 0; bit < range.bits; bit += 8) {
    const mask = range.bits - bit >= 8 ? 0xff : (0xff << (8 - (range.bits - bit))) & 0xff;
    if (((range.bytes[bit >> 3] as number) & mask) !== ((bytes[bit >> 3] as number) & mask)) return false;
  }
  return true;
}

/** Bytes of an IPv4 or IPv6 address; an IPv4-mapped one counts as IPv4. */
export function parseAddress(text: string): Uint8Array | null {
  if (text.length > 45) return null;
  if (!text.includes(':')) return parseIpv4(text);
  const bytes = parseIpv6(text);
  if (bytes === null) return null;
  const mapped =
    bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  return mapped ? bytes.slice(12) : bytes;
}

function parseIpv4(text: string): Uint8Array | null {
  const parts = text.split('.');
  if (parts.length !== 4) return null;
  const bytes = new Uint8Array(4);
  for (const [index, part] of parts.entries()) {
    if (!/^(0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return null;
    bytes[index] = Number(part);
  }
  return bytes;
}

function parseIpv6(text: string): Uint8Array | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const left = groups(halves[0] ?? '');
  const right = halves.length === 2 ? groups(halves[1] ?? '') : [];
  if (left === null || right === null) return null;
  const missing = 8 - left.length - right.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  const all = [...left, ...Array.from({ length: missing }, () => 0), ...right];
  const bytes = new Uint8Array(16);
  for (const [index, group] of all.entries()) {
    bytes[index * 2] = group >> 8;
    bytes[index * 2 + 1] = group & 0xff;
  }
  return bytes;
}

function groups(text: string): number[] | null {
  if (text === '') return [];
  const out: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (part.includes('.')) {
      const ipv4 = index === parts.length - 1 ? parseIpv4(part) : null;
      if (ipv4 === null) return null;
      out.push(
        ((ipv4[0] as number) << 8) | (ipv4[1] as number),
        ((ipv4[2] as number) << 8) | (ipv4[3] as number),
      );
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return null;
      out.push(Number.parseInt(part, 16));
    }
  }
  return out.length > 8 ? null : out;
}
