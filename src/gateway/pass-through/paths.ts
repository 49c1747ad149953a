// Owns the decision which request targets may use the pass-through lane. Pure.
// Threat: a path that the mail server reads as Exchange ActiveSync, but this lane does not, bypasses the gateway. Rule:
// one spelling per path; anything that a server might normalise, decode or trim is refused, never repaired.
import { decodeClientText } from '../../eas/percent.ts';

/** A path that the operator opened. */
export interface PassThroughPath {
  /** Begins with `/`; compared octet by octet, without the query. */
  readonly path: string;
  /** `prefix` covers the path itself and everything below it at a `/` boundary. */
  readonly match: 'exact' | 'prefix';
  /** Whether `Upgrade: websocket` is allowed. */
  readonly upgrade: boolean;
}

/** What is open on the lane. */
export interface OpenPaths {
  readonly paths: readonly PassThroughPath[];
  /** Paths of the mail server that only the gate serves ({@link ownPathsOf}). */
  readonly ownPaths: readonly string[];
}

/** Why a target is refused. */
export type PathErrorCode = 'EASGATE_BAD_PATH' | 'EASGATE_NOT_FOUND';

/** The listed path that covers `target`, or why none does. */
export function matchPath(target: string, { paths, ownPaths }: OpenPaths): PassThroughPath | PathErrorCode {
  const question = target.indexOf('?');
  const path = question === -1 ? target : target.slice(0, question);
  if (target.includes('#') || !isCanonical(path, ownPaths)) return 'EASGATE_BAD_PATH';
  // Horde's rpc.php serves Exchange ActiveSync when its name, or that of Autodiscover, occurs anywhere in the URI.
  if (question !== -1 && names(target.slice(question + 1), [EAS_PATH_NAME, AUTODISCOVER_NAME]))
    return 'EASGATE_BAD_PATH';
  return paths.find((listed) => covers(listed, path)) ?? 'EASGATE_NOT_FOUND';
}

const MAX_DECODINGS = 3;

/** Whether an address, or a part of one, names Exchange ActiveSync or Autodiscover, even encoded. */
export function namesMail(address: string): boolean {
  return names(address, [...EAS_NAMES, 'autodiscover']);
}

/** Whether one of `wanted` (lower case) occurs in `text`, even encoded. */
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
 * Escapes of characters that need none (RFC 3986 6.2.2.2: letters, digits, `-._~`), of separators (`/ \ ; ? #`), of `%`
 * (double decoding), and of control characters.
 */
const DISGUISE = /%(?:[01][0-9a-f]|2[35def]|3[0-9bf]|4[1-9a-f]|5[0-9acf]|6[1-9a-f]|7[0-9aef])/i;

/** The name of Exchange ActiveSync below any prefix: SOGo serves it at `/SOGo/Microsoft-Server-ActiveSync`. */
const EAS_PATH_NAME = 'microsoft-server-activesync';
const EAS_NAMES = [EAS_PATH_NAME, 'default.eas'];
/** Allowed at the beginning of a path, where Autodiscover is served; refused anywhere else. */
const AUTODISCOVER_NAME = 'autodiscover/autodiscover';

function isCanonical(path: string, ownPaths: readonly string[]): boolean {
  if (!path.startsWith('/') || AMBIGUOUS.test(path) || DISGUISE.test(path)) return false;
  const decoded = decode(path);
  if (decoded === null) return false;
  // Windows maps look-alikes beyond ASCII (full-width letters, a long s, soft hyphens) onto ASCII ("best fit").
  const folded = fold(decoded);
  if (AMBIGUOUS.test(folded) || EAS_NAMES.some((name) => folded.includes(name))) return false;
  if (folded.includes(AUTODISCOVER_NAME, 2)) return false;
  return !ownPaths.some((own) => reaches(folded, fold(own).replace(/\/$/, '')));
}

/**
 * Paths that only the gate serves: that of Exchange ActiveSync (`upstream.path`), and those of Autodiscover where the gateway
 * answers it (`autodiscover.path`; null = it does not): the mail server would name its own address.
 */
export function ownPathsOf(easPath: string, autodiscoverPath: string | null): string[] {
  return autodiscoverPath === null ? [easPath] : [easPath, autodiscoverPath, ...AUTODISCOVER_PATHS];
}

/** The paths of Autodiscover at the gateway (src/eas/autodiscover/target.ts). */
const AUTODISCOVER_PATHS = ['/autodiscover/autodiscover.xml', '/autodiscover/autodiscover.json'];

/** The page that a server sends for its folder. */
const INDEX = /(?:index|default)\.[^/]*$/;

/**
 * Whether the mail server may serve the folded path like `own`. nginx (`location`) and Apache (`Alias`, PATH_INFO) match by
 * prefix.
 */
function reaches(folded: string, own: string): boolean {
  if (folded.startsWith(own)) return true;
  const folder = own.replace(INDEX, '');
  return folder !== own && (folded === folder || folded + '/' === folder);
}

/** The decoded text; null when an escape is malformed or the result is not UTF-8 (including overlong forms). */
function decode(path: string): string | null {
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    return null;
  }
  return decodeClientText(Buffer.from(decoded, 'utf8'));
}

/** Maps look-alikes to ASCII, lower case. */
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
