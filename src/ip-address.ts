// Owns IP addresses and ranges of them (CIDR) as packed numbers: IPv4 is one, IPv6 four of 32 bits. Pure.

/** An address; an IPv4-mapped IPv6 one is IPv4. */
export type Address = readonly [number] | readonly [number, number, number, number];

/** All addresses with one prefix: a CIDR block. */
export interface AddressRange {
  readonly address: Address;
  /** Length of the prefix. */
  readonly bits: number;
  /** Bits behind the prefix are set: most likely a typing error. */
  readonly loose: boolean;
}

/** Reads an address; null = none. */
export function parseAddress(text: string): Address | null {
  if (text.length > 45) return null;
  if (!text.includes(':')) {
    const packed = parseIpv4(text);
    return packed === null ? null : [packed];
  }
  const words = parseIpv6(text);
  if (words === null) return null;
  return words[0] === 0 && words[1] === 0 && words[2] === 0xffff ? [words[3]] : words;
}

/** Reads `192.0.2.0/24`, `2001:db8::/32` or an address by itself; null = none. */
export function parseRange(text: string): AddressRange | null {
  const slash = text.indexOf('/');
  const written = slash === -1 ? text : text.slice(0, slash);
  const address = parseAddress(written);
  if (address === null) return null;
  const most = address.length * 32;
  if (slash === -1) return { address, bits: most, loose: false };
  const prefix = text.slice(slash + 1);
  if (!/^[0-9]{1,3}$/.test(prefix)) return null;
  // The prefix of an IPv4-mapped block counts from the start of the IPv6 address (RFC 4291 2.5.5.2).
  const bits = Number(prefix) - (address.length === 1 && written.includes(':') ? 96 : 0);
  if (bits < 0 || bits > most) return null;
  const loose = address.some((word, index) => (word & ~maskOf(bits - index * 32)) !== 0);
  return { address, bits, loose };
}

/** Reads a range that the configuration checked before. Throws on anything else. */
export function addressRange(text: string): AddressRange {
  const range = parseRange(text);
  if (range === null) throw new Error(`not an IP address or range: ${text}`);
  return range;
}

/** Whether an address lies in a range. */
export function contains({ address: prefix, bits }: AddressRange, address: Address): boolean {
  if (prefix.length !== address.length) return false;
  for (let index = 0; index < prefix.length; index++) {
    const differing = (prefix[index] as number) ^ (address[index] as number);
    if ((differing & maskOf(bits - index * 32)) !== 0) return false;
  }
  return true;
}

/** The first `bits` of a word; none for less than 0, all for more than 32. */
export function maskOf(bits: number): number {
  return bits <= 0 ? 0 : bits >= 32 ? -1 : -1 << (32 - bits);
}

function parseIpv4(text: string): number | null {
  const parts = text.split('.');
  if (parts.length !== 4) return null;
  let packed = 0;
  for (const part of parts) {
    // No leading zeros: they are octal elsewhere (RFC 6943 3.1.1).
    if (!/^(?:0|[1-9][0-9]{0,2})$/.test(part) || Number(part) > 255) return null;
    packed = packed * 256 + Number(part);
  }
  return packed | 0;
}

function parseIpv6(text: string): [number, number, number, number] | null {
  const halves = text.split('::');
  if (halves.length > 2) return null;
  const left = groupsOf(halves[0] ?? '', halves.length === 1);
  const right = halves.length === 2 ? groupsOf(halves[1] ?? '', true) : [];
  if (left === null || right === null) return null;
  const missing = 8 - left.length - right.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return null;
  const all = [...left, ...Array.from({ length: missing }, () => 0), ...right];
  const word = (index: number): number => ((all[index * 2] ?? 0) << 16) | (all[index * 2 + 1] ?? 0);
  return [word(0), word(1), word(2), word(3)];
}

function groupsOf(text: string, last: boolean): number[] | null {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [index, part] of parts.entries()) {
    if (part.includes('.')) {
      const packed = last && index === parts.length - 1 ? parseIpv4(part) : null;
      if (packed === null) return null;
      groups.push(packed >>> 16, packed & 0xffff);
    } else {
      if (!/^[0-9a-fA-F]{1,4}$/.test(part)) return null;
      groups.push(Number.parseInt(part, 16));
    }
  }
  return groups.length > 8 ? null : groups;
}
