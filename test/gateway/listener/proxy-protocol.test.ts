// Owns the promises of the PROXY protocol on real connections: whose headers are trusted, and which the mail server gets.
import { connect } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseProxyHeader, proxyHeader } from '../../../src/http/proxy-protocol.ts';
import { answerOk, backendOf, gatewayOf, phoneOf } from '../../support/servers/openings.ts';
import { ok } from '../../support/servers/raw-backend.ts';
import type { BackendConnection, BackendRequest, RawBackend } from '../../support/servers/raw-backend.ts';
import type { RawClient } from '../../support/phones/raw-client.ts';
import { FOLDER_SYNC, request } from '../../support/servers/test-gateway.ts';
import type { SettingsOverrides, TestGateway } from '../../support/servers/test-gateway.ts';
import { until } from '../../support/checks/until.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';

checkLeaks();

async function setUp(
  overrides: SettingsOverrides,
  onRequest: (request: BackendRequest) => void = answerOk,
): Promise<{ backend: RawBackend; gateway: TestGateway }> {
  const backend = await backendOf(onRequest);
  const gateway = await gatewayOf(backend, overrides);
  return { backend, gateway };
}

async function open(gateway: TestGateway): Promise<RawClient> {
  const client = await phoneOf(gateway);
  return client;
}

const trusting = (...proxyProtocolFrom: string[]): SettingsOverrides => ({ listen: { proxyProtocolFrom } });
const ASK = request('FolderSync', FOLDER_SYNC);
const FROM_PHONE = proxyHeader(1, '192.0.2.7', 40_000, '198.51.100.1', 443);

describe('a connection of a trusted proxy', () => {
  it.each([
    ['version 1', FROM_PHONE, '192.0.2.7'],
    ['version 2', proxyHeader(2, '192.0.2.7', 40_000, '198.51.100.1', 443), '192.0.2.7'],
    ['version 1, IPv6', proxyHeader(1, '2001:db8::7', 40_000, '2001:db8::1', 443), '2001:db8::7'],
    ['version 2, IPv6', proxyHeader(2, '2001:db8::7', 40_000, '2001:db8::1', 443), '2001:db8::7'],
  ])('gives the address of the phone to the mail server and the log (%s)', async (_name, header, address) => {
    const { backend, gateway } = await setUp(trusting('127.0.0.0/8'));
    const client = await open(gateway);
    client.send(Buffer.concat([header, Buffer.from(ASK, 'latin1')]));
    expect((await client.response()).status).toBe(200);
    expect(backend.requests[0]?.header('x-forwarded-for')).toBe(address);
    client.send(ASK);
    expect((await client.response()).status).toBe(200);
    expect(backend.requests[1]?.header('x-forwarded-for')).toBe(address);
    expect(gateway.addresses).toEqual([address, address]);
  });

  it.each([
    ['LOCAL', proxyHeader(2, '', 0, '', 0)],
    ['UNKNOWN', proxyHeader(1, '', 0, '', 0)],
  ])('counts as the proxy itself when the header says %s', async (_name, header) => {
    const { backend, gateway } = await setUp(trusting('127.0.0.1'));
    const client = await open(gateway);
    client.send(header);
    client.send(ASK);
    expect((await client.response()).status).toBe(200);
    expect(backend.requests[0]?.header('x-forwarded-for')).toBe('127.0.0.1');
    expect(gateway.addresses).toEqual(['127.0.0.1']);
  });

  it.each(['', 'PROXY TCP4 192.0.2.7 '])('that ends its side after %j is closed at once', async (bytes) => {
    const { gateway } = await setUp({ ...trusting('127.0.0.1'), client: { headTimeoutMs: 60_000 } });
    const client = await open(gateway);
    await until(() => gateway.connections() === 1, 'the connection');
    client.socket.end(bytes, 'latin1');
    await until(() => client.closed && gateway.connections() === 0, 'the gateway to close');
  });

  it('is accepted however its header is cut', async () => {
    const { backend, gateway } = await setUp(trusting('127.0.0.1'));
    const client = await open(gateway);
    for (const byte of FROM_PHONE.toString('latin1') + ASK) {
      client.send(byte);
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect((await client.response()).status).toBe(200);
    expect(backend.requests[0]?.body).toEqual(FOLDER_SYNC);
    expect(gateway.addresses).toEqual(['192.0.2.7']);
  });

  it.each([
    ['has no header', ASK],
    ['has a malformed header', `PROXY TCP4 192.0.2.7 nowhere 1 2\r\n${ASK}`],
    ['has a header that never ends', 'PROXY TCP4 '.padEnd(600, '1')],
  ])('is closed and counted when it %s', async (_name, bytes) => {
    const { backend, gateway } = await setUp(trusting('127.0.0.1'));
    const client = await open(gateway);
    client.send(bytes);
    await until(() => client.closed, 'the end of the connection');
    expect(client.received).toBe('');
    expect(backend.requests).toHaveLength(0);
    expect(gateway.counters().rejectedConnections).toBe(1);
    await until(() => gateway.connections() === 0, 'the end at the gateway');
  });

  it('is closed when its header is late', async () => {
    const { gateway } = await setUp(trusting('127.0.0.1'));
    const client = await open(gateway);
    client.send('PROXY TCP4');
    await until(() => gateway.connections() === 1, 'the connection');
    await gateway.time.advance(5_001);
    await until(() => client.ended, 'the end of the connection');
    expect(client.received).toBe('');
    await until(() => gateway.connections() === 0, 'the end at the gateway');
  });

  it('may have only one header: a second one is refused as a malformed request', async () => {
    const { backend, gateway } = await setUp(trusting('127.0.0.1'));
    const client = await open(gateway);
    client.send(Buffer.concat([FROM_PHONE, FROM_PHONE, Buffer.from(ASK, 'latin1')]));
    expect((await client.response()).status).toBe(400);
    expect(backend.requests).toHaveLength(0);
  });

  it('counts towards the limit of the address in its header, not the proxy’s', async () => {
    const { gateway } = await setUp({ ...trusting('127.0.0.1'), client: { maxConnectionsPerAddress: 1 } });
    const first = await open(gateway);
    first.send(FROM_PHONE);
    first.send(ASK);
    expect((await first.response()).status).toBe(200);
    const same = await open(gateway);
    same.send(FROM_PHONE);
    await until(() => same.closed, 'the end of the second connection of one phone');
    const other = await open(gateway);
    other.send(proxyHeader(1, '192.0.2.8', 40_000, '198.51.100.1', 443));
    other.send(ASK);
    expect((await other.response()).status).toBe(200);
  });

  it('may add X-Forwarded-For only if the address in its header is a trusted proxy too', async () => {
    const { backend, gateway } = await setUp({
      ...trusting('127.0.0.1'),
      identity: { trustedProxies: ['127.0.0.1'] },
    });
    const client = await open(gateway);
    client.send(FROM_PHONE);
    client.send(request('FolderSync', FOLDER_SYNC, ['X-Forwarded-For: 203.0.113.9']));
    await client.response();
    expect(backend.requests[0]?.header('x-forwarded-for')).toBe('192.0.2.7');
    expect(gateway.addresses).toEqual(['192.0.2.7']);
  });
});

describe('a connection of an untrusted peer', () => {
  it.each([
    ['with a header', Buffer.concat([FROM_PHONE, Buffer.from(ASK, 'latin1')])],
    ['without one', Buffer.from(ASK, 'latin1')],
  ])('is refused where only proxies may connect: %s', async (_name, bytes) => {
    const { backend, gateway } = await setUp(trusting('127.0.0.2', '10.0.0.0/8'));
    // The reset may arrive before the connection is reported as established.
    const socket = connect({ port: gateway.port, host: '127.0.0.1' });
    onTestFinished(() => void socket.destroy());
    let received = 0;
    let closed = false;
    socket.on('data', (chunk) => (received += chunk.length));
    socket.on('error', () => undefined);
    socket.on('close', () => (closed = true));
    socket.write(bytes);
    await until(() => closed, 'the end of the connection');
    expect(received).toBe(0);
    expect(backend.requests).toHaveLength(0);
    expect(gateway.counters().rejectedConnections).toBe(1);
  });

  it('cannot send a PROXY header: it is refused as a malformed request', async () => {
    const { backend, gateway } = await setUp({});
    const client = await open(gateway);
    client.send(Buffer.concat([FROM_PHONE, Buffer.from(ASK, 'latin1')]));
    expect((await client.response()).status).toBe(400);
    expect(backend.requests).toHaveLength(0);
  });
});

/** The PROXY header that the double received. */
function told(connection: BackendConnection | undefined): { source: string | null; port: number } {
  const bytes = Buffer.from(connection?.proxyHeader ?? '', 'latin1');
  const header = parseProxyHeader(bytes, bytes.length);
  if (header === null || typeof header === 'string') throw new Error('no PROXY header');
  return { source: header.source, port: header.sourcePort };
}

describe.each([1, 2] as const)('towards a mail server that expects version %i', (version) => {
  const sending: SettingsOverrides = { upstream: { proxyProtocol: version } };

  it('the header precedes the first request and has the address of the phone', async () => {
    const { backend, gateway } = await setUp({ ...sending, ...trusting('127.0.0.1') });
    const client = await open(gateway);
    client.send(FROM_PHONE);
    client.send(ASK);
    expect((await client.response()).status).toBe(200);
    const [connection] = backend.connections;
    expect(told(connection)).toEqual({ source: '192.0.2.7', port: 40_000 });
    expect(connection?.received.startsWith(connection.proxyHeader)).toBe(true);
    expect(connection?.received.slice(connection.proxyHeader.length).startsWith('POST ')).toBe(true);
  });

  it('a phone keeps its upstream connection, and no other phone uses it', async () => {
    const { backend, gateway } = await setUp(sending);
    const phones = [await open(gateway), await open(gateway), await open(gateway)];
    for (let round = 0; round < 3; round++) {
      for (const phone of phones) {
        phone.send(ASK);
        expect((await phone.response()).status).toBe(200);
      }
    }
    expect(backend.connections).toHaveLength(3);
    expect(backend.connections.map((connection) => told(connection).port)).toEqual(
      phones.map(({ socket }) => socket.localPort),
    );
    for (const connection of backend.connections) {
      expect(backend.requests.filter((each) => each.connection === connection)).toHaveLength(3);
    }
  });

  it('the upstream connection ends with its phone', async () => {
    const { backend, gateway } = await setUp(sending);
    const first = await open(gateway);
    first.send(ASK);
    await first.response();
    first.destroy();
    await until(() => backend.connections[0]?.closed === true, 'the end of the connection');
    const second = await open(gateway);
    second.send(ASK);
    await second.response();
    expect(backend.connections).toHaveLength(2);
    expect(told(backend.connections[1]).port).toBe(second.socket.localPort);
  });

  it('a connection that replaces one closed by the server has the header too', async () => {
    const { backend, gateway } = await setUp(sending, ({ connection }) => {
      // The server closes during the second request, which is sent again.
      if (backend.requests.length === 2) connection.socket.destroy();
      else connection.socket.write(ok());
    });
    const phone = await open(gateway);
    phone.send(ASK);
    await phone.response();
    phone.send(ASK);
    expect((await phone.response()).status).toBe(200);
    expect(backend.connections).toHaveLength(2);
    expect(told(backend.connections[1])).toEqual(told(backend.connections[0]));
    phone.send(ASK);
    expect((await phone.response()).status).toBe(200);
    expect(backend.connections).toHaveLength(2);
  });

  it('a phone keeps its own connection when the server closes an idle one', async () => {
    const { backend, gateway } = await setUp(sending);
    const phone = await open(gateway);
    phone.send(ASK);
    await phone.response();
    backend.connections[0]?.socket.end();
    await until(() => gateway.upstreamConnections() === 0, 'the end of the idle connection');
    phone.send(ASK);
    expect((await phone.response()).status).toBe(200);
    expect(told(backend.connections[1]).port).toBe(phone.socket.localPort);
  });

  it('each phone behind a shared proxy has its own upstream connection and header', async () => {
    const { backend, gateway } = await setUp({ ...sending, identity: { trustedProxies: ['127.0.0.1'] } });
    const proxy = await open(gateway);
    for (const from of ['192.0.2.1', '192.0.2.1', '192.0.2.2', '192.0.2.1']) {
      proxy.send(request('FolderSync', FOLDER_SYNC, [`X-Forwarded-For: ${from}`]));
      expect((await proxy.response()).status).toBe(200);
    }
    expect(backend.requests.map(({ connection }) => told(connection).source)).toEqual([
      '192.0.2.1',
      '192.0.2.1',
      '192.0.2.2',
      '192.0.2.1',
    ]);
  });

  it('subrequests of the gateway have a LOCAL or UNKNOWN header', async () => {
    const health = {
      method: 'OPTIONS' as const,
      path: '/health',
      intervalMs: 60_000,
      timeoutMs: 60_000,
      rise: 1,
      fall: 1,
      maxStatus: 499,
    };
    const { backend, gateway } = await setUp({ ...sending, balancing: { health } });
    await until(() => backend.requests.length === 1, 'the health check');
    expect(backend.requests[0]?.target).toBe('/health');
    expect(told(backend.requests[0]?.connection).source).toBeNull();

    gateway.change('abc123', 'block');
    const phone = await open(gateway);
    phone.send(ASK);
    await phone.response();
    // The credential check of a blocked phone.
    await until(() => gateway.seen.length === 1, 'the answer to the probe');
    expect(told(backend.requests[1]?.connection).source).toBeNull();
  });
});
