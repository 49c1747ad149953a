// Owns the promises about both sides of the pass-through lane: the right mail server, proven by its certificate, gets the right
// client address, with TLS paths headers as in the EAS lane.
import type { TLSSocket, TlsOptions } from 'node:tls';
import { beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { PassThroughSettings, UpstreamTlsSettings } from '../../../src/gateway/settings.ts';
import { addressRange } from '../../../src/ip-address.ts';
import { createAuthority, createSelfSigned } from '../../support/servers/certificates.ts';
import type { Authority, Credentials } from '../../support/servers/certificates.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { ok } from '../../support/servers/raw-backend.ts';
import type { BackendRequest, RawBackend } from '../../support/servers/raw-backend.ts';
import type { RawClient, RawResponse } from '../../support/phones/raw-client.ts';
import { FOLDER_SYNC, request as phoneRequest, testSettings } from '../../support/servers/test-gateway.ts';
import type { SettingsOverrides, TestGateway } from '../../support/servers/test-gateway.ts';
import { stopTimers } from '../../support/checks/test-clock.ts';
import { laneSettings } from '../../support/servers/test-lane.ts';
import { TlsPhone, listenerTls, upstreamTls } from '../../support/phones/tls-phone.ts';
import { until } from '../../support/checks/until.ts';
import { answerOk, backendOf, gatewayOf, phoneOf, tlsBackendOf } from '../../support/servers/openings.ts';

checkLeaks();

let authority: Authority;
let internal: Credentials;

beforeAll(async () => {
  authority = await createAuthority();
  internal = await authority.issue({ names: [{ type: 'dns', value: 'mail.internal' }] });
});

const LANE = laneSettings({
  paths: [
    { path: '/owa', match: 'prefix', upgrade: false },
    { path: '/socket', match: 'exact', upgrade: true },
  ],
});

function shown({ certificate, key }: Credentials, options: TlsOptions = {}): TlsOptions {
  return { cert: certificate, key, ...options };
}

async function start(
  backend: RawBackend,
  overrides: SettingsOverrides = {},
  lane: Partial<PassThroughSettings> = {},
): Promise<TestGateway> {
  return gatewayOf(backend, { ...overrides, passThrough: { ...LANE, ...lane } });
}

async function startTls(backend: RawBackend, tls: Partial<UpstreamTlsSettings> = {}): Promise<TestGateway> {
  return start(backend, { upstream: { tls: upstreamTls(authority.certificate, tls) } });
}

async function open(gateway: TestGateway): Promise<RawClient> {
  const client = await phoneOf(gateway);
  return client;
}

function get(target = '/owa/', ...lines: string[]): string {
  return [`GET ${target} HTTP/1.1`, 'Host: mail.example.com', ...lines, '', ''].join('\r\n');
}

/** One request on a connection of its own. */
async function ask(gateway: TestGateway, text = get()): Promise<RawResponse> {
  const client = await open(gateway);
  client.send(text);
  const response = await client.response();
  client.destroy();
  return response;
}

async function expectRefused(gateway: TestGateway, backend: RawBackend): Promise<void> {
  expect((await ask(gateway)).status).toBe(502);
  await until(() => gateway.passages.length === 1, 'the line of the request');
  expect(gateway.passages[0]?.error).toBe('EASGATE_UPSTREAM_CONNECT');
  expect(backend.accepted.length).toBeGreaterThan(0);
  await until(() => backend.accepted.every(({ destroyed }) => destroyed), 'the end of the connections');
  expect(backend.connections.map(({ received }) => received).join('')).toBe('');
}

const UPGRADE = get(
  '/socket',
  'Connection: Upgrade',
  'Upgrade: websocket',
  'Sec-WebSocket-Version: 13',
  'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==',
);
const SWITCH = 'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n';

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('over %s a mail server', (version) => {
  const only: TlsOptions = { minVersion: version, maxVersion: version };

  it('with the right name is used, and gets that name by SNI, not the Host of a request', async () => {
    const backend = await tlsBackendOf(shown(internal, only));
    const gateway = await startTls(backend);
    for (let turn = 0; turn < 2; turn++) expect((await ask(gateway)).status).toBe(200);
    expect(backend.connections.map(({ socket }) => (socket as TLSSocket).servername)).toEqual([
      'mail.internal',
    ]);
    expect(backend.requests[0]?.header('host')).toBe('mail.example.com');
  });

  it('gets no request when its certificate has another name, even that of the Host header', async () => {
    const other = await authority.issue({ names: [{ type: 'dns', value: 'mail.example.com' }] });
    const backend = await tlsBackendOf(shown(other, only));
    await expectRefused(await startTls(backend), backend);
  });

  it('gets no request when another authority issued its certificate', async () => {
    const backend = await tlsBackendOf(shown(internal, only));
    const { certificate } = await createAuthority('Other');
    await expectRefused(await startTls(backend, { ca: certificate }), backend);
  });

  it('gets no request when its certificate is self-signed', async () => {
    const self = await createSelfSigned([{ type: 'dns', value: 'mail.internal' }]);
    const backend = await tlsBackendOf(shown(self, only));
    await expectRefused(await startTls(backend), backend);
  });

  it('is used without verification only if the operator turned that off', async () => {
    const self = await createSelfSigned([{ type: 'dns', value: 'elsewhere' }]);
    const backend = await tlsBackendOf(shown(self, only));
    expect((await ask(await startTls(backend, { verify: false }))).status).toBe(200);
  });

  it('that requests a client certificate gets the one of the gateway', async () => {
    const own = await authority.issue({ commonNames: ['easgate'] });
    const backend = await tlsBackendOf(
      shown(internal, { ...only, ca: authority.certificate, requestCert: true, rejectUnauthorized: true }),
    );
    const gateway = await startTls(backend, { certificate: own.certificate, key: own.key });
    expect((await ask(gateway)).status).toBe(200);
  });

  it('carries a WebSocket both ways', async () => {
    const backend = await tlsBackendOf(shown(internal, only), ({ connection }) =>
      connection.socket.write(SWITCH + 'first'),
    );
    const gateway = await startTls(backend);
    const client = await open(gateway);
    client.send(UPGRADE);
    await until(() => client.received.endsWith('first'), 'the first octets of the server');
    client.send('from the client');
    await until(() => backend.connections[0]?.received.endsWith('from the client') === true);
    client.destroy();
    await until(() => backend.connections[0]?.closed === true, 'the end of the tunnel');
  });

  it('with another name gets no WebSocket request', async () => {
    const other = await authority.issue({ names: [{ type: 'dns', value: 'elsewhere' }] });
    const backend = await tlsBackendOf(shown(other, only));
    const client = await open(await startTls(backend));
    client.send(UPGRADE);
    expect((await client.response()).status).toBe(502);
    expect(backend.connections.map(({ received }) => received).join('')).toBe('');
  });
});

it('a mail server that never answers the handshake leads to the connect time-out', async () => {
  const pass = stopTimers();
  const backend = await backendOf(answerOk);
  const gateway = await start(backend, {
    upstream: { tls: upstreamTls(authority.certificate), connectTimeoutMs: 1_000 },
  });
  const asked = ask(gateway);
  await until(() => backend.accepted.length === 1, 'the connection');
  await pass(1_000);
  expect((await asked).status).toBe(504);
  await until(() => gateway.passages.length === 1);
  expect(gateway.passages[0]?.error).toBe('EASGATE_UPSTREAM_CONNECT_TIMEOUT');
});

it('the log has the fault of a certificate', async () => {
  const other = await authority.issue({ names: [{ type: 'dns', value: 'elsewhere' }] });
  const gateway = await startTls(await tlsBackendOf(shown(other)));
  for (let turn = 0; turn < 3; turn++) await ask(gateway);
  expect(gateway.trouble).toMatchObject([
    {
      code: 'EASGATE_UPSTREAM_OUT',
      server: 'server1',
      cause: expect.stringContaining('elsewhere') as string,
    },
  ]);
});

describe('a client', () => {
  it('that came over TLS is announced as such, and cannot set the header for the user of a certificate', async () => {
    const backend = await backendOf(answerOk);
    const tls = listenerTls([internal]);
    const gateway = await start(backend, { listen: { tls } }, { certificateHeader: 'x-client-user' });
    const phone = await TlsPhone.connect(gateway.port);
    onTestFinished(() => phone.destroy());
    phone.send(get('/owa/', 'X-Client-User: admin', 'x-CLIENT-user: admin', 'X-Forwarded-Proto: http'));
    expect((await phone.response()).status).toBe(200);
    const [seen] = backend.requests;
    expect(seen?.headers.filter(([name]) => name.toLowerCase() === 'x-forwarded-proto')).toEqual([
      ['x-forwarded-proto', 'https'],
    ]);
    expect(seen?.head).not.toMatch(/client-user/i);
  });

  it('cannot set it in a WebSocket request either, nor after ActiveSync on its connection', async () => {
    const backend = await backendOf(answerOk);
    const gateway = await start(backend, {}, { certificateHeader: 'x-client-user' });
    const client = await open(gateway);
    client.send(phoneRequest('FolderSync', FOLDER_SYNC));
    expect((await client.response()).status).toBe(200);
    client.send(get('/owa/', 'X-Client-User: admin'));
    expect((await client.response()).status).toBe(200);
    await ask(gateway, UPGRADE.replace('Upgrade: websocket', 'X-Client-User: admin\r\nUpgrade: websocket'));
    expect(backend.requests).toHaveLength(3);
    expect(backend.requests.map(({ head }) => head).join('')).not.toMatch(/client-user/i);
  });

  it('with a PROXY header has the address in the header', async () => {
    const backend = await backendOf(answerOk);
    const gateway = await start(backend, { listen: { proxyProtocolFrom: ['127.0.0.1'] } });
    expect((await ask(gateway, 'PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n' + get())).status).toBe(200);
    expect(backend.requests[0]?.header('x-forwarded-for')).toBe('192.0.2.7');
    await until(() => gateway.passages.length === 1);
    expect(gateway.passages[0]?.address).toBe('192.0.2.7');
  });
});

describe('a mail server that expects a PROXY header', () => {
  it.each([1, 2] as const)(
    'of version %i gets the address of each client on separate connections',
    async (version) => {
      const backend = await backendOf(answerOk);
      const gateway = await start(backend, {
        listen: { proxyProtocolFrom: ['127.0.0.1'] },
        upstream: { proxyProtocol: version },
      });
      for (const host of [7, 8]) {
        const client = await open(gateway);
        client.send(`PROXY TCP4 192.0.2.${host} 192.0.2.1 4711 443\r\n` + get());
        expect((await client.response()).status).toBe(200);
        client.send(get());
        expect((await client.response()).status).toBe(200);
      }
      expect(backend.requests).toHaveLength(4);
      expect(backend.connections).toHaveLength(2);
      const headers = backend.connections.map(({ proxyHeader }) => proxyHeader);
      if (version === 1) {
        expect(headers[0]).toMatch(/^PROXY TCP4 192\.0\.2\.7 127\.0\.0\.1 4711 \d+\r\n$/);
        expect(headers[1]).toMatch(/^PROXY TCP4 192\.0\.2\.8 127\.0\.0\.1 4711 \d+\r\n$/);
      } else {
        const sources = headers.map((header) =>
          [...Buffer.from(header, 'latin1').subarray(16, 20)].join('.'),
        );
        expect(sources).toEqual(['192.0.2.7', '192.0.2.8']);
      }
    },
  );

  it('gets it before TLS', async () => {
    const backend = await backendOf(() => undefined);
    const gateway = await start(backend, {
      upstream: { proxyProtocol: 1, tls: upstreamTls(authority.certificate) },
    });
    const client = await open(gateway);
    client.send(get());
    await until(() => (backend.connections[0]?.received.length ?? 0) > 100, 'the hello of TLS');
    expect(backend.connections[0]?.received).toMatch(
      /^PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 \d+ \d+\r\n\x16\x03/,
    );
  });

  it('gets the address of each client behind a trusted proxy', async () => {
    const backend = await backendOf(answerOk);
    const gateway = await start(
      backend,
      { upstream: { proxyProtocol: 1 } },
      { trustedProxies: [addressRange('127.0.0.1')] },
    );
    const addresses = ['192.0.2.7', '192.0.2.8'];
    for (const address of addresses) {
      const client = await open(gateway);
      client.send(get('/owa/', `X-Forwarded-For: ${address}`));
      expect((await client.response()).status).toBe(200);
    }
    expect(backend.connections.map(({ proxyHeader }) => proxyHeader.split(' ')[2])).toEqual(addresses);
  });

  it('never gets requests of two clients on a connection that one of them authenticated', async () => {
    const backend = await backendOf(answerOk);
    const gateway = await start(backend, {}, { trustedProxies: [addressRange('127.0.0.1')] });
    const client = await open(gateway);
    for (const lines of [
      ['X-Forwarded-For: 192.0.2.7', 'Authorization: NTLM TlRMTVNTUAABAAAA'],
      ['X-Forwarded-For: 192.0.2.7', 'Authorization: NTLM TlRMTVNTUAADAAAA'],
      ['X-Forwarded-For: 192.0.2.8'],
    ]) {
      client.send(get('/owa/', ...lines));
      expect((await client.response()).status).toBe(200);
    }
    const [first, second, third] = backend.requests.map(({ connection }) => connection);
    expect(first).toBe(second);
    expect(third).not.toBe(first);
  });
});

describe('of several clients behind a trusted proxy', () => {
  it('none gets an upstream connection that another one authenticated', async () => {
    const backend = await backendOf(answerOk);
    const gateway = await start(backend, {}, { trustedProxies: [addressRange('127.0.0.1')] });
    const client = await open(gateway);
    client.send(get('/owa/', 'X-Forwarded-For: unknown', 'Authorization: NTLM TlRMTVNTUAABAAAA'));
    expect((await client.response()).header('connection')).toBe('close');
    await until(() => client.ended, 'the connection to close');
    expect((await ask(gateway, get('/owa/', 'X-Forwarded-For: unknown'))).status).toBe(200);
    const [first, second] = backend.requests.map(({ connection }) => connection);
    expect(second).not.toBe(first);
  });
});

describe('among several mail servers', () => {
  const mark =
    (name: string) =>
    ({ connection }: BackendRequest) =>
      connection.socket.write(ok(name));
  const asked = async (gateway: TestGateway): Promise<string> => (await ask(gateway)).body.toString();

  it('each gets its share, and a client connection stays with one server', async () => {
    const [first, second] = [await backendOf(mark('1')), await backendOf(mark('2'))];
    const gateway = await start(first, { morePorts: [second.port] });
    expect([await asked(gateway), await asked(gateway)].sort()).toEqual(['1', '2']);
    const client = await open(gateway);
    const answers = new Set<string>();
    for (let turn = 0; turn < 4; turn++) {
      client.send(get());
      answers.add((await client.response()).body.toString());
    }
    expect(answers.size).toBe(1);
  });

  it('the one chosen by hash gets all connections of an address', async () => {
    const [first, second] = [await backendOf(mark('1')), await backendOf(mark('2'))];
    const gateway = await start(first, { morePorts: [second.port], balancing: { strategy: 'deviceHash' } });
    const answers = new Set([await asked(gateway), await asked(gateway), await asked(gateway)]);
    expect(answers.size).toBe(1);
  });

  it('an unreachable one is skipped for a request without a body, and then taken out of use', async () => {
    const [first, second] = [await backendOf(mark('1')), await backendOf(mark('2'))];
    const gateway = await start(first, { morePorts: [second.port] });
    await first.close();
    for (let turn = 0; turn < 8; turn++) expect(await asked(gateway)).toBe('2');
    expect(gateway.trouble).toMatchObject([{ code: 'EASGATE_UPSTREAM_OUT', server: 'server1' }]);
  });

  it('one that fails only on these paths stays in use for phones', async () => {
    const fails = ({ connection, target }: BackendRequest): void => {
      if (target.startsWith('/owa')) connection.socket.end('no HTTP\r\n\r\n');
      else connection.socket.write(ok('1'));
    };
    const first = await backendOf(fails);
    const second = await backendOf(fails);
    const gateway = await start(first, { morePorts: [second.port] });
    for (let turn = 0; turn < 10; turn++) expect((await ask(gateway)).status).toBe(502);
    expect(gateway.trouble).toEqual([]);
  });

  it('none is used when the paths have their own server', async () => {
    const [phones, other] = [await backendOf(answerOk), await backendOf(mark('other'))];
    const [server] = testSettings(other.port).upstream.servers;
    const gateway = await start(phones, {}, { server: server ?? null, hostHeader: 'upstream' });
    expect(await asked(gateway)).toBe('other');
    expect(other.requests[0]?.header('host')).toBe(`127.0.0.1:${other.port}`);
    expect(phones.requests).toHaveLength(0);
  });
});
