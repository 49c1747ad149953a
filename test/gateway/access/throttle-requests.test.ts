// Owns the promises of the throttle on real connections: which requests get 503, and which Ping of a device stays.
import { describe, expect, it, onTestFinished } from 'vitest';
import { checkLeaks } from '../../support/checks/leaks.ts';
import type { RawClient } from '../../support/phones/raw-client.ts';
import type { RawResponse } from '../../support/phones/raw-client.ts';
import { ok, startRawBackend } from '../../support/servers/raw-backend.ts';
import type { RawBackend } from '../../support/servers/raw-backend.ts';
import { TestClock } from '../../support/checks/test-clock.ts';
import { FOLDER_SYNC, PING, request } from '../../support/servers/test-gateway.ts';
import type { SettingsOverrides, TestGateway } from '../../support/servers/test-gateway.ts';
import { until } from '../../support/checks/until.ts';
import { backendOf, gatewayOf, phoneOf } from '../../support/servers/openings.ts';

checkLeaks();

interface SetUp {
  /** Answers everything but Ping, which it holds. */
  readonly backend: RawBackend;
  readonly gateway: TestGateway;
  /** Another connection of a phone. */
  readonly open: () => Promise<RawClient>;
}

async function setUp(overrides: SettingsOverrides = {}): Promise<SetUp> {
  const backend = await startRawBackend(({ connection, target }) => {
    if (!target.includes('Cmd=Ping')) connection.socket.write(ok());
  });
  onTestFinished(() => backend.close());
  const gateway = await gatewayOf(backend, overrides);
  const open = (): Promise<RawClient> => phoneOf(gateway);
  return { backend, gateway, open };
}

const PING_EXPIRED = '03016a00000d45470331000101';

describe('a device', () => {
  it('with maxInFlightPerDevice requests under way gets 503, others do not', async () => {
    const { gateway, open } = await setUp({ client: { maxInFlightPerDevice: 1 } });
    const held = await open();
    held.send(request('Ping', PING));
    await until(() => gateway.upstreamConnections() === 1);
    const second = await open();
    second.send(request('FolderSync', FOLDER_SYNC));
    const busy = await second.response();
    expect(busy.status).toBe(503);
    expect(busy.header('retry-after')).toBe('30');
    expect(gateway.finished.at(-1)?.error).toBe('EASGATE_DEVICE_BUSY');
    const other = await open();
    other.send(request('FolderSync', FOLDER_SYNC, [], 'OTHER1'));
    expect((await other.response()).status).toBe(200);
    held.destroy();
    await until(() => gateway.connections() < 3);
    const again = await open();
    again.send(request('FolderSync', FOLDER_SYNC));
    expect((await again.response()).status).toBe(200);
  });

  it('in a loop gets 503 from the throttle, on every connection it opens', async () => {
    const { backend, gateway, open } = await setUp({ throttle: { burst: 3, perMinute: 2 } });
    const statuses: number[] = [];
    for (let sent = 0; sent < 5; sent++) {
      const client = await open();
      client.send(request('FolderSync', FOLDER_SYNC));
      const response = await client.response();
      statuses.push(response.status);
      if (response.status !== 503) continue;
      expect(response.header('retry-after')).toBe('30');
    }
    expect(statuses).toEqual([200, 200, 200, 503, 503]);
    expect(backend.requests).toHaveLength(3);
    expect(gateway.counters().throttled).toBe(2);
    expect(gateway.finished.map(({ error }) => error)).toEqual([
      null,
      null,
      null,
      'EASGATE_DEVICE_THROTTLED',
      'EASGATE_DEVICE_THROTTLED',
    ]);
    const other = await open();
    other.send(request('FolderSync', FOLDER_SYNC, [], 'OTHER1') + request('Ping', PING));
    expect((await other.response()).status).toBe(200);
    await until(() => backend.requests.length === 5);
  });

  it('that gets 503 keeps its connection, since a new one costs more battery than the request', async () => {
    const { open } = await setUp({ throttle: { burst: 1, perMinute: 1 } });
    const client = await open();
    client.send(
      request('FolderSync', FOLDER_SYNC).repeat(2) + request('FolderSync', FOLDER_SYNC, [], 'OTHER1'),
    );
    expect((await client.response()).status).toBe(200);
    const told = await client.response();
    expect(told.status).toBe(503);
    expect(told.header('connection')).toBeUndefined();
    expect((await client.response()).status).toBe(200);
  });

  it('behind a trusted proxy is counted by its own address, also on a shared connection', async () => {
    const { gateway, open } = await setUp({
      throttle: { burst: 1, perMinute: 1 },
      identity: { trustedProxies: ['127.0.0.1/32'] },
    });
    const shared = await open();
    const statuses: number[] = [];
    for (const address of ['192.0.2.66', '192.0.2.66', '192.0.2.1']) {
      shared.send(request('FolderSync', FOLDER_SYNC, [`X-Forwarded-For: ${address}`]));
      statuses.push((await shared.response()).status);
    }
    expect(statuses).toEqual([200, 503, 200]);
    expect(gateway.counters().throttled).toBe(1);
  });

  it('that repeats a Ping with an immediate answer gets 503, even at only two a second', async () => {
    const time = new TestClock();
    const backend = await backendOf(({ connection }) => connection.socket.write(ok()));
    const gateway = await gatewayOf(backend, {
      time,
      throttle: { burst: 300, perMinute: 120, repeats: 45, repeatsPerMinute: 30, pauseSeconds: 30 },
    });
    const phone = await phoneOf(gateway);
    let seconds = 0;
    let told: RawResponse | undefined;
    while (told === undefined && seconds < 150) {
      for (let count = 0; count < 10; count++) {
        phone.send(request('Ping', PING));
        const response = await phone.response();
        if (response.status !== 200) told ??= response;
      }
      await time.advance(5_000);
      seconds += 5;
    }
    expect(told?.status).toBe(503);
    // The rest of the pause.
    expect(Number(told?.header('retry-after'))).toBeGreaterThan(20);
    expect(Number(told?.header('retry-after'))).toBeLessThanOrEqual(30);
    expect(seconds).toBeLessThan(60);
    expect(gateway.finished.at(-1)?.error).toBe('EASGATE_DEVICE_THROTTLED');
    // A Sync is not part of the Ping loop.
    phone.send(request('FolderSync', FOLDER_SYNC));
    expect((await phone.response()).status).toBe(200);
  });

  it('that opens a newer Ping gets "no changes" for the older one', async () => {
    const { backend, gateway, open } = await setUp();
    const [older, newer] = [await open(), await open()];
    older.send(request('Ping', PING));
    await until(() => backend.requests.length === 1);
    newer.send(request('Ping', PING));
    const ended = await older.response();
    expect(ended.status).toBe(200);
    expect(ended.body.toString('hex')).toBe(PING_EXPIRED);
    expect(gateway.finished.map(({ error }) => error)).toEqual(['EASGATE_SUPERSEDED']);
    expect(gateway.counters().superseded).toBe(1);
    await until(() => backend.connections[0]?.closed === true && backend.requests.length === 2);
    backend.requests[1]?.connection.socket.write(ok('news'));
    expect((await newer.response()).body.toString()).toBe('news');
    // Both connections stay open.
    for (const client of [older, newer]) {
      client.send(request('FolderSync', FOLDER_SYNC));
      expect((await client.response()).status).toBe(200);
    }
  });

  it('keeps its Ping when a stranger without its password sends one for the same device', async () => {
    const { backend, gateway, open } = await setUp();
    const [phone, stranger] = [await open(), await open()];
    phone.send(request('Ping', PING));
    await until(() => backend.requests.length === 1);
    stranger.send(request('Ping', PING).replace('YWxpY2U6c2VjcmV0', 'YWxpY2U6Z3Vlc3M='));
    await until(() => backend.requests.length === 2);
    stranger.send(request('FolderSync', FOLDER_SYNC));
    backend.requests[1]?.connection.socket.write('HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n');
    expect((await stranger.response()).status).toBe(401);
    expect((await stranger.response()).status).toBe(200);
    expect(phone.received).toBe('');
    expect(gateway.counters().superseded).toBe(0);
    backend.requests[0]?.connection.socket.write(ok('news'));
    expect((await phone.response()).body.toString()).toBe('news');
  });
});
