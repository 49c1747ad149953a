// Owns the table of who may do what: every operation that has a route, with every role, and with every end of a token or session.
import { describe, expect, it } from 'vitest';
import { OPERATIONS, ROLES } from '../../src/api/contract/paths.ts';
import type { OperationName, Role } from '../../src/api/contract/paths.ts';
import { hasRole } from '../../src/api/auth/principal.ts';
import { SignIn } from '../../src/api/auth/sign-in.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { makeToken } from '../support/servers/make-token.ts';
import { openTestApi } from '../support/servers/test-api.ts';
import type { TestApi } from '../support/servers/test-api.ts';

checkLeaks();

type Operation = (typeof OPERATIONS)[OperationName];

const urlOf = ({ path }: Operation): string => `/api/v1${path.replaceAll(/\{(\w+)\}/g, ':$1')}`;

/** Each with a body that no operation takes: whoever is let in gets another answer than 401 and 403, and nothing is changed. */
async function ask(
  api: TestApi,
  { method, path }: Operation,
  headers: Readonly<Record<string, string>>,
): Promise<number> {
  const target = `/api/v1${path.replaceAll(/\{\w+\}/g, '~')}?no-such-field=1`;
  const origin = `Origin: ${api.url}\r\n`;
  const fields = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const answer = await api.raw(
    `${method} ${target} HTTP/1.1\r\nHost: ${new URL(api.url).host}\r\n${origin}${fields.join('')}` +
      `Content-Type: application/json\r\nContent-Length: 2\r\nConnection: close\r\n\r\n[]`,
    // A stream goes on.
    '\r\n\r\n',
  );
  return Number(answer.slice(9, 12));
}

/** What each kind of caller sends. */
async function callers(
  api: TestApi,
): Promise<Record<string, { headers: Record<string, string>; role: Role | null }>> {
  const now = Date.now();
  const bearer = (token: string): Record<string, string> => ({ Authorization: `Bearer ${token}` });
  const made = (expiresAt: number | null): { id: string; secret: string } => {
    const { token, secret } = makeToken(
      api.admin,
      { name: 'ended', role: 'admin', createdBy: 'test', expiresAt },
      now,
    );
    return { id: token.id, secret };
  };
  const signIn = new SignIn(api.admin, { idleMs: 3_600_000, longestMs: 7_200_000 }, () => undefined);
  const session = async (
    token: string,
    at: number,
  ): Promise<{ id: string; cookie: Record<string, string> }> => {
    const started = await signIn.withToken(token, '192.0.2.1', at);
    return {
      id: started?.principal.session ?? '',
      cookie: { Cookie: `easgate=${started?.secret ?? 'none'}` },
    };
  };
  const revoked = made(null);
  const ended = await session(api.token('admin'), now);
  const ofRevoked = await session(revoked.secret, now);
  api.admin.removeToken(revoked.id);
  api.admin.removeSession(ended.id);
  return {
    nobody: { headers: {}, role: null },
    'a token that expired': { headers: bearer(made(now - 1).secret), role: null },
    'a token that was revoked': { headers: bearer(revoked.secret), role: null },
    'a token that never was': { headers: bearer('easgate_t_guess'), role: null },
    'a session that was ended': { headers: ended.cookie, role: null },
    'a session of a revoked token': { headers: ofRevoked.cookie, role: null },
    'a session that was idle': {
      headers: (await session(api.token('admin'), now - 3_700_000)).cookie,
      role: null,
    },
    'a session beyond its end': {
      headers: (await session(api.token('admin'), now - 7_200_001)).cookie,
      role: null,
    },
    'the secret of a session as a token': {
      headers: bearer((await session(api.token('admin'), now)).cookie['Cookie']?.slice(8) ?? ''),
      role: null,
    },
    'a token as a session': { headers: { Cookie: `easgate=${api.token('admin')}` }, role: null },
    ...Object.fromEntries(ROLES.map((role) => [role, { headers: bearer(api.token(role)), role }])),
    ...Object.fromEntries(
      await Promise.all(
        ROLES.map(async (role) => [
          `${role} by session`,
          { headers: (await session(api.token(role), now)).cookie, role },
        ]),
      ),
    ),
  };
}

/** 401, 403, or `let in`. */
function wanted(operation: Operation, role: Role | null, sends: Record<string, string>): string {
  if (role !== null) return operation.role === null || hasRole(role, operation.role) ? 'let in' : '403';
  // A wrong token is refused where none is needed, too: whoever sends it means to be somebody.
  return operation.role === null && sends['Authorization'] === undefined ? 'let in' : '401';
}

const names = Object.keys(OPERATIONS) as OperationName[];

describe.each(names)('%s', (name) => {
  const operation = OPERATIONS[name];

  it(`is for ${operation.role ?? 'everybody'}`, async () => {
    const api = await openTestApi({ admin: { requestsPerMinute: 10_000 } });
    const hasRoute = api.hasRoute(operation.method, urlOf(operation));
    for (const [who, { headers, role }] of Object.entries(await callers(api))) {
      const status = await ask(api, operation, headers);
      const outcome = status === 401 || status === 403 || status === 429 ? String(status) : 'let in';
      // The sixth wrong secret of an address gets 429 in place of 401.
      const expected = hasRoute ? wanted(operation, role, headers) : 'let in';
      expect([who, outcome === '429' ? '401' : outcome]).toEqual([who, expected]);
      if (!hasRoute) expect([who, status]).toEqual([who, 404]);
    }
    expect(api.audited.filter((change) => !change.operation.startsWith('sign_'))).toEqual([]);
  });
});
