// Owns the secret that all gateways of one directory share: the first gateway generates it.
import { randomBytes } from 'node:crypto';

/** Its name in every store. */
export const SHARED_SECRET = 'gateways';

/** 32 random bytes in hex. */
export function newSecret(): string {
  return randomBytes(32).toString('hex');
}
