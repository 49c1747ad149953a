// Owns the promises about peers that are slow or read nothing: they are disconnected in time and use little memory, and a phone
// on a slow line still gets its complete answer.
import { describe, expect, it, onTestFinished } from 'vitest';
import { LINGER_MS } from '../../../src/gateway/fixed-limits.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { untilRead } from '../../support/phones/raw-client.ts';
import type { RawClient } from '../../support/phones/raw-client.ts';
import { ok } from '../../support/servers/raw-backend.ts';
import type { BackendConnection, BackendRequest, RawBackend } from '../../support/servers/raw-backend.ts';
import { FOLDER_SYNC, request } from '../../support/servers/test-gateway.ts';
import type { SettingsOverrides, TestGateway } from '../../support/servers/test-gateway.ts';
import { until } from '../../support/checks/until.ts';
import { backendOf, gatewayOf, phoneOf } from '../../support/servers/openings.ts';

checkLeaks();

interface SetUp {
  readonly backend: RawBackend;
  readonly gateway: TestGateway;
  readonly client: RawClient;
  /** Bytes that the gateway buffers for the phone. */
  readonly unsent: () => number;
  /** The highest value of it. */
  readonly mostUnsent: () => number;
}

async function setUp(
  overrides: SettingsOverrides = {},
  onRequest: (request: BackendRequest) => void = ({ connection }) => connection.socket.write(ok()),
): Promise<SetUp> {
  const backend = await backendOf(onRequest);
  const gateway = await gatewayOf(backend, overrides);
  let most = 0;
  const unsent = (): number => gateway.unsentBytes();
  const watch = setInterval(() => (most = Math.max(most, unsent())), 1);
  onTestFinished(() => clearInterval(watch));
  const client = await phoneOf(gateway);
  return { backend, gateway, client, unsent, mostUnsent: () => most };
}

/** Resolves when the number stayed the same during several ticks of the gateway. */
async function untilStill(gateway: TestGateway, number: () => number): Promise<void> {
  for (let looks = 0, before = number(); looks < 3; looks++) {
    await gateway.time.advance(0);
    if (number() === before) continue;
    before = number();
    looks = -1;
  }
}

const MAIL_START = Buffer.from('03016a00001545', 'hex');
const large = (size: number, framing: string): Buffer =>
  Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n`), Buffer.alloc(size, 'x')]);

describe('a phone that sends slowly', () => {
  /** Sends the beginning of a head, then one byte twice a second for as long as a head may take. */
  async function dripHead({ gateway, client }: SetUp): Promise<void> {
    client.send('POST /Microsoft-Server-ActiveSync?');
    await untilRead(gateway);
    for (let half = 0; half < 9; half++) {
      await gateway.time.advance(500);
      client.send('x');
    }
    expect([client.received, client.ended]).toEqual(['', false]);
    await gateway.time.advance(501);
  }

  it('gets 408 when its head arrives one byte at a time', async () => {
    const world = await setUp();
    await dripHead(world);
    const response = await world.client.response();
    expect(response.status).toBe(408);
    expect(response.header('connection')).toBe('close');
    await until(() => world.client.ended);
    expect(world.gateway.finished.at(-1)?.error).toBe('EASGATE_HEAD_TIMEOUT');
  });

  it('keeps its connection when it sends an empty line behind its body, as old clients do', async () => {
    const { gateway, client, backend } = await setUp({ client: { keepAliveTimeoutMs: 60_000 } });
    for (const behind of ['\r\n', '']) {
      client.send(request('FolderSync', FOLDER_SYNC) + behind);
      expect((await client.response()).status).toBe(200);
      client.send('\r');
      await untilRead(gateway);
      client.send('\n');
      await untilRead(gateway);
      await gateway.time.advance(10_000);
    }
    client.send(request('FolderSync', FOLDER_SYNC));
    expect((await client.response()).status).toBe(200);
    expect(backend.requests).toHaveLength(3);
  });

  it('has the same deadline for the head of a later request on its connection', async () => {
    const world = await setUp({ client: { keepAliveTimeoutMs: 60_000 } });
    world.client.send(request('FolderSync', FOLDER_SYNC));
    expect((await world.client.response()).status).toBe(200);
    await dripHead(world);
    expect((await world.client.response()).status).toBe(408);
  });

  it.each([
    ['before its head was forwarded', 'FolderSync', FOLDER_SYNC],
    ['after its head was forwarded', 'SendMail', MAIL_START],
  ])('gets 408 when its body is slower than minBodyRate, %s', async (_when, command, start) => {
    const { backend, gateway, client } = await setUp({ client: { minBodyRate: 10_000 } });
    const chunk = (bytes: Buffer): string =>
      `${bytes.length.toString(16)}\r\n${bytes.toString('latin1')}\r\n`;
    if (command === 'SendMail') client.send(request(command, start, ['Content-Length: 1000000']));
    else client.send(request(command, Buffer.alloc(0), ['Transfer-Encoding: chunked']) + chunk(start));
    await untilRead(gateway);
    for (let second = 0; second < 10; second++) {
      client.send(command === 'SendMail' ? 'x' : chunk(Buffer.from('x')));
      await untilRead(gateway);
      await gateway.time.advance(1_000);
    }
    expect(client.received).toBe('');
    client.send(command === 'SendMail' ? 'x' : chunk(Buffer.from('x')));
    expect((await client.response()).status).toBe(408);
    expect(gateway.finished.at(-1)?.error).toBe('EASGATE_BODY_TIMEOUT');
    await until(() => gateway.upstreamConnections() === 0);
    expect(backend.requests).toHaveLength(0);
  });

  it('is served when its body is faster than minBodyRate, however long it takes', async () => {
    const { backend, gateway, client } = await setUp({ client: { minBodyRate: 1_000 } });
    const piece = 'x'.repeat(5_000);
    client.send(request('SendMail', MAIL_START, [`Content-Length: ${MAIL_START.length + 10 * 5_000}`]));
    await until(() => backend.connections[0]?.received.includes('\r\n\r\n') === true, 'the head');
    for (let count = 1; count <= 10; count++) {
      await gateway.time.advance(4_000);
      const before = backend.connections[0]?.received.length ?? 0;
      client.send(piece);
      await until(() => backend.connections[0]?.received.length === before + piece.length, 'the piece');
    }
    expect((await client.response()).status).toBe(200);
    expect(backend.requests[0]?.body).toHaveLength(MAIL_START.length + 10 * 5_000);
  });

  it('has its full time for the rest of its body when the mail server connects quickly', async () => {
    const { backend, gateway, client } = await setUp({
      upstream: { connectTimeoutMs: 1_000 },
      client: { bodyTimeoutMs: 60_000 },
    });
    const mail = request('SendMail', MAIL_START, [`Content-Length: ${MAIL_START.length + 1}`]);
    client.send(mail);
    await until(() => backend.connections[0]?.received.includes('\r\n\r\n') === true, 'the head');
    await gateway.time.advance(59_000);
    client.send('x');
    expect((await client.response()).status).toBe(200);
  });

  it('does not get 408 when the mail server reads nothing', async () => {
    const { backend, gateway, client } = await setUp({ client: { minBodyRate: 1_000 } });
    client.send(request('SendMail', MAIL_START, ['Content-Length: 40000000']));
    await until(() => backend.connections.length === 1);
    backend.connections[0]?.socket.pause();
    client.send(Buffer.alloc(39_000_000));
    await untilStill(gateway, () => client.socket.writableLength);
    await gateway.time.advance(5_001);
    expect((await client.response()).status).toBe(504);
    expect(gateway.finished[0]?.error).toBe('EASGATE_UPSTREAM_STALLED');
  });

  it('does not get 408 for the time in which the mail server read nothing', async () => {
    const { backend, gateway, client } = await setUp({
      client: { minBodyRate: 100_000_000, bodyTimeoutMs: 60_000 },
    });
    const size = 16_000_000;
    client.send(request('SendMail', MAIL_START, [`Content-Length: ${MAIL_START.length + size}`]));
    await until(() => backend.connections.length === 1);
    const { socket } = backend.connections[0] as BackendConnection;
    socket.pause();
    client.send(Buffer.alloc(size));
    await untilStill(gateway, () => client.socket.writableLength);
    // Longer than the window.
    await gateway.time.advance(13_000);
    expect(client.socket.writableLength).toBeGreaterThan(0);
    // The rest of the body arrives within one window.
    socket.removeAllListeners('data');
    socket.on('data', () => undefined);
    socket.resume();
    await until(() => client.socket.writableLength === 0, 'the rest to leave');
    socket.write(ok());
    expect((await client.response()).status).toBe(200);
  });

  it('has its body forwarded unchanged when it sends chunks of one byte', async () => {
    const { backend, client } = await setUp();
    const tiny = (bytes: Buffer): string =>
      [...bytes].map((byte) => `1\r\n${String.fromCodePoint(byte)}\r\n`).join('');
    const rest = Buffer.from(Array.from({ length: 10_000 }, (_, index) => index % 251));
    const streamed = Buffer.alloc(70_000, 'y');
    client.send(request('SendMail', Buffer.alloc(0), ['Transfer-Encoding: chunked']) + tiny(MAIL_START));
    client.send(tiny(rest) + `${streamed.length.toString(16)}\r\n${streamed.toString('latin1')}\r\n`);
    await until(() => backend.connections.length === 1, 'the head to be forwarded');
    client.send(tiny(rest) + '0\r\n\r\n');
    expect((await client.response()).status).toBe(200);
    const expected = Buffer.concat([MAIL_START, rest, streamed, rest]);
    expect(backend.requests[0]?.body.equals(expected)).toBe(true);
  });
});

describe('a phone that reads slowly', () => {
  it('is disconnected when it reads nothing, which frees the upstream connection and memory', async () => {
    const { backend, gateway, client, unsent, mostUnsent } = await setUp({}, ({ connection }) =>
      connection.socket.write(large(50_000_000, 'Content-Length: 50000000')),
    );
    client.socket.pause();
    client.send(request('FolderSync', FOLDER_SYNC));
    await until(() => unsent() > 0, 'the line to be full');
    await untilStill(gateway, unsent);
    await gateway.time.advance(5_001);
    await until(() => gateway.finished.length === 1);
    expect(gateway.finished[0]?.error).toBe('EASGATE_CLIENT_STALLED');
    await until(() => backend.connections[0]?.closed === true && gateway.connections() === 0);
    expect(mostUnsent()).toBeGreaterThan(0);
    expect(mostUnsent()).toBeLessThan(1_000_000);
  });

  it('is disconnected when it reads slower than minReadRate', async () => {
    const { backend, gateway, client, unsent } = await setUp(
      { client: { minReadRate: 1_000_000_000, rateWindowMs: 3_000 } },
      ({ connection }) => connection.socket.write(large(50_000_000, 'Content-Length: 50000000')),
    );
    client.socket.pause();
    client.send(request('FolderSync', FOLDER_SYNC));
    await until(() => unsent() > 0, 'the line to be full');
    await untilStill(gateway, unsent);
    await gateway.time.advance(4_000);
    expect(gateway.finished).toHaveLength(0);
    client.socket.resume();
    await until(() => gateway.finished.length === 1, 'cut');
    expect(gateway.finished[0]?.error).toBe('EASGATE_CLIENT_STALLED');
    await until(() => backend.connections[0]?.closed === true);
  });

  it('and keeps pipelining gets a bounded number of buffered answers, and more when it reads', async () => {
    const body = 'x'.repeat(30_000);
    const { backend, gateway, client, mostUnsent } = await setUp({}, ({ connection }) =>
      connection.socket.write(ok(body)),
    );
    client.socket.pause();
    const count = 1_500;
    client.send(request('FolderSync', FOLDER_SYNC).repeat(count));
    await until(() => mostUnsent() > 0, 'the line to be full');
    await untilStill(gateway, () => backend.requests.length);
    expect(mostUnsent()).toBeLessThan(1_000_000);
    expect(backend.requests.length).toBeLessThan(count);
    client.socket.resume();
    await until(() => client.received.length >= count * (ok(body).length - 1), 'all answers');
    expect(client.received.split('HTTP/1.1 200 OK').length - 1).toBe(count);
  });

  it.each([
    ['chunked, last of its connection', 1, 'Transfer-Encoding: chunked', false],
    ['ended by closing', 0, 'Connection: close', false],
    ['on a connection whose side of it it closed', 0, 'Transfer-Encoding: chunked', true],
  ])('gets its complete response: %s', async (_what, maxRequestsPerConnection, framing, halfClose) => {
    const { backend, gateway, client, unsent } = await setUp(
      { client: { maxRequestsPerConnection } },
      ({ connection }) => connection.socket.write(`HTTP/1.1 200 OK\r\n${framing}\r\n\r\n`),
    );
    client.socket.pause();
    client.send(request('FolderSync', FOLDER_SYNC));
    await until(() => backend.requests.length === 1);
    // Below the size at which the gateway stops reading, repeated until the line to the phone is full.
    const piece = 'x'.repeat(50_000);
    const part = framing.startsWith('T') ? `${piece.length.toString(16)}\r\n${piece}\r\n` : piece;
    const { socket } = (backend.requests[0] as BackendRequest).connection;
    let sent = 0;
    await until(async () => {
      // What the gateway has just written may still find room.
      if (unsent() > 0) await untilStill(gateway, unsent);
      if (unsent() > 0) return true;
      socket.write(part);
      sent += piece.length;
      return false;
    }, 'the line to be full');
    socket.end(framing.startsWith('T') ? '0\r\n\r\n' : '');
    await until(() => gateway.finished.length === 1, 'the gateway to be done');
    expect(unsent()).toBeGreaterThan(0);
    if (halfClose) client.socket.end();
    // Longer than the gateway waits for the close of phones that have their complete answer.
    await gateway.time.advance(LINGER_MS + 500);
    client.socket.resume();
    expect((await client.response()).body).toHaveLength(sent);
    await until(() => client.ended);
  });
});
