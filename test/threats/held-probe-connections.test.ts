// Threat: somebody holds every connection of the metrics or of the probes with heads that never end, so that monitoring finds the
// gateway dead (slow HTTP, CWE-400). Clients of other addresses, and of the same one, must still get in.
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { request } from 'undici';
import { describe, expect, it, onTestFinished } from 'vitest';
import { HealthServer } from '../../src/supervisor/health-server.ts';
import { MetricsServer } from '../../src/supervisor/metrics-server.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { openTestApi } from '../support/servers/test-api.ts';

checkLeaks();

/** A connection with the beginning of a head, once the server has it. `localAddress`: of this machine, 127.0.0.0/8. */
async function hold(port: number, localAddress: string): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('connect', resolve));
  socket.write('GET /metrics HTTP/1.1\r\nHost: gateway\r\nX-Slow: ');
  return socket;
}

async function statusOf(port: number, path: string): Promise<number> {
  const answer = await request(`http://127.0.0.1:${port}${path}`, { reset: true });
  await answer.body.dump();
  return answer.statusCode;
}

const SERVERS = {
  metrics: async () => {
    const server = await MetricsServer.open(
      { address: '127.0.0.1', port: 0, token: null },
      async () => 'x 1\n',
    );
    onTestFinished(() => server.close());
    return { port: server.port, path: '/metrics', most: 16 };
  },
  probes: async () => {
    const server = await HealthServer.open('127.0.0.1', 0, async () => ({ phase: 'draining', workers: [] }));
    onTestFinished(() => server.close());
    return { port: server.port, path: '/healthz', most: 64 };
  },
  'admin API': async () => {
    const { url } = await openTestApi();
    return { port: Number(new URL(url).port), path: '/', most: 1_000 };
  },
};

describe.each(Object.entries(SERVERS))('%s', (_name, open) => {
  it.each(['127.0.0.9', '127.0.0.1'])('answers while %s holds all connections', async (holder) => {
    const { port, path, most } = await open();
    const held = await Promise.all(Array.from({ length: most }, () => hold(port, holder)));
    expect(await statusOf(port, path)).toBe(200);
    // One of the held connections gave way.
    await until(() => held.some((socket) => socket.closed));
  });
});

it('connections of another address are left alone when one address holds most', async () => {
  const { port } = await SERVERS.metrics();
  const single = await hold(port, '127.0.0.8');
  const held = await Promise.all(Array.from({ length: 40 }, () => hold(port, '127.0.0.9')));
  await until(() => held.filter((socket) => socket.closed).length >= 25);
  expect(single.closed).toBe(false);
});
