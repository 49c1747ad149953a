// Owns the header Forwarded (RFC 7239): reading the entries of trusted proxies, and writing one. Pure.
// Threat: everything left of our own proxies' entries comes from the client, including quotes and commas. Rule:
// elements are read from the right, one at a time, and a malformed element ends the reading.
import { BYTE_CLASS, DIGIT, NAME_STRICT, NAME_TOKEN, VALUE, equalsIgnoreCase } from '../http/characters.ts';
import { inRanges } from './client-address.ts';
import { parseAddress } from '../ip-address.ts';
import type { AddressRange } from '../ip-address.ts';

/** The client as trusted proxies describe it. */
export interface ForwardedClient {
  readonly address: string;
  /** The addresses from client to peer, in the order of X-Forwarded-For. */
  readonly chain: string;
  /** Scheme and Host of the client's request, unchecked; null = missing. */
  readonly proto: string | null;
  readonly host: string | null;
  /** The walk ended at an element of a trusted proxy that hides the client: the address is that of a proxy. */
  readonly hidden: boolean;
}

/** Most elements read: no real chain has more proxies. */
const MAX_ELEMENTS = 16;
const MAX_PAIRS = 8;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const SEMICOLON = 0x3b;
const EQUALS = 0x3d;
const DOT = 0x2e;
const UNDERSCORE = 0x5f;
const SP = 0x20;
const HTAB = 0x09;

/**
 * Walks Forwarded from the right to the first address that is not a trusted proxy. Scheme and Host come from that
 * element, or from the last one read. `unknown`, an obfuscated name (`_x`) and a missing `for` end the walk.
 */
export function forwardedClient(
  peer: string,
  forwarded: string,
  trusted: readonly AddressRange[],
): ForwardedClient {
  let address = peer;
  let chain = peer;
  let proto: string | null = null;
  let host: string | null = null;
  let end = forwarded.length;
  for (let count = 0; count < MAX_ELEMENTS && end > 0 && inRanges(address, trusted); count++) {
    const start = startOfElement(forwarded, end);
    const element = start === -1 ? null : parseElement(trimmed(forwarded, start, end));
    if (element === null) break;
    ({ proto, host } = element);
    if (element.address === null) break;
    ({ address } = element);
    chain = `${address}, ${chain}`;
    end = start - 1;
  }
  return { address, chain, proto, host, hidden: end >= 0 && inRanges(address, trusted) };
}

/** Start of the last element before `end`: after a comma outside quotes; -1 = an unbalanced quote. */
function startOfElement(text: string, end: number): number {
  for (let at = end - 1; at >= 0; at--) {
    const code = text.charCodeAt(at);
    if (code === COMMA) return at + 1;
    if (code !== QUOTE) continue;
    at = openingQuote(text, at);
    if (at === -1) return -1;
  }
  return 0;
}

/** The opening quote of the string that ends at `closing`; -1 = none. */
function openingQuote(text: string, closing: number): number {
  for (let at = closing - 1; at >= 0; at--) {
    if (text.charCodeAt(at) !== QUOTE) continue;
    let before = at;
    while (before > 0 && text.charCodeAt(before - 1) === BACKSLASH) before--;
    if ((at - before) % 2 === 0) return at;
    at = before;
  }
  return -1;
}

/** Removes white space around commas (RFC 9110 5.6.1). */
function trimmed(text: string, start: number, end: number): string {
  let from = start;
  let to = end;
  while (from < to && isSpace(text.charCodeAt(from))) from++;
  while (to > from && isSpace(text.charCodeAt(to - 1))) to--;
  return text.slice(from, to);
}

function isSpace(code: number): boolean {
  return code === SP || code === HTAB;
}

interface Element {
  /** Null = hidden or missing. */
  address: string | null;
  proto: string | null;
  host: string | null;
}

/** RFC 7239 4: `name=value` pairs separated by semicolons, each name once, no white space; null = malformed. */
function parseElement(text: string): Element | null {
  const element: Element = { address: null, proto: null, host: null };
  const names: string[] = [];
  for (let at = 0; at < text.length;) {
    const equals = endOfToken(text, at);
    if (equals === at || text.charCodeAt(equals) !== EQUALS) return null;
    const name = text.slice(at, equals).toLowerCase();
    if (names.includes(name) || names.push(name) > MAX_PAIRS) return null;
    const quoted = text.charCodeAt(equals + 1) === QUOTE;
    const end = quoted ? endOfQuoted(text, equals + 1) : endOfToken(text, equals + 1);
    if (end <= equals + 1) return null;
    const value = quoted ? unquoted(text, equals + 1, end) : text.slice(equals + 1, end);
    if (name === 'proto') element.proto = value;
    else if (name === 'host') element.host = value;
    else if (name === 'for') {
      const node = parseNode(value);
      if (node === undefined) return null;
      element.address = node;
    }
    if (end < text.length && (text.charCodeAt(end) !== SEMICOLON || end + 1 === text.length)) return null;
    at = end + 1;
  }
  return names.length === 0 ? null : element;
}

function endOfToken(text: string, start: number): number {
  let at = start;
  while (at < text.length && is(text, at, NAME_TOKEN)) at++;
  return at;
}

/** Offset after the closing quote; -1 = missing, or a character that is not allowed there (RFC 9110 5.6.4). */
function endOfQuoted(text: string, start: number): number {
  for (let at = start + 1; at < text.length; at++) {
    if (text.charCodeAt(at) === QUOTE) return at + 1;
    if (text.charCodeAt(at) === BACKSLASH) at++;
    if (!is(text, at, VALUE)) return -1;
  }
  return -1;
}

function unquoted(text: string, start: number, end: number): string {
  let value = '';
  for (let at = start + 1; at < end - 1; at++) {
    if (text.charCodeAt(at) === BACKSLASH) at++;
    value += text.charAt(at);
  }
  return value;
}

function is(text: string, at: number, bits: number): boolean {
  return ((BYTE_CLASS[text.charCodeAt(at)] ?? 0) & bits) !== 0;
}

/** RFC 7239 6: the address of a node; null for a hidden one, undefined for a malformed one. */
function parseNode(text: string): string | null | undefined {
  const bracketed = text.startsWith('[');
  const colon = bracketed ? text.indexOf(']') + 1 : text.indexOf(':');
  if (bracketed && colon === 0) return undefined;
  const name = colon === -1 ? text : text.slice(0, colon);
  const rest = colon === -1 ? '' : text.slice(colon);
  if (rest !== '' && !isPort(rest)) return undefined;
  if (bracketed) {
    const address = name.slice(1, -1);
    return address.includes(':') && parseAddress(address) !== null ? address : undefined;
  }
  if (equalsIgnoreCase(name, 'unknown') || isObfuscated(name)) return null;
  return parseAddress(name) === null ? undefined : name;
}

/** `:` and a number or an obfuscated port. */
function isPort(text: string): boolean {
  const port = text.slice(1);
  if (!text.startsWith(':')) return false;
  if (isObfuscated(port)) return true;
  for (let at = 0; at < port.length; at++) if (!is(port, at, DIGIT)) return false;
  return port.length > 0 && port.length <= 5;
}

/** `_` and letters, digits, `.`, `_`, `-` (RFC 7239 6.3). */
function isObfuscated(text: string): boolean {
  if (text.length < 2 || !text.startsWith('_')) return false;
  for (let at = 1; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code !== DOT && code !== UNDERSCORE && !is(text, at, NAME_STRICT)) return false;
  }
  return true;
}

/** The value of a header that describes the client in its first element. */
export function forwardedValue(chain: string, proto: string, host: string): string {
  const [client = '', ...hops] = chain.split(', ');
  const first = `for=${nodeOf(client)};host="${host}";proto=${proto}`;
  return hops.reduce((value, hop) => `${value}, for=${nodeOf(hop)}`, first);
}

/** IPv6 in quoted brackets; an address with a zone is written as unknown, since it has no meaning on other hosts. */
function nodeOf(address: string): string {
  if (parseAddress(address) === null) return 'unknown';
  return address.includes(':') ? `"[${address}]"` : address;
}
