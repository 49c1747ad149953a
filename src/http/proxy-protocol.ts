// Owns the PROXY protocol, versions 1 and 2 (haproxy doc/proxy-protocol.txt): reading a header and writing one. Pure.
// Threat: if the gateway and a proxy read a header differently, a phone gets the address of another one. Rule: only
// exact headers are accepted.

/** A parsed header. `source` is null for LOCAL and UNKNOWN: the connection has no client besides its sender. */
export interface ProxyHeader {
  readonly source: string | null;
  readonly sourcePort: number;
  /** The client used TLS to the proxy (PP2_TYPE_SSL with PP2_CLIENT_SSL; section 2.2.6). */
  readonly secure: boolean;
  /** Offset of the first byte after the header. */
  readonly end: number;
}

/** Section 2.1: 107 bytes with the line end. */
const MAX_V1 = 107;
const V1 = Buffer.from('PROXY ', 'latin1');
/** Section 2.2. */
const V2 = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const V2_FIXED = 16;
/** Longest address and TLV part of version 2. Proxies in front of phones send less. */
const MAX_V2_REST = 536;
/** The TLV about TLS: its type, its flag for "the client used TLS", and its fixed bytes before nested TLVs. */
const PP2_TYPE_SSL = 0x20;
const PP2_CLIENT_SSL = 0x01;
const SSL_FIXED = 5;

/** Reads the header at the beginning of a connection; null = more bytes needed. */
export function parseProxyHeader(
  bytes: Buffer,
  limit: number,
): ProxyHeader | null | 'EASGATE_PROXY_PROTOCOL' {
  const seen = bytes.subarray(0, limit);
  if (startsLike(seen, V1)) return parseV1(seen);
  if (startsLike(seen, V2)) return parseV2(seen);
  return 'EASGATE_PROXY_PROTOCOL';
}

function startsLike(bytes: Buffer, signature: Buffer): boolean {
  const length = Math.min(bytes.length, signature.length);
  return bytes.subarray(0, length).equals(signature.subarray(0, length));
}

function parseV1(bytes: Buffer): ProxyHeader | null | 'EASGATE_PROXY_PROTOCOL' {
  const lineEnd = bytes.subarray(0, MAX_V1).indexOf('\r\n', 0, 'latin1');
  if (lineEnd === -1) return bytes.length >= MAX_V1 ? 'EASGATE_PROXY_PROTOCOL' : null;
  const end = lineEnd + 2;
  const line = bytes.toString('latin1', 0, lineEnd);
  const [, family = '', source = '', destination = '', sourcePort = '', destinationPort = '', ...more] =
    line.split(' ');
  // Everything after UNKNOWN must be ignored (section 2.1).
  if (family === 'UNKNOWN') return nobody(end);
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6 : null;
  const good =
    isAddress !== null &&
    more.length === 0 &&
    isAddress(source) &&
    isAddress(destination) &&
    isPort(sourcePort) &&
    isPort(destinationPort);
  return good
    ? {
        // One spelling per address: limits and address blocks compare texts.
        source: family === 'TCP6' ? ipv6Text(addressBytes(source), 0) : source,
        sourcePort: Number(sourcePort),
        secure: false,
        end,
      }
    : 'EASGATE_PROXY_PROTOCOL';
}

function isPort(text: string): boolean {
  return /^(0|[1-9]\d{0,4})$/.test(text) && Number(text) <= 65_535;
}

function isIPv4(text: string): boolean {
  const parts = text.split('.');
  return parts.length === 4 && parts.every((part) => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255);
}

function isIPv6(text: string): boolean {
  return /^[0-9A-Fa-f:.]{2,45}$/.test(text) && text.includes(':') && URL.canParse(`http://[${text}]/`);
}

function parseV2(bytes: Buffer): ProxyHeader | null | 'EASGATE_PROXY_PROTOCOL' {
  if (bytes.length < V2_FIXED) return null;
  const version = bytes[12] as number;
  const family = bytes[13] as number;
  const rest = bytes.readUInt16BE(14);
  if (version >> 4 !== 2 || rest > MAX_V2_REST) return 'EASGATE_PROXY_PROTOCOL';
  const end = V2_FIXED + rest;
  if (bytes.length < end) return null;
  const command = version & 0xf;
  // LOCAL: addresses must be ignored (section 2.2).
  if (command === 0) return nobody(end);
  if (command !== 1) return 'EASGATE_PROXY_PROTOCOL';
  if (family === 0) return nobody(end);
  const addresses = family === 0x11 ? 12 : family === 0x21 ? 36 : Infinity;
  const tlvs = V2_FIXED + addresses;
  if (rest < addresses || !tlvsFit(bytes, tlvs, end)) return 'EASGATE_PROXY_PROTOCOL';
  const secure = cameOverTls(bytes, tlvs, end);
  if (secure === null) return 'EASGATE_PROXY_PROTOCOL';
  const source =
    family === 0x11 ? [...bytes.subarray(V2_FIXED, V2_FIXED + 4)].join('.') : ipv6Text(bytes, V2_FIXED);
  return { source, sourcePort: bytes.readUInt16BE(tlvs - 4), secure, end };
}

/** A header without addresses (LOCAL, UNKNOWN). */
function nobody(end: number): ProxyHeader {
  return { source: null, sourcePort: 0, secure: false, end };
}

/** Reads the TLS flag; null when the TLV is malformed or repeated. */
function cameOverTls(bytes: Buffer, from: number, end: number): boolean | null {
  let secure: boolean | null = null;
  let length = 0;
  for (let at = from; at < end; at += 3 + length) {
    length = bytes.readUInt16BE(at + 1);
    if (bytes[at] !== PP2_TYPE_SSL) continue;
    const value = at + 3;
    if (secure !== null || length < SSL_FIXED) return null;
    if (!tlvsFit(bytes, value + SSL_FIXED, value + length)) return null;
    secure = ((bytes[value] as number) & PP2_CLIENT_SSL) !== 0;
  }
  return secure ?? false;
}

/** Whether the TLVs (section 2.2.7: type, length, value) fill the header exactly. */
function tlvsFit(bytes: Buffer, from: number, end: number): boolean {
  let at = from;
  while (at < end) {
    if (at + 3 > end) return false;
    at += 3 + bytes.readUInt16BE(at + 1);
  }
  return at === end;
}

/** The text form of 16 bytes (RFC 5952), as URL gives it; IPv4-mapped ones as IPv4. */
function ipv6Text(bytes: Buffer, at: number): string {
  if (bytes.subarray(at, at + 10).every((byte) => byte === 0) && bytes.readUInt16BE(at + 10) === 0xffff)
    return [...bytes.subarray(at + 12, at + 16)].join('.');
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(at + index * 2).toString(16));
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
}

function groups(text: string): number[] {
  return text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16));
}

/** Writes a version 2 header. Without two addresses of one family it writes UNKNOWN. */
export function proxyHeader(
  version: 1 | 2,
  source: string,
  sourcePort: number,
  destination: string,
  destinationPort: number,
): Buffer {
  const from = mapped(source);
  const to = mapped(destination);
  const family = isIPv4(from) && isIPv4(to) ? 4 : isIPv6(from) && isIPv6(to) ? 6 : 0;
  if (version === 1) {
    const line =
      family === 0
        ? 'PROXY UNKNOWN\r\n'
        : `PROXY TCP${family} ${from} ${to} ${sourcePort} ${destinationPort}\r\n`;
    return Buffer.from(line, 'latin1');
  }
  if (family === 0) return Buffer.concat([V2, Buffer.from([0x20, 0, 0, 0])]);
  const addresses = Buffer.concat([addressBytes(from), addressBytes(to)]);
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(sourcePort, 0);
  ports.writeUInt16BE(destinationPort, 2);
  const size = Buffer.from([0x21, family === 4 ? 0x11 : 0x21, 0, addresses.length + 4]);
  return Buffer.concat([V2, size, addresses, ports]);
}

function mapped(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice(7) : address;
}

function addressBytes(address: string): Buffer {
  if (isIPv4(address)) return Buffer.from(address.split('.').map(Number));
  const [head = '', tail = ''] = new URL(`http://[${address}]/`).hostname.slice(1, -1).split('::');
  const front = groups(head);
  const back = groups(tail);
  const all = [...front, ...Array<number>(8 - front.length - back.length).fill(0), ...back];
  const bytes = Buffer.alloc(16);
  for (const [index, group] of all.entries()) bytes.writeUInt16BE(group, index * 2);
  return bytes;
}
