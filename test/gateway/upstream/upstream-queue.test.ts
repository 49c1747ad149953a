// Owns the promises of the queue in front of a mail server whose connections are all in use.
import { describe, expect, it, onTestFinished } from 'vitest';
import type { UpstreamSettings } from '../../../src/gateway/settings.ts';
import { ok } from '../../support/servers/raw-backend.ts';
import type { RawClient } from '../../support/phones/raw-client.ts';
import { startServerGroup } from '../../support/servers/server-group.ts';
import type { GroupMember, ServerGroup } from '../../support/servers/server-group.ts';
import { FOLDER_SYNC, request, untilLeft } from '../../support/servers/test-gateway.ts';
import type { SettingsOverrides } from '../../support/servers/test-gateway.ts';
import { until } from '../../support/checks/until.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';

checkLeaks();

async function group(members: readonly GroupMember[], overrides?: SettingsOverrides): Promise<ServerGroup> {
  const started = await startServerGroup(members, overrides);
  onTestFinished(() => started.close());
  return started;
}

describe('a request that finds all connections in use', () => {
  const one = { upstream: { maxConnections: 1 } };

  /** A server that answers on command, in the order of arrival. */
  async function slow(balancing: Partial<UpstreamSettings>): Promise<{
    readonly servers: ServerGroup;
    /** The phone whose request is under way. */
    readonly busy: RawClient;
    readonly answer: (index: number) => void;
    /** Sends a request; resolves once it is in the queue. */
    readonly queue: (device: string) => Promise<RawClient>;
  }> {
    const servers = await group([{ onRequest: () => undefined }], { ...one, balancing });
    const [backend] = servers.backends;
    servers.gateway.verdicts.set('local', 'unavailable');
    const busy = await servers.phone();
    busy.send(request('FolderSync', FOLDER_SYNC, [], 'FIRST'));
    await until(() => backend?.requests.length === 1, 'the first request');
    return {
      servers,
      busy,
      answer: (index) => {
        const asked = backend?.requests[index];
        asked?.connection.socket.write(ok(/DeviceId=(\w+)/.exec(asked.target)?.[1]));
      },
      queue: async (device) => {
        const client = await servers.phone();
        // The gateway answers the first itself, and has read the second by then.
        client.send(
          request('FolderSync', FOLDER_SYNC, [], 'LOCAL') + request('FolderSync', FOLDER_SYNC, [], device),
        );
        await client.response();
        return client;
      },
    };
  }

  it('waits for a free one, in the order of arrival', async () => {
    const { servers, answer, queue } = await slow({ maxQueued: 3 });
    const [backend] = servers.backends;
    const waiting = [await queue('A1'), await queue('B2'), await queue('C3')];
    for (let index = 0; index < 4; index++) {
      await until(() => backend?.requests.length === index + 1, 'the next request');
      answer(index);
    }
    const bodies: string[] = [];
    for (const client of waiting) bodies.push((await client.response()).body.toString());
    expect(bodies).toEqual(['A1', 'B2', 'C3']);
    expect(backend?.requests.map(({ target }) => /DeviceId=(\w+)/.exec(target)?.[1])).toEqual([
      'FIRST',
      'A1',
      'B2',
      'C3',
    ]);
  });

  it('waits while its body is still arriving, and is served completely', async () => {
    const { servers, answer } = await slow({ maxQueued: 1 });
    const [backend] = servers.backends;
    const mail = Buffer.concat([Buffer.from('03016a00001545', 'hex'), Buffer.alloc(400_000, 'm')]);
    const client = await servers.phone();
    client.send(request('SendMail', mail));
    // The queue is full now.
    const denied = async (): Promise<boolean> => (await servers.ask('OTHER')).status === 503;
    expect(await denied()).toBe(true);
    answer(0);
    await until(() => backend?.requests.length === 2, 'the mail');
    expect(backend?.requests[1]?.body.equals(mail)).toBe(true);
    answer(1);
    expect((await client.response()).status).toBe(200);
  });

  it('is refused with 503 and Retry-After when the queue is full', async () => {
    const { servers, queue } = await slow({ maxQueued: 1 });
    await queue('A1');
    const response = await servers.ask('B2');
    expect(response.status).toBe(503);
    expect(response.header('retry-after')).toBe('30');
    expect(servers.gateway.finished.at(-1)?.error).toBe('EASGATE_UPSTREAM_BUSY');
  });

  it('is refused with 503 and Retry-After when it waited too long, and leaves the queue', async () => {
    const { servers, answer, queue } = await slow({ maxQueued: 1 });
    const waiting = await queue('A1');
    await servers.gateway.time.advance(1_999);
    expect(waiting.received).toBe('');
    await servers.gateway.time.advance(2);
    const response = await waiting.response();
    expect(response.status).toBe(503);
    expect(response.header('retry-after')).toBe('30');
    const next = await queue('B2');
    answer(0);
    await until(() => servers.backends[0]?.requests.length === 2, 'the next request');
    answer(1);
    expect((await next.response()).body.toString()).toBe('B2');
  });

  it('leaves the queue when its client disconnects', async () => {
    const { servers, answer, queue } = await slow({ maxQueued: 1 });
    const leaving = await queue('A1');
    const open = servers.gateway.connections();
    leaving.destroy();
    await untilLeft(servers.gateway);
    await until(() => servers.gateway.connections() === open - 1, 'the end of the client');
    const staying = await queue('B2');
    answer(0);
    await until(() => servers.backends[0]?.requests.length === 2, 'the next request');
    answer(1);
    expect((await staying.response()).body.toString()).toBe('B2');
    expect(servers.backends[0]?.requests).toHaveLength(2);
  });

  it.each(['phone', 'server'])('is served when the %s ends the request under way', async (side) => {
    const { servers, busy, answer, queue } = await slow({ maxQueued: 1, queueTimeoutMs: 10_000 });
    const [backend] = servers.backends;
    const waiting = await queue('A1');
    if (side === 'phone') {
      busy.destroy();
      await untilLeft(servers.gateway);
    } else {
      backend?.connections[0]?.socket.destroy();
    }
    await until(() => backend?.requests.length === 2, 'the waiting request');
    answer(1);
    expect((await waiting.response()).body.toString()).toBe('A1');
  });
});
