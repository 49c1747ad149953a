// Owns reading the query of a request in either form. Pure; hot path.
import { base64Parameters, parseBase64 } from './query-base64.ts';
import { parsePlain, plainParameters } from './query-plain.ts';
import { isAlphanumeric } from './query.ts';
import type { EasQuery, QueryErrorCode } from './query.ts';

/** Longest accepted query, in octets. */
const MAX_QUERY = 2048;

/** Parses the text behind `?`. `options` = the method is OPTIONS: command and device may be missing. */
export function parseEasQuery(query: string, options: boolean): EasQuery | QueryErrorCode {
  if (query.length > MAX_QUERY) return 'EASGATE_QUERY_TOO_LONG';
  return looksLikeBase64(query) ? parseBase64(query, options) : parsePlain(query, options);
}

/**
 * Whether a text is base64: only that alphabet, and at most two `=` at the end. Such a text is never read as plain, where every
 * `=` is followed by a value.
 */
function looksLikeBase64(query: string): boolean {
  const length = query.length;
  if (length === 0 || length % 4 !== 0) return false;
  let end = length;
  if (query.charCodeAt(end - 1) === 0x3d) end--;
  if (query.charCodeAt(end - 1) === 0x3d) end--;
  for (let index = 0; index < end; index++) {
    const code = query.charCodeAt(index);
    if (!isAlphanumeric(code) && code !== 0x2b && code !== 0x2f) return false;
  }
  return true;
}

/** The parameters besides command and device, by name; for people and logs, not for the hot path. */
export function queryParameters({ form, canonical }: EasQuery): Record<string, string | number | boolean> {
  return form === 'base64' ? base64Parameters(canonical) : plainParameters(canonical);
}
