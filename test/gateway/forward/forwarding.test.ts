// Owns the promises of the EAS lane towards a well-behaved phone and server: framing, order, reuse, backpressure.
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { RawClient } from '../../support/phones/raw-client.ts';
import { answerOk, backendOf, gatewayOf, phoneOf } from '../../support/servers/openings.ts';
import { ok, startRawBackend } from '../../support/servers/raw-backend.ts';
import type { BackendRequest, RawBackend } from '../../support/servers/raw-backend.ts';
import { FOLDER_SYNC, PING, request } from '../../support/servers/test-gateway.ts';
import type { SettingsOverrides, TestGateway } from '../../support/servers/test-gateway.ts';
import { until } from '../../support/checks/until.ts';

checkLeaks();

async function setUp(
  onRequest: (request: BackendRequest) => void = answerOk,
  overrides: SettingsOverrides = {},
): Promise<{ backend: RawBackend; gateway: TestGateway; client: RawClient }> {
  const backend = await backendOf(onRequest);
  const gateway = await gatewayOf(backend, overrides);
  const client = await phoneOf(gateway);
  return { backend, gateway, client };
}

describe('a forwarded request', () => {
  it('reaches the server with its body, its end-to-end headers and the constant path', async () => {
    const { backend, client } = await setUp();
    client.send(
      request('FolderSync', FOLDER_SYNC, ['X-MS-PolicyKey: 7', 'Accept-Language: de']).replace(
        '/Microsoft',
        '/microsoft',
      ),
    );
    const response = await client.response();
    expect(response.status).toBe(200);
    expect(response.body.toString()).toBe('ok');
    const seen = backend.requests[0];
    expect(seen?.target).toBe(
      '/Microsoft-Server-ActiveSync?Cmd=FolderSync&User=alice&DeviceId=ABC123&DeviceType=iPhone',
    );
    expect(seen?.body).toEqual(FOLDER_SYNC);
    expect(seen?.header('x-ms-policykey')).toBe('7');
    expect(seen?.header('authorization')).toBe('Basic YWxpY2U6c2VjcmV0');
    expect(seen?.header('host')).toBe('mail.example.com');
    expect(seen?.header('x-forwarded-for')).toBe('127.0.0.1');
    expect(seen?.header('via')).toBe('1.1 easgate');
    expect(seen?.header('connection')).toBeUndefined();
  });

  it('is the same however its bytes are cut', async () => {
    const { backend, client } = await setUp();
    const text = request('FolderSync', FOLDER_SYNC);
    for (const byte of text) {
      client.send(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await client.response()).status).toBe(200);
    expect(backend.requests[0]?.body).toEqual(FOLDER_SYNC);
  });

  it('has Content-Length when its chunked body is at most 64 KB', async () => {
    const { backend, client } = await setUp();
    const chunks =
      [...FOLDER_SYNC].map((byte) => `1\r\n${String.fromCharCode(byte)}\r\n`).join('') + '0\r\n\r\n';
    client.send(request('FolderSync', Buffer.alloc(0), ['Transfer-Encoding: chunked']) + chunks);
    expect((await client.response()).status).toBe(200);
    expect(backend.requests[0]?.header('content-length')).toBe(String(FOLDER_SYNC.length));
    expect(backend.requests[0]?.header('transfer-encoding')).toBeUndefined();
    expect(backend.requests[0]?.body).toEqual(FOLDER_SYNC);
  });

  it('stays chunked, without its trailers, when its chunked body is larger', async () => {
    const { backend, client } = await setUp();
    const body = Buffer.concat([Buffer.from('03016a00001545', 'hex'), Buffer.alloc(200_000, 'm')]);
    client.send(request('SendMail', Buffer.alloc(0), ['Transfer-Encoding: chunked']));
    for (let at = 0; at < body.length; at += 30_000) {
      const part = body.subarray(at, at + 30_000);
      client.send(`${part.length.toString(16)}\r\n`);
      client.send(part);
      client.send('\r\n');
    }
    client.send('0\r\nX-Sum: 1\r\n\r\n');
    expect((await client.response()).status).toBe(200);
    expect(backend.requests[0]?.header('transfer-encoding')).toBe('chunked');
    expect(backend.requests[0]?.body.equals(body)).toBe(true);
    expect(backend.connections[0]?.received).not.toContain('X-Sum');
  });

  it('has a large body of known length streamed', async () => {
    const { backend, client } = await setUp();
    const body = Buffer.concat([Buffer.from('03016a00001545', 'hex'), Buffer.alloc(3_000_000, 'm')]);
    client.send(request('SendMail', body));
    expect((await client.response()).status).toBe(200);
    expect(backend.requests[0]?.body.equals(body)).toBe(true);
  });

  it('is answered 100 Continue only after the verdict, and a blocked phone uploads nothing', async () => {
    const { backend, gateway, client } = await setUp();
    client.send(
      request('FolderSync', FOLDER_SYNC, [
        'Expect: 100-continue',
        `Content-Length: ${FOLDER_SYNC.length}`,
      ]).slice(0, -FOLDER_SYNC.length),
    );
    await until(() => client.received.includes('100 Continue'), '100 Continue');
    client.send(FOLDER_SYNC);
    expect((await client.response()).status).toBe(200);
    expect(backend.requests[0]?.header('expect')).toBeUndefined();

    gateway.change('abc123', 'block');
    client.send(
      request('FolderSync', FOLDER_SYNC, [
        'Expect: 100-continue',
        `Content-Length: ${FOLDER_SYNC.length}`,
      ]).slice(0, -FOLDER_SYNC.length),
    );
    const refused = await client.response();
    expect(refused.body.toString('hex')).toBe('03016a000007564c03313239000101');
    expect(refused.header('connection')).toBe('close');
    expect(client.received).not.toContain('100 Continue');
  });

  it('waits for the answer before it when pipelined', async () => {
    const waiting: BackendRequest[] = [];
    const { backend, client } = await setUp((seen) => waiting.push(seen));
    client.send(request('FolderSync', FOLDER_SYNC) + request('FolderSync', FOLDER_SYNC, ['X-Second: 1']));
    await until(() => waiting.length === 1);
    waiting[0]?.connection.socket.write(ok('first'));
    await until(() => waiting.length === 2);
    expect(backend.requests[1]?.header('x-second')).toBe('1');
    waiting[1]?.connection.socket.write(ok('second'));
    expect((await client.response()).body.toString()).toBe('first');
    expect((await client.response()).body.toString()).toBe('second');
  });

  it('is answered in order among a hundred pipelined ones', async () => {
    let count = 0;
    const { client } = await setUp(({ connection }) => connection.socket.write(ok(`n${count++}`)));
    client.send(request('FolderSync', FOLDER_SYNC).repeat(100));
    for (let index = 0; index < 100; index++)
      expect((await client.response()).body.toString()).toBe(`n${index}`);
  });

  it('leads to a record of the partnership once the server accepted the credentials', async () => {
    let status = '401 No';
    const { gateway, client } = await setUp(({ connection }) =>
      connection.socket.write(`HTTP/1.1 ${status}\r\nContent-Length: 0\r\n\r\n`),
    );
    client.send(request('FolderSync', FOLDER_SYNC));
    await client.response();
    expect(gateway.seen).toEqual([]);
    status = '200 OK';
    client.send(request('FolderSync', FOLDER_SYNC));
    await client.response();
    expect(gateway.seen).toEqual([{ user: 'alice', device: 'abc123' }]);
  });
});

describe('a response', () => {
  it.each([
    [
      'chunked with trailers',
      'Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n4\r\ndefg\r\n0\r\nX-Sum: 1\r\n\r\n',
      'abcdefg',
    ],
    ['length', 'Content-Length: 5\r\n\r\nhello', 'hello'],
    ['empty', 'Content-Length: 0\r\n\r\n', ''],
  ])('arrives complete and leaves the connection open: %s', async (_name, text, body) => {
    const { client } = await setUp(({ connection }) => connection.socket.write(`HTTP/1.1 200 OK\r\n${text}`));
    for (let round = 0; round < 2; round++) {
      client.send(request('FolderSync', FOLDER_SYNC));
      expect((await client.response()).body.toString()).toBe(body);
    }
  });

  it('ends with the connection when the server delimits it by closing', async () => {
    const { client } = await setUp(({ connection }) =>
      connection.socket.end('HTTP/1.1 200 OK\r\n\r\nuntil the end'),
    );
    client.send(request('FolderSync', FOLDER_SYNC));
    const response = await client.response();
    expect(response.body.toString()).toBe('until the end');
    expect(response.header('connection')).toBe('close');
  });

  it('is unchunked for an HTTP/1.0 client', async () => {
    const { client } = await setUp(({ connection }) =>
      connection.socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n'),
    );
    client.send(request('FolderSync', FOLDER_SYNC).replace('HTTP/1.1', 'HTTP/1.0'));
    const response = await client.response();
    expect(response.body.toString()).toBe('abc');
    expect(response.header('transfer-encoding')).toBeUndefined();
  });

  it.each(['204 No Content', '304 Not Modified'])('has no body when it is %s', async (line) => {
    const { client } = await setUp(({ connection }) => connection.socket.write(`HTTP/1.1 ${line}\r\n\r\n`));
    client.send(request('FolderSync', FOLDER_SYNC) + request('FolderSync', FOLDER_SYNC));
    expect((await client.response()).status).toBe(Number(line.slice(0, 3)));
    expect((await client.response()).status).toBe(Number(line.slice(0, 3)));
  });

  it('may be preceded by 1xx responses', async () => {
    const { client } = await setUp(({ connection }) =>
      connection.socket.write('HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n' + ok()),
    );
    client.send(request('FolderSync', FOLDER_SYNC));
    await until(() => client.received.includes('\r\n\r\nok'));
    expect(client.received).toContain('HTTP/1.1 102 Processing');
    expect(client.received).not.toContain('100 Continue');
  });

  it('comes after a 1xx response with Connection: close, and its connection is not used again (RFC 9110 15.2, RFC 9112 9.6)', async () => {
    const { backend, client } = await setUp(({ connection }) =>
      connection.socket.write(
        'HTTP/1.1 100 Continue\r\nConnection: close\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n' + ok(),
      ),
    );
    for (let count = 1; count <= 2; count++) {
      client.send(request('FolderSync', FOLDER_SYNC));
      await until(() => client.received.split('\r\n\r\nok').length > count, 'the answer');
      await until(() => backend.connections.at(-1)?.closed === true, 'the close of its connection');
      expect(backend.connections).toHaveLength(count);
    }
  });

  it('with status 401 has every challenge unchanged', async () => {
    const lines = 'WWW-Authenticate: Bearer x\r\nWWW-Authenticate: Basic realm="a"\r\n';
    const { client } = await setUp(({ connection }) =>
      connection.socket.write(`HTTP/1.1 401 Unauthorized\r\n${lines}Content-Length: 2\r\n\r\nno`),
    );
    client.send(request('FolderSync', FOLDER_SYNC));
    const response = await client.response();
    expect(response.head).toContain(lines);
    expect(response.body.toString()).toBe('no');
  });

  it('that arrives before the upload is complete reaches the phone, and both connections close', async () => {
    const backend = await startRawBackend(undefined, (connection) => {
      if (connection.received.length < 1000)
        connection.socket.write('HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n');
    });
    onTestFinished(() => backend.close());
    const gateway = await gatewayOf(backend);
    const client = await RawClient.open(gateway.port);
    client.send(request('SendMail', Buffer.from('03016a00001545', 'hex'), ['Content-Length: 1000000']));
    const response = await client.response();
    expect(response.status).toBe(413);
    expect(response.header('connection')).toBe('close');
    await until(() => backend.connections[0]?.closed === true, 'upstream closed');
    client.destroy();
  });

  it('of 20 MB arrives complete at a slow reader without being buffered by the gateway', async () => {
    const size = 20_000_000;
    const { gateway, client } = await setUp(({ connection }) => {
      connection.socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
      connection.socket.write(Buffer.alloc(size, 'x'));
    });
    client.socket.pause();
    const before = process.memoryUsage().arrayBuffers;
    client.send(request('FolderSync', FOLDER_SYNC));
    await until(() => gateway.unsentBytes() > 0, 'the line to be full');
    // A turn of the event loop in which the gateway could read more.
    await gateway.time.advance(1);
    // The double holds `size` bytes; the gateway may add a few read buffers.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(size + 8_000_000);
    let received = 0;
    client.socket.removeAllListeners('data');
    client.socket.on('data', (chunk: Buffer) => (received += chunk.length));
    client.socket.resume();
    await until(() => received > size, 'the whole response');
  });
});

describe('connections', () => {
  it('to the server are reused', async () => {
    const { backend, gateway, client } = await setUp();
    client.send(request('FolderSync', FOLDER_SYNC));
    await client.response();
    // Until a connection has stayed open for a moment, every request gets a new one.
    await gateway.time.advance(500);
    for (let round = 0; round < 5; round++) {
      client.send(request('FolderSync', FOLDER_SYNC));
      await client.response();
    }
    expect(backend.connections).toHaveLength(1);
  });

  it('that the server closes after every response without announcement cause no failed request', async () => {
    const { client, gateway } = await setUp(({ connection }) => connection.socket.end(ok()));
    for (let round = 0; round < 200; round++) {
      client.send(request('SendMail', Buffer.from('03016a0000154501', 'hex')));
      expect((await client.response()).status).toBe(200);
    }
    expect(gateway.counters().failed).toBe(0);
  });

  it('with unsolicited bytes are never reused', async () => {
    const { backend, client } = await setUp(({ connection }) => connection.socket.write(ok() + ok('poison')));
    for (let round = 0; round < 5; round++) {
      client.send(request('FolderSync', FOLDER_SYNC));
      expect((await client.response()).body.toString()).toBe('ok');
    }
    expect(backend.connections.length).toBe(5);
  });

  it('whose phone closes its side after a complete request still carry the answer', async () => {
    const { client } = await setUp();
    client.socket.end(request('FolderSync', FOLDER_SYNC), 'latin1');
    expect((await client.response()).status).toBe(200);
    await until(() => client.ended);
  });

  it('that stay idle are closed', async () => {
    const { gateway, client } = await setUp();
    client.send(request('FolderSync', FOLDER_SYNC));
    await client.response();
    await gateway.time.advance(9_999);
    expect(client.ended).toBe(false);
    await gateway.time.advance(2);
    await until(() => client.ended || client.closed, 'idle close');
  });
});

describe('a held poll', () => {
  it('is not subject to the ordinary response time-out and ends with the server’s answer', async () => {
    const waiting: BackendRequest[] = [];
    const { gateway, client } = await setUp((seen) => waiting.push(seen));
    client.send(request('Ping', PING));
    await until(() => waiting.length === 1);
    await gateway.time.advance(481_000);
    expect([gateway.connections(), client.received]).toEqual([1, '']);
    waiting[0]?.connection.socket.write(ok('late'));
    expect((await client.response()).body.toString()).toBe('late');
  });

  it('frees its upstream connection at once when the phone disconnects', async () => {
    const waiting: BackendRequest[] = [];
    const { backend, gateway, client } = await setUp((seen) => waiting.push(seen));
    client.send(request('Ping', PING));
    await until(() => waiting.length === 1);
    client.destroy();
    await until(() => backend.connections[0]?.closed === true, 'upstream closed');
    await until(() => gateway.upstreamConnections() === 0);
    expect(gateway.finished[0]?.error).toBe('EASGATE_CLIENT_LEFT');
  });

  it.each([
    ['Ping', PING, '03016a00000d45470337000101'],
    ['Sync', Buffer.alloc(0), '03016a00454e033132000101'],
  ])('ends at once when its device is blocked: %s', async (command, body, expected) => {
    const waiting: BackendRequest[] = [];
    const { backend, gateway, client } = await setUp((seen) => waiting.push(seen));
    client.send(request(command, body));
    await until(() => waiting.length === 1);
    gateway.change('abc123', 'block');
    const response = await client.response();
    expect(response.status).toBe(200);
    expect(response.body.toString('hex')).toBe(expected);
    await until(() => backend.connections[0]?.closed === true, 'upstream closed');
  });

  it('stays held when another device is blocked', async () => {
    const waiting: BackendRequest[] = [];
    const { gateway, client } = await setUp((seen) => waiting.push(seen));
    client.send(request('Ping', PING));
    await until(() => waiting.length === 1);
    gateway.change('other', 'block');
    waiting[0]?.connection.socket.write(ok('news'));
    expect((await client.response()).body.toString()).toBe('news');
  });

  it('ends with a valid reply when the gateway drains', async () => {
    const waiting: BackendRequest[] = [];
    const { gateway, client } = await setUp((seen) => waiting.push(seen));
    client.send(request('Ping', PING));
    await until(() => waiting.length === 1);
    const drained = gateway.drain(60_000);
    const response = await client.response();
    expect(response.body.toString('hex')).toBe('03016a00000d45470331000101');
    client.socket.end();
    await drained;
    expect(gateway.connections()).toBe(0);
  });
});

describe('a response in progress when the gateway drains', () => {
  it('is finished, and a request that follows it is answered', async () => {
    const waiting: BackendRequest[] = [];
    const { gateway, client } = await setUp((seen) => {
      if (waiting.push(seen) > 1) seen.connection.socket.write(ok('second'));
      else seen.connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfi');
    });
    client.send(request('FolderSync', FOLDER_SYNC));
    await until(() => client.received.endsWith('fi'), 'the half of the response');
    const drained = gateway.drain(60_000, 10_000);
    waiting[0]?.connection.socket.write('st');
    const first = await client.response();
    expect([first.body.toString(), first.header('connection')]).toEqual(['fist', undefined]);
    // The phone was told that the connection stays open, so it may use it at once.
    client.send(request('FolderSync', FOLDER_SYNC));
    const second = await client.response();
    expect([second.body.toString(), second.header('connection')]).toEqual(['second', 'close']);
    client.socket.end();
    await drained;
  });

  it('is finished, and its connection is closed at the end of the window', async () => {
    const waiting: BackendRequest[] = [];
    const { gateway, client } = await setUp((seen) => {
      waiting.push(seen);
      seen.connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfi');
    });
    client.send(request('FolderSync', FOLDER_SYNC));
    await until(() => client.received.endsWith('fi'), 'the half of the response');
    const drained = gateway.drain(60_000, 10_000);
    waiting[0]?.connection.socket.write('st');
    expect((await client.response()).body.toString()).toBe('fist');
    await gateway.time.advance(9_000);
    expect(client.ended).toBe(false);
    await gateway.time.advance(2_000);
    await until(() => client.ended, 'the close');
    await drained;
  });
});

describe('held polls', () => {
  it('end one after the other within the window when the gateway drains', async () => {
    const { backend, gateway, client } = await setUp(() => undefined);
    client.destroy();
    const phones: RawClient[] = [];
    for (let index = 0; index < 10; index++) {
      const phone = await phoneOf(gateway);
      phones.push(phone);
      phone.send(request('Ping', PING, [], `PHONE${index}`));
    }
    await until(() => backend.requests.length === 10, 'all polls to be held');
    const ended = (): number => phones.filter(({ received }) => received !== '').length;
    const drained = gateway.drain(600_000, 10_000);
    for (let count = 1; count <= 10; count++) {
      await until(() => ended() === count, `the end of ${count}`);
      await gateway.time.advance(999);
      expect(ended()).toBe(count);
      await gateway.time.advance(1);
    }
    for (const phone of phones) phone.socket.end();
    await drained;
  });
});

describe('a streaming response', () => {
  it('is cut when its device is blocked', async () => {
    const { gateway, client } = await setUp(({ connection }) =>
      connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\nbeginning'),
    );
    client.send(request('FolderSync', FOLDER_SYNC));
    await until(() => client.received.includes('beginning'));
    gateway.change('abc123', 'block');
    await until(() => client.closed || client.ended, 'cut');
    expect(gateway.finished[0]?.error).toBe('EASGATE_DECISION_CHANGED');
  });
});
