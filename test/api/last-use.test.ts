// Owns the promise that the list of tokens says when each was last used, by a request or by somebody who signed in with it.
import { expect, it } from 'vitest';
import type { AnswerOf } from '../../src/api/contract/operations.ts';
import { SignIn } from '../../src/api/auth/sign-in.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { makeToken } from '../support/servers/make-token.ts';
import { openTestApi } from '../support/servers/test-api.ts';

checkLeaks();

it('a token with which somebody signed in has been used', async () => {
  const api = await openTestApi();
  const now = Date.now();
  const request = { name: 'nora', role: 'viewer', createdBy: 'test', expiresAt: null } as const;
  const { token, secret } = makeToken(api.admin, request, now);
  const lastUse = async (): Promise<string | null | undefined> => {
    const { json } = await api.send('admin', '/api/v1/tokens');
    return (json as AnswerOf<'listTokens'>).rows.find(({ id }) => id === token.id)?.lastUsedAt;
  };
  expect(await lastUse()).toBeNull();
  const signIn = new SignIn(api.admin, { idleMs: 3_600_000, longestMs: 7_200_000 }, () => undefined);
  await signIn.withToken(secret, '192.0.2.1', now);
  expect(Date.parse((await lastUse()) ?? '')).toBe(now);
});
