// Owns the recognition of Exchange ActiveSync request targets. Pure; hot path.
import { parseEasQuery } from './query-parser.ts';
import { EMPTY_QUERY } from './query-plain.ts';
import type { EasQuery, QueryErrorCode } from './query.ts';

/** Why a target is not one canonical EAS request. */
export type TargetErrorCode = QueryErrorCode | 'EASGATE_NOT_FOUND';

const PATH = '/microsoft-server-activesync';
const SUFFIX = '/default.eas';

/**
 * Parses the target of an OPTIONS or POST. The path has one spelling in any case, optionally followed by `/` or
 * `/default.eas`. Encoded characters, path parameters and dots are refused: servers and front ends normalise them
 * differently (RFC 3986 6.2.2).
 */
export function parseEasTarget(target: string, options: boolean): EasQuery | TargetErrorCode {
  const question = target.indexOf('?');
  const path = question === -1 ? target : target.slice(0, question);
  if (!isEasPath(path)) return 'EASGATE_NOT_FOUND';
  if (question === -1) return options ? EMPTY_QUERY : 'EASGATE_QUERY_MALFORMED';
  return parseEasQuery(target.slice(question + 1), options);
}

/** Whether a target (without its query) is the one path of EAS. */
export function isEasPath(path: string): boolean {
  switch (path.length) {
    case PATH.length:
      // toLowerCase maps a few letters outside ASCII to ASCII. A parsed target is ASCII, so the comparison is exact.
      return path.toLowerCase() === PATH;
    case PATH.length + 1:
      return path.toLowerCase() === PATH + '/';
    case PATH.length + SUFFIX.length:
      return path.toLowerCase() === PATH + SUFFIX;
    default:
      return false;
  }
}
