// Owns the secret that all gateways of one directory share: drawn once, by whichever comes first.
import { randomBytes } from 'node:crypto';

/** Its name in every store. */
export const SHARED_SECRET = 'gateways';

/** 32 random bytes in hex. */
export function newSecret(): string {
  return randomBytes(32).toString('hex');
}
