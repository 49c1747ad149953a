// Owns the promises about rejected connections: a few log lines with cause and number.
import { connect } from 'node:net';
import { describe, expect, it, onTestFinished } from 'vitest';
import { Counts } from '../../../src/metrics/counts.ts';
import { totalsOf } from '../../../src/metrics/totals.ts';
import { RejectedConnections } from '../../../src/gateway/listener/rejected-connections.ts';
import { createAuthority } from '../../support/servers/certificates.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import type { SettingsOverrides, TestGateway } from '../../support/servers/test-gateway.ts';
import { until } from '../../support/checks/until.ts';
import { gatewayOf } from '../../support/servers/openings.ts';

checkLeaks();
/** Opens connections that all write `bytes`, until at least `rejected` of them were rejected. */
async function ring(gateway: TestGateway, count: number, rejected: number, bytes = ''): Promise<void> {
  for (let index = 0; index < count; index++) {
    const socket = connect({ port: gateway.port, host: '127.0.0.1' });
    socket.on('error', () => undefined);
    onTestFinished(() => void socket.destroy());
    if (bytes !== '') socket.write(bytes, 'latin1');
  }
  await until(() => gateway.counters().rejectedConnections >= rejected, 'the connections to be turned away');
}

async function tls(maxHandshakesPerSecond: number): Promise<SettingsOverrides> {
  const authority = await createAuthority();
  return {
    listen: {
      tls: {
        certificates: [await authority.issue({})],
        minVersion: 'TLSv1.2',
        ciphers: 'TLS_AES_128_GCM_SHA256',
        handshakeTimeoutMs: 5_000,
        maxHandshakesPerSecond,
        ticketSecret: '00'.repeat(32),
        ticketRotationMs: 60_000,
        clientCertificate: null,
      },
    },
  };
}

describe('rejected connections', () => {
  it.each([
    ['EASGATE_MAX_CONNECTIONS', { client: { maxConnections: 2 } }, 4, 2, ''],
    ['EASGATE_MAX_CONNECTIONS_PER_ADDRESS', { client: { maxConnectionsPerAddress: 1 } }, 3, 2, ''],
    ['EASGATE_NOT_A_PROXY', { listen: { proxyProtocolFrom: ['10.0.0.0/8'] } }, 2, 2, ''],
    [
      'EASGATE_PROXY_PROTOCOL',
      { listen: { proxyProtocolFrom: ['127.0.0.1'] } },
      2,
      2,
      'OPTIONS / HTTP/1.1\r\n',
    ],
  ] as const)('are logged as %s', async (code, overrides, count, rejected, bytes) => {
    const gateway = await gatewayOf({ port: 1 }, overrides);
    await ring(gateway, count, rejected, bytes);
    expect(gateway.trouble).toEqual([{ code, connections: 1, client: '127.0.0.1' }]);
  });

  it('are logged as EASGATE_MAX_HANDSHAKES', async () => {
    const gateway = await gatewayOf({ port: 1 }, await tls(1));
    await ring(gateway, 4, 3);
    expect(gateway.trouble).toEqual([
      { code: 'EASGATE_MAX_HANDSHAKES', connections: 1, client: '127.0.0.1' },
    ]);
  });

  it('are counted by the address in their PROXY header', async () => {
    const gateway = await gatewayOf(
      { port: 1 },
      {
        listen: { proxyProtocolFrom: ['127.0.0.1'] },
        client: { maxConnectionsPerAddress: 1 },
      },
    );
    await ring(gateway, 2, 1, 'PROXY TCP4 203.0.113.7 198.51.100.1 1 2\r\n');
    expect(gateway.trouble).toMatchObject([
      { code: 'EASGATE_MAX_CONNECTIONS_PER_ADDRESS', client: '203.0.113.7' },
    ]);
  });
});

describe('the log lines about rejected connections', () => {
  const start = () => {
    const counts = new Counts();
    const lines: unknown[] = [];
    const rejected = new RejectedConnections(counts, (code, facts) =>
      lines.push([code, facts['connections']]),
    );
    return { counts, lines, rejected };
  };

  it('are written for the first connection, then every ten seconds with the number since', () => {
    const { counts, lines, rejected } = start();
    for (let now = 0; now < 25_000; now += 1) rejected.count('EASGATE_MAX_CONNECTIONS', '192.0.2.1', now);
    rejected.sweep(30_000);
    expect(lines).toEqual([
      ['EASGATE_MAX_CONNECTIONS', 1],
      ['EASGATE_MAX_CONNECTIONS', 10_000],
      ['EASGATE_MAX_CONNECTIONS', 10_000],
      ['EASGATE_MAX_CONNECTIONS', 4_999],
    ]);
    expect(totalsOf(counts.cells).rejectedConnections).toBe(25_000);
  });

  it('end when no more connections are rejected', () => {
    const { lines, rejected } = start();
    rejected.count('EASGATE_MAX_HANDSHAKES', '192.0.2.1', 0);
    rejected.count('EASGATE_MAX_HANDSHAKES', '192.0.2.1', 1);
    for (let now = 0; now < 60_000; now += 100) rejected.sweep(now);
    expect(lines).toEqual([
      ['EASGATE_MAX_HANDSHAKES', 1],
      ['EASGATE_MAX_HANDSHAKES', 1],
    ]);
  });

  it('of one cause do not delay those of another', () => {
    const { lines, rejected } = start();
    rejected.count('EASGATE_MAX_HANDSHAKES', '192.0.2.1', 0);
    rejected.count('EASGATE_NOT_A_PROXY', '192.0.2.1', 1);
    expect(lines).toHaveLength(2);
  });
});
