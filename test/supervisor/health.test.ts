// Owns the promises of the probes: when a gateway counts as alive and as ready, and the reason it gives otherwise.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { Client, request } from 'undici';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { askStatus } from '../../src/supervisor/ask-status.ts';
import {
  HealthServer,
  deadBecause,
  readyWarnings,
  unreadyBecause,
} from '../../src/supervisor/health-server.ts';
import type { GatewayState } from '../../src/supervisor/health-server.ts';
import { REFUSED_TEXT } from '../../src/supervisor/store-refusal.ts';
import { freePort } from '../support/servers/free-port.ts';
import { startGatewayProcess } from '../support/servers/gateway-process.ts';
import type { GatewayProcess } from '../support/servers/gateway-process.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { RawClient } from '../support/phones/raw-client.ts';
import { SAVES_EVERY_WRITE, startRedis } from '../support/servers/redis.ts';
import { PATIENCE_MS, eventually, until } from '../support/checks/until.ts';
import { phoneOf } from '../support/servers/openings.ts';

checkLeaks();

const WELL = { store: true, mailServer: true };

describe('the state of a gateway', () => {
  it.each<[string, GatewayState, string | null, string | null]>([
    ['starts', { phase: 'starting', workers: [WELL] }, 'starting', 'starting'],
    ['serves', { phase: 'serving', workers: [WELL, WELL] }, null, null],
    ['has no worker', { phase: 'serving', workers: [] }, 'no worker serves', 'no worker serves'],
    [
      'has a worker that is stuck',
      { phase: 'serving', workers: [WELL, null] },
      '1 of 2 workers do not answer',
      '1 of 2 workers do not answer',
    ],
    [
      'lacks its directory',
      { phase: 'serving', workers: [WELL, { store: false, mailServer: true }] },
      null,
      'the directory does not answer',
    ],
    [
      'lacks its mail servers',
      { phase: 'serving', workers: [{ store: true, mailServer: false }] },
      null,
      'no mail server is available',
    ],
    ['drains', { phase: 'draining', workers: [] }, null, 'draining'],
  ])('when it %s', (_what, state, dead, unready) => {
    expect(deadBecause(state)).toBe(dead);
    expect(unreadyBecause(state)).toBe(unready);
  });
});

it('a gateway whose directory takes no changes is ready, with a warning that does not tell the cause', () => {
  const refused = { ...WELL, storeRefusal: '/var/lib/easgate/easgate.db: the disk is full' };
  const state = (...workers: GatewayState['workers']): GatewayState => ({ phase: 'serving', workers });
  expect(unreadyBecause(state(WELL, refused))).toBeNull();
  expect(readyWarnings(state(WELL, refused))).toEqual([REFUSED_TEXT]);
  expect(readyWarnings(state(WELL, { ...WELL, storeRefusal: null }, null))).toEqual([]);
});

async function get(port: number, path: string): Promise<{ status: number; body: unknown }> {
  const { statusCode, body } = await request(`http://127.0.0.1:${port}${path}`, { reset: true });
  return { status: statusCode, body: await body.json() };
}

describe('HealthServer', () => {
  const open = async (look: () => Promise<GatewayState>): Promise<HealthServer> => {
    const server = await HealthServer.open('127.0.0.1', 0, look);
    onTestFinished(() => server.close());
    return server;
  };
  const serving = async (): Promise<GatewayState> => ({ phase: 'serving', workers: [WELL] });

  it('answers only its two paths, and only GET and HEAD', async () => {
    const { port } = await open(serving);
    expect(await get(port, '/healthz')).toEqual({ status: 200, body: { status: 'ok' } });
    expect(await get(port, '/readyz?from=here')).toEqual({ status: 200, body: { status: 'ok' } });
    expect((await get(port, '/')).status).toBe(404);
    expect((await get(port, '/healthz/')).status).toBe(404);
    const post = await request(`http://127.0.0.1:${port}/healthz`, {
      method: 'POST',
      body: 'x',
      reset: true,
    });
    expect({ status: post.statusCode, allow: post.headers['allow'] }).toEqual({
      status: 405,
      allow: 'GET, HEAD',
    });
    await post.body.dump();
    const head = await request(`http://127.0.0.1:${port}/healthz`, { method: 'HEAD', reset: true });
    expect({ status: head.statusCode, body: await head.body.text() }).toEqual({ status: 200, body: '' });
  });

  it('asks the workers once for several simultaneous probes', async () => {
    let looks = 0;
    const { port } = await open(async () => {
      looks++;
      await new Promise((resolve) => setImmediate(resolve));
      return serving();
    });
    const client = await RawClient.open(port);
    // In one segment, so that all arrive before the first is answered.
    client.send('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(3));
    for (let answer = 0; answer < 3; answer++) expect((await client.response()).status).toBe(200);
    client.destroy();
    expect(looks).toBe(1);
  });
});

/** Asks until the answer has this status; resolves with its body. */
async function untilStatus(port: number, path: string, wanted: number): Promise<unknown> {
  const { body } = await eventually(
    () => get(port, path),
    ({ status }) => status === wanted,
    `${path} to answer ${wanted}`,
  );
  return body;
}

/** Asks until the answer is 503 for this reason. */
async function untilReason(port: number, path: string, wanted: string): Promise<void> {
  await until(async () => {
    const { status, body } = await get(port, path);
    return status === 503 && (body as { reason?: string }).reason === wanted;
  }, `${path} to answer: ${wanted}`);
}

/** What the gateway serves beside its pid file. */
async function metricsOf(folder: string): Promise<string> {
  const client = new Client('http://localhost', { socketPath: join(folder, 'easgate.sock') });
  try {
    return await (await client.request({ method: 'GET', path: '/metrics' })).body.text();
  } finally {
    await client.close();
  }
}

async function start(config: string): Promise<{ gateway: GatewayProcess; port: number }> {
  const port = await freePort();
  const gateway = await startGatewayProcess(`health: { listen: '127.0.0.1:${port}' }\n${config}`);
  onTestFinished(async () => {
    if (gateway.child.exitCode === null) await gateway.stop();
  });
  return { gateway, port };
}

const CONFIG = `
listen: { address: 127.0.0.1, port: 0 }
workers: { count: 1, pidFile: easgate.pid }
sample: { users: [{ name: alice, password: secret }] }
`;

const PATIENTLY = { timeout: PATIENCE_MS, interval: 50 };

describe('a running gateway that goes on', () => {
  let port = 0;
  let gateway: GatewayProcess;
  beforeAll(async () => {
    port = await freePort();
    gateway = await startGatewayProcess(
      `health: { listen: '127.0.0.1:${port}' }\n${CONFIG.replace('count: 1', 'count: 2')}`,
    );
  });
  afterAll(async () => void (await gateway.stop()));

  // A worker that has no time yet counts as stuck.
  it('is alive and ready while it serves, and `easgate health` reports it', async () => {
    for (const path of ['/healthz', '/readyz'])
      expect(await untilStatus(port, path, 200)).toEqual({ status: 'ok' });
    for (const words of [[], ['--ready']])
      await until(async () => (await gateway.command('health', ...words)) === 0, 'the command to report it');
  });

  it('is not alive while a worker is stuck, and alive again afterwards', async () => {
    const [stuck = 0] = gateway.workers();
    process.kill(stuck, 'SIGSTOP');
    // The other one may have no time yet, too.
    await untilReason(port, '/healthz', '1 of 2 workers do not answer');
    expect(await gateway.command('health')).toBe(1);
    process.kill(stuck, 'SIGCONT');
    await untilStatus(port, '/healthz', 200);
  });
});

describe('a running gateway', () => {
  it('is alive but not ready while its directory is unavailable', async () => {
    const redis = await startRedis(SAVES_EVERY_WRITE);
    onTestFinished(() => redis.kill());
    const { port } = await start(
      `${CONFIG}store: { kind: redis, url: '${redis.url}', commandTimeoutMs: 30000 }\n`,
    );
    await untilStatus(port, '/readyz', 200);
    await redis.crash();
    await untilReason(port, '/readyz', 'the directory does not answer');
    await untilStatus(port, '/healthz', 200);
    await redis.restart();
    await untilStatus(port, '/readyz', 200);
  });

  it('is ready while its directory takes no changes; the probe, `easgate status` and the metrics tell of it until they are taken again', async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.kill());
    const client = new Redis(redis.url);
    onTestFinished(() => client.disconnect());
    const { gateway, port } = await start(
      `${CONFIG}store: { kind: redis, url: '${redis.url}', commandTimeoutMs: 30000 }\n`,
    );
    await untilStatus(port, '/readyz', 200);
    const look = async (): Promise<object> => ({
      probe: await get(port, '/readyz'),
      worker: (await askStatus(join(gateway.folder, 'easgate.pid'))).workers[0]?.health,
      metric: /^easgate_store_writable \d$/m.exec(await metricsOf(gateway.folder))?.[0],
    });
    await client.config('SET', 'maxmemory', '1');
    await until(() => gateway.out().includes('EASGATE_STORE_UNWRITABLE'), 'the log entry about the refusals');
    // A worker that has no time is not in it.
    await expect.poll(look, PATIENTLY).toEqual({
      probe: { status: 200, body: { status: 'ok', warnings: [REFUSED_TEXT] } },
      worker: { store: true, mailServer: true, storeRefusal: expect.stringContaining('OOM') as unknown },
      metric: 'easgate_store_writable 0',
    });
    expect(await untilStatus(port, '/healthz', 200)).toEqual({ status: 'ok' });
    await client.config('SET', 'maxmemory', '0');
    await until(() => gateway.out().includes('EASGATE_STORE_WRITABLE'), 'the log entry about their end');
    await expect.poll(look, PATIENTLY).toEqual({
      probe: { status: 200, body: { status: 'ok' } },
      worker: { store: true, mailServer: true, storeRefusal: null },
      metric: 'easgate_store_writable 1',
    });
  });

  it('is alive but not ready when no mail server is available', async () => {
    const nobody = await freePort();
    const { port } = await start(
      `${CONFIG}upstream: { url: 'http://127.0.0.1:${nobody}', health: { intervalSeconds: 0.1, fall: 1 } }\n`,
    );
    await untilReason(port, '/readyz', 'no mail server is available');
    await untilStatus(port, '/healthz', 200);
  });

  it('is not ready once it drains, and alive until it ends', async () => {
    const { gateway, port } = await start(`${CONFIG}policy: { unknownDevice: allow }\n`);
    // A worker does not end while a mail is still being sent.
    const phone = await phoneOf(gateway);
    phone.send(
      'POST /Microsoft-Server-ActiveSync?Cmd=SendMail&User=alice&DeviceId=PHONE1&DeviceType=iPhone HTTP/1.1\r\n' +
        `Host: x\r\nAuthorization: Basic ${Buffer.from('alice:secret').toString('base64')}\r\n` +
        'MS-ASProtocolVersion: 12.1\r\nContent-Type: message/rfc822\r\nExpect: 100-continue\r\nContent-Length: 1000\r\n\r\n',
    );
    await until(() => phone.received.includes('100 Continue'), 'the worker to take the mail');
    gateway.child.kill('SIGTERM');
    await untilReason(port, '/readyz', 'draining');
    await untilStatus(port, '/healthz', 200);
  });

  it('serves probes at another address after a reload', async () => {
    const { gateway, port } = await start(CONFIG);
    const next = await freePort();
    writeFileSync(join(gateway.folder, 'easgate.yaml'), `health: { listen: '127.0.0.1:${next}' }\n${CONFIG}`);
    gateway.child.kill('SIGHUP');
    await until(() => gateway.out().includes('EASGATE_RELOADED'), 'the reload');
    await untilStatus(next, '/readyz', 200);
    await expect(get(port, '/readyz')).rejects.toThrow(/ECONNREFUSED/);
  });
});
