// Owns which Host values name exactly one host. Pure; hot path.
// Threat: `mail:evil`, `a]b` or `mail..example` is one host to the check of publicHosts and another to the mail server.
import { BYTE_CLASS, DIGIT, NAME_STRICT } from './characters.ts';

const MAX_HOST = 255;
const MAX_PORT_DIGITS = 5;
const COLON = 0x3a;
const DOT = 0x2e;
const OPEN = 0x5b;
const CLOSE = 0x5d;

/** RFC 3986 3.2.2: labels of letters, digits and hyphens, IPv4, or bracketed IPv6; optional port; nothing encoded. */
export function isHost(host: string): boolean {
  const { length } = host;
  if (length === 0 || length > MAX_HOST) return false;
  let at = host.charCodeAt(0) === OPEN ? endOfIpv6(host) : endOfName(host);
  if (at === -1 || at === length) return at === length;
  if (host.charCodeAt(at) !== COLON) return false;
  const portStart = ++at;
  while (at < length && ((BYTE_CLASS[host.charCodeAt(at)] ?? 0) & DIGIT) !== 0) at++;
  return at === length && at > portStart && at - portStart <= MAX_PORT_DIGITS;
}

/** Offset after the labels; -1 when a label is empty. A trailing dot (the root) is allowed. */
function endOfName(host: string): number {
  let at = 0;
  let labelStart = 0;
  for (; at < host.length; at++) {
    const code = host.charCodeAt(at);
    if (code === DOT) {
      if (at === labelStart) return -1;
      labelStart = at + 1;
    } else if (((BYTE_CLASS[code] ?? 0) & NAME_STRICT) === 0) {
      break;
    }
  }
  return at === 0 ? -1 : at;
}

/** Offset after `]`; -1 when the text before it is not an address. */
function endOfIpv6(host: string): number {
  let colons = 0;
  for (let at = 1; at < host.length; at++) {
    const code = host.charCodeAt(at);
    const folded = code | 0x20;
    if (code === CLOSE) return colons >= 2 ? at + 1 : -1;
    if (code === COLON) colons++;
    else if (code !== DOT && !(code >= 0x30 && code <= 0x39) && !(folded >= 0x61 && folded <= 0x66))
      return -1;
  }
  return -1;
}

/**
 * Whether `host` (a Host header, with or without port) is one of the lower-case `publicHosts`. A dot at the end of a name
 * changes nothing (RFC 3986 3.2.2); clients keep that of an SRV record.
 */
export function isPublicHost(host: string, publicHosts: readonly string[]): boolean {
  const colon = host.lastIndexOf(':');
  const bracket = host.lastIndexOf(']');
  const name = (colon > bracket ? host.slice(0, colon) : host).toLowerCase();
  return publicHosts.includes(name) || (name.endsWith('.') && publicHosts.includes(name.slice(0, -1)));
}
