// Owns the user key: who a request says it is, read from Authorization before any server has verified it. Pure; hot path.
import { decodeText } from '../eas/percent.ts';
import type { UserKey } from './keys.ts';

/** Why an Authorization header was refused. */
export type UserErrorCode = 'EASGATE_AUTHORIZATION' | 'EASGATE_USER_NAME';

/** Whether `result` is an error; keys are lower-case, so no user name can look like a code. */
export function isUserError(result: string): result is UserErrorCode {
  return result === 'EASGATE_AUTHORIZATION' || result === 'EASGATE_USER_NAME';
}

/** No credentials that name a user here: none at all, or a scheme (NTLM, Negotiate) that names one only later. */
export const NO_USER = 'none';

const MAX_AUTHORIZATION = 12 * 1024;
const MAX_USER = 256;

/**
 * The user of an Authorization value. Basic: the name before the first `:`, after the last `\`, lower-cased, UPN kept with
 * its domain. Bearer: the text claim `bearerClaim` of the token's payload; the mail server verifies the token.
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
    // An empty Bearer asks for the challenge (hybrid modern authentication).
    if (space === -1) return NO_USER;
    return bearerUser(value.slice(space + 1), bearerClaim);
  }
  return NO_USER;
}

function basicUser(value: string, space: number): UserKey | UserErrorCode {
  let start = space;
  // RFC 9110 11.4 allows more than one space; mail servers accept it too.
  while (value.charCodeAt(start) === 0x20) start++;
  const encoded = value.slice(start);
  const bytes = Buffer.from(encoded, 'base64');
  // Decoders differ on anything but canonical base64, so one text per value.
  if (bytes.length === 0 || !isCanonical(encoded, bytes)) return 'EASGATE_AUTHORIZATION';
  const colon = bytes.indexOf(0x3a);
  if (colon <= 0) return 'EASGATE_AUTHORIZATION';
  return userKey(asciiOrText(bytes, colon));
}

function isCanonical(encoded: string, bytes: Buffer): boolean {
  return bytes.toString('base64') === encoded;
}

function asciiOrText(bytes: Buffer, end: number): string | null {
  for (let index = 0; index < end; index++) {
    const byte = bytes[index] as number;
    if (byte < 0x20 || byte === 0x7f) return null;
    if (byte > 0x7f) return decodeText(bytes.subarray(0, end));
  }
  return bytes.toString('latin1', 0, end);
}

/** The canonical key of a login name in any of its spellings; an error for names that mean more than one user. */
export function userKey(name: string | null): UserKey | UserErrorCode {
  if (name === null || name.length > MAX_USER) return 'EASGATE_USER_NAME';
  const slash = name.lastIndexOf('\\');
  const local = slash === -1 ? name : name.slice(slash + 1);
  if (local === '' || local.trim() !== local) return 'EASGATE_USER_NAME';
  // Z-Push reads `victim#me`, grommunio `me!victim` as impersonation.
  if (name.includes('#') || name.includes('!')) return 'EASGATE_USER_NAME';
  return local.toLowerCase() as UserKey;
}

function bearerUser(token: string, claim: string): UserKey | UserErrorCode {
  const first = token.indexOf('.');
  const second = token.indexOf('.', first + 1);
  if (first <= 0 || second === -1) return 'EASGATE_AUTHORIZATION';
  let payload: unknown;
  try {
    payload = JSON.parse(Buffer.from(token.slice(first + 1, second), 'base64url').toString('utf8'));
  } catch {
    return 'EASGATE_AUTHORIZATION';
  }
  if (typeof payload !== 'object' || payload === null) return 'EASGATE_AUTHORIZATION';
  const name: unknown = Object.getOwnPropertyDescriptor(payload, claim)?.value;
  return typeof name === 'string' ? userKey(name) : 'EASGATE_AUTHORIZATION';
}
