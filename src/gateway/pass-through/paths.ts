// Owns which request targets may take the pass-through lane. Pure.
// Threat: a path that this lane takes for something else and the mail server takes for Exchange ActiveSync goes round
// the gate. Rule: one spelling per path; whatever a server might normalise, decode or trim is refused, never repaired.
import { decodeText } from '../../eas/percent.ts';

/** One path the operator opened. */
export interface PassThroughPath {
  /** Begins with `/`, as clients send it: compared octet by octet, without the query. */
  readonly path: string;
  /** `prefix` covers the path itself and everything below it at a `/` boundary. */
  readonly match: 'exact' | 'prefix';
  /** Whether `Upgrade: websocket` is let through here. */
  readonly upgrade: boolean;
}

/** Why a target does not go on. */
export type PathErrorCode = 'EASGATE_BAD_PATH' | 'EASGATE_NOT_FOUND';

/** The listed path that covers `target`, or why none does. */
export function matchPath(
  target: string,
  paths: readonly PassThroughPath[],
): PassThroughPath | PathErrorCode {
  const question = target.indexOf('?');
  const path = question === -1 ? target : target.slice(0, question);
  if (target.includes('#') || !isCanonical(path)) return 'EASGATE_BAD_PATH';
  // Horde's rpc.php serves Exchange ActiveSync when the name stands anywhere in the URI (eas-protocol facts, 1.4).
  if (question !== -1 && names(target.slice(question + 1), [EAS_PATH_NAME])) return 'EASGATE_BAD_PATH';
  return paths.find((listed) => covers(listed, path)) ?? 'EASGATE_NOT_FOUND';
}

const MAX_DECODINGS = 3;

/** Whether an address or a part of one names Exchange ActiveSync or Autodiscover, as it is or behind escapes. */
export function namesMail(address: string): boolean {
  return names(address, [...EAS_NAMES, 'autodiscover']);
}

/** Whether one of `wanted` (lower case) stands in `text`, as it is or behind escapes. */
function names(text: string, wanted: readonly string[]): boolean {
  let read = text;
  for (let round = 0; round <= MAX_DECODINGS; round++) {
    const lower = read.toLowerCase();
    if (wanted.some((name) => lower.includes(name))) return true;
    const decoded = read.replace(/%([0-9a-f]{2})/gi, (_escape, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
    if (decoded === read) return false;
    read = decoded;
  }
  return false;
}

function covers({ path: listed, match }: PassThroughPath, path: string): boolean {
  if (path === listed) return true;
  return match === 'prefix' && path.startsWith(listed.endsWith('/') ? listed : listed + '/');
}

/**
 * `//`, `\`, `;` (path parameters), segments that end in a dot (`.`, `..`, and names Windows trims), and `:/`, which
 * http-proxy 1.18.1 rewrites (`http:/` becomes `http://` in its common.urlJoin).
 */
const AMBIGUOUS = /\/\/|[\\;]|\.(?:\/|$)|:\//;

/**
 * Escapes that say what needs no escape (RFC 3986 6.2.2.2: letters, digits, `-._~`), that hide a separator
 * (`/ \ ; ? #`), that would be decoded twice (`%25`), or that stand for a control character.
 */
const DISGUISE = /%(?:[01][0-9a-f]|2[35def]|3[0-9bf]|4[1-9a-f]|5[0-9acf]|6[1-9a-f]|7[0-9aef])/i;

/** What names Exchange ActiveSync, below any prefix: SOGo serves it at `/SOGo/Microsoft-Server-ActiveSync`. */
const EAS_PATH_NAME = 'microsoft-server-activesync';
const EAS_NAMES = [EAS_PATH_NAME, 'default.eas'];

function isCanonical(path: string): boolean {
  if (!path.startsWith('/') || AMBIGUOUS.test(path) || DISGUISE.test(path)) return false;
  const decoded = decode(path);
  if (decoded === null) return false;
  // Windows maps look-alikes beyond ASCII (full-width letters, a long s, soft hyphens) onto ASCII ("best fit").
  const folded = fold(decoded);
  return !AMBIGUOUS.test(folded) && !EAS_NAMES.some((name) => folded.includes(name));
}

/** The text behind the escapes; null when one is malformed or they are not UTF-8 (so also overlong forms). */
function decode(path: string): string | null {
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return null;
  }
  return decodeText(Buffer.from(decoded, 'utf8'));
}

/** ASCII look-alikes as ASCII, lower case. */
function fold(text: string): string {
  return text
    .normalize('NFKD')
    .replace(/[\p{M}\p{Cf}\s]/gu, '')
    .replace(/[\p{Pd}\u2212]/gu, '-')
    .replace(/[\u2044\u2215]/gu, '/')
    .replace(/[\u2216]/gu, '\\')
    .toUpperCase()
    .toLowerCase();
}
