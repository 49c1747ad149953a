// Owns the promises of the EAS lane about faults of the client, the mail server and the store, and about delays.
import { describe, expect, it, onTestFinished } from 'vitest';
import { freePort } from '../../support/servers/free-port.ts';
import { SWEEP_INTERVAL_MS } from '../../../src/gateway/fixed-limits.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { RawClient, untilRead } from '../../support/phones/raw-client.ts';
import { answerOk, backendOf, gatewayOf, phoneOf } from '../../support/servers/openings.ts';
import { OFFER, UNAUTHORIZED, isBare, ok } from '../../support/servers/raw-backend.ts';
import type { BackendConnection, BackendRequest, RawBackend } from '../../support/servers/raw-backend.ts';
import {
  FOLDER_SYNC,
  PING,
  request,
  startTestGateway,
  untilLeft,
} from '../../support/servers/test-gateway.ts';
import type { SettingsOverrides, TestGateway } from '../../support/servers/test-gateway.ts';
import { until } from '../../support/checks/until.ts';

checkLeaks();

async function setUp(
  onRequest: (request: BackendRequest) => void = answerOk,
  overrides: SettingsOverrides = {},
  onData?: (connection: BackendConnection) => void,
): Promise<{ backend: RawBackend; gateway: TestGateway; client: RawClient }> {
  const backend = await backendOf(onRequest, onData);
  const gateway = await gatewayOf(backend, overrides);
  const client = await phoneOf(gateway);
  return { backend, gateway, client };
}

describe('the mail server', () => {
  it('that is down leads to 502', async () => {
    const gateway = await startTestGateway(await freePort());
    onTestFinished(() => gateway.close());
    const client = await RawClient.open(gateway.port);
    client.send(request('FolderSync', FOLDER_SYNC));
    expect((await client.response()).status).toBe(502);
    // The phone's connection stays usable.
    client.send(request('FolderSync', FOLDER_SYNC));
    expect((await client.response()).status).toBe(502);
    expect(gateway.finished[0]?.error).toBe('EASGATE_UPSTREAM_CONNECT');
    client.destroy();
  });

  it('that does not answer in time leads to 504, and its connection closes', async () => {
    const { backend, gateway, client } = await setUp(() => undefined);
    client.send(request('FolderSync', FOLDER_SYNC));
    await until(() => backend.requests.length === 1, 'the request');
    await gateway.time.advance(4_999);
    expect(client.received).toBe('');
    await gateway.time.advance(2);
    expect((await client.response()).status).toBe(504);
    await until(() => backend.connections[0]?.closed === true);
  });

  it('whose answer arrived while the process was stopped counts as in time', async () => {
    const { backend, gateway, client } = await setUp(() => undefined);
    client.send(request('FolderSync', FOLDER_SYNC));
    await until(() => backend.requests.length === 1, 'the request');
    // The gateway runs in this process. Timers come next in the event loop, and the gateway's tick is among them.
    await new Promise((resolve) => setImmediate(resolve));
    backend.requests[0]?.connection.socket.write(ok());
    gateway.time.pass(6_000);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 * SWEEP_INTERVAL_MS);
    expect((await client.response()).status).toBe(200);
  });

  it('that holds a poll too long leads to 504 after the heartbeat and its margin', async () => {
    const { backend, gateway, client } = await setUp(() => undefined);
    client.send(request('Ping', PING));
    await until(() => backend.requests.length === 1, 'the poll to be held');
    await gateway.time.advance(481_999);
    expect(client.received).toBe('');
    await gateway.time.advance(2);
    expect((await client.response()).status).toBe(504);
  });

  it.each([
    ['closes without an answer', ''],
    ['resets', 'RESET'],
    ['closes in the middle of the head', 'HTTP/1.1 200 OK\r\nContent-'],
    ['speaks garbage', 'hello\r\n\r\n'],
    ['sends both lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n'],
    ['switches protocols', 'HTTP/1.1 101 Switching Protocols\r\n\r\n'],
    ['sends 1xx without end', 'HTTP/1.1 102 Processing\r\n\r\n'.repeat(30)],
    ['sends a head without end', `HTTP/1.1 200 OK\r\nX: ${'y'.repeat(70_000)}`],
  ])('that %s leads to 502', async (_name, text) => {
    const { client } = await setUp(({ connection: { socket } }) => {
      if (text === 'RESET') socket.resetAndDestroy();
      else socket.end(text);
    });
    client.send(request('SendMail', Buffer.from('03016a0000154501', 'hex')));
    expect((await client.response()).status).toBe(502);
  });

  it.each([
    ['by length', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort'],
    ['chunked', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n10\r\nshort'],
    ['with a malformed chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3x\r\nabc\r\n0\r\n\r\n'],
  ])(
    'that ends in the middle of a response %s leads to a cut of the phone’s connection',
    async (_name, text) => {
      const { client, gateway } = await setUp(({ connection }) => connection.socket.end(text));
      client.send(request('FolderSync', FOLDER_SYNC) + request('FolderSync', FOLDER_SYNC));
      await until(() => client.closed || client.ended);
      expect((client.received.match(/HTTP\/1\.1/g) ?? []).length).toBeLessThanOrEqual(1);
      expect(gateway.finished[0]?.error).toMatch(/^EASGATE_UPSTREAM_/);
    },
  );

  it('that stops in the middle of a response is disconnected', async () => {
    const { client, gateway } = await setUp(({ connection }) =>
      connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort'),
    );
    client.send(request('FolderSync', FOLDER_SYNC));
    await until(() => client.received.endsWith('short'), 'a part of the response');
    await gateway.time.advance(5_001);
    await until(() => client.closed || client.ended);
    expect(gateway.finished[0]?.error).toBe('EASGATE_UPSTREAM_STALLED');
  });

  it('with all connections in use leads to 503 with Retry-After', async () => {
    const { client, gateway } = await setUp(() => undefined, { upstream: { maxConnections: 1 } });
    client.send(request('Ping', PING));
    const second = await phoneOf(gateway);
    await until(() => gateway.upstreamConnections() === 1);
    second.send(request('FolderSync', FOLDER_SYNC));
    const response = await second.response();
    expect(response.status).toBe(503);
    expect(response.header('retry-after')).toBe('30');
  });

  it('that closes a reused connection gets a repeatable request again, but never a mail twice', async () => {
    let close = false;
    const { backend, gateway, client } = await setUp(({ connection: { socket } }) => {
      if (close) {
        close = false;
        socket.destroy();
      } else {
        socket.write(ok());
      }
    });
    client.send(request('FolderSync', FOLDER_SYNC));
    await client.response();
    // A connection is reused only after it has stayed open for a moment.
    await gateway.time.advance(500);
    close = true;
    client.send(request('FolderSync', FOLDER_SYNC));
    expect((await client.response()).status).toBe(200);
    expect(backend.requests).toHaveLength(3);
    close = true;
    client.send(request('SendMail', Buffer.from('03016a0000154501', 'hex')));
    const failed = await client.response();
    expect([200, 502]).toContain(failed.status);
    expect(backend.requests.filter(({ target }) => target.includes('SendMail'))).toHaveLength(1);
  });
});

describe('a client', () => {
  it('that is slow with its head gets 408', async () => {
    const { gateway, client } = await setUp();
    client.send('POST /Microsoft');
    await untilRead(gateway);
    await gateway.time.advance(5_001);
    const response = await client.response();
    expect(response.status).toBe(408);
    expect(response.header('connection')).toBe('close');
  });

  it('that sends nothing at all is closed', async () => {
    const { gateway, client } = await setUp();
    await until(() => gateway.connections() === 1, 'the connection');
    await gateway.time.advance(5_001);
    await until(() => client.ended || client.closed);
  });

  it('that is slow with its body gets 408, before and after the head was forwarded', async () => {
    const { backend, client, gateway } = await setUp();
    client.send(request('FolderSync', Buffer.alloc(0), ['Content-Length: 20']));
    await untilRead(gateway);
    await gateway.time.advance(5_001);
    expect((await client.response()).status).toBe(408);
    const second = await phoneOf(gateway);
    second.send(request('SendMail', Buffer.from('03016a00001545', 'hex'), ['Content-Length: 20']));
    await untilRead(gateway);
    await gateway.time.advance(5_001);
    expect((await second.response()).status).toBe(408);
    await until(() => backend.connections.every((connection) => connection.closed));
  });

  it('that disconnects in the middle of its upload frees the upstream connection', async () => {
    const { backend, client } = await setUp();
    client.send(request('SendMail', Buffer.from('03016a00001545', 'hex'), ['Content-Length: 2000']));
    await until(() => backend.connections.length === 1);
    client.destroy();
    await until(() => backend.connections[0]?.closed === true);
  });

  it('that disconnects before the server answers frees the upstream connection', async () => {
    const { backend, gateway, client } = await setUp(() => undefined);
    client.send(request('FolderSync', FOLDER_SYNC));
    await until(() => backend.requests.length === 1);
    client.destroy();
    await untilLeft(gateway);
    await until(() => backend.connections[0]?.closed === true);
  });

  it('that reads nothing is disconnected', async () => {
    const { client, gateway } = await setUp(({ connection }) => {
      connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 50000000\r\n\r\n');
      connection.socket.write(Buffer.alloc(50_000_000));
    });
    client.socket.pause();
    client.send(request('FolderSync', FOLDER_SYNC));
    await until(() => gateway.unsentBytes() > 0, 'the line to be full');
    await gateway.time.advance(5_001);
    await until(() => gateway.finished.length === 1, 'given up');
    expect(gateway.finished[0]?.error).toBe('EASGATE_CLIENT_STALLED');
  });

  it('with too large a body gets 413, whatever its framing', async () => {
    const { backend, client, gateway } = await setUp(undefined, { client: { maxBodyBytes: 1000 } });
    client.send(request('SendMail', Buffer.from('03016a00001545', 'hex'), ['Content-Length: 1001']));
    expect((await client.response()).status).toBe(413);
    const second = await phoneOf(gateway);
    second.send(request('SendMail', Buffer.alloc(0), ['Transfer-Encoding: chunked']));
    second.send(`7\r\n${Buffer.from('03016a00001545', 'hex').toString('latin1')}\r\n`);
    second.send(`3e9\r\n${'x'.repeat(1001)}\r\n`);
    expect((await second.response()).status).toBe(413);
    expect(backend.requests).toHaveLength(0);
  });

  it.each([
    ['root of another command', request('Ping', FOLDER_SYNC), 400],
    ['no WBXML', request('FolderSync', Buffer.from('<xml/>')), 400],
    ['another user in the query', request('FolderSync', FOLDER_SYNC).replace('User=alice', 'User=bob'), 403],
    ['unknown version', request('FolderSync', FOLDER_SYNC).replace('14.1', '14.2'), 400],
    ['another path', request('FolderSync', FOLDER_SYNC).replace('/Microsoft-Server-ActiveSync', '/owa'), 404],
    ['another method', request('FolderSync', FOLDER_SYNC).replace('POST', 'PUT'), 405],
    ['its own loop', request('FolderSync', FOLDER_SYNC, ['Via: 1.1 easgate']), 508],
    [
      'malformed chunk',
      request('FolderSync', Buffer.alloc(0), ['Transfer-Encoding: chunked']) + 'x\r\n',
      400,
    ],
    ['unknown coding', request('FolderSync', FOLDER_SYNC, ['Content-Encoding: br']), 415],
    [
      'OPTIONS with a body',
      'OPTIONS /Microsoft-Server-ActiveSync HTTP/1.1\r\nHost: a\r\nAuthorization: Basic YWxpY2U6c2VjcmV0\r\n' +
        'Content-Length: 3\r\n\r\nabc',
      400,
    ],
  ])('with %s is refused and the server sees nothing', async (_name, text, status) => {
    const { backend, client } = await setUp();
    client.send(text + request('FolderSync', FOLDER_SYNC));
    const response = await client.response();
    expect(response.status).toBe(status);
    expect(response.header('connection')).toBe('close');
    await until(() => client.ended);
    expect(backend.requests).toHaveLength(0);
  });

  it('without credentials gets the server’s challenge, and its command does not reach the server', async () => {
    const { backend, client } = await setUp(({ connection }) =>
      connection.socket.write(
        'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n',
      ),
    );
    client.send(request('FolderSync', FOLDER_SYNC).replace(/Authorization: .*\r\n/, ''));
    const response = await client.response();
    expect(response.status).toBe(401);
    expect(response.header('www-authenticate')).toBe('Basic realm="x"');
    expect(backend.requests[0]?.method).toBe('OPTIONS');
    expect(backend.requests[0]?.target).toBe('/Microsoft-Server-ActiveSync');
    expect(backend.requests[0]?.body).toHaveLength(0);
  });

  it('without credentials is challenged at once when it sent Expect: 100-continue', async () => {
    const { client } = await setUp(({ connection }) =>
      connection.socket.write(
        'HTTP/1.1 401 No\r\nWWW-Authenticate: Basic realm="x"\r\nContent-Length: 0\r\n\r\n',
      ),
    );
    const [head] = request('FolderSync', FOLDER_SYNC, ['Expect: 100-continue', 'Content-Length: 13'])
      .replace(/Authorization: .*\r\n/, '')
      .split('\r\n\r\n');
    client.send(`${head}\r\n\r\n`);
    const response = await client.response();
    expect([response.status, response.header('connection')]).toEqual([401, 'close']);
  });

  it('with NTLM credentials gets only the challenge when connection-bound schemes are stripped', async () => {
    const { backend, client } = await setUp(
      ({ connection }) =>
        connection.socket.write('HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM\r\nContent-Length: 0\r\n\r\n'),
      { balancing: { connectionAuth: 'strip' } },
    );
    for (const method of ['OPTIONS', 'POST']) {
      const text = request('FolderSync', FOLDER_SYNC).replace(/Basic .*/, 'NTLM TlRMTVNTUAAB');
      const head = `OPTIONS /Microsoft-Server-ActiveSync HTTP/1.1\r\nHost: a\r\nAuthorization: NTLM TlRMTVNTUAAB\r\n\r\n`;
      client.send(method === 'POST' ? text : head);
      expect((await client.response()).status).toBe(401);
    }
    expect(backend.connections.length).toBeGreaterThan(0);
    expect(backend.connections.filter(({ received }) => received.includes('TlRMTVNTUAAB'))).toEqual([]);
  });

  it('without credentials gets 401 even if the server would answer', async () => {
    const { client } = await setUp();
    client.send(request('FolderSync', FOLDER_SYNC).replace(/Authorization: .*\r\n/, ''));
    expect((await client.response()).status).toBe(401);
  });
});

describe('the verdict', () => {
  it('"block" is answered in the command’s own element from 14.0 on, and by 403 before', async () => {
    const { backend, gateway, client } = await setUp();
    gateway.change('abc123', 'block');
    client.send(request('FolderSync', FOLDER_SYNC));
    expect((await client.response()).body.toString('hex')).toBe('03016a000007564c03313239000101');
    client.send(request('FolderSync', FOLDER_SYNC).replace('14.1', '12.1'));
    expect((await client.response()).status).toBe(403);
    expect(backend.requests.filter(({ method }) => method === 'POST')).toHaveLength(0);
  });

  it('leads to a record of a refused device only after the mail server accepted its credentials', async () => {
    let status = '401 No';
    const { backend, gateway, client } = await setUp((asked) =>
      asked.connection.socket.write(
        isBare(asked) ? UNAUTHORIZED : `HTTP/1.1 ${status}\r\n${OFFER}Content-Length: 0\r\n\r\n`,
      ),
    );
    gateway.change('abc123', 'quarantine');
    client.send(request('FolderSync', FOLDER_SYNC));
    expect((await client.response()).status).toBe(401);
    expect(backend.requests.length).toBe(2);
    for (const asked of backend.requests)
      expect(asked).toMatchObject({ method: 'OPTIONS', target: '/Microsoft-Server-ActiveSync' });
    expect(gateway.seen).toEqual([]);
    status = '200 OK';
    const other = await phoneOf(gateway);
    // Other credentials, since the result for the first ones is cached.
    other.send(request('FolderSync', FOLDER_SYNC).replace('YWxpY2U6c2VjcmV0', 'YWxpY2U6cmlnaHQ='));
    await other.response();
    await until(() => gateway.seen.length === 1);
    expect(gateway.seen).toEqual([{ user: 'alice', device: 'abc123' }]);
    expect(gateway.finished.map(({ authorization }) => authorization)).toEqual([null, null]);
  });

  it('that must be looked up does not lose the part of the body that arrives meanwhile', async () => {
    const { backend, gateway, client } = await setUp();
    gateway.verdicts.set('abc123', 'miss');
    client.send(request('FolderSync', FOLDER_SYNC));
    expect((await client.response()).status).toBe(200);
    expect(backend.requests[0]?.body).toEqual(FOLDER_SYNC);
  });

  it('that is unavailable leads to 503 with Retry-After', async () => {
    const { backend, gateway, client } = await setUp();
    gateway.verdicts.set('abc123', 'unavailable');
    client.send(request('FolderSync', FOLDER_SYNC));
    const response = await client.response();
    expect(response.status).toBe(503);
    expect(response.header('retry-after')).toBe('30');
    expect(backend.requests).toHaveLength(0);
  });
});
