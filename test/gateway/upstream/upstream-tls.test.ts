// Owns the promises of TLS towards mail servers: no byte of a request is sent before the server is verified.
import type { TLSSocket, TlsOptions } from 'node:tls';
import { beforeAll, describe, expect, it } from 'vitest';
import type { UpstreamTlsSettings } from '../../../src/gateway/settings.ts';
import { createAuthority, createSelfSigned } from '../../support/servers/certificates.ts';
import type { Authority, Credentials } from '../../support/servers/certificates.ts';
import { ok } from '../../support/servers/raw-backend.ts';
import type { RawBackend } from '../../support/servers/raw-backend.ts';
import { RawClient } from '../../support/phones/raw-client.ts';
import type { RawResponse } from '../../support/phones/raw-client.ts';
import { FOLDER_SYNC, request, verdict } from '../../support/servers/test-gateway.ts';
import type { SettingsOverrides, TestGateway } from '../../support/servers/test-gateway.ts';
import { upstreamTls } from '../../support/phones/tls-phone.ts';
import { until } from '../../support/checks/until.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { answerOk, backendOf, gatewayOf, tlsBackendOf } from '../../support/servers/openings.ts';

checkLeaks();

let authority: Authority;
let server: Credentials;

beforeAll(async () => {
  authority = await createAuthority();
  server = await authority.issue({ names: [{ type: 'dns', value: 'mail.internal' }] });
});

function shown({ certificate, key }: Credentials, options: TlsOptions = {}): TlsOptions {
  return { cert: certificate, key, ...options };
}

async function start(
  backend: RawBackend,
  tls: Partial<UpstreamTlsSettings> = {},
  overrides: SettingsOverrides = {},
): Promise<TestGateway> {
  const settings = upstreamTls(authority.certificate, tls);
  return gatewayOf(backend, {
    ...overrides,
    upstream: { tls: settings, ...overrides.upstream },
  });
}

function secured(backend: RawBackend): TLSSocket[] {
  return backend.connections.map(({ socket }) => socket as TLSSocket);
}

/** The names received as SNI; false = none. */
function names(backend: RawBackend): unknown[] {
  return secured(backend).map(({ servername }) => servername);
}

/** One request on a connection of its own. */
async function ask(gateway: TestGateway, command = 'FolderSync'): Promise<RawResponse> {
  const client = await RawClient.open(gateway.port);
  client.send(request(command, FOLDER_SYNC));
  const response = await client.response();
  client.destroy();
  return response;
}

/** Sends requests one after the other, and waits until the mail server has seen the end of all connections. */
async function expectRefused(gateway: TestGateway, backend: RawBackend, times = 2): Promise<void> {
  for (let index = 0; index < times; index++) expect((await ask(gateway)).status).toBe(502);
  expect(gateway.finished.map(({ error }) => error)).toEqual(
    Array.from({ length: times }, () => 'EASGATE_UPSTREAM_CONNECT'),
  );
  expect(backend.accepted.length).toBeGreaterThanOrEqual(times);
  await until(() => backend.accepted.every((socket) => socket.destroyed), 'the end of the connections');
  expect(backend.connections.map(({ received }) => received).join('')).toBe('');
}

describe.each(['TLSv1.2', 'TLSv1.3'] as const)('over %s a mail server', (version) => {
  const only: TlsOptions = { minVersion: version, maxVersion: version };

  it('with the right name is used, and its connection reused', async () => {
    const backend = await tlsBackendOf(shown(server, only));
    const gateway = await start(backend);
    expect((await ask(gateway)).status).toBe(200);
    expect(secured(backend).map((socket) => socket.getProtocol())).toEqual([version]);
    expect((await ask(gateway)).status).toBe(200);
    expect(backend.requests).toHaveLength(2);
  });

  it('gets no request when its certificate has another name', async () => {
    const backend = await tlsBackendOf(shown(server, only));
    await expectRefused(await start(backend, { serverName: 'other.internal' }), backend, 3);
  });

  it('gets no request when its certificate is self-signed', async () => {
    const self = await createSelfSigned([{ type: 'dns', value: 'mail.internal' }]);
    const backend = await tlsBackendOf(shown(self, only));
    await expectRefused(await start(backend), backend);
  });

  it('gets no request when its certificate has expired', async () => {
    const own = [{ type: 'dns', value: 'mail.internal' }] as const;
    const old = await authority.issue({ names: [...own], expired: true });
    const backend = await tlsBackendOf(shown(old, only));
    await expectRefused(await start(backend), backend);
  });

  it('gets no request when another authority issued its certificate', async () => {
    const backend = await tlsBackendOf(shown(server, only));
    const { certificate } = await createAuthority();
    await expectRefused(await start(backend, { ca: certificate }), backend);
  });

  it('gets no request when only the authorities of Node.js are trusted', async () => {
    const backend = await tlsBackendOf(shown(server, only));
    await expectRefused(await start(backend, { ca: null }), backend);
  });

  it('gets no request after a PROXY header when its certificate has another name', async () => {
    const backend = await tlsBackendOf(shown(server, only));
    const gateway = await start(
      backend,
      { serverName: 'other.internal' },
      { upstream: { proxyProtocol: 2 } },
    );
    expect((await ask(gateway)).status).toBe(502);
    expect(backend.connections).toHaveLength(0);
  });

  it('is used without verification if the operator turned that off', async () => {
    const self = await createSelfSigned([{ type: 'dns', value: 'elsewhere.example' }]);
    const backend = await tlsBackendOf(shown(self, only));
    expect((await ask(await start(backend, { verify: false }))).status).toBe(200);
  });

  it('that requests a client certificate gets the one of the gateway', async () => {
    const own = await authority.issue({ commonNames: ['gateway'] });
    const wanted = { requestCert: true, rejectUnauthorized: true, ca: authority.certificate };
    const backend = await tlsBackendOf(shown(server, { ...only, ...wanted }));
    expect((await ask(await start(backend, own))).status).toBe(200);
    const [socket] = secured(backend);
    expect(socket?.getPeerX509Certificate()?.subject).toBe('CN=gateway');
  });

  it('that requires a client certificate the gateway does not have gets no request', async () => {
    const wanted = { requestCert: true, rejectUnauthorized: true, ca: authority.certificate };
    const backend = await tlsBackendOf(shown(server, { ...only, ...wanted }));
    expect((await ask(await start(backend))).status).toBe(502);
    expect(backend.requests).toHaveLength(0);
  });

  it('resumes the session of an earlier connection', async () => {
    const reused: boolean[] = [];
    const backend = await tlsBackendOf(shown(server, only), ({ connection: { socket } }) => {
      reused.push((socket as TLSSocket).isSessionReused());
      socket.write(ok());
    });
    const gateway = await start(backend, {}, { upstream: { maxIdleConnections: 0 } });
    expect((await ask(gateway)).status).toBe(200);
    expect((await ask(gateway)).status).toBe(200);
    expect(reused).toEqual([false, true]);
  });

  it('gets the configured name by SNI, never the Host of a request', async () => {
    const backend = await tlsBackendOf(shown(server, only));
    await ask(await start(backend));
    expect(backend.requests[0]?.header('Host')).toBe('mail.example.com');
    expect(names(backend)).toEqual(['mail.internal']);
  });

  it('with an IP address in its URL is verified, and gets no SNI', async () => {
    const named = await authority.issue({ names: [{ type: 'ip', value: '127.0.0.1' }] });
    const backend = await tlsBackendOf(shown(named, only));
    expect((await ask(await start(backend, { serverName: '127.0.0.1' }))).status).toBe(200);
    expect(names(backend)).toEqual([false]);
    const other = await tlsBackendOf(shown(named, only));
    await expectRefused(await start(other, { serverName: '127.0.0.2' }), other);
    const unnamed = await tlsBackendOf(shown(server, only));
    await expectRefused(await start(unnamed, { serverName: '127.0.0.1' }), unnamed);
  });
});

describe('health checks and credential checks', () => {
  const health = {
    method: 'OPTIONS',
    path: '/health',
    intervalMs: 20,
    timeoutMs: 30_000,
    rise: 1,
    fall: 1,
    maxStatus: 499,
  } as const;

  it.each(['mail.example.com', null])('use the configured name (Host: %s)', async (hostHeader) => {
    const backend = await tlsBackendOf(shown(server));
    const gateway = await start(backend, {}, { upstream: { hostHeader }, balancing: { health } });
    gateway.verdicts.set('abc123', verdict('block'));
    await ask(gateway);
    await until(() => gateway.seen.length === 1, 'the answer of the mail server about the credentials');
    await until(() => backend.requests.some(({ target }) => target === '/health'), 'a health check');
    expect(new Set(names(backend))).toEqual(new Set(['mail.internal']));
  });

  it('reach a server with an IP address in its URL', async () => {
    const named = await authority.issue({ names: [{ type: 'ip', value: '127.0.0.1' }] });
    const backend = await tlsBackendOf(shown(named));
    await start(backend, { serverName: '127.0.0.1' }, { balancing: { health } });
    await until(() => backend.requests.some(({ target }) => target === '/health'), 'a health check');
    expect(new Set(names(backend))).toEqual(new Set([false]));
  });

  it('send no request to a server with another name', async () => {
    const backend = await tlsBackendOf(shown(server));
    const gateway = await start(backend, { serverName: 'other.internal' }, { balancing: { health } });
    await until(() => backend.accepted.length > 1, 'two checks');
    expect((await ask(gateway)).status).toBe(503);
    expect(gateway.finished[0]?.error).toBe('EASGATE_UPSTREAM_DOWN');
    expect(backend.connections.map(({ received }) => received).join('')).toBe('');
  });
});

it('TLS 1.2 is not used when the minimum is 1.3', async () => {
  const backend = await tlsBackendOf(shown(server, { maxVersion: 'TLSv1.2' }));
  await expectRefused(await start(backend, { minVersion: 'TLSv1.3' }), backend);
});

it('TLS 1.1 is never used', async () => {
  const old = { minVersion: 'TLSv1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
  const backend = await tlsBackendOf(shown(server, old));
  await expectRefused(await start(backend), backend);
});

it('a mail server that speaks plain HTTP on the TLS port gets no plain text', async () => {
  const backend = await backendOf(answerOk);
  const gateway = await start(backend);
  const client = await RawClient.open(gateway.port);
  client.send(request('FolderSync', FOLDER_SYNC));
  await until(() => (backend.connections[0]?.received ?? '') !== '', 'the hello');
  backend.connections[0]?.socket.end('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok');
  expect((await client.response()).status).toBe(502);
  expect(backend.connections[0]?.received).not.toContain('FolderSync');
  client.destroy();
});

it('a handshake without an answer ends at the connect time-out', async () => {
  const backend = await backendOf(answerOk);
  const gateway = await start(backend, {}, { upstream: { connectTimeoutMs: 2_000 } });
  const asked = ask(gateway);
  await until(() => backend.accepted.length === 1, 'the connection');
  await gateway.time.advance(2_001);
  expect((await asked).status).toBe(504);
  expect(gateway.finished[0]?.error).toBe('EASGATE_UPSTREAM_CONNECT_TIMEOUT');
  await until(() => gateway.upstreamConnections() === 0);
});

it('a connection with a record that cannot be decrypted is closed, and the request ends', async () => {
  const backend = await tlsBackendOf(shown(server), ({ connection }) => {
    const raw = backend.accepted[0];
    if (connection === backend.connections[0]) raw?.write(Buffer.from('1703030028' + '00'.repeat(40), 'hex'));
  });
  const gateway = await start(backend);
  expect((await ask(gateway, 'FolderSync')).status).toBe(502);
  await until(() => gateway.upstreamConnections() === 0, 'no connection');
});

it('a large body arrives complete', async () => {
  const backend = await tlsBackendOf(shown(server));
  const gateway = await start(backend);
  const body = Buffer.concat([FOLDER_SYNC, Buffer.alloc(600_000, 0x2a)]);
  const client = await RawClient.open(gateway.port);
  client.send(request('FolderSync', body));
  expect((await client.response()).status).toBe(200);
  expect(backend.requests[0]?.body.equals(body)).toBe(true);
  client.destroy();
});
