// Owns the promises about failures of mail servers: which are taken out of use, for how long, and which requests are retried.
import { describe, expect, it, onTestFinished } from 'vitest';
import type { HealthSettings } from '../../../src/gateway/settings.ts';
import { freePort } from '../../support/servers/free-port.ts';
import { ok } from '../../support/servers/raw-backend.ts';
import type { BackendRequest } from '../../support/servers/raw-backend.ts';
import { startServerGroup } from '../../support/servers/server-group.ts';
import type { GroupMember, ServerGroup } from '../../support/servers/server-group.ts';
import { FOLDER_SYNC, request } from '../../support/servers/test-gateway.ts';
import type { SettingsOverrides } from '../../support/servers/test-gateway.ts';
import { until } from '../../support/checks/until.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';

checkLeaks();

async function group(members: readonly GroupMember[], overrides?: SettingsOverrides): Promise<ServerGroup> {
  const started = await startServerGroup(members, overrides);
  onTestFinished(() => started.close());
  return started;
}

const bodyOf = async (answer: Promise<{ body: Buffer }>): Promise<string> => (await answer).body.toString();
const drop = ({ connection }: BackendRequest): void => void connection.socket.destroy();

const health = (more: Partial<HealthSettings> = {}): SettingsOverrides => ({
  balancing: {
    health: {
      method: 'OPTIONS',
      path: '/health',
      intervalMs: 5,
      timeoutMs: 30_000,
      rise: 2,
      fall: 2,
      maxStatus: 499,
      ...more,
    },
  },
});

/** TLS towards a mail server, whatever its certificate. */
const NO_CHECKS = {
  ca: null,
  serverName: 'mail.example.com',
  certificate: null,
  key: null,
  minVersion: 'TLSv1.2',
  verify: false,
} as const;

describe('health checks', () => {
  it('take a server out of use after `fall` failures in a row, and back after `rise` successes', async () => {
    const statuses = [200, 503, 200, 503, 503, 401, 503, 401, 200];
    const told: number[] = [];
    let servers: ServerGroup | null = null;
    let at = 0;
    servers = await group(
      [
        {},
        {
          onRequest: ({ target, connection }) => {
            if (target !== '/health') {
              connection.socket.write(ok('1'));
              return;
            }
            told.push(servers?.gateway.trouble.length ?? 0);
            connection.socket.write(`HTTP/1.1 ${statuses[at++] ?? 200} X\r\nContent-Length: 0\r\n\r\n`);
          },
        },
      ],
      health(),
    );
    const { trouble } = servers.gateway;
    await until(() => told.length > statuses.length, 'all answers');
    // The number of state changes at the time of each check.
    expect(told.slice(0, 10)).toEqual([0, 0, 0, 0, 0, 1, 1, 1, 1, 2]);
    expect(trouble).toMatchObject([
      { code: 'EASGATE_UPSTREAM_OUT', server: 'server2', cause: 'status 503' },
      { code: 'EASGATE_UPSTREAM_BACK', server: 'server2' },
    ]);
  });

  it.each([
    ['OPTIONS' as const, 499, 401, true],
    ['OPTIONS' as const, 399, 401, false],
    ['GET' as const, 200, 200, true],
    ['GET' as const, 200, 204, false],
  ])('by %s treat statuses up to %i as success: %i', async (method, maxStatus, status, good) => {
    const asked: string[] = [];
    const { ask, gateway } = await group(
      [
        {
          onRequest: ({ target, method: used, connection }) => {
            if (target === '/health') asked.push(used);
            connection.socket.write(
              target === '/health' ? `HTTP/1.1 ${status} X\r\nContent-Length: 0\r\n\r\n` : ok('0'),
            );
          },
        },
      ],
      health({ method, maxStatus, fall: 1 }),
    );
    await until(() => asked.length > 2, 'some questions');
    expect(new Set(asked)).toEqual(new Set([method]));
    const response = await ask();
    expect(response.status).toBe(good ? 200 : 503);
    expect(response.header('retry-after')).toBe(good ? undefined : '30');
    expect(gateway.finished[0]?.error).toBe(good ? null : 'EASGATE_UPSTREAM_DOWN');
  });

  it.each([
    ['answers too late', { onRequest: () => undefined }, {}],
    ['closes', { onRequest: drop }, {}],
    ['cannot be reached', {}, { port: 1 }],
  ])('take a server out of use that %s', async (_name, member, settings) => {
    // Real time: long enough for the first server to answer on a slow machine.
    const { ask, gateway } = await group(
      [{}, { ...member, settings }],
      health({ fall: 1, timeoutMs: 4_000 }),
    );
    // The first server answers 200 to everything.
    await until(() => gateway.trouble.length === 1, 'the failed check');
    expect(gateway.trouble[0]).toMatchObject({ code: 'EASGATE_UPSTREAM_OUT', server: 'server2' });
    for (let count = 0; count < 4; count++) expect(await bodyOf(ask())).toBe('0');
  });
});

describe('a health check of a server that takes the connection, and begins no TLS', () => {
  it('ends in its own time, which is not that for connecting, and does not keep the gateway from stopping', async () => {
    const { gateway, backends } = await group(
      [{}, { settings: { tls: NO_CHECKS, connectTimeoutMs: 3_600_000 } }],
      health({ fall: 1, timeoutMs: 50 }),
    );
    await until(() => gateway.trouble.length === 1, 'the failed check');
    expect(gateway.trouble[0]).toMatchObject({ server: 'server2', cause: 'no answer within 50 ms' });
    await gateway.close();
    expect(backends[1]?.requests).toEqual([]);
  });
});

describe('failures of a server', () => {
  it('take it out of use for a time after a number of failures in a row', async () => {
    let ill = true;
    const { ask, backends, gateway } = await group(
      [
        {},
        {
          onRequest: (request) => {
            if (ill) drop(request);
            else request.connection.socket.write(ok('1'));
          },
        },
      ],
      { balancing: { ejectAfter: 2, ejectMs: 10_000 } },
    );
    const statuses: number[] = [];
    for (let count = 0; count < 4; count++) statuses.push((await ask()).status);
    expect(statuses).toEqual([200, 502, 200, 502]);
    expect(gateway.trouble).toMatchObject([
      { code: 'EASGATE_UPSTREAM_OUT', server: 'server2', cause: 'EASGATE_UPSTREAM_CLOSED' },
    ]);
    for (let count = 0; count < 6; count++) expect(await bodyOf(ask())).toBe('0');
    expect(backends[1]?.requests).toHaveLength(2);
    ill = false;
    await gateway.time.advance(10_000);
    expect([await bodyOf(ask()), await bodyOf(ask())].sort()).toEqual(['0', '1']);
  });

  it('count only in a row', async () => {
    let count = 0;
    const { ask, gateway } = await group(
      [
        {
          onRequest: (request) => {
            if (count++ % 2 === 0) drop(request);
            else request.connection.socket.write(ok());
          },
        },
      ],
      { balancing: { ejectAfter: 2 } },
    );
    const statuses: number[] = [];
    for (let each = 0; each < 6; each++) statuses.push((await ask()).status);
    expect(statuses).toEqual([502, 200, 502, 200, 502, 200]);
    expect(gateway.trouble).toEqual([]);
  });

  it('include redirects, which reach no phone', async () => {
    const { ask, gateway } = await group(
      [
        {
          onRequest: ({ connection }) =>
            connection.socket.write(
              'HTTP/1.1 302 Found\r\nLocation: https://evil.example/\r\nContent-Length: 0\r\n\r\n',
            ),
        },
      ],
      { balancing: { ejectAfter: 2 } },
    );
    for (let count = 0; count < 2; count++) expect((await ask()).status).toBe(502);
    expect(gateway.trouble).toMatchObject([
      { code: 'EASGATE_UPSTREAM_OUT', server: 'server1', cause: 'EASGATE_UPSTREAM_REDIRECT' },
    ]);
  });

  it('include missing answers, but not polls that are held too long', async () => {
    const poll = Buffer.from('03016a00000d45480331000101', 'hex');
    const { phone, gateway, backends } = await group(
      [{ onRequest: () => undefined }, { onRequest: () => undefined }],
      { balancing: { ejectAfter: 1 } },
    );
    const pollers = [await phone(), await phone()];
    for (const [index, poller] of pollers.entries()) {
      poller.send(request('Ping', poll, [], `POLLER${index}`));
      await until(() => backends[index]?.requests.length === 1, 'the poll');
    }
    // A heartbeat of one second, and its margin.
    await gateway.time.advance(3_001);
    for (const poller of pollers) expect((await poller.response()).status).toBe(504);
    expect(gateway.trouble).toEqual([]);
    const waiting = await phone();
    waiting.send(request('FolderSync', FOLDER_SYNC));
    await until(() => backends[0]?.requests.length === 2, 'the request');
    await gateway.time.advance(5_001);
    expect((await waiting.response()).status).toBe(504);
    expect(gateway.trouble).toMatchObject([
      { code: 'EASGATE_UPSTREAM_OUT', server: 'server1', cause: 'EASGATE_UPSTREAM_TIMEOUT' },
    ]);
  });

  it('of the only server are logged as such: it still gets every request', async () => {
    const { ask, gateway, backends } = await group([{ onRequest: drop }], { balancing: { ejectAfter: 2 } });
    for (let count = 0; count < 5; count++) expect((await ask()).status).toBe(502);
    expect(backends[0]?.requests).toHaveLength(5);
    expect(gateway.trouble).toEqual([
      expect.objectContaining({ code: 'EASGATE_UPSTREAM_OUT', server: 'server1', still_used: true }),
    ]);
  });

  it('of one of several servers are not logged as of one that is still used, but of the last one are', async () => {
    const { ask, gateway } = await group([{ onRequest: drop }, { onRequest: drop }], {
      balancing: { ejectAfter: 2 },
    });
    for (let count = 0; count < 6; count++) await ask();
    expect(gateway.trouble.map((one) => one['still_used'])).toEqual([undefined, true]);
  });

  it('do not include polls that the server ends by closing', async () => {
    const poll = Buffer.from('03016a00000d454803333030000101', 'hex');
    const { phone, gateway } = await group([{ onRequest: drop }, {}], { balancing: { ejectAfter: 1 } });
    const client = await phone();
    client.send(request('Ping', poll));
    expect((await client.response()).status).toBe(502);
    expect(gateway.trouble).toEqual([]);
  });

  it('never take the last server out of use', async () => {
    let ill = true;
    const onRequest = (request: BackendRequest): void => {
      if (ill) drop(request);
      else request.connection.socket.write(ok());
    };
    for (const members of [[{ onRequest }], [{ onRequest }, { onRequest }]]) {
      ill = true;
      const { ask } = await group(members, { balancing: { ejectAfter: 1, ejectMs: 60_000 } });
      for (let count = 0; count < 4; count++) expect((await ask()).status).toBe(502);
      ill = false;
      expect((await ask()).status).toBe(200);
    }
  });
});

describe('a request is retried with a second server', () => {
  it('when the first is unreachable', async () => {
    const port = await freePort();
    const { ask, gateway } = await group([{ settings: { port } }, {}], { balancing: { ejectAfter: 100 } });
    for (let count = 0; count < 4; count++) expect(await bodyOf(ask())).toBe('1');
    expect(gateway.counters().retries).toBe(2);
    expect(gateway.counters().failed).toBe(0);
  });

  it('when the connection to the first times out', async () => {
    const { ask, gateway, backends } = await group([
      { settings: { tls: NO_CHECKS, connectTimeoutMs: 2_000 } },
      {},
    ]);
    const asked = bodyOf(ask());
    await until(() => backends[0]?.accepted.length === 1, 'the connection');
    await gateway.time.advance(2_001);
    expect(await asked).toBe('1');
    expect(gateway.counters().retries).toBe(1);
    // Only a handshake reached it, no byte of the request.
    expect(backends[0]?.connections[0]?.received).not.toContain('ActiveSync');
  });

  it.each([
    ['a new connection to it', 0],
    ['one that is open', 1],
  ])('while its body is still arriving, of which nothing was sent, over %s', async (_what, open) => {
    const port = await freePort();
    // The body waits for the connection where a local address may have no free port.
    const first = { settings: { port, sourceAddresses: ['127.0.0.1'] } };
    const { ask, phone, gateway, backends } = await group([first, {}], {
      balancing: { ejectAfter: 100 },
      client: { bodyTimeoutMs: 60_000 },
    });
    for (let count = 0; count < open; count++) expect(await bodyOf(ask())).toBe('1');
    // The server keeps its connections open.
    await gateway.time.advance(1_000);
    const [early, late] = [Buffer.from('03016a00001545', 'hex'), Buffer.alloc(300_000, 'x')];
    const mail = Buffer.concat([early, late]);
    const client = await phone();
    const text = request('SendMail', mail);
    // Servers are asked in turn: the first one is next.
    if (open === 1) expect(await bodyOf(ask())).toBe('1');
    client.send(text.slice(0, text.length - late.length));
    await until(() => gateway.counters().retries === 1 + open, 'the second server');
    client.send(text.slice(text.length - late.length));
    expect((await client.response()).status).toBe(200);
    expect(backends[1]?.requests.at(-1)?.body.equals(mail)).toBe(true);
  });

  it('at most twice, and not without another server', async () => {
    const port = await freePort();
    const dead = { settings: { port } };
    const several = await group([dead, dead, dead, dead], { balancing: { ejectAfter: 100 } });
    expect((await several.ask()).status).toBe(502);
    expect(several.gateway.counters().retries).toBe(2);
    const alone = await group([dead]);
    expect((await alone.ask()).status).toBe(502);
    expect(alone.gateway.counters().retries).toBe(0);
  });

  it('never when the first may have received the request', async () => {
    const { phone, backends, gateway } = await group([{ onRequest: drop }, {}]);
    const mail = Buffer.from('03016a0000154501', 'hex');
    const client = await phone();
    client.send(request('SendMail', mail));
    expect((await client.response()).status).toBe(502);
    expect(backends[0]?.requests[0]?.body).toEqual(mail);
    expect(backends[1]?.requests).toHaveLength(0);
    expect(gateway.counters().retries).toBe(0);
  });

  it('never when a part of the body has been sent', async () => {
    const port = await freePort();
    const { phone, backends } = await group([{ settings: { port } }, {}]);
    const client = await phone();
    const mail = Buffer.concat([Buffer.from('03016a00001545', 'hex'), Buffer.alloc(100_000)]);
    client.send(request('SendMail', mail).slice(0, 2_000));
    expect((await client.response()).status).toBe(502);
    expect(backends[1]?.requests).toHaveLength(0);
  });
});
