// Owns the promises against guessed and leaked secrets of the admin API: wrong tries are limited by address in bounded memory, a
// correct secret never waits for those of others, refusals are in the audit, and no secret is taken from, or kept in, places where it leaks.
import { describe, expect, it } from 'vitest';
import { makeSetUp, SET_UP_MS, SignIn } from '../../src/api/auth/sign-in.ts';
import { TryLimiter } from '../../src/api/auth/try-limiter.ts';
import { AdminStore } from '../../src/api/auth/admin-store.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { makeToken } from '../support/servers/make-token.ts';
import { openTestApi } from '../support/servers/test-api.ts';
import type { ApiAnswer, TestApi } from '../support/servers/test-api.ts';

checkLeaks();

const SESSION = '/api/v1/session';
const WINDOW_MS = 600_000;

const signIn = (api: TestApi, body: object): Promise<ApiAnswer> =>
  api.send(null, SESSION, { method: 'POST', body, headers: { origin: api.url } });

describe('wrong secrets', () => {
  it('wait after the fifth of an address, while a correct one is let in at once', async () => {
    const api = await openTestApi();
    const statuses: number[] = [];
    for (let index = 0; index < 7; index++)
      statuses.push((await signIn(api, { token: `easgate_t_guess${index}` })).status);
    expect(statuses).toEqual([401, 401, 401, 401, 401, 429, 429]);
    const refused = await api.send('easgate_t_guess', SESSION);
    expect(refused.status).toBe(429);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect((await signIn(api, { token: api.token('viewer') })).status).toBe(200);
    expect((await api.send('viewer', SESSION)).status).toBe(200);
  });

  it('are in the audit, a bounded number of them, with the address and without the secret', async () => {
    const api = await openTestApi();
    for (let index = 0; index < 12; index++) await api.send('easgate_t_guess', SESSION);
    expect(api.audited).toHaveLength(5);
    expect(api.audited[0]).toMatchObject({ operation: 'sign_in_refused', subject: '127.0.0.1', via: 'api' });
    expect(JSON.stringify(api.audited)).not.toContain('guess');
  });

  it('of many addresses are in the audit at most a hundred times an hour', async () => {
    const api = await openTestApi({ admin: { trustedProxies: ['127.0.0.1'] } });
    for (let index = 0; index < 120; index++)
      await api.send('easgate_t_guess', SESSION, { headers: { 'x-forwarded-for': `192.0.2.${index}` } });
    expect(api.audited).toHaveLength(100);
    expect(api.audited[99]?.comment).toContain('not recorded');
  });

  it('are counted by the address of the connection where no proxy is trusted', async () => {
    const api = await openTestApi();
    let last = 0;
    for (let index = 0; index < 6; index++)
      last = (
        await api.send('easgate_t_guess', SESSION, { headers: { 'x-forwarded-for': `192.0.2.${index}` } })
      ).status;
    expect(last).toBe(429);
  });

  it('are counted for a whole /64 of IPv6 (RFC 4291 2.5.4)', () => {
    const limiter = new TryLimiter();
    for (let index = 0; index < 5; index++) limiter.count(`2001:db8::${index}`, 1_000);
    expect(limiter.waitOf('2001:db8::ffff:1', 1_001)).toBeGreaterThan(0);
    expect(limiter.waitOf('2001:db8:0:1::1', 1_001)).toBe(0);
    for (let index = 0; index < 5; index++) limiter.count('::ffff:192.0.2.1', 1_000);
    expect(limiter.waitOf('192.0.2.1', 1_001)).toBeGreaterThan(0);
  });

  it('end with their window, and with a clock that was set back', () => {
    const limiter = new TryLimiter();
    for (let index = 0; index < 9; index++) limiter.count('192.0.2.1', 1_000 + index);
    expect(limiter.waitOf('192.0.2.1', 1_000 + WINDOW_MS)).toBe(0);
    for (let index = 0; index < 9; index++) limiter.count('192.0.2.1', 2 * WINDOW_MS);
    expect(limiter.waitOf('192.0.2.1', WINDOW_MS)).toBe(0);
  });

  it('are remembered for at most 10,000 addresses', () => {
    const limiter = new TryLimiter();
    for (let index = 0; index < 5; index++) limiter.count('192.0.2.1', 1_000);
    for (let index = 0; index < 10_000; index++) limiter.count(`10.0.${index >> 8}.${index & 255}`, 1_000);
    expect(limiter.waitOf('192.0.2.1', 1_000)).toBe(0);
  });
});

describe('requests of an address', () => {
  it('do not keep a correct sign-in or token waiting', async () => {
    const api = await openTestApi({ admin: { requestsPerMinute: 5 } });
    let last = 0;
    for (let index = 0; index < 6; index++) last = (await api.send(null, '/api/v1/sign-in')).status;
    expect(last).toBe(429);
    expect((await signIn(api, { token: api.token('viewer') })).status).toBe(200);
    expect((await api.send('viewer', SESSION)).status).toBe(200);
  });

  it('of one token do not count for another one of the same name', async () => {
    const api = await openTestApi({ admin: { requestsPerMinute: 3 } });
    const [one, other] = [api.token('viewer'), api.token('viewer')];
    const statuses: number[] = [];
    for (let index = 0; index < 4; index++) statuses.push((await api.send(one, SESSION)).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
    expect((await api.send(other, SESSION)).status).toBe(200);
  });
});

describe('a secret', () => {
  it.each(['access_token', 'token', 'authorization'])('is not taken from the query: %s', async (name) => {
    const api = await openTestApi();
    expect((await api.send(null, `${SESSION}?${name}=${api.token('admin')}`)).status).toBe(401);
  });

  it.each(['Basic', 'Token', 'bearer\t', 'Bearer:', 'Bearer  '])(
    'is not taken with the scheme %j',
    async (scheme) => {
      const api = await openTestApi();
      const headers = { authorization: `${scheme} ${api.token('admin')}` };
      expect((await api.send(null, SESSION, { headers })).status).toBe(401);
    },
  );

  it('of a token is neither in lists nor in the audit, and cannot be fetched again with the Idempotency-Key', async () => {
    const api = await openTestApi();
    const admin = api.token('admin');
    const request = {
      method: 'POST',
      body: { name: 'ci', role: 'viewer' },
      headers: { 'idempotency-key': 'one' },
    };
    const { secret } = (await api.send(admin, '/api/v1/tokens', request)).json as { secret: string };
    const again = await api.send(admin, '/api/v1/tokens', request);
    expect(again.json).toMatchObject({ status: 409, code: 'EASGATE_API_ANSWER_GONE' });
    const { text } = await api.send(admin, '/api/v1/tokens');
    expect(text).toContain('"ci"');
    expect(text + JSON.stringify(api.audited)).not.toContain(secret.slice(12));
  });
});

describe('the set-up link', () => {
  const open = (): { store: AdminStore; signIn: SignIn } => {
    const store = AdminStore.open(':memory:');
    return { store, signIn: new SignIn(store, { idleMs: 60_000, longestMs: 3_600_000 }, () => undefined) };
  };

  it('works once, for 15 minutes, and not after the clock was set back to before it was made', async () => {
    const { store, signIn: who } = open();
    const link = async (at: number): Promise<string> => (await makeSetUp(store, at)) ?? '';
    const old = await link(1_000_000);
    const now = 10_000_000;
    expect(await who.withSetUp(await link(now), 'a', now + SET_UP_MS)).toBeNull();
    expect(await who.withSetUp(await link(now), 'a', now - 120_000)).toBeNull();
    const good = await link(now);
    expect(await who.withSetUp(old, 'a', now)).toBeNull();
    expect((await who.withSetUp(good, 'a', now))?.principal.role).toBe('admin');
    expect(await who.withSetUp(good, 'a', now)).toBeNull();
    store.close();
  });

  it('is of no use once somebody is an admin', async () => {
    const { store, signIn: who } = open();
    const link = (await makeSetUp(store, 1_000)) ?? '';
    makeToken(store, { name: 'a', role: 'admin', createdBy: 'test', expiresAt: null }, 1_000);
    expect(await who.withSetUp(link, 'a', 1_001)).toBeNull();
    expect(await makeSetUp(store, 1_001)).toBeNull();
    store.close();
  });
});

describe('sessions', () => {
  it('of one token push out no session of another one', async () => {
    const api = await openTestApi();
    const who = new SignIn(api.admin, { idleMs: 3_600_000, longestMs: 7_200_000 }, () => undefined);
    const now = Date.now();
    const admins = (await who.withToken(api.token('admin'), 'a', now))?.secret ?? '';
    const viewer = api.token('viewer');
    for (let index = 0; index < 60; index++) await who.withToken(viewer, 'a', now + index * 2_000);
    expect(api.admin.sessions(now)).toHaveLength(51);
    expect(who.session(admins, now + 100)?.role).toBe('admin');
  });

  // Each is an entry in the audit, and could push out those about others (CWE-779).
  it.each([
    ['with one token', (who: SignIn, token: string, now: number) => who.withToken(token, 'a', now)],
    [
      'at the provider',
      (who: SignIn, _: string, now: number) => who.withProvider('r:ada', 'Ada', 'viewer', now),
    ],
  ] as const)('are begun thirty times a minute at most by one person: %s', async (_name, begin) => {
    const store = AdminStore.open(':memory:');
    const who = new SignIn(store, { idleMs: 60_000, longestMs: 3_600_000 }, () => undefined, 'r');
    const token = makeToken(
      store,
      { name: 'a', role: 'viewer', createdBy: 'test', expiresAt: null },
      0,
    ).secret;
    for (let now = 0; now < 30; now++) await begin(who, token, now);
    await expect(begin(who, token, 30)).rejects.toMatchObject({
      code: 'EASGATE_API_TOO_MANY',
      retryAfter: 60,
    });
    expect(await who.withProvider('r:bob', 'Bob', 'viewer', 30)).toMatchObject({
      principal: { name: 'Bob' },
    });
    expect(await begin(who, token, 60_000)).not.toBeNull();
    store.close();
  });

  it('in use do not end as idle', async () => {
    const store = AdminStore.open(':memory:');
    const who = new SignIn(store, { idleMs: 60_000, longestMs: 3_600_000 }, () => undefined);
    const { secret: token } = makeToken(
      store,
      { name: 'a', role: 'viewer', createdBy: 'test', expiresAt: null },
      0,
    );
    const secret = (await who.withToken(token, 'a', 0))?.secret ?? '';
    for (let now = 0; now <= 600_000; now += 50_000) expect(who.session(secret, now)).not.toBeNull();
    expect(who.session(secret, 661_000)).toBeNull();
    store.close();
  });

  it('do not come to life again when the clock is set back', async () => {
    const store = AdminStore.open(':memory:');
    const who = new SignIn(store, { idleMs: 60_000, longestMs: 3_600_000 }, () => undefined);
    const { secret: token } = makeToken(
      store,
      { name: 'a', role: 'viewer', createdBy: 'test', expiresAt: null },
      0,
    );
    const secret = (await who.withToken(token, 'a', 10_000_000))?.secret ?? '';
    expect(who.session(secret, 10_000_000 - 120_000)).toBeNull();
    store.close();
  });
});
