// Owns the user key of a request, read from Authorization before a server has verified it. Pure; hot path.
import { decodeClientText } from '../eas/percent.ts';
import { BYTE_CLASS, NAME_STRICT } from '../http/characters.ts';
import type { UserKey } from './keys.ts';

/** Why an Authorization header was refused. */
export type UserErrorCode = 'EASGATE_AUTHORIZATION' | 'EASGATE_USER_NAME';

/** Whether `result` is an error; keys are lower-case, so no user name can look like a code. */
export function isUserError(result: string): result is UserErrorCode {
  return result === 'EASGATE_AUTHORIZATION' || result === 'EASGATE_USER_NAME';
}

/** The request names no user: no credentials, or a scheme (NTLM, Negotiate) that names the user in a later leg. */
export const NO_USER = 'none';

const MAX_AUTHORIZATION = 12 * 1024;
const MAX_USER = 256;
const EQUALS = 0x3d;
const COLON = 0x3a;
const DOT = 0x2e;
const UNDERSCORE = 0x5f;

/**
 * The user of an Authorization value. Basic: the name before the first `:` ({@link userKey}). Bearer: the text claim
 * `bearerClaim` of the token's payload; the mail server verifies the token.
 */
export function userFromAuthorization(
  value: string | null,
  bearerClaim: string,
): UserKey | typeof NO_USER | UserErrorCode {
  if (value === null || value === '') return NO_USER;
  if (value.length > MAX_AUTHORIZATION) return 'EASGATE_AUTHORIZATION';
  const space = value.indexOf(' ');
  const scheme = (space === -1 ? value : value.slice(0, space)).toLowerCase();
  if (scheme === 'basic') return space === -1 ? NO_USER : basicUser(value, space);
  if (scheme === 'bearer') {
    // An empty Bearer requests the challenge (hybrid modern authentication).
    if (space === -1) return NO_USER;
    return bearerUser(value.slice(space + 1), bearerClaim);
  }
  return NO_USER;
}

function basicUser(value: string, space: number): UserKey | UserErrorCode {
  let start = space;
  // RFC 9110 11.4 allows more than one space; mail servers accept it too.
  while (value.charCodeAt(start) === 0x20) start++;
  const name = nameOfBasic(value, start);
  if (name === null) return 'EASGATE_AUTHORIZATION';
  return userKey(name);
}

/** Six-bit values of the base64 alphabet (RFC 4648 4); 64 = not in it. */
const SIX_BITS = buildSixBits();

function buildSixBits(): Uint8Array {
  const values = new Uint8Array(128).fill(64);
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/';
  for (let index = 0; index < alphabet.length; index++) values[alphabet.charCodeAt(index)] = index;
  return values;
}

const name = Buffer.alloc(MAX_AUTHORIZATION);

/**
 * The bytes before the first `:` of canonical, padded base64, as text; null for anything else. Decoders differ on
 * missing padding, foreign characters and unused bits, so only the canonical form is accepted. The password is checked
 * for its alphabet and never decoded.
 */
function nameOfBasic(value: string, start: number): string | null {
  const length = value.length;
  if (length === start || (length - start) % 4 !== 0) return null;
  let end = length;
  if (value.charCodeAt(end - 1) === EQUALS) end--;
  if (value.charCodeAt(end - 1) === EQUALS) end--;
  let bits = 0;
  let held = 0;
  let size = 0;
  let colon = -1;
  let wide = false;
  for (let index = start; index < end; index++) {
    const six = SIX_BITS[value.charCodeAt(index)] ?? 64;
    if (six === 64) return null;
    held = ((held << 6) | six) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    const byte = (held >> bits) & 0xff;
    if (colon !== -1) continue;
    if (byte === COLON) {
      colon = size;
    } else {
      if (byte < 0x20 || byte === 0x7f) return null;
      if (byte > 0x7f) wide = true;
      name[size++] = byte;
    }
  }
  // RFC 4648 3.5: unused bits are zero.
  if ((held & ((1 << bits) - 1)) !== 0 || colon <= 0) return null;
  return wide ? decodeClientText(name.subarray(0, colon)) : name.toString('latin1', 0, colon);
}

/**
 * The key of a login name, lower-cased: `carol`, `contoso\carol` or `carol@contoso.com`. Some phones put a NetBIOS name
 * before a UPN; it is removed. Names that may mean more than one user are an error.
 */
export function userKey(name: string | null): UserKey | UserErrorCode {
  if (name === null || name.length > MAX_USER) return 'EASGATE_USER_NAME';
  const slash = name.lastIndexOf('\\');
  const local = withAtSign(slash === -1 ? name : name.slice(slash + 1));
  if (local === '' || local.trim() !== local || hasControl(name)) return 'EASGATE_USER_NAME';
  // The JSON of a Bearer token can contain a lone surrogate, which no text encoding can represent (RFC 8259 8.2).
  if (!name.isWellFormed()) return 'EASGATE_USER_NAME';
  // Z-Push reads `victim#me` as impersonation, grommunio `me!victim`, and Dovecot `victim*me` (auth_master_user_separator).
  if (name.includes('#') || name.includes('!') || name.includes('*')) return 'EASGATE_USER_NAME';
  // `"victim"@example.com` and `<victim@example.com>` are other spellings of an address (RFC 5322 3.4), `uid=victim,o=x` is one of a user
  // (RFC 4514). Active Directory allows none of these characters in names.
  if (name.includes('"') || name.includes('<') || name.includes('=')) return 'EASGATE_USER_NAME';
  // IIS splits the domain at the first slash of either kind.
  if (slash !== name.indexOf('\\') || name.includes('/')) return 'EASGATE_USER_NAME';
  // A directory compares several spaces as one (RFC 4518 2.6.1).
  if (local.includes('  ')) return 'EASGATE_USER_NAME';
  const before = slash === -1 ? '' : name.slice(0, slash);
  if (before.includes('@') || !hasOneDomain(local)) return 'EASGATE_USER_NAME';
  const domain = local.includes('@') ? '' : before;
  const key = domain === '' ? local : domain + '\\' + local;
  return isAscii(key) ? (key.toLowerCase() as UserKey) : wideKey(key);
}

const SPACE = 0x20;
const PERCENT = 0x25;
const PLUS = 0x2b;
const LAST_ASCII = 0x7f;

/**
 * Hosts of many domains take `carol+example.com` (cPanel) and `carol%example.com` (vpopmail, Courier) for `carol@example.com`. So a name
 * that ends in one of the two and a DNS domain (also one with letters beyond ASCII, RFC 5890), without an `@`, is that address. Other names
 * are returned unchanged.
 */
function withAtSign(local: string): string {
  let dots = 0;
  for (let at = local.length - 1; at > 0; at--) {
    const code = local.charCodeAt(at);
    if ((code === PERCENT || code === PLUS) && dots > 0 && !local.includes('@'))
      return local.slice(0, at) + '@' + local.slice(at + 1);
    if (code === DOT) dots++;
    else if (code <= LAST_ASCII && ((BYTE_CLASS[code] as number) & NAME_STRICT) === 0) return local;
  }
  return local;
}

/**
 * A name with two `@` is ambiguous: Z-Push cuts it at the first and grommunio at the last; some servers end the name at an `@`
 * before the backslash. A domain with a trailing dot (RFC 1034 3.1) is another spelling of the same domain. Where the domain is cut off
 * (Z-Push, SOGo), a space before it ends the name, and a directory ignores it there (RFC 4518 2.6.1).
 */
function hasOneDomain(local: string): boolean {
  const at = local.indexOf('@');
  if (at === -1) return true;
  if (at > 0 && local.charCodeAt(at - 1) === SPACE) return false;
  return at === local.lastIndexOf('@') && !local.endsWith('.') && !local.includes(' ', at);
}

function isAscii(text: string): boolean {
  for (let index = 0; index < text.length; index++) if (text.charCodeAt(index) > 0x7f) return false;
  return true;
}

/** Characters that directories ignore in comparisons (RFC 4518 2.2), such as soft hyphens, joiners, variation selectors. */
const LEFT_OUT = /[\p{Cf}\p{Default_Ignorable_Code_Point}]/u;
/**
 * Accepted characters: no symbols, and beyond the Basic Multilingual Plane only ideographs. Windows ignores unknown characters, such
 * as those of recently encoded scripts, when it compares names. A line separator would end a log line.
 */
const NAME = /^(?:[ -~]|(?=[\0-\uffff]|\p{Script=Han})[\p{L}\p{Nd}\p{M}\p{P}])+$/u;

/**
 * The key of a name with letters beyond ASCII. Directories compare names in their compatibility form (RFC 4518 2.3). A
 * name with wide letters would be unknown to the gateway, but known to the mail server. So such names are refused, and
 * accents are composed.
 */
function wideKey(name: string): UserKey | UserErrorCode {
  const composed = name.normalize('NFC');
  if (!NAME.test(composed) || LEFT_OUT.test(composed)) return 'EASGATE_USER_NAME';
  if (composed.normalize('NFKC') !== composed) return 'EASGATE_USER_NAME';
  return composed.toLowerCase().normalize('NFC') as UserKey;
}

/**
 * Control characters, which Bearer and NTLM can contain: no directory allows them in a name, and terminals obey them.
 */
function hasControl(name: string): boolean {
  for (let index = 0; index < name.length; index++) {
    const code = name.charCodeAt(index);
    if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return true;
  }
  return false;
}

/**
 * Whether a token is base64url and dots only (RFC 7515 7.1). Node ignores other characters when it decodes. After a
 * space or a comma a server could find a second token.
 */
function isOneToken(token: string): boolean {
  for (let index = 0; index < token.length; index++) {
    const code = token.charCodeAt(index);
    if (((BYTE_CLASS[code] ?? 0) & NAME_STRICT) === 0 && code !== DOT && code !== UNDERSCORE) return false;
  }
  return true;
}

/** Throws at bytes that are not UTF-8, and keeps a byte order mark, which JSON must not have (RFC 8259 8.1). */
const UTF8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Reads the user from a JWS, which has three parts (RFC 7515 7.1). Five parts are a JWE (RFC 7516 7.1), whose claims
 * only the server can decrypt. JSON must be UTF-8 (RFC 8259 8.1): decoders replace other bytes in different ways, so
 * two servers could read two names.
 */
function bearerUser(token: string, claim: string): UserKey | UserErrorCode {
  if (!isOneToken(token)) return 'EASGATE_AUTHORIZATION';
  const first = token.indexOf('.');
  const second = token.indexOf('.', first + 1);
  if (first <= 0 || second === -1 || token.includes('.', second + 1)) return 'EASGATE_AUTHORIZATION';
  let payload: unknown;
  try {
    payload = JSON.parse(UTF8.decode(Buffer.from(token.slice(first + 1, second), 'base64url')));
  } catch {
    return 'EASGATE_AUTHORIZATION';
  }
  if (typeof payload !== 'object' || payload === null) return 'EASGATE_AUTHORIZATION';
  const name: unknown = Object.getOwnPropertyDescriptor(payload, claim)?.value;
  return typeof name === 'string' ? userKey(name) : 'EASGATE_AUTHORIZATION';
}
