// Owns the promises against hostile requests to the admin API: smuggling (RFC 9112 6), sizes and slowness, paths that are read
// differently, JSON that harms its reader, and answers that say too much or stay in caches.
import { describe, expect, it } from 'vitest';
import { checkLeaks } from '../support/checks/leaks.ts';
import { openTestApi } from '../support/servers/test-api.ts';
import type { TestApi } from '../support/servers/test-api.ts';
import { ProgramError } from '../../src/errors/program-errors.ts';

checkLeaks();

const DEVICES = '/api/v1/devices';
const TOKENS = '/api/v1/tokens';

const statusOf = (answer: string): number => Number(answer.slice(9, 12));

function post(api: TestApi, fields: string, body: string, path = TOKENS): Promise<string> {
  return api.raw(
    `POST ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${api.token('admin')}\r\n` +
      `Content-Type: application/json\r\n${fields}Connection: close\r\n\r\n${body}`,
  );
}

describe('a request that two servers could read differently', () => {
  const BODY = '{"name":"a","role":"viewer"}';
  const CHUNKED = `${BODY.length.toString(16)}\r\n${BODY}\r\n0\r\n\r\n`;

  it.each([
    ['both lengths', `Content-Length: ${BODY.length}\r\nTransfer-Encoding: chunked\r\n`, CHUNKED],
    ['two lengths', `Content-Length: ${BODY.length}\r\nContent-Length: 3\r\n`, BODY],
    ['a list of lengths', `Content-Length: ${BODY.length}, ${BODY.length}\r\n`, BODY],
    ['a signed length', `Content-Length: +${BODY.length}\r\n`, BODY],
    ['a white space before the colon', `Content-Length : ${BODY.length}\r\n`, BODY],
    ['another coding', 'Transfer-Encoding: xchunked\r\n', CHUNKED],
    ['chunked twice', 'Transfer-Encoding: chunked, chunked\r\n', CHUNKED],
    ['chunked, then another coding', 'Transfer-Encoding: chunked, identity\r\n', CHUNKED],
    ['a folded field', 'Transfer-Encoding:\r\n chunked\r\n', CHUNKED],
    ['a bare LF', 'Transfer-Encoding: chunked\nX: y\r\n', CHUNKED],
    ['a NUL', 'X: a\0b\r\n', ''],
  ])('is refused, and nothing behind it is read: %s', async (_name, fields, body) => {
    const api = await openTestApi();
    const answer = await post(api, fields, `${body}GET / HTTP/1.1\r\nHost: localhost\r\n\r\n`);
    expect(statusOf(answer)).toBe(400);
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(api.audited).toEqual([]);
  });

  it.each(['host: evil.example', 'origin: https://evil.example', 'authorization: Bearer x'])(
    'has a field twice: %s',
    async (field) => {
      const api = await openTestApi();
      const answer = await post(api, `Origin: x\r\n${field}\r\n`, '');
      expect(statusOf(answer)).toBe(400);
    },
  );

  it('asks for a tunnel or for another protocol', async () => {
    const api = await openTestApi();
    expect(await api.raw('CONNECT localhost:80 HTTP/1.1\r\nHost: localhost\r\n\r\n')).not.toContain(' 200 ');
    const upgrade = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close, Upgrade\r\nUpgrade: h2c\r\n\r\n';
    expect(await api.raw(upgrade)).not.toContain(' 101 ');
  });
});

describe('sizes', () => {
  it('of heads are bounded', async () => {
    const api = await openTestApi();
    expect(statusOf(await post(api, `X: ${'x'.repeat(20_000)}\r\n`, ''))).toBe(431);
    expect(statusOf(await post(api, 'X: x\r\n'.repeat(4_000), ''))).toBe(431);
  });

  it.each([
    ['announced', 'Content-Length: 9999999\r\n', ''],
    ['in chunks', 'Transfer-Encoding: chunked\r\n', `200000\r\n${' '.repeat(0x200000)}\r\n0\r\n\r\n`],
  ])('of bodies are bounded: %s', async (_name, fields, body) => {
    const api = await openTestApi();
    expect(statusOf(await post(api, fields, body))).toBe(413);
  });

  it('of parameters are bounded', async () => {
    const api = await openTestApi();
    const { status } = await api.send('viewer', `${DEVICES}/${'a'.repeat(5_000)}`);
    expect([400, 404, 414]).toContain(status);
  });
});

describe('JSON', () => {
  it.each([
    ['a key of the prototype', '{"name":"a","role":"viewer","__proto__":{"role":"admin"}}'],
    ['an escaped one', '{"name":"a","role":"viewer","\\u005f_proto__":{}}'],
    ['a constructor', '{"name":"a","role":"viewer","constructor":{"prototype":{"x":1}}}'],
    ['an unknown key', '{"name":"a","role":"viewer","createdBy":"somebody"}'],
    ['a role that is none', '{"name":"a","role":"toString"}'],
    ['a list of roles', '{"name":"a","role":["admin"]}'],
    ['depth', `${'['.repeat(200_000)}${']'.repeat(200_000)}`],
    ['depth in objects', `${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}`],
    ['half a document', '{"name":'],
    ['two documents', '{} {}'],
    ['nothing', ''],
  ])('is refused with a problem: %s', async (_name, body) => {
    const api = await openTestApi();
    const answer = await post(api, `Content-Length: ${body.length}\r\n`, body);
    expect(statusOf(answer)).toBe(400);
    expect(answer).toContain('EASGATE_API_INVALID');
    expect(api.audited).toEqual([]);
  });

  it('may have brackets within its texts', async () => {
    const api = await openTestApi();
    const body = { name: `${'['.repeat(50)}\\"${'{'.repeat(40)}`, role: 'viewer' };
    expect((await api.send('admin', TOKENS, { method: 'POST', body })).status).toBe(201);
  });
});

describe('paths', () => {
  it.each([
    '//api/v1/tokens',
    '/api//v1/tokens',
    '/api/v1//tokens',
    '/./api/v1/tokens',
    '/x/../api/v1/tokens',
    '/api/v1/sign-in/../tokens',
    '/api/v1/sign-in%2f..%2ftokens',
    '/api/v1/sign-in/%2e%2e/tokens',
    '/api/v1/sign-in;/tokens',
    '/API/V1/TOKENS',
    '/api/v1/tokens/',
    '/api/v1/tokens%20',
    '/api/v1/tokens%00',
    '/api/v1/tokens\\',
  ])('that look like an operation are none, and lead to none: %s', async (path) => {
    const api = await openTestApi();
    const answer = await api.raw(
      `GET ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${api.token('admin')}\r\nConnection: close\r\n\r\n`,
    );
    expect(answer).not.toContain('"createdBy"');
  });

  it.each(['/api/v1/tokens', '/api/v1/t%6Fkens', '/api/v1/%74okens'])(
    'in every form of an operation need its role: %s',
    async (path) => {
      const api = await openTestApi();
      for (const method of ['GET', 'HEAD'])
        for (const [who, status] of [
          [null, 401],
          ['operator', 403],
          ['admin', 200],
        ] as const)
          expect([who, (await api.send(who, path, { method })).status]).toEqual([who, status]);
    },
  );

  it.each(['%', '%zz', '%e0%80', 'a%2', '%ff'])('that are encoded wrongly are refused: %s', async (text) => {
    const api = await openTestApi();
    const { status, json } = await api.send('viewer', `${DEVICES}/${text}`);
    expect({ status, json }).toMatchObject({ status: 400, json: { code: expect.any(String) as string } });
  });

  it.each(['..%2f..%2fetc', '%2e%2e', 'a%2fb', 'a%00', '%0d%0aX:y', 'a%20b', '__proto__', 'constructor'])(
    'name a device that is none: %s',
    async (device) => {
      const api = await openTestApi();
      const { status, json } = await api.send('viewer', `${DEVICES}/${device}`);
      expect([400, 404]).toContain(status);
      expect(json).toMatchObject({ status });
    },
  );

  it.each(['..%2f..%2fpackage.json', '%2e%2e/%2e%2e/package.json', '..\\..\\package.json', '/etc/passwd'])(
    'lead to no file outside of the dashboard: %s',
    async (path) => {
      const api = await openTestApi();
      const answer = await api.raw(`GET /${path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n`);
      expect(answer).not.toContain('"easgate"');
      expect(answer).not.toContain('root:');
    },
  );
});

describe('answers', () => {
  it('of the API are in no cache, whatever they are', async () => {
    const api = await openTestApi();
    for (const [who, path] of [
      ['viewer', DEVICES],
      [null, DEVICES],
      ['viewer', TOKENS],
      ['viewer', '/api/v1/none'],
      [null, '/api/v1/sign-in'],
      ['viewer', `${DEVICES}?colour=red`],
    ] as const)
      expect([path, (await api.send(who, path)).headers.get('cache-control')]).toEqual([path, 'no-store']);
  });

  it('have the headers that keep browsers from harm', async () => {
    const api = await openTestApi();
    const { headers } = await api.send(null, '/api/v1/sign-in');
    expect(Object.fromEntries(headers)).toMatchObject({
      'content-security-policy': expect.stringContaining("default-src 'self'") as string,
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'SAMEORIGIN',
      'referrer-policy': 'no-referrer',
      'cross-origin-opener-policy': 'same-origin',
    });
    expect(headers.get('x-powered-by')).toBeNull();
    expect(headers.get('server')).toBeNull();
  });

  it.each([
    ['a bug', new TypeError('cannot read /etc/secret of undefined')],
    ['the file of tokens', new ProgramError('EASGATE_ADMIN_FILE', 'there is no /var/lib/secret/admin.db')],
    ['the store', new ProgramError('EASGATE_REDIS', 'connect ECONNREFUSED secret.internal:6379')],
    ['something that is no error', 'secret'],
  ])('to a failure have no path, host or stack: %s', async (_name, error) => {
    const api = await openTestApi({
      parts: {
        store: () => {
          throw error;
        },
      },
    });
    const { status, text, json } = await api.send('viewer', `${DEVICES}/A1`);
    expect(status).toBe(error instanceof ProgramError ? 503 : 500);
    expect(text).not.toMatch(/secret|\/src\/|at async/);
    expect(json).toMatchObject({ code: expect.stringMatching(/^EASGATE_/) as string });
  });
});

describe('time', () => {
  it.each(['', 'Authorization: Bearer easgate_t_wrong\r\n'])(
    'is bounded for the body of a request that is refused: %j',
    async (field) => {
      const api = await openTestApi({ parts: { bodyTimeoutMs: 100 } });
      const head = `POST /api/v1/import HTTP/1.1\r\nHost: localhost\r\nContent-Type: text/csv\r\n${field}`;
      // The connection would be kept for the rest of the body.
      const answer = await api.raw(`${head}Content-Length: 1000000\r\n\r\nx`);
      expect(statusOf(answer)).toBe(401);
    },
  );

  it('is bounded for a head that comes slowly', async () => {
    const api = await openTestApi();
    const answer = await api.raw('GET / HTTP/1.1\r\nHost: localhost\r\n');
    expect(statusOf(answer)).toBe(408);
  });
});
