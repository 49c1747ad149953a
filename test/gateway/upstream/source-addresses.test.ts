// Owns the promises of source addresses: one without a free port is skipped at once, and does not count as a server failure.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { UpstreamServerSettings } from '../../../src/gateway/settings.ts';
import { SourceAddresses, isOutOfPorts } from '../../../src/gateway/upstream/source-addresses.ts';
import { createAuthority } from '../../support/servers/certificates.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import type { BackendRequest, RawBackend } from '../../support/servers/raw-backend.ts';
import { RawClient } from '../../support/phones/raw-client.ts';
import { FOLDER_SYNC, request } from '../../support/servers/test-gateway.ts';
import type { SettingsOverrides, TestGateway } from '../../support/servers/test-gateway.ts';
import { until } from '../../support/checks/until.ts';
import { answerOk, backendOf, gatewayOf, tlsBackendOf } from '../../support/servers/openings.ts';

checkLeaks();
/** Addresses that no host has (RFC 1112 4, class E), so that binding to one fails (EADDRNOTAVAIL). */
const DEAD = ['240.0.0.1', '240.0.0.2', '240.0.0.3'];

interface SetUp {
  readonly backend: RawBackend;
  readonly gateway: TestGateway;
  readonly phone: RawClient;
}

async function setUp(
  upstream: Partial<UpstreamServerSettings>,
  overrides: SettingsOverrides = {},
  onRequest: (request: BackendRequest) => void = answerOk,
): Promise<SetUp> {
  const backend = await backendOf(onRequest);
  const gateway = await gatewayOf(backend, { ...overrides, upstream });
  const phone = await RawClient.open(gateway.port);
  return { backend, gateway, phone };
}

const sourcesOf = ({ accepted }: RawBackend) => accepted.map((socket) => socket.remoteAddress);
const ASK = request('FolderSync', FOLDER_SYNC);

describe('a source address without a free port', () => {
  it('is replaced by the next one within the same request', async () => {
    const { backend, gateway, phone } = await setUp({ sourceAddresses: [...DEAD, '127.0.0.2'] });
    phone.send(ASK);
    expect((await phone.response()).status).toBe(200);
    expect(sourcesOf(backend)).toEqual(['127.0.0.2']);
    expect(gateway.counters().retries).toBe(0);
    expect(gateway.finished[0]?.error).toBeNull();
    phone.destroy();
  });

  it('is replaced while the body is still arriving, without loss', async () => {
    const { backend, phone } = await setUp({ sourceAddresses: [...DEAD, '127.0.0.2'] });
    const body = Buffer.alloc(300_000, 'x');
    const head = request('SendMail', body, ['Content-Type: message/rfc822'])
      .replace('Content-Type: application/vnd.ms-sync.wbxml\r\n', '')
      .replace('14.1', '12.1');
    phone.send(head.slice(0, head.length - 299_000));
    await until(() => backend.accepted.length === 1, 'the connection');
    phone.send(head.slice(head.length - 299_000));
    expect((await phone.response()).status).toBe(200);
    expect(backend.requests[0]?.body.equals(body)).toBe(true);
    phone.destroy();
  });

  it('is replaced on a connection of one phone, with its PROXY header', async () => {
    const { backend, phone } = await setUp({
      sourceAddresses: [...DEAD, '127.0.0.2'],
      proxyProtocol: 1,
    });
    phone.send(ASK);
    expect((await phone.response()).status).toBe(200);
    expect(backend.connections[0]?.proxyHeader).toMatch(/^PROXY TCP4 127\.0\.0\.1 /);
    expect(sourcesOf(backend)).toEqual(['127.0.0.2']);
    phone.destroy();
  });

  it('is replaced for the first leg of NTLM, and the handshake continues', async () => {
    const { backend, phone } = await setUp(
      { sourceAddresses: [...DEAD, '127.0.0.2'] },
      {},
      ({ connection }) =>
        connection.socket.write(
          'HTTP/1.1 401 No\r\nWWW-Authenticate: NTLM dGVzdA==\r\nContent-Length: 0\r\n\r\n',
        ),
    );
    const type1 = 'TlRMTVNTUAABAAAAB4IIAAAAAAAAAAAAAAAAAAAAAAA=';
    phone.send(ASK.replace('Basic YWxpY2U6c2VjcmV0', `NTLM ${type1}`));
    const response = await phone.response();
    expect(response.status).toBe(401);
    expect(response.header('connection')).toBeUndefined();
    expect(sourcesOf(backend)).toEqual(['127.0.0.2']);
    phone.destroy();
  });

  it.each([null, 2] as const)('is replaced with TLS too (PROXY header: %s)', async (proxyProtocol) => {
    const authority = await createAuthority();
    const { certificate, key } = await authority.issue({
      names: [{ type: 'dns', value: 'mail.internal' }],
    });
    const backend = await tlsBackendOf({ cert: certificate, key });
    const gateway = await gatewayOf(backend, {
      upstream: {
        sourceAddresses: [...DEAD, '127.0.0.2'],
        proxyProtocol,
        tls: {
          ca: authority.certificate,
          serverName: 'mail.internal',
          certificate: null,
          key: null,
          minVersion: 'TLSv1.2',
          verify: true,
        },
      },
    });
    const phone = await RawClient.open(gateway.port);
    phone.send(ASK);
    // For the double the PROXY header is a broken handshake; the test only needs its arrival.
    expect((await phone.response()).status).toBe(proxyProtocol === null ? 200 : 502);
    expect(backend.accepted).toHaveLength(1);
    phone.destroy();
  });

  it('is skipped by later requests', async () => {
    const { backend, gateway, phone } = await setUp({
      sourceAddresses: [...DEAD, '127.0.0.2', '127.0.0.3'],
      proxyProtocol: 1,
    });
    const phones = [phone, await RawClient.open(gateway.port), await RawClient.open(gateway.port)];
    for (const each of phones) {
      each.send(ASK);
      expect((await each.response()).status).toBe(200);
    }
    expect(sourcesOf(backend)).toEqual(['127.0.0.2', '127.0.0.3', '127.0.0.2']);
    for (const each of phones) each.destroy();
  });
});

describe('when no source address has a free port', () => {
  it('the phone gets 503, and the log says why', async () => {
    const { backend, gateway, phone } = await setUp({ sourceAddresses: DEAD });
    for (let round = 0; round < 3; round++) {
      phone.send(ASK);
      const response = await phone.response();
      expect(response.status).toBe(503);
      expect(response.header('retry-after')).toBe('30');
    }
    expect(gateway.finished.map(({ error }) => error)).toEqual(Array(3).fill('EASGATE_NO_LOCAL_PORT'));
    expect(backend.accepted).toHaveLength(0);
    phone.destroy();
  });

  it('no server counts as failed, neither by traffic nor by health checks', async () => {
    const health = {
      method: 'OPTIONS' as const,
      path: '/',
      intervalMs: 10,
      timeoutMs: 30_000,
      rise: 1,
      fall: 1,
      maxStatus: 499,
    };
    const backend = await backendOf(answerOk);
    const gateway = await gatewayOf(backend, {
      upstream: { sourceAddresses: DEAD },
      balancing: { ejectAfter: 1, health },
      morePorts: [backend.port],
    });
    const phone = await RawClient.open(gateway.port);
    for (let round = 0; round < 5; round++) {
      phone.send(ASK);
      await phone.response();
    }
    expect(gateway.finished.map(({ error }) => error)).toEqual(Array(5).fill('EASGATE_NO_LOCAL_PORT'));
    expect(gateway.trouble).toEqual([]);
    phone.destroy();
  });
});

describe('subrequests of the gateway', () => {
  it('use the source addresses too, and skip those without a free port', async () => {
    const { backend, gateway, phone } = await setUp({ sourceAddresses: [...DEAD, '127.0.0.2'] });
    gateway.change('abc123', 'block');
    phone.send(ASK);
    await phone.response();
    await until(() => gateway.seen.length === 1, 'the answer to the question');
    expect(backend.requests[0]?.method).toBe('OPTIONS');
    expect(new Set(sourcesOf(backend))).toEqual(new Set(['127.0.0.2']));
    phone.destroy();
  });
});

describe('SourceAddresses', () => {
  it('are used in turn', () => {
    const sources = new SourceAddresses(['a', 'b', 'c'], () => 0);
    expect([1, 2, 3, 4].map(() => sources.next())).toEqual(['a', 'b', 'c', 'a']);
  });

  it('leave the choice to the system when there are none', () => {
    const sources = new SourceAddresses([], () => 0);
    sources.exhausted(undefined);
    expect(sources.next()).toBeUndefined();
    expect(sources.hasAnother).toBe(false);
  });

  it('skip one without a free port for a second, then try it again', () => {
    let now = 1_000;
    const sources = new SourceAddresses(['a', 'b'], () => now);
    sources.exhausted('a');
    expect([1, 2, 3].map(() => sources.next())).toEqual(['b', 'b', 'b']);
    now += 1_000;
    expect(new Set([sources.next(), sources.next()])).toEqual(new Set(['a', 'b']));
  });

  it('are used again at once when a connection from them ended', () => {
    const sources = new SourceAddresses(['a', 'b'], () => 5);
    sources.exhausted('a');
    sources.exhausted('b');
    sources.freed('b');
    expect([1, 2].map(() => sources.next())).toEqual(['b', 'b']);
  });

  it('are each tried once when none had a free port', () => {
    const sources = new SourceAddresses(['a', 'b'], () => 5);
    sources.exhausted('a');
    expect(sources.hasAnother).toBe(true);
    sources.exhausted('b');
    expect(sources.hasAnother).toBe(false);
    expect(new Set([sources.next(), sources.next()])).toEqual(new Set(['a', 'b']));
  });

  it.each([
    ['EADDRINUSE', true],
    ['EADDRNOTAVAIL', true],
    ['ECONNREFUSED', false],
    ['ENETUNREACH', false],
  ])('%s means that the server did not get the request: %s', (code, expected) => {
    expect(isOutOfPorts(Object.assign(new Error('x'), { code }))).toBe(expected);
  });
});

const permitted = spawnSync('unshare', ['-rn', 'ip', 'link', 'set', 'lo', 'up']).status === 0;
if (!permitted)
  console.warn(
    'SKIPPED: no network of its own (unshare -rn, ip): the exhaustion of real ports is not tested here',
  );

describe.skipIf(!permitted)('in a network with twenty ports', () => {
  it('all ports of the next address are used, then phones get 503 until a port is free', () => {
    const script = fileURLToPath(new URL('../../support/servers/few-ports.ts', import.meta.url));
    const run = spawnSync('unshare', ['-rn', process.execPath, script], {
      encoding: 'utf8',
      timeout: 200_000,
    });
    expect(run.stderr).toBe('');
    expect(JSON.parse(run.stdout)).toEqual({
      served: { connections: 20, from: ['127.0.0.3'], answered: 0 },
      refused: { statuses: Array(5).fill('503'), errors: Array(5).fill('EASGATE_NO_LOCAL_PORT') },
      after: '200',
      troubles: [],
    });
  });
});
