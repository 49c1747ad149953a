// Owns reading the Connection header of a request (RFC 9110 7.6.1). Pure; hot path.
import type { HttpErrorCode } from '../errors/request-errors.ts';
import { BYTE_CLASS, NAME_STRICT } from './characters.ts';

const MAX_OPTIONS = 16;

/**
 * Connection must not name these: dropping them would change the sender or the meaning of a request (RFC 9110 7.6.1).
 */
const CRITICAL = ['host', 'authorization', 'cookie', 'user-agent', 'accept'];

/** Adds the lower-case options of one Connection line to `tokens`, without keep-alive. Returns the error, if any. */
export function readConnection(value: string, tokens: string[]): HttpErrorCode | null {
  if (value === 'keep-alive' || value === 'Keep-Alive') return null;
  for (const part of value.split(',')) {
    const token = part.trim().toLowerCase();
    if (token === '' || token === 'keep-alive') continue;
    if (tokens.length >= MAX_OPTIONS) return 'EASGATE_BAD_CONNECTION';
    for (let index = 0; index < token.length; index++) {
      if (((BYTE_CLASS[token.charCodeAt(index)] ?? 0) & NAME_STRICT) === 0) return 'EASGATE_BAD_CONNECTION';
    }
    const critical =
      token.startsWith('content-') ||
      token.startsWith('x-ms-') ||
      token.startsWith('ms-') ||
      CRITICAL.includes(token);
    if (critical) return 'EASGATE_BAD_CONNECTION';
    tokens.push(token);
  }
  return null;
}
