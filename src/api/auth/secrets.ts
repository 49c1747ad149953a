// Owns the secrets of tokens, sessions and set-up links: 256 random bits each, of which only the SHA-256 is stored. A slow hash is
// for secrets that people choose; these cannot be guessed.
import { createHash, randomBytes } from 'node:crypto';

/** What a secret is for, which one can see from its beginning (scanners find leaked ones by it). */
export type SecretKind = 'token' | 'session' | 'setUp';

const BEGINNINGS: Readonly<Record<SecretKind, string>> = {
  token: 'easgate_t_',
  session: 'easgate_s_',
  setUp: 'easgate_u_',
};
const BYTES = 32;
const LONGEST = 200;

/** A new secret. */
export function newSecret(kind: SecretKind): string {
  return BEGINNINGS[kind] + randomBytes(BYTES).toString('base64url');
}

/** A random id for a token or a session. */
export function newId(): string {
  return randomBytes(9).toString('base64url');
}

/** What is stored of a secret; null = the text is none of this kind. */
export function hashOf(kind: SecretKind, secret: string): string | null {
  if (secret.length > LONGEST || !secret.startsWith(BEGINNINGS[kind])) return null;
  return createHash('sha256').update(secret).digest('hex');
}
