// Owns the check of a signed webhook: HMAC-SHA-256 (RFC 2104) over the body as it came, with the time and the id of the delivery where
// the sender signs them. Pure, but for node:crypto.
// Threat: a delivery that somebody invented, changed, or recorded and sends again.
import { createHmac, timingSafeEqual } from 'node:crypto';

/** How a sender signs. */
export interface SignatureSettings {
  /** The header with the signature; several, separated by spaces, are tried one by one. */
  readonly header: string;
  /** In front of the signature, as `sha256=`. */
  readonly prefix: string;
  readonly encoding: 'hex' | 'base64';
  /** What is signed: `{body}`, with `{timestamp}` and `{id}` where the sender signs them too. */
  readonly content: string;
  /** The header with the time; null = none. */
  readonly timestampHeader: string | null;
  /** The header with the id of the delivery; null = none. */
  readonly idHeader: string | null;
  /** How far the signed time may be from now, milliseconds. */
  readonly windowMs: number;
}

/** Reads one header; undefined = it is missing or repeated. */
export type HeaderReader = (name: string) => string | undefined;

/** The parts of a delivery that are in its headers. */
export interface SignedHead {
  readonly signatures: readonly Buffer[];
  readonly timestamp: string;
  /** Milliseconds since the epoch; null = the sender signs no time in a header. */
  readonly signedAt: number | null;
  /** null = the sender names none. */
  readonly id: string | null;
}

/** Signatures in one header: one for each key of a rotation. */
const MAX_SIGNATURES = 8;
const MAX_ID = 200;
const SHA256_BYTES = 32;
/** Times in seconds are below it, in milliseconds above: the year 5138 and the year 1973. */
const SECONDS_BELOW = 1e11;

/** Why the head of a delivery is refused. */
export type HeadRefusal = 'signature' | 'time';

/** Reads the head, before any of the body is. `now`: milliseconds since the epoch. */
export function readSignedHead(
  settings: SignatureSettings,
  header: HeaderReader,
  now: number,
): SignedHead | HeadRefusal {
  const signatures = signaturesIn(settings, header(settings.header) ?? '');
  if (signatures.length === 0) return 'signature';
  const id = settings.idHeader === null ? null : (header(settings.idHeader) ?? '');
  if (id !== null && (id === '' || id.length > MAX_ID)) return 'signature';
  if (settings.timestampHeader === null) return { signatures, timestamp: '', signedAt: null, id };
  const timestamp = header(settings.timestampHeader) ?? '';
  const signedAt = signedTime(timestamp);
  if (signedAt === null || !isWithin(signedAt, settings.windowMs, now)) return 'time';
  return { signatures, timestamp, signedAt, id };
}

/** Whether one of the keys made one of the signatures. All are compared, each in constant time. */
export function isSigned(
  { content }: SignatureSettings,
  keys: readonly Buffer[],
  { signatures, timestamp, id }: SignedHead,
  body: Buffer,
): boolean {
  const [before = '', after = ''] = content.split('{body}');
  // A function, so that `$&` in a header is no pattern of the replacement.
  const fill = (text: string): string =>
    text.replaceAll(/\{(timestamp|id)\}/g, (_match, name: string) =>
      name === 'id' ? (id ?? '') : timestamp,
    );
  let isGood = false;
  for (const key of keys) {
    const expected = createHmac('sha256', key).update(fill(before)).update(body).update(fill(after)).digest();
    for (const signature of signatures) if (timingSafeEqual(signature, expected)) isGood = true;
  }
  return isGood;
}

/** Whether a signed time is recent. */
export function isWithin(signedAt: number, windowMs: number, now: number): boolean {
  return Math.abs(now - signedAt) <= windowMs;
}

/** The bytes of a secret: text, or base64 behind `whsec_` (https://www.standardwebhooks.com). */
export function keyOf(secret: string): Buffer {
  return secret.startsWith('whsec_') ? Buffer.from(secret.slice(6), 'base64') : Buffer.from(secret, 'utf8');
}

function signaturesIn({ prefix, encoding }: SignatureSettings, value: string): Buffer[] {
  const form = encoding === 'hex' ? /^[0-9a-f]{64}$/i : /^[A-Za-z0-9+/_-]{43}=?$/;
  return value
    .split(/[ \t]+/, MAX_SIGNATURES)
    .filter((text) => text.startsWith(prefix) && form.test(text.slice(prefix.length)))
    .map((text) => Buffer.from(text.slice(prefix.length), encoding))
    .filter(({ length }) => length === SHA256_BYTES);
}

/** Seconds or milliseconds since the epoch, or ISO 8601 with its zone; null = neither. */
export function signedTime(text: string): number | null {
  if (/^\d{9,14}$/.test(text)) {
    const number = Number(text);
    return number < SECONDS_BELOW ? number * 1_000 : number;
  }
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)$/.test(text)) return null;
  const at = Date.parse(text);
  return Number.isNaN(at) ? null : at;
}
