// Owns the check of tokens of deliveries. They are compared by their SHA-256, in constant time.
import { timingSafeEqual } from 'node:crypto';
import { tokenDigest } from '../../config/delivery-credentials.ts';

const MAX_HEADER = 1_024;

/** Whether an Authorization header has one of the tokens: Bearer (RFC 6750 2.1), or Basic with it as the password (RFC 7617 2). */
export function hasToken(tokens: readonly Buffer[], authorization: string | undefined): boolean {
  const given = tokenIn(authorization ?? '');
  if (given === null) return false;
  const digest = tokenDigest(given);
  let isGood = false;
  for (const token of tokens) if (timingSafeEqual(token, digest)) isGood = true;
  return isGood;
}

function tokenIn(authorization: string): string | null {
  if (authorization.length > MAX_HEADER) return null;
  const [, scheme = '', value = ''] = /^([A-Za-z]+) +([A-Za-z0-9._~+/=-]+)$/.exec(authorization) ?? [];
  if (/^bearer$/i.test(scheme)) return value;
  if (!/^basic$/i.test(scheme)) return null;
  const pair = Buffer.from(value, 'base64').toString('utf8');
  const colon = pair.indexOf(':');
  return colon === -1 ? null : pair.slice(colon + 1);
}
