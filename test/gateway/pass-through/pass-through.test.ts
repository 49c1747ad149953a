// Owns the promises of the pass-through lane: what goes by the gate, unchanged but for its hop, and what comes back.
import { describe, expect, it } from 'vitest';
import { addressRange } from '../../../src/ip-address.ts';
import { get, openLane, request } from '../../support/servers/open-lane.ts';
import { ok } from '../../support/servers/raw-backend.ts';
import { stopTimers } from '../../support/checks/test-clock.ts';
import { until } from '../../support/checks/until.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';

checkLeaks();

describe('a listed path', () => {
  it('reaches the server with its body and query, and its answer comes back', async () => {
    const { backend, gateway, client } = await openLane(({ connection }) =>
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
    await until(() => gateway.lines.length === 1, 'the line of the request');
    expect(gateway.lines[0]?.bytesOut).toBeGreaterThan('answer'.length);
  });

  it('is served over one client and one upstream connection, request after request', async () => {
    const { backend, client } = await openLane();
    for (const target of ['/owa', '/owa/a', '/owa/b?c']) {
      client.send(get(target));
      expect((await client.response()).status).toBe(200);
    }
    expect(backend.requests.map(({ target }) => target)).toEqual(['/owa', '/owa/a', '/owa/b?c']);
    expect(backend.connections).toHaveLength(1);
  });

  it('of Autodiscover ends its connection: the next request of a mail app is one of Exchange ActiveSync', async () => {
    const paths = [{ path: '/', match: 'prefix', upgrade: false }] as const;
    const { client, open } = await openLane(undefined, { paths });
    client.send(request('POST /Autodiscover/Autodiscover.xml', ['Content-Length: 0']));
    const answer = await client.response();
    expect([answer.status, answer.header('connection')]).toEqual([200, 'close']);
    await until(() => client.ended);
    const handshake = await open();
    handshake.send(
      request('POST /autodiscover/autodiscover.xml', ['Authorization: NTLM TlRM', 'Content-Length: 0']),
    );
    expect((await handshake.response()).header('connection')).toBe('keep-alive');
  });

  it('may be pipelined once: the second request waits for its turn', async () => {
    const { backend, client } = await openLane();
    client.send(get('/owa/1') + get('/owa/2'));
    expect((await client.response()).status).toBe(200);
    expect((await client.response()).status).toBe(200);
    expect(backend.requests.map(({ target }) => target)).toEqual(['/owa/1', '/owa/2']);
  });

  it('is cut off when more is pipelined than one request', async () => {
    const { backend, client } = await openLane(() => undefined);
    client.send(get('/owa/1') + get('/owa/2') + get('/owa/3'));
    await until(() => client.closed);
    await until(() => backend.connections.every(({ closed }) => closed));
  });

  it('takes a chunked body without its extensions and trailers', async () => {
    const { backend, client } = await openLane();
    const body = '4;x=y\r\nbody\r\n0\r\nX-Trailer: 1\r\n\r\n';
    client.send(request('PUT /owa/file', ['Transfer-Encoding: chunked'], body));
    expect((await client.response()).status).toBe(200);
    expect(backend.requests[0]?.body.toString()).toBe('body');
    expect(backend.connections[0]?.received).not.toMatch(/trailer|x=y/i);
  });

  it('sends a path that looks like a URL exactly as it came', async () => {
    const { backend, client } = await openLane();
    client.send(get("/owa/a:b@c,(d)!$&'*+=~-_%20%C3%A4/?http://x/"));
    expect((await client.response()).status).toBe(200);
    expect(backend.requests[0]?.target).toBe("/owa/a:b@c,(d)!$&'*+=~-_%20%C3%A4/?http://x/");
  });

  it('is asked for again, once, when the reused connection turns out closed', async () => {
    const { backend, client } = await openLane(({ connection, target }) => {
      if (target === '/owa/second' && backend.connections.length === 1) connection.socket.destroy();
      else connection.socket.write(ok());
    });
    client.send(get('/owa/first'));
    await client.response();
    client.send(get('/owa/second'));
    expect((await client.response()).status).toBe(200);
    expect(backend.connections).toHaveLength(2);
  });

  it('is never posted twice', async () => {
    const { backend, client } = await openLane(({ connection, method }) => {
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
    const { backend, client, open } = await openLane();
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

describe('headers', () => {
  it('of one hop, and claims a server might trust, stay here', async () => {
    const { backend, client } = await openLane();
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

  it('say who is behind a trusted proxy', async () => {
    const { backend, gateway, client } = await openLane(undefined, {
      trustedProxies: [addressRange('127.0.0.1')],
      hostHeader: 'upstream',
    });
    client.send(get('/owa/', 'X-Forwarded-For: 198.51.100.1, 192.0.2.1'));
    await client.response();
    expect(backend.requests[0]?.header('x-forwarded-for')).toBe('192.0.2.1, 127.0.0.1');
    expect(backend.requests[0]?.header('host')).toBe(`127.0.0.1:${backend.port}`);
    await until(() => gateway.lines.length === 1);
    expect(gateway.lines[0]?.address).toBe('192.0.2.1');
  });

  it('of a response lose what belongs to one hop, and repeated ones stay apart', async () => {
    const { client } = await openLane(({ connection }) =>
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

describe('credentials that bind a connection', () => {
  it('get an upstream connection that no other client uses, and that ends with this client', async () => {
    const { backend, client, open } = await openLane();
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

describe('a client that leaves', () => {
  it('takes its upstream request along (node-http-proxy#1559)', async () => {
    const { backend, gateway, client } = await openLane(() => undefined);
    client.send(get('/owa/notifications'));
    await until(() => backend.requests.length === 1);
    client.destroy();
    await until(() => backend.connections[0]?.closed === true, 'the upstream connection to close');
    await until(() => gateway.lines.length === 1);
    expect(gateway.lines[0]).toMatchObject({ status: 499, error: 'EASGATE_CLIENT_LEFT' });
    expect(gateway.lane.connections()).toBe(0);
  });

  it('takes it along behind a complete body, and in the middle of a response', async () => {
    const { backend, client } = await openLane(({ connection }) =>
      connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'),
    );
    client.send(request('POST /owa/', ['Content-Length: 4'], 'body'));
    await until(() => client.received.endsWith('half'));
    client.destroy();
    await until(() => backend.connections[0]?.closed === true, 'the upstream connection to close');
  });

  it('in the middle of its body ends the upstream request without its end', async () => {
    const { backend, client } = await openLane();
    client.send(request('POST /owa/', ['Content-Length: 10'], 'half'));
    await until(() => backend.connections[0]?.received.endsWith('half') === true);
    client.destroy();
    await until(() => backend.connections[0]?.closed === true);
    expect(backend.requests).toHaveLength(0);
  });
});

describe('a server that fails', () => {
  it('gives 502 and names nothing when it cannot be reached', async () => {
    const { backend, client } = await openLane();
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
  ])('gives 502 when it %s', async (_what, bytes) => {
    const { client } = await openLane(({ connection }) => connection.socket.end(bytes));
    client.send(get());
    expect((await client.response()).status).toBe(502);
  });

  it('gives 504 when it takes too long', async () => {
    const pass = stopTimers();
    const { backend, gateway, client } = await openLane(() => undefined, { responseTimeoutMs: 1_000 });
    client.send(get());
    await until(() => backend.requests.length === 1, 'the request');
    await pass(1_000);
    expect((await client.response()).status).toBe(504);
    await until(() => backend.connections[0]?.closed === true);
    await until(() => gateway.lines.length === 1, 'the line of the request');
    expect(gateway.lines[0]?.error).toBe('EASGATE_UPSTREAM_TIMEOUT');
  });

  it.each(['Content-Length: 10\r\n\r\nhalf', 'Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n'])(
    'in the middle of a response never looks like its end: %j',
    async (rest) => {
      const { gateway, client } = await openLane(({ connection }) =>
        connection.socket.end('HTTP/1.1 200 OK\r\n' + rest),
      );
      client.send('GET /owa/ HTTP/1.0\r\nHost: x\r\n\r\n');
      await until(() => client.closed);
      expect(client.ended).toBe(false);
      await until(() => gateway.lines.length === 1, 'the line of the request');
      expect(gateway.lines[0]).toMatchObject({ status: 502, error: 'EASGATE_UPSTREAM_TRUNCATED' });
    },
  );

  it('in the middle of a response is given up after the idle time', async () => {
    const pass = stopTimers();
    const { backend, gateway, client } = await openLane(
      ({ connection }) => connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf'),
      { idleTimeoutMs: 1_000 },
    );
    client.send(get());
    await until(() => client.received.endsWith('half'), 'a part of the response');
    await pass(1_000);
    await until(() => client.closed);
    await until(() => backend.connections[0]?.closed === true);
    await until(() => gateway.lines.length === 1, 'the line of the request');
    expect(gateway.lines[0]?.error).toBe('EASGATE_UPSTREAM_STALLED');
  });
});
