// Owns reading NTLM and Negotiate credentials: which leg of the handshake a token is, and the user it names. Pure.
// Threat: a token in which the gateway and the server read different users. Rule: only the two plain encodings are
// read, with every length checked, and the caller accepts the one that the server's challenge chose. Any other token is
// forwarded only where the server can at most challenge it.
import type { UserKey } from './keys.ts';
import { isUserError, userKey } from './user.ts';
import type { UserErrorCode } from './user.ts';

/** A leg that names no user: the server can only answer it with a challenge. */
export interface OpeningLeg {
  readonly leg: 'opening';
}

/** The last leg of NTLM: it names the user, whom the server then verifies. */
export interface ClosingLeg {
  readonly leg: 'closing';
  readonly user: UserKey;
  /**
   * Whether the message says that its texts are UTF-16. Servers read them by this flag or by the negotiated one (Samba), so both must
   * agree ({@link challengeUnicode}).
   */
  readonly unicode: boolean;
}

const SIGNATURE = Buffer.from('NTLMSSP\0', 'latin1');
const CHALLENGE = 2;
const AUTHENTICATE = 3;
/** MS-NLMP 2.2.2.5: NTLMSSP_NEGOTIATE_UNICODE. */
const UNICODE = 0x1;
/** MS-NLMP 2.2.1.2 and 2.2.1.3: lengths up to and including NegotiateFlags. */
const CHALLENGE_FIXED = 24;
const AUTHENTICATE_FIXED = 64;
const MAX_TOKEN = 64 * 1024;

/** Whether an Authorization value is of a scheme that authenticates the connection (RFC 4559 6). */
export function isConnectionBound(authorization: string | null): boolean {
  if (authorization === null) return false;
  const scheme = authorization.slice(0, 10).toLowerCase();
  return startsWithScheme(scheme, 'ntlm') || startsWithScheme(scheme, 'negotiate');
}

function startsWithScheme(text: string, scheme: string): boolean {
  return text.startsWith(scheme) && (text.length === scheme.length || text.charAt(scheme.length) === ' ');
}

/**
 * Reads the token of `NTLM …` or `Negotiate …`. A Kerberos token encrypts the user name. It counts as an opening leg:
 * the server may challenge it, and the gateway drops a connection that was authenticated without a name.
 */
export function readLeg(authorization: string): OpeningLeg | ClosingLeg | UserErrorCode {
  const space = authorization.indexOf(' ');
  if (space === -1) return 'EASGATE_AUTHORIZATION';
  const text = authorization.slice(space + 1).trim();
  if (text.length === 0 || text.length > MAX_TOKEN) return 'EASGATE_AUTHORIZATION';
  const token = Buffer.from(text, 'base64');
  // Canonical base64 only: decoders differ on other forms.
  if (token.toString('base64') !== text) return 'EASGATE_AUTHORIZATION';
  const message = token.subarray(0, SIGNATURE.length).equals(SIGNATURE) ? token : responseToken(token);
  if (message === null || message.length < 12 || !message.subarray(0, SIGNATURE.length).equals(SIGNATURE)) {
    return { leg: 'opening' };
  }
  if (message.readUInt32LE(8) !== AUTHENTICATE) return { leg: 'opening' };
  return readAuthenticate(message);
}

const OFFER_LINE = /^www-authenticate:[ \t]*(.*)$/i;
const OFFER = /(?:^|,)[ \t]*(?:ntlm|negotiate)[ \t]+([A-Za-z0-9+/]+={0,2})(?=[ \t]*(?:,|$))/gi;

/**
 * Whether the server's challenge in these header lines chose UTF-16 for the texts of the handshake, and not OEM (MS-NLMP 2.2.1.2); null =
 * there is no challenge, or there are two that contradict each other.
 */
export function challengeUnicode(headerLines: string): boolean | null {
  let chosen: boolean | null = null;
  for (const line of headerLines.split('\r\n')) {
    for (const [, text = ''] of OFFER_LINE.exec(line)?.[1]?.matchAll(OFFER) ?? []) {
      // The server is trusted, so its message is searched for in any wrapping (NTLM, SPNEGO).
      const token = Buffer.from(text, 'base64');
      const at = token.indexOf(SIGNATURE);
      const message = token.subarray(Math.max(0, at));
      if (at === -1 || message.length < CHALLENGE_FIXED || message.readUInt32LE(8) !== CHALLENGE) continue;
      const unicode = (message.readUInt32LE(20) & UNICODE) !== 0;
      if (chosen !== null && chosen !== unicode) return null;
      chosen = unicode;
    }
  }
  return chosen;
}

/** MS-NLMP 2.2.1.3 AUTHENTICATE_MESSAGE: DomainName and UserName. */
function readAuthenticate(message: Buffer): ClosingLeg | UserErrorCode {
  if (message.length < AUTHENTICATE_FIXED) return 'EASGATE_AUTHORIZATION';
  const unicode = (message.readUInt32LE(60) & UNICODE) !== 0;
  const name = field(message, 36, unicode);
  // An empty name is an anonymous logon.
  if (name === null || name === '') return 'EASGATE_AUTHORIZATION';
  if (name.includes('\\') || name.includes('\0')) return 'EASGATE_USER_NAME';
  const domain = field(message, 28, unicode);
  if (domain === null) return 'EASGATE_AUTHORIZATION';
  const user = userKey(domain === '' ? name : `${domain}\\${name}`);
  return isUserError(user) ? user : { leg: 'closing', user, unicode };
}

/** One payload field: length, allocated length, offset (MS-NLMP 2.2.1.3). */
function field(message: Buffer, at: number, unicode: boolean): string | null {
  const length = message.readUInt16LE(at);
  const offset = message.readUInt32LE(at + 4);
  // The offset of an empty field has no meaning.
  if (length === 0) return '';
  if (offset < AUTHENTICATE_FIXED || offset + length > message.length) return null;
  if (unicode && length % 2 !== 0) return null;
  const bytes = message.subarray(offset, offset + length);
  if (unicode) {
    const text = bytes.toString('utf16le');
    return text.isWellFormed() ? text : null;
  }
  // The message does not name its OEM code page, so only characters that are the same in all of them are accepted.
  return bytes.every((byte) => byte >= 0x20 && byte < 0x7f) ? bytes.toString('latin1') : null;
}

const NEG_TOKEN_RESPONSE = 0xa1;
const SEQUENCE = 0x30;
const RESPONSE_TOKEN = 0xa2;
const OCTET_STRING = 0x04;

/** The NTLM message inside a SPNEGO NegTokenResp (RFC 4178 4.2.2); null = none. */
function responseToken(token: Buffer): Buffer | null {
  const outer = element(token, 0);
  if (outer === null || outer.tag !== NEG_TOKEN_RESPONSE || outer.end !== token.length) return null;
  const sequence = element(token, outer.start);
  if (sequence === null || sequence.tag !== SEQUENCE || sequence.end !== outer.end) return null;
  let at = sequence.start;
  let last = 0;
  let found: Buffer | null = null;
  while (at < sequence.end) {
    const part = element(token, at);
    // Fields appear at most once and in order (DER SEQUENCE).
    if (part === null || part.end > sequence.end || part.tag <= last) return null;
    last = part.tag;
    if (part.tag === RESPONSE_TOKEN) {
      const inner = element(token, part.start);
      if (inner === null || inner.tag !== OCTET_STRING || inner.end !== part.end) return null;
      found = token.subarray(inner.start, inner.end);
    }
    at = part.end;
  }
  return found;
}

/** One DER element with a definite, shortest length (X.690 10.1). */
function element(
  bytes: Buffer,
  at: number,
): { readonly tag: number; readonly start: number; readonly end: number } | null {
  const tag = bytes[at];
  const first = bytes[at + 1];
  if (tag === undefined || first === undefined) return null;
  if (first < 0x80) return within(bytes, tag, at + 2, first);
  const octets = first & 0x7f;
  if (octets < 1 || octets > 3 || at + 2 + octets > bytes.length) return null;
  const length = bytes.readUIntBE(at + 2, octets);
  if (length < 0x80 || (octets > 1 && bytes[at + 2] === 0)) return null;
  return within(bytes, tag, at + 2 + octets, length);
}

function within(
  bytes: Buffer,
  tag: number,
  start: number,
  length: number,
): { readonly tag: number; readonly start: number; readonly end: number } | null {
  return start + length <= bytes.length ? { tag, start, end: start + length } : null;
}
