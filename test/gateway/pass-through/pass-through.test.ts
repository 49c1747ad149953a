// Owns the promises of the pass-through lane: which requests it forwards, which it never does, and that it frees its resources.
import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseRange } from '../../../src/identity/client-address.ts';
import { LINGER_MS } from '../../../src/gateway/settings.ts';
import { matchPath } from '../../../src/gateway/pass-through/paths.ts';
import type { PassThroughSettings } from '../../../src/gateway/pass-through/settings.ts';
import { RawClient } from '../../support/phones/raw-client.ts';
import { ok, startRawBackend } from '../../support/servers/raw-backend.ts';
import type { BackendConnection, BackendRequest, RawBackend } from '../../support/servers/raw-backend.ts';
import { stopTimers } from '../../support/checks/test-clock.ts';
import { startTestLane } from '../../support/servers/test-lane.ts';
import type { TestLane } from '../../support/servers/test-lane.ts';
import { until } from '../../support/checks/until.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';

checkLeaks();

interface SetUp {
  backend: RawBackend;
  gateway: TestLane;
  client: RawClient;
  open: () => Promise<RawClient>;
}

async function setUp(
  onRequest: (request: BackendRequest) => void = ({ connection }) => connection.socket.write(ok()),
  overrides: Partial<PassThroughSettings> = {},
): Promise<SetUp> {
  const backend = await startRawBackend(onRequest);
  onTestFinished(() => backend.close());
  const gateway = await startTestLane(backend.port, overrides);
  onTestFinished(() => gateway.close());
  const open = async (): Promise<RawClient> => {
    const client = await RawClient.open(gateway.port);
    onTestFinished(() => client.destroy());
    return client;
  };
  return { backend, gateway, client: await open(), open };
}

function request(line: string, lines: readonly string[] = [], body = ''): string {
  return [`${line} HTTP/1.1`, 'Host: mail.example.com', ...lines, '', body].join('\r\n');
}

const get = (target = '/owa/', ...lines: string[]): string => request(`GET ${target}`, lines);

describe('a listed path', () => {
  it('reaches the server with its body and query, and gets its answer', async () => {
    const { backend, gateway, client } = await setUp(({ connection }) =>
      connection.socket.write(ok('answer', 'Set-Cookie: a=1\r\nSet-Cookie: b=2\r\n')),
    );
    client.send(
      request(
        'POST /EWS/Exchange.asmx?a=/x//y?z',
        ['Content-Length: 4', 'Cookie: c=1', 'Cookie: d=2'],
        'body',
      ),
    );
    const response = await client.response();
    expect(response.status).toBe(200);
    expect(response.body.toString()).toBe('answer');
    expect(response.headers.filter(([name]) => name === 'Set-Cookie')).toHaveLength(2);
    const seen = backend.requests[0];
    expect(seen?.target).toBe('/EWS/Exchange.asmx?a=/x//y?z');
    expect(seen?.body.toString()).toBe('body');
    expect(seen?.header('host')).toBe('mail.example.com');
    expect(seen?.header('cookie')).toBe('c=1; d=2');
    await until(() => gateway.lines.length === 1);
    expect(gateway.lines[0]).toMatchObject({
      method: 'POST',
      path: '/EWS/Exchange.asmx',
      status: 200,
      error: null,
      address: '127.0.0.1',
    });
    expect(gateway.lines[0]?.bytesOut).toBeGreaterThan('answer'.length);
  });

  it('is served over one client and one upstream connection, one request after another', async () => {
    const { backend, client } = await setUp();
    for (const target of ['/owa', '/owa/a', '/owa/b?c']) {
      client.send(get(target));
      expect((await client.response()).status).toBe(200);
    }
    expect(backend.requests.map(({ target }) => target)).toEqual(['/owa', '/owa/a', '/owa/b?c']);
    expect(backend.connections).toHaveLength(1);
  });

  it('may be pipelined once: the second request waits for the first answer', async () => {
    const { backend, client } = await setUp();
    client.send(get('/owa/1') + get('/owa/2'));
    expect((await client.response()).status).toBe(200);
    expect((await client.response()).status).toBe(200);
    expect(backend.requests.map(({ target }) => target)).toEqual(['/owa/1', '/owa/2']);
  });

  it('is disconnected when more than one request is pipelined', async () => {
    const { backend, client } = await setUp(() => undefined);
    client.send(get('/owa/1') + get('/owa/2') + get('/owa/3'));
    await until(() => client.closed);
    await until(() => backend.connections.every(({ closed }) => closed));
  });

  it('is forwarded with a chunked body, without its extensions and trailers', async () => {
    const { backend, client } = await setUp();
    const body = '4;x=y\r\nbody\r\n0\r\nX-Trailer: 1\r\n\r\n';
    client.send(request('PUT /owa/file', ['Transfer-Encoding: chunked'], body));
    expect((await client.response()).status).toBe(200);
    expect(backend.requests[0]?.body.toString()).toBe('body');
    expect(backend.connections[0]?.received).not.toMatch(/trailer|x=y/i);
  });

  it('that looks like a URL is forwarded unchanged', async () => {
    const { backend, client } = await setUp();
    client.send(get("/owa/a:b@c,(d)!$&'*+=~-_%20%C3%A4/?http://x/"));
    expect((await client.response()).status).toBe(200);
    expect(backend.requests[0]?.target).toBe("/owa/a:b@c,(d)!$&'*+=~-_%20%C3%A4/?http://x/");
  });

  it('is requested again, once, when the reused connection has been closed', async () => {
    const { backend, client } = await setUp(({ connection, target }) => {
      if (target === '/owa/second' && backend.connections.length === 1) connection.socket.destroy();
      else connection.socket.write(ok());
    });
    client.send(get('/owa/first'));
    await client.response();
    client.send(get('/owa/second'));
    expect((await client.response()).status).toBe(200);
    expect(backend.connections).toHaveLength(2);
  });

  it('is never sent a POST twice', async () => {
    const { backend, client } = await setUp(({ connection, method }) => {
      if (method === 'POST') connection.socket.destroy();
      else connection.socket.write(ok());
    });
    client.send(get());
    await client.response();
    client.send(request('POST /owa/', ['Content-Length: 1'], 'x'));
    expect((await client.response()).status).toBe(502);
    expect(backend.requests.filter(({ method }) => method === 'POST')).toHaveLength(1);
  });

  it('gets 100 Continue only once it is admitted', async () => {
    const { backend, client, open } = await setUp();
    const expecting = ['Content-Length: 4', 'Expect: 100-continue'];
    client.send(request('POST /owa/', expecting));
    await until(() => client.received.startsWith('HTTP/1.1 100 '));
    client.send('body');
    expect((await client.response()).status).toBe(200);
    expect(backend.requests[0]?.header('expect')).toBeUndefined();
    const refused = await open();
    refused.send(request('POST /other', expecting));
    await until(() => refused.received.includes('\r\n\r\n'));
    expect(refused.received).toMatch(/^HTTP\/1\.1 404 /);
  });
});

describe('a path that is not listed', () => {
  it.each(['/', '/other', '/owax', '/OWA/', '/EWS/Exchange.asmx/', '/EWS', '/owa%20/', '/?/owa/'])(
    'gets 404 for %s, without a request to the server',
    async (target) => {
      const { backend, gateway, client } = await setUp();
      expect(gateway.lane.wants(target)).toBe(false);
      client.send(get(target));
      expect((await client.response()).status).toBe(404);
      expect(backend.connections).toHaveLength(0);
    },
  );

  it('gets 404 also after a listed one on the same connection', async () => {
    const { backend, client } = await setUp();
    client.send(get('/owa/'));
    await client.response();
    client.send(get('/other'));
    expect((await client.response()).status).toBe(404);
    expect(backend.requests).toHaveLength(1);
    await until(() => client.ended);
  });
});

const EAS = '/Microsoft-Server-ActiveSync';
/** One character in one of the encodings that a server may decode. */
function disguised(character: string): fc.Arbitrary<string> {
  const escaped = '%' + character.charCodeAt(0).toString(16);
  const wide = String.fromCharCode(character.charCodeAt(0) + 0xfee0);
  return fc.constantFrom(
    character,
    character.toLowerCase(),
    character.toUpperCase(),
    escaped,
    escaped.toUpperCase(),
    escaped.replace('%', '%25'),
    encodeURIComponent(wide),
    encodeURIComponent(character + '\u00ad'),
    encodeURIComponent(character + '\u0301'),
  );
}

const EAS_SPELLINGS = [
  EAS,
  `${EAS}?Cmd=Sync&User=a&DeviceId=b&DeviceType=c`,
  '/microsoft-server-activesync',
  '/MICROSOFT-SERVER-ACTIVESYNC/',
  `${EAS}/default.eas`,
  `${EAS}/Proxy`,
  `${EAS}.`,
  `${EAS}./`,
  `${EAS}...`,
  `${EAS}%20`,
  `${EAS}%20.`,
  `${EAS};x=y`,
  `${EAS}%3bx`,
  `${EAS}::$DATA`,
  `${EAS}%00`,
  `${EAS}%3f`,
  `${EAS}%23`,
  `${EAS}#x`,
  '/%4dicrosoft-Server-ActiveSync',
  '/%4Dicrosoft-Server-ActiveSync',
  '/Microsoft%2DServer%2dActiveSync',
  '/Microsoft-Server-ActiveSyn%63',
  '/%254dicrosoft-Server-ActiveSync',
  '/%u004dicrosoft-Server-ActiveSync',
  '/%c1%8dicrosoft-Server-ActiveSync',
  '/%EF%BC%ADicrosoft-Server-ActiveSync',
  '/Micro%C5%BFoft-Server-ActiveSync',
  '/M%C4%B1crosoft-Server-ActiveSync',
  '/Microsoft%C2%ADServer-ActiveSync/default.eas',
  '/Micro%C2%ADsoft-Server-ActiveSync',
  '/Microsoft%E2%80%90Server%E2%80%93ActiveSync',
  `//${EAS.slice(1)}`,
  `/owa/${EAS}`,
  `/.${EAS}`,
  `/./${EAS}`,
  `/owa/..${EAS}`,
  `/owa/%2e%2e${EAS}`,
  `/owa/.%2E${EAS}`,
  `/owa/%2e.${EAS}`,
  `/owa/..;${EAS}`,
  `/owa/..%2f${EAS.slice(1)}`,
  `/owa%2f..${EAS}`,
  `/owa/..%5c${EAS.slice(1)}`,
  `/owa/..\\${EAS.slice(1)}`,
  `/owa/..%c0%af${EAS.slice(1)}`,
  `/owa/%EF%BC%8E%EF%BC%8E${EAS}`,
  `/owa/%E2%80%A5${EAS}`,
  `/owa/..%EF%BC%8F${EAS.slice(1)}`,
  `\\${EAS.slice(1)}`,
  '/%5cMicrosoft-Server-ActiveSync',
  '/SOGo/Microsoft-Server-ActiveSync',
  '/owa/default.eas',
  '/owa/DEFAULT.EAS',
  '/http:/Microsoft-Server-ActiveSync',
];

describe('Exchange ActiveSync', () => {
  it.each(EAS_SPELLINGS)('is not forwarded as %s, even if every path is open', async (target) => {
    const { backend, gateway, client } = await setUp(undefined, {
      paths: [{ path: '/', match: 'prefix', upgrade: true }],
    });
    expect(gateway.lane.wants(target)).toBe(false);
    client.send(get('/anything'));
    expect((await client.response()).status).toBe(200);
    client.send(request(`POST ${target}`, ['Content-Length: 0']));
    expect((await client.response()).status).toBe(400);
    expect(backend.requests).toHaveLength(1);
  });

  it('is not forwarded, however it is encoded', () => {
    const everything = [{ path: '/', match: 'prefix', upgrade: true }] as const;
    const characters = fc.tuple(...Array.from(EAS.slice(1), (character) => disguised(character)));
    fc.assert(
      fc.property(fc.constantFrom('/', '/owa/', '/owa/../', '//'), characters, (start, spelling) => {
        expect(typeof matchPath(start + spelling.join(''), everything)).toBe('string');
      }),
    );
  });

  it('is not forwarded as an upgrade', async () => {
    const { backend, client } = await setUp(undefined, {
      paths: [{ path: '/', match: 'prefix', upgrade: true }],
    });
    client.send(get(EAS, 'Connection: Upgrade', 'Upgrade: websocket'));
    expect((await client.response()).status).toBe(400);
    expect(backend.connections).toHaveLength(0);
  });

  it.each([
    '/owa/..',
    '/owa/./x',
    '/owa/.',
    '/owa//x',
    '/owa/x;y',
    '/owa/%2e%2e/x',
    '/owa/http:/x',
    '/owa/%zz',
  ])('cannot be hidden in %s, which is refused', async (target) => {
    const { backend, client } = await setUp();
    client.send(get(target));
    expect((await client.response()).status).toBe(400);
    expect(backend.connections).toHaveLength(0);
  });
});

describe('a head that node:http would accept', () => {
  const chunked = ['Transfer-Encoding: chunked'];
  const hidden = '0\r\n\r\nGET /hidden HTTP/1.1\r\nHost: x\r\n\r\n';
  it.each([
    ['a chunked OPTIONS (CVE-2026-29057)', request('OPTIONS /owa/', chunked, hidden), 400],
    ['a chunked DELETE (CVE-2026-29057)', request('DELETE /owa/', chunked, hidden), 400],
    ['a chunked GET', request('GET /owa/', chunked, hidden), 400],
    ['an OPTIONS with a length', request('OPTIONS /owa/', ['Content-Length: 4'], 'body'), 400],
    ['a DELETE with a length', request('DELETE /owa/', ['Content-Length: 4'], 'body'), 400],
    ['both framings', request('POST /owa/', [...chunked, 'Content-Length: 5'], '0\r\n\r\n'), 400],
    ['gzip, chunked', request('POST /owa/', ['Transfer-Encoding: gzip, chunked'], '0\r\n\r\n'), 400],
    [
      'chunked in HTTP/1.0',
      'POST /owa/ HTTP/1.0\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      400,
    ],
    ['a second Host', get('/owa/', 'Host: other.example.com'), 400],
    ['a Host with a user', 'GET /owa/ HTTP/1.1\r\nHost: a@b\r\n\r\n', 400],
    ['no Host', 'GET /owa/ HTTP/1.1\r\n\r\n', 400],
    ['a second Authorization', get('/owa/', 'Authorization: Basic YQ==', 'Authorization: Basic Yg=='), 400],
    ['an underscore in a name', get('/owa/', 'Content_Length: 5'), 400],
    ['Connection: authorization', get('/owa/', 'Connection: authorization'), 400],
    [
      'an obfuscated Expect',
      request('POST /owa/', ['Content-Length: 1', 'Expect: x 100-continue'], 'x'),
      417,
    ],
    ['an absolute-form target', get('http://other.example.com/owa/'), 400],
    ['HTTP/2.0', 'GET /owa/ HTTP/2.0\r\nHost: x\r\n\r\n', 505],
    ['PROPFIND', request('PROPFIND /owa/'), 405],
    ['too many headers', get('/owa/', ...Array.from({ length: 40 }, (_, index) => `X-H${index}: 1`)), 431],
    ['a target too long', get('/owa/' + 'x'.repeat(3_000)), 414],
    ['our own Via', get('/owa/', 'Via: 1.1 easgate'), 508],
  ])('is refused with %s', async (_what, bytes, status) => {
    const { backend, gateway, client } = await setUp();
    client.send(bytes);
    expect((await client.response()).status).toBe(status);
    await until(() => client.ended);
    await until(() => gateway.lines.length > 0);
    expect(gateway.lines.map((line) => line.status)).toEqual([status]);
    expect(backend.connections).toHaveLength(0);
  });

  it('is refused when it is malformed', async () => {
    const { gateway, client } = await setUp();
    client.send('GET /owa/ HTTP/1.1\r\nHost: x\r\nA : b\r\n\r\n');
    const response = await client.response();
    expect(response.status).toBe(400);
    expect(response.body.toString()).toBe('Bad Request\n');
    expect(gateway.lines[0]).toMatchObject({ method: '', path: '', error: 'EASGATE_BAD_HEADER' });
  });

  it('is refused for an unknown host', async () => {
    const { client } = await setUp(undefined, { publicHosts: ['other.example.com'] });
    client.send(get());
    expect((await client.response()).status).toBe(421);
  });
});

describe('headers', () => {
  it('of one hop, and identity headers that a server might trust, are removed', async () => {
    const { backend, client } = await setUp();
    client.send(
      get(
        '/owa/',
        'Connection: keep-alive, X-Named, x-forwarded-for',
        'X-Named: 1',
        'Keep-Alive: 5',
        'TE: trailers',
        'Proxy-Authorization: Basic eA==',
        'X-Forwarded-For: 192.0.2.1',
        'X-Forwarded-Host: evil.example.com',
        'Forwarded: for=192.0.2.1',
        'X-WebObjects-Remote-User: admin',
        'X-CommonAccessToken: token',
        'X-HTTP-Method-Override: DELETE',
        'Via: 1.0 other',
        'X-Kept: 1',
      ),
    );
    await client.response();
    const names = backend.requests[0]?.headers.map(([name, value]) => `${name.toLowerCase()}: ${value}`);
    expect(names?.toSorted()).toEqual([
      'connection: keep-alive',
      'host: mail.example.com',
      'via: 1.0 other',
      'via: 1.1 easgate',
      'x-forwarded-for: 127.0.0.1',
      'x-forwarded-host: mail.example.com',
      'x-forwarded-proto: http',
      'x-kept: 1',
    ]);
  });

  it('have the client behind a trusted proxy', async () => {
    const { backend, gateway, client } = await setUp(undefined, {
      trustedProxies: [parseRange('127.0.0.1')],
      hostHeader: 'upstream',
    });
    client.send(get('/owa/', 'X-Forwarded-For: 198.51.100.1, 192.0.2.1'));
    await client.response();
    expect(backend.requests[0]?.header('x-forwarded-for')).toBe('192.0.2.1, 127.0.0.1');
    expect(backend.requests[0]?.header('host')).toBe(`127.0.0.1:${backend.port}`);
    await until(() => gateway.lines.length === 1);
    expect(gateway.lines[0]?.address).toBe('192.0.2.1');
  });

  it('of a response lose those of one hop, and repeated ones stay separate', async () => {
    const { client } = await setUp(({ connection }) =>
      connection.socket.write(
        'HTTP/1.1 401 No\r\nWWW-Authenticate: Negotiate\r\nWWW-Authenticate: Basic realm="x"\r\n' +
          'Connection: keep-alive, X-Named\r\nX-Named: 1\r\nKeep-Alive: timeout=9\r\nAlt-Svc: h3\r\nContent-Length: 0\r\n\r\n',
      ),
    );
    client.send(get());
    const response = await client.response();
    expect(
      response.headers.filter(([name]) => name === 'WWW-Authenticate').map(([, value]) => value),
    ).toEqual(['Negotiate', 'Basic realm="x"']);
    expect(response.header('x-named')).toBeUndefined();
    expect(response.header('alt-svc')).toBeUndefined();
    expect(response.header('keep-alive')).not.toContain('9');
  });
});

describe('connection-bound credentials', () => {
  it('have an upstream connection that no other client uses, and that ends with this client', async () => {
    const { backend, client, open } = await setUp();
    client.send(get('/owa/1', 'Authorization: NTLM TlRMTVNTUAAB'));
    await client.response();
    client.send(get('/owa/2'));
    await client.response();
    const other = await open();
    other.send(get('/owa/3'));
    await other.response();
    const [first, second, third] = backend.requests.map(({ connection }) => connection);
    expect(second).toBe(first);
    expect(third).not.toBe(first);
    client.destroy();
    await until(() => first?.closed === true);
    expect(third?.closed).toBe(false);
  });
});

describe('a client that disconnects', () => {
  it('ends its upstream request (node-http-proxy#1559)', async () => {
    const { backend, gateway, client } = await setUp(() => undefined);
    client.send(get('/owa/notifications'));
    await until(() => backend.requests.length === 1);
    client.destroy();
    await until(() => backend.connections[0]?.closed === true, 'the upstream connection to close');
    await until(() => gateway.lines.length === 1);
    expect(gateway.lines[0]).toMatchObject({ status: 499, error: 'EASGATE_CLIENT_LEFT' });
    expect(gateway.lane.connections()).toBe(0);
  });

  it('ends it also after a complete body, and during a response', async () => {
    const { backend, client } = await setUp(({ connection }) =>
      connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'),
    );
    client.send(request('POST /owa/', ['Content-Length: 4'], 'body'));
    await until(() => client.received.endsWith('half'));
    client.destroy();
    await until(() => backend.connections[0]?.closed === true, 'the upstream connection to close');
  });

  it('during its body leaves the upstream request incomplete', async () => {
    const { backend, client } = await setUp();
    client.send(request('POST /owa/', ['Content-Length: 10'], 'half'));
    await until(() => backend.connections[0]?.received.endsWith('half') === true);
    client.destroy();
    await until(() => backend.connections[0]?.closed === true);
    expect(backend.requests).toHaveLength(0);
  });
});

describe('a server that fails', () => {
  it('leads to 502 without its name when it is unreachable', async () => {
    const { backend, client } = await setUp();
    await backend.close();
    client.send(get());
    const response = await client.response();
    expect(response.status).toBe(502);
    expect(response.body.toString()).toBe('Bad Gateway\n');
  });

  it.each([
    ['closes before its response', ''],
    ['sends no HTTP', 'hello\r\n\r\n'],
    [
      'sends a coding that would be lost',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n',
    ],
    ['sends a status out of range', 'HTTP/1.1 000 x\r\nContent-Length: 0\r\n\r\n'],
    ['switches protocols unasked', 'HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n'],
  ])('leads to 502 when it %s', async (_what, bytes) => {
    const { client } = await setUp(({ connection }) => connection.socket.end(bytes));
    client.send(get());
    expect((await client.response()).status).toBe(502);
  });

  it('leads to 504 when it takes too long', async () => {
    const pass = stopTimers();
    const { backend, gateway, client } = await setUp(() => undefined, { responseTimeoutMs: 1_000 });
    client.send(get());
    await until(() => backend.requests.length === 1, 'the request');
    await pass(1_000);
    expect((await client.response()).status).toBe(504);
    await until(() => backend.connections[0]?.closed === true);
    expect(gateway.lines[0]?.error).toBe('EASGATE_UPSTREAM_TIMEOUT');
  });

  it.each(['Content-Length: 10\r\n\r\nhalf', 'Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'])(
    'during a response never makes it look complete: %j',
    async (rest) => {
      const { gateway, client } = await setUp(({ connection }) =>
        connection.socket.end('HTTP/1.1 200 OK\r\n' + rest),
      );
      client.send('GET /owa/ HTTP/1.0\r\nHost: x\r\n\r\n');
      await until(() => client.closed);
      expect(client.ended).toBe(false);
      expect(gateway.lines[0]).toMatchObject({ status: 502, error: 'EASGATE_UPSTREAM_TRUNCATED' });
    },
  );

  it('during a response is disconnected after the idle time-out', async () => {
    const pass = stopTimers();
    const { backend, gateway, client } = await setUp(
      ({ connection }) => connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'),
      { idleTimeoutMs: 1_000 },
    );
    client.send(get());
    await until(() => client.received.endsWith('half'), 'a part of the response');
    await pass(1_000);
    await until(() => client.closed);
    await until(() => backend.connections[0]?.closed === true);
    expect(gateway.lines[0]?.error).toBe('EASGATE_UPSTREAM_STALLED');
  });
});

describe('the limits', () => {
  it('refuse a body whose Content-Length is too large', async () => {
    const { backend, client } = await setUp();
    client.send(request('POST /owa/', ['Content-Length: 100001', 'Expect: 100-continue']));
    expect((await client.response()).status).toBe(413);
    expect(backend.connections).toHaveLength(0);
  });

  it('refuse a chunked body that becomes too large', async () => {
    const { backend, client } = await setUp();
    const chunk = 'c350\r\n' + 'x'.repeat(50_000) + '\r\n';
    client.send(request('POST /owa/', ['Transfer-Encoding: chunked'], chunk + chunk + chunk));
    client.send('0\r\n\r\n');
    expect((await client.response()).status).toBe(413);
    await until(() => backend.connections.every(({ closed }) => closed));
    expect(backend.requests).toHaveLength(0);
  });

  it('refuse a malformed chunk', async () => {
    const { backend, gateway, client } = await setUp();
    client.send(request('POST /owa/', ['Transfer-Encoding: chunked'], '4\r\nbody\r\n'));
    await until(() => backend.connections[0]?.received.includes('body') === true);
    client.send('zz\r\n');
    expect((await client.response()).status).toBe(400);
    await until(() => backend.connections[0]?.closed === true);
    expect(gateway.lines[0]?.error).toBe('EASGATE_BAD_CHUNK');
  });

  it('end a request whose body stalls', async () => {
    const pass = stopTimers();
    const { backend, gateway, client } = await setUp(undefined, { responseTimeoutMs: 1_000 });
    client.send(request('POST /owa/', ['Content-Length: 10'], 'half'));
    await until(() => backend.connections[0]?.received.endsWith('half') === true, 'a part of the body');
    await pass(1_000);
    // The gateway reads the rest of the client's input for a moment before the answer.
    await pass(LINGER_MS);
    expect((await client.response()).status).toBe(408);
    await until(() => backend.connections[0]?.closed === true);
    expect(gateway.lines[0]?.error).toBe('EASGATE_BODY_TIMEOUT');
  });

  it('end a request whose head stays incomplete', async () => {
    const pass = stopTimers();
    const { gateway, client } = await setUp(undefined, { headTimeoutMs: 1_000 });
    client.send('GET /owa/ HTTP/1.1\r\nHost: x\r\n');
    await until(() => gateway.lane.connections() === 1, 'the connection');
    await pass(1_000);
    await until(() => client.ended);
  });

  it('end an idle connection', async () => {
    const pass = stopTimers();
    const { client } = await setUp(undefined, { headTimeoutMs: 1_000, keepAliveTimeoutMs: 500 });
    client.send(get());
    await client.response();
    await pass(1_500);
    await until(() => client.ended);
  });

  it('reject more connections than allowed', async () => {
    const { gateway, client, open } = await setUp(() => undefined, { maxConnections: 1 });
    client.send(get());
    await until(() => gateway.lane.connections() === 1);
    const second = await open();
    second.send(get());
    expect((await second.response()).status).toBe(503);
    expect(gateway.lane.connections()).toBe(1);
  });
});

describe('the stop', () => {
  it('closes idle connections at once, and others after their response', async () => {
    let held: BackendConnection | null = null;
    const { gateway, client, open } = await setUp(({ connection, target }) => {
      if (target === '/owa/held') held = connection;
      else connection.socket.write(ok());
    });
    client.send(get());
    await client.response();
    const busy = await open();
    busy.send(get('/owa/held'));
    await until(() => held !== null);
    gateway.lane.drain();
    await until(() => client.ended);
    (held as BackendConnection | null)?.socket.write(ok());
    const response = await busy.response();
    expect(response.header('connection')).toBe('close');
    await until(() => busy.ended && gateway.lane.connections() === 0);
    const late = await open();
    late.send(get());
    expect((await late.response()).status).toBe(503);
  });

  it('closes everything if forced', async () => {
    const { backend, gateway, client } = await setUp(() => undefined);
    client.send(get());
    await until(() => backend.requests.length === 1);
    await gateway.lane.close();
    expect(gateway.lane.connections()).toBe(0);
    await until(() => client.ended && backend.connections[0]?.closed === true);
  });
});

describe('a WebSocket', () => {
  const upgrade = (target = '/socket', ...lines: string[]): string =>
    get(
      target,
      'Connection: keep-alive, Upgrade',
      'Upgrade: websocket',
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
      ...lines,
    );
  const SWITCH =
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
    'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nKeep-Alive: timeout=9\r\n\r\n';

  it('carries octets both ways after the 101 of the server, and is logged', async () => {
    const { backend, gateway, client } = await setUp(({ connection }) =>
      connection.socket.write(SWITCH + 'first'),
    );
    client.send(upgrade());
    await until(() => client.received.endsWith('first'));
    expect(client.received).toMatch(/^HTTP\/1\.1 101 /);
    expect(client.received).toMatch(/sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=/i);
    expect(client.received).not.toMatch(/keep-alive/i);
    expect(backend.requests[0]?.header('connection')).toBe('Upgrade');
    expect(backend.requests[0]?.header('sec-websocket-key')).toBe('dGhlIHNhbXBsZSBub25jZQ==');
    expect(backend.requests[0]?.header('x-forwarded-for')).toBe('127.0.0.1');
    client.send('from the client');
    await until(() => backend.connections[0]?.received.endsWith('from the client') === true);
    expect(gateway.lane.connections()).toBe(1);
    client.destroy();
    await until(() => backend.connections[0]?.closed === true);
    await until(() => gateway.lines.length === 1);
    expect(gateway.lines[0]).toMatchObject({ method: 'GET', path: '/socket', status: 101, error: null });
  });

  it('is not switched before the server switched (CVE-2026-2833)', async () => {
    const { backend, client } = await setUp(() => undefined);
    client.send(upgrade());
    await until(() => backend.requests.length === 1);
    expect(client.received).toBe('');
    client.send(get('/hidden'));
    expect((await client.response()).status).toBe(400);
    await until(() => backend.connections[0]?.closed === true);
    expect(backend.connections[0]?.received).not.toContain('hidden');
  });

  it('is refused with a request right after its head', async () => {
    const { backend, client } = await setUp();
    client.send(upgrade() + get('/hidden'));
    expect((await client.response()).status).toBe(400);
    expect(backend.connections).toHaveLength(0);
  });

  it('closes when the server closes', async () => {
    const { gateway, client } = await setUp(({ connection }) => connection.socket.end(SWITCH + 'bye'));
    client.send(upgrade());
    await until(() => client.ended);
    expect(client.received).toMatch(/bye$/);
    client.socket.end();
    await until(() => gateway.lane.connections() === 0);
  });

  it('closes when neither side sends anything for the idle time-out', async () => {
    // Real time: the time-out is that of a Node.js socket.
    const { backend, client } = await setUp(({ connection }) => connection.socket.write(SWITCH), {
      idleTimeoutMs: 500,
    });
    client.send(upgrade());
    await until(() => client.ended && backend.connections[0]?.closed === true);
  });

  it('that the server refuses gets the answer of the server, with new framing', async () => {
    const { client } = await setUp(({ connection }) =>
      connection.socket.write('HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n'),
    );
    client.send(upgrade());
    const response = await client.response();
    expect(response.status).toBe(403);
    expect(response.body.toString()).toBe('no');
    expect(response.header('transfer-encoding')).toBeUndefined();
    expect(response.header('connection')).toBe('close');
  });

  it('that the server refuses leaves no upstream connection open, even if its client stays', async () => {
    const pass = stopTimers();
    const { gateway, client } = await setUp(({ connection }) => connection.socket.write(ok('no')), {
      idleTimeoutMs: 1_000,
    });
    client.send(upgrade());
    expect((await client.response()).status).toBe(200);
    // The time-out for the answer, then the one for reading it.
    await pass(10_000);
    await until(() => gateway.lane.connections() === 0);
    expect(client.closed).toBe(false);
  });

  it.each([
    ['switches to something else', 'HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n'],
    ['switches without naming it', 'HTTP/1.1 101 x\r\n\r\n'],
  ])('is disconnected when the server %s', async (_what, bytes) => {
    const { backend, client } = await setUp(({ connection }) => connection.socket.write(bytes), {
      responseTimeoutMs: 1_000,
    });
    client.send(upgrade());
    await until(() => client.ended || client.closed);
    expect(client.received).not.toContain(' 101 ');
    await until(() => backend.connections[0]?.closed === true);
  });

  it('gets 502 when the server is unreachable, and 504 when it takes too long', async () => {
    const pass = stopTimers();
    const slow = await setUp(() => undefined, { responseTimeoutMs: 1_000 });
    slow.client.send(upgrade());
    await until(() => slow.backend.requests.length === 1, 'the request');
    await pass(1_000);
    expect((await slow.client.response()).status).toBe(504);
    await until(() => slow.backend.connections[0]?.closed === true);
    const away = await setUp();
    await away.backend.close();
    away.client.send(upgrade());
    expect((await away.client.response()).status).toBe(502);
  });

  it('whose client disconnects is ended upstream', async () => {
    const { backend, gateway, client } = await setUp(() => undefined);
    client.send(upgrade());
    await until(() => backend.requests.length === 1);
    client.destroy();
    await until(() => backend.connections[0]?.closed === true);
    expect(gateway.lines[0]?.error).toBe('EASGATE_CLIENT_LEFT');
  });

  it.each([
    ['a path not opened for it', upgrade('/owa/'), 400],
    ['a path not listed', upgrade('/other'), 404],
    ['another protocol', get('/socket', 'Connection: Upgrade', 'Upgrade: h2c'), 400],
    ['two protocols', get('/socket', 'Connection: Upgrade', 'Upgrade: websocket, h2c'), 400],
    ['another method', upgrade().replace('GET', 'OPTIONS'), 400],
    ['a body', upgrade('/socket', 'Content-Length: 4') + 'body', 400],
    ['an absolute-form target (GHSA-c4j6-fc7j-m34r)', upgrade('http://other.example.com/socket'), 400],
    ['HTTP/1.0', upgrade().replace('HTTP/1.1', 'HTTP/1.0'), 400],
  ])('is refused for %s', async (_what, bytes, status) => {
    const { backend, client } = await setUp();
    client.send(bytes);
    expect((await client.response()).status).toBe(status);
    await until(() => client.ended);
    expect(backend.connections).toHaveLength(0);
  });
});
