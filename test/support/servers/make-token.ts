// Owns tokens of the admin API for tests, written into the file of one gateway.
import type { AdminStore } from '../../../src/api/auth/admin-store.ts';
import { newToken } from '../../../src/api/auth/sign-in.ts';
import type { MadeToken, TokenRequest } from '../../../src/api/auth/sign-in.ts';

/** Makes a token. @throws ProgramError EASGATE_ADMIN_LIMIT */
export function makeToken(store: AdminStore, request: TokenRequest, now: number): MadeToken {
  const made = newToken(request, now);
  store.addToken(made.token);
  return made;
}
