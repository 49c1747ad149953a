// Owns signing in and out.
import { call } from './call.ts';
import { ApiError } from './problem.ts';
import { signedIn } from './signed-in.ts';
import type { Session } from './signed-in.ts';
import { forgetAnswers } from './use-query.ts';

/** Asks whether this browser has a session. Throws ApiError when nothing answers. */
export async function readSession(): Promise<void> {
  try {
    signedIn.set(await call('showSession'));
  } catch (error) {
    if (error instanceof ApiError && error.status === 401) return;
    throw error;
  }
}

/** With a token, or with the secret of the set-up link. Throws ApiError. */
export async function signIn(
  body: { readonly token: string } | { readonly setUp: string },
): Promise<Session> {
  const session = await call('signIn', { body });
  forgetAnswers();
  return session;
}

/** The session is over here, whatever the gateway answers. */
export async function signOut(): Promise<void> {
  try {
    await call('signOut');
  } catch {
    // Without an answer, the session ends by itself.
  }
  forgetAnswers();
  signedIn.set('out');
}
