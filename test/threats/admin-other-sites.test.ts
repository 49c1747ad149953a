// Owns the promises against pages of other sites in the browser of an admin: DNS rebinding (Host), forged requests (CSRF; Fetch 3.2,
// Fetch Metadata 2.3), cookies that others set (cookie tossing; RFC 6265bis 5.6, 8.6), sessions that others began.
import { describe, expect, it } from 'vitest';
import { onlyCookie } from '../../src/api/auth/guard.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { openTestApi } from '../support/servers/test-api.ts';
import type { TestApi } from '../support/servers/test-api.ts';

checkLeaks();

const SESSION = '/api/v1/session';
const DECISION = '/api/v1/devices/PHONE1/decision';

const statusOf = (answer: string): number => Number(answer.slice(9, 12));

/** Signs in as a browser does; the pair of the cookie. */
async function signIn(api: TestApi, headers: Record<string, string> = {}): Promise<string> {
  const { status, headers: got } = await api.send(null, SESSION, {
    method: 'POST',
    body: { token: api.token('admin') },
    headers: { origin: api.url, ...headers },
  });
  expect(status).toBe(200);
  return got.get('set-cookie')?.split(';', 1)[0] ?? '';
}

describe('Host (DNS rebinding)', () => {
  const ask = (api: TestApi, host: string, target = SESSION, version = '1.1'): Promise<string> =>
    api.raw(
      `GET ${target} HTTP/${version}\r\n${host}Authorization: Bearer ${api.token('viewer')}\r\nConnection: close\r\n\r\n`,
    );

  it.each([
    ['another name', 'Host: evil.example\r\n', 421],
    ['a name that begins like ours', 'Host: localhost.evil.example\r\n', 421],
    ['a trailing dot', 'Host: localhost.\r\n', 421],
    ['user information', 'Host: localhost@evil.example\r\n', 421],
    ['a port that is none', 'Host: localhost:evil\r\n', 421],
    ['an empty name', 'Host: \r\n', 421],
    ['another loopback address', 'Host: 127.0.0.2\r\n', 421],
    ['a short form of an address', 'Host: 127.1\r\n', 421],
    ['another form of IPv6', 'Host: [0:0:0:0:0:0:0:1]\r\n', 421],
    ['two of them', 'Host: localhost\r\nHost: evil.example\r\n', 400],
    ['none', '', 400],
    ['our name', 'Host: localhost\r\n', 200],
    ['our name in capitals', 'Host: LOCALHOST:8781\r\n', 200],
    ['our address', 'Host: 127.0.0.1:1\r\n', 200],
    ['our IPv6 address', 'Host: [::1]:8781\r\n', 200],
  ])('%s', async (_name, host, status) => {
    const api = await openTestApi();
    expect(statusOf(await ask(api, host))).toBe(status);
  });

  it('is needed with HTTP/1.0 too', async () => {
    const api = await openTestApi();
    expect(statusOf(await ask(api, '', SESSION, '1.0'))).toBe(421);
  });

  it('cannot be replaced by the authority of the target (RFC 9112 3.2.2)', async () => {
    const api = await openTestApi();
    const target = `http://evil.example${SESSION}`;
    expect(statusOf(await ask(api, 'Host: localhost\r\n', target))).toBe(400);
  });

  it('is looked at for files and for unknown paths as well', async () => {
    const api = await openTestApi();
    for (const path of ['/', '/assets/x.js', '/api/docs', '/api/v1/openapi.json', '/api/v1/none'])
      expect([path, statusOf(await ask(api, 'Host: evil.example\r\n', path))]).toEqual([path, 421]);
  });
});

describe('a request of another site', () => {
  const change = { method: 'PUT', body: { action: 'block' } };

  it.each([
    ['no Origin', {}],
    ['null', { origin: 'null' }],
    ['another port', { origin: 'http://127.0.0.1:1' }],
    ['another scheme', { origin: 'https://HOST' }],
    ['another name of this host', { origin: 'http://localhost:PORT' }],
    ['a name that begins like ours', { origin: 'http://HOST.evil.example' }],
    ['another site', { origin: 'https://evil.example' }],
  ])('cannot change anything with the cookie: %s', async (_name, { origin }: { origin?: string }) => {
    const api = await openTestApi();
    const cookie = await signIn(api);
    const { host, port } = new URL(api.url);
    const sent = origin?.replace('HOST', host).replace('PORT', port);
    const headers = { cookie, ...(sent !== undefined && { origin: sent }) };
    const { status, json } = await api.send(null, DECISION, { ...change, headers });
    expect({ status, json }).toMatchObject({ status: 403, json: { code: 'EASGATE_API_ORIGIN' } });
    expect(api.audited.map(({ operation }) => operation)).toEqual(['sign_in']);
  });

  it('changes with the own Origin', async () => {
    const api = await openTestApi();
    const headers = { cookie: await signIn(api), origin: api.url };
    expect((await api.send(null, DECISION, { ...change, headers })).status).toBe(200);
  });

  it.each(['cross-site', 'same-site'])('cannot read with the cookie: %s', async (site) => {
    const api = await openTestApi();
    const headers = { cookie: await signIn(api), 'sec-fetch-site': site };
    expect((await api.send(null, SESSION, { headers })).status).toBe(403);
  });

  it.each(['same-origin', 'none'])('reads with the cookie: %s', async (site) => {
    const api = await openTestApi();
    const headers = { cookie: await signIn(api), 'sec-fetch-site': site };
    expect((await api.send(null, SESSION, { headers })).status).toBe(200);
  });

  it('cannot sign somebody in as the attacker', async () => {
    const api = await openTestApi();
    const body = { token: api.token('viewer') };
    for (const headers of [{}, { origin: 'null' }, { origin: 'https://evil.example' }])
      expect((await api.send(null, SESSION, { method: 'POST', body, headers })).status).toBe(403);
  });

  it('gets no permission of CORS', async () => {
    const api = await openTestApi();
    const headers = { origin: 'https://evil.example', 'access-control-request-method': 'PUT' };
    const { status, headers: got } = await api.send(null, DECISION, { method: 'OPTIONS', headers });
    expect(status).toBe(404);
    expect(got.get('access-control-allow-origin')).toBeNull();
    expect(got.get('cross-origin-resource-policy')).toBe('same-origin');
  });

  it.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data; boundary=x', ''])(
    'cannot send JSON as %j, which needs no permission',
    async (type) => {
      const api = await openTestApi();
      const body = JSON.stringify({ action: 'block' });
      const answer = await api.raw(
        `PUT ${DECISION} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${api.token('operator')}\r\n` +
          `${type === '' ? '' : `Content-Type: ${type}\r\n`}Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`,
      );
      expect(statusOf(answer)).toBe(415);
    },
  );

  it('cannot name another method in a header or the query', async () => {
    const api = await openTestApi();
    const headers = { 'x-http-method-override': 'DELETE', 'x-method-override': 'DELETE' };
    const { status } = await api.send('admin', `${DECISION}?_method=DELETE`, {
      method: 'POST',
      body: {},
      headers,
    });
    expect(status).toBe(404);
    expect(api.audited).toEqual([]);
  });
});

describe('a cookie that somebody else set', () => {
  it('beside the own one makes both invalid', async () => {
    const api = await openTestApi();
    const [own, other] = [await signIn(api), await signIn(api)];
    for (const cookie of [`${own}; ${other}`, `${other}; ${own}`, `${own}; ${own.split('=')[0]}=`])
      expect((await api.send(null, SESSION, { headers: { cookie } })).status).toBe(401);
    expect((await api.send(null, SESSION, { headers: { cookie: `a=b; ${own}; c=d` } })).status).toBe(200);
  });

  it('is not the protected one by a white space in front of its name', () => {
    expect(onlyCookie('\u00a0__Host-easgate=evil', '__Host-easgate')).toBeNull();
    expect(onlyCookie('\v__Host-easgate=evil; __Host-easgate=own', '__Host-easgate')).toBe('own');
    expect(onlyCookie('=__Host-easgate=evil', '__Host-easgate')).toBeNull();
    expect(onlyCookie('__host-easgate=evil', '__Host-easgate')).toBeNull();
  });

  it('never becomes the session that is signed in to (session fixation)', async () => {
    const api = await openTestApi();
    const attackers = await signIn(api);
    const own = await signIn(api, { cookie: attackers });
    expect(own).not.toBe(attackers);
    expect((await api.send(null, SESSION, { headers: { cookie: attackers } })).status).toBe(401);
  });

  it('is out of reach of scripts and of other sites', async () => {
    const publicUrl = 'https://easgate.example.com';
    const api = await openTestApi({ admin: { publicUrl } });
    const { headers } = await api.send(null, SESSION, {
      method: 'POST',
      body: { token: api.token('admin') },
      headers: { origin: publicUrl, host: 'easgate.example.com' },
    });
    expect(headers.get('set-cookie')).toMatch(
      /^__Host-easgate=easgate_s_[\w-]{43}; Path=\/; HttpOnly; Secure; SameSite=Strict$/,
    );
  });
});
