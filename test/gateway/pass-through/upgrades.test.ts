// Owns the promises of the pass-through lane about WebSocket connections.
import { describe, expect, it } from 'vitest';
import { get, openLane } from '../../support/servers/open-lane.ts';
import { ok } from '../../support/servers/raw-backend.ts';
import { stopTimers } from '../../support/checks/test-clock.ts';
import { until } from '../../support/checks/until.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';

checkLeaks();

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

  it('carries octets both ways behind the 101 of the server, and says so in the log', async () => {
    const { backend, gateway, client } = await openLane(({ connection }) =>
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

  it('is not switched before the server has switched (CVE-2026-2833)', async () => {
    const { backend, client } = await openLane(() => undefined);
    client.send(upgrade());
    await until(() => backend.requests.length === 1);
    expect(client.received).toBe('');
    client.send(get('/hidden'));
    expect((await client.response()).status).toBe(400);
    await until(() => backend.connections[0]?.closed === true);
    expect(backend.connections[0]?.received).not.toContain('hidden');
  });

  it('is refused with a request right behind its head', async () => {
    const { backend, client } = await openLane();
    client.send(upgrade() + get('/hidden'));
    expect((await client.response()).status).toBe(400);
    expect(backend.connections).toHaveLength(0);
  });

  it('closes when the server closes', async () => {
    const { gateway, client } = await openLane(({ connection }) => connection.socket.end(SWITCH + 'bye'));
    client.send(upgrade());
    await until(() => client.ended);
    expect(client.received).toMatch(/bye$/);
    client.socket.end();
    await until(() => gateway.lane.connections() === 0);
  });

  it('closes when neither side says anything for the idle time', async () => {
    // Real time: a socket of Node keeps it.
    const { backend, client } = await openLane(({ connection }) => connection.socket.write(SWITCH), {
      idleTimeoutMs: 500,
    });
    client.send(upgrade());
    await until(() => client.ended && backend.connections[0]?.closed === true);
  });

  it('that the server refuses gets the answer of the server, framed anew', async () => {
    const { client } = await openLane(({ connection }) =>
      connection.socket.write('HTTP/1.1 403 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n'),
    );
    client.send(upgrade());
    const response = await client.response();
    expect(response.status).toBe(403);
    expect(response.body.toString()).toBe('no');
    expect(response.header('transfer-encoding')).toBeUndefined();
    expect(response.header('connection')).toBe('close');
  });

  it('that the server refuses leaves no connection behind, even if its client stays', async () => {
    const pass = stopTimers();
    const { gateway, client } = await openLane(({ connection }) => connection.socket.write(ok('no')), {
      idleTimeoutMs: 1_000,
    });
    client.send(upgrade());
    expect((await client.response()).status).toBe(200);
    // Its time for the answer, then to read it.
    await pass(10_000);
    await until(() => gateway.lane.connections() === 0);
    expect(client.closed).toBe(false);
  });

  it.each([
    ['switches to something else', 'HTTP/1.1 101 x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n'],
    ['switches without naming it', 'HTTP/1.1 101 x\r\n\r\n'],
  ])('is cut off when the server %s', async (_what, bytes) => {
    const { backend, client } = await openLane(({ connection }) => connection.socket.write(bytes), {
      responseTimeoutMs: 1_000,
    });
    client.send(upgrade());
    await until(() => client.ended || client.closed);
    expect(client.received).not.toContain(' 101 ');
    await until(() => backend.connections[0]?.closed === true);
  });

  it('gives 502 when the server cannot be reached, and 504 when it takes too long', async () => {
    const pass = stopTimers();
    const slow = await openLane(() => undefined, { responseTimeoutMs: 1_000 });
    slow.client.send(upgrade());
    await until(() => slow.backend.requests.length === 1, 'the request');
    await pass(1_000);
    expect((await slow.client.response()).status).toBe(504);
    await until(() => slow.backend.connections[0]?.closed === true);
    const away = await openLane();
    await away.backend.close();
    away.client.send(upgrade());
    expect((await away.client.response()).status).toBe(502);
  });

  it('that its client gives up is given up upstream', async () => {
    const { backend, gateway, client } = await openLane(() => undefined);
    client.send(upgrade());
    await until(() => backend.requests.length === 1);
    client.destroy();
    await until(() => backend.connections[0]?.closed === true);
    await until(() => gateway.lines.length === 1, 'the line of the request');
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
    const { backend, client } = await openLane();
    client.send(bytes);
    expect((await client.response()).status).toBe(status);
    await until(() => client.ended);
    expect(backend.connections).toHaveLength(0);
  });
});
