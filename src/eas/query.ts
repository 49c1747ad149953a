// Owns what a query says, in whichever form it came (MS-ASHTTP 2.2.1.1.1), and the characters of queries. Pure; hot path.
// Threat: mail servers read odd queries in different ways (first or last duplicate, case of names, encoded names).
// Rule: only the spelling that all of them read alike is accepted; everything else is an error.
import type { CommandInfo } from './commands.ts';

/** Why a query was refused. */
export type QueryErrorCode =
  | 'EASGATE_QUERY_TOO_LONG'
  | 'EASGATE_QUERY_MALFORMED'
  | 'EASGATE_QUERY_NAME'
  | 'EASGATE_QUERY_DUPLICATE'
  | 'EASGATE_QUERY_COMMAND'
  | 'EASGATE_QUERY_DEVICE_ID'
  | 'EASGATE_QUERY_DEVICE_TYPE'
  | 'EASGATE_QUERY_VALUE'
  | 'EASGATE_QUERY_BASE64';

/** Longest device type. */
export const MAX_DEVICE_TYPE = 64;

/** A query that was fully understood. */
export interface EasQuery {
  readonly form: 'plain' | 'base64';
  readonly command: CommandInfo | null;
  /** Canonical device id: lower-case text, or lower-case hex of 16 raw bytes; null only for OPTIONS without one. */
  readonly device: string | null;
  readonly deviceType: string;
  /** First byte of a base64 query; 0 in plain form. */
  readonly versionByte: number;
  /** Policy key of a base64 query; null when it has none, and in plain form. */
  readonly policyKey: number | null;
  /** LCID of a base64 query; 0 in plain form. */
  readonly locale: number;
  /** The decoded `User`, with `+` read as a plus; a claim, not an identity. */
  readonly userClaim: string | null;
  /** The decoded `User` with `+` read as a space, as in form encoding; null when the value has no unencoded `+`. */
  readonly formClaim: string | null;
  /** The query to send upstream. */
  readonly canonical: string;
  /** Number of parameters left out of {@link canonical}: unknown names, unassigned tags, and `Cmd` of OPTIONS. */
  readonly dropped: number;
}

/**
 * Classes of query characters. `VALUE`: VCHAR without the characters that delimit a value or are read in different
 * ways.
 */
const ALPHANUMERIC = 1;
export const VALUE = 2;
export const PERCENT = 4;
export const PLUS = 8;
export const EQUALS_SIGN = 16;
export const SEMICOLON = 32;
const CLASSES = buildClasses();

function buildClasses(): Uint8Array {
  const classes = new Uint8Array(256);
  for (let code = 0x21; code < 0x7f; code++) {
    const character = String.fromCharCode(code);
    // No second `?` (SOGo starts at the last one), no fragment.
    let bits = '&?#'.includes(character) ? 0 : VALUE;
    if (/[A-Za-z0-9]/.test(character)) bits |= ALPHANUMERIC;
    if (character === '%') bits |= PERCENT;
    if (character === '+') bits |= PLUS;
    if (character === '=') bits |= EQUALS_SIGN;
    if (character === ';') bits |= SEMICOLON;
    classes[code] = bits;
  }
  return classes;
}

/** Characters beyond Latin-1 cannot come off the wire; they have no class. */
export function classOf(code: number): number {
  return code < 256 ? (CLASSES[code] as number) : 0;
}

/** A letter or digit of ASCII. */
export function isAlphanumeric(code: number): boolean {
  return (classOf(code) & ALPHANUMERIC) !== 0;
}
