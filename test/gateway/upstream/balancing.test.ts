// Owns the promises of load balancing: which mail server gets a request.
import { describe, expect, it, onTestFinished } from 'vitest';
import { Balancer } from '../../../src/gateway/upstream/balancer.ts';
import type { UpstreamSettings } from '../../../src/gateway/settings.ts';
import { ok } from '../../support/servers/raw-backend.ts';
import { startServerGroup } from '../../support/servers/server-group.ts';
import type { GroupMember, ServerGroup } from '../../support/servers/server-group.ts';
import { FOLDER_SYNC, request, testSettings } from '../../support/servers/test-gateway.ts';
import type { SettingsOverrides } from '../../support/servers/test-gateway.ts';
import { until } from '../../support/checks/until.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';

checkLeaks();

async function group(members: readonly GroupMember[], overrides?: SettingsOverrides): Promise<ServerGroup> {
  const started = await startServerGroup(members, overrides);
  onTestFinished(() => started.close());
  return started;
}

interface TestBalancer {
  readonly balancer: Balancer;
  clock: number;
  readonly trouble: string[];
  readonly picked: (key?: string) => string | null;
}

/** A balancer over servers 1, 2, … of these weights, with a clock of its own and no sockets. */
function balancer(weights: readonly number[], balancing: Partial<UpstreamSettings> = {}): TestBalancer {
  const settings = testSettings(1, { balancing, morePorts: weights.slice(1).map((_, index) => index + 2) });
  const servers = settings.upstream.servers.map((server, index) => ({
    ...server,
    weight: weights[index] as number,
  }));
  const trouble: string[] = [];
  const made: TestBalancer = {
    clock: 1_000_000,
    trouble,
    balancer: new Balancer(
      { ...settings.upstream, servers },
      () => made.clock,
      (server) => trouble.push(`${server.settings.name} ${server.usable ? 'back' : 'out'}`),
    ),
    picked: (key = '') => made.balancer.pick(key, null)?.settings.name ?? null,
  };
  return made;
}

function tally(names: readonly (string | null)[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of names) counts[name ?? 'none'] = (counts[name ?? 'none'] ?? 0) + 1;
  return counts;
}

const bodyOf = async (answer: Promise<{ body: Buffer }>): Promise<string> => (await answer).body.toString();

describe('whether a server may be used', () => {
  it('is no question to the clock while requests succeed: metrics of an idle gateway must not wake it', () => {
    const { upstream } = testSettings(1, { morePorts: [2] });
    let looks = 0;
    const { servers } = new Balancer(
      upstream,
      () => ++looks,
      () => undefined,
    );
    expect(servers.map(({ usable }) => usable)).toEqual([true, true]);
    expect(looks).toBe(0);
  });
});

describe('round robin', () => {
  it('gives each server its share in any sequence of requests', () => {
    const { picked } = balancer([3, 1]);
    const names = Array.from({ length: 40 }, () => picked());
    for (let at = 0; at + 4 <= names.length; at++)
      expect(tally(names.slice(at, at + 4))).toEqual({ server1: 3, server2: 1 });
  });

  it('uses all servers for the requests of one connection', async () => {
    const { phone, backends } = await group([{}, {}, {}]);
    const client = await phone();
    for (let count = 0; count < 6; count++) {
      client.send(request('FolderSync', FOLDER_SYNC));
      expect((await client.response()).status).toBe(200);
    }
    expect(backends.map(({ requests }) => requests.length)).toEqual([2, 2, 2]);
  });
});

describe('least connections', () => {
  const held: GroupMember = { onRequest: () => undefined };
  const balancing = { strategy: 'leastConnections' as const };

  it('counts the open requests, divided by the weights', async () => {
    const { phone, backends } = await group([{ ...held, settings: { weight: 2 } }, held], { balancing });
    for (let count = 1; count <= 6; count++) {
      (await phone()).send(request('FolderSync', FOLDER_SYNC));
      await until(() => backends[0]!.requests.length + backends[1]!.requests.length === count, 'the request');
    }
    expect(backends.map(({ requests }) => requests.length)).toEqual([4, 2]);
  });

  it('chooses the server whose requests ended', async () => {
    const { phone, ask, backends, gateway } = await group([held, held], { balancing });
    for (let count = 1; count <= 4; count++) {
      (await phone()).send(request('FolderSync', FOLDER_SYNC));
      await until(() => backends[0]!.requests.length + backends[1]!.requests.length === count, 'the request');
    }
    for (const { connection } of backends[1]!.requests) connection.socket.write(ok());
    await until(() => gateway.finished.length === 2, 'the end of the requests of one server');
    const asked = ask();
    await until(() => backends[1]!.requests.length === 3, 'the next request at that server');
    backends[1]!.requests[2]?.connection.socket.write(ok('1'));
    expect(await bodyOf(asked)).toBe('1');
  });
});

describe('the device hash', () => {
  const balancing = { strategy: 'deviceHash' as const };
  const devices = Array.from({ length: 3_000 }, (_, index) => `device${index}`);

  it('sends a device to one server, whatever its connection', async () => {
    const { ask, backends } = await group([{}, {}, {}], { balancing });
    const names = ['A1', 'B2', 'C3', 'D4', 'E5', 'F6', 'G7', 'H8'];
    const first: string[] = [];
    for (const name of names) first.push(await bodyOf(ask(name)));
    const second: string[] = [];
    for (const name of [...names].reverse()) second.push(await bodyOf(ask(name.toLowerCase())));
    expect(second.reverse()).toEqual(first);
    expect(backends.filter(({ requests }) => requests.length > 0).length).toBeGreaterThan(1);
  });

  it('moves only the devices of a server that is removed, and returns the same ones later', () => {
    const { balancer: servers, picked } = balancer([1, 1, 1, 1], balancing);
    const before = devices.map(picked);
    servers.servers[2]?.setHealthy(false, 'test');
    const without = devices.map(picked);
    for (const [index, name] of before.entries()) {
      if (name === 'server3') expect(without[index]).not.toBe('server3');
      else expect(without[index]).toBe(name);
    }
    servers.servers[2]?.setHealthy(true, 'test');
    expect(devices.map(picked)).toEqual(before);
  });

  it('moves devices only to a server that is added', () => {
    const before = devices.map(balancer([1, 1, 1], balancing).picked);
    const after = devices.map(balancer([1, 1, 1, 1], balancing).picked);
    for (const [index, name] of after.entries()) if (name !== 'server4') expect(name).toBe(before[index]);
  });

  it('distributes the devices by weight', () => {
    const shares = tally(devices.map(balancer([1, 2, 1], balancing).picked));
    expect(shares['server1']! / devices.length).toBeCloseTo(0.25, 1);
    expect(shares['server2']! / devices.length).toBeCloseTo(0.5, 1);
    expect(shares['server3']! / devices.length).toBeCloseTo(0.25, 1);
  });
});

describe('a server that becomes available again', () => {
  it('gets its full share only after the slow start', () => {
    const made = balancer([1, 1], { slowStartMs: 10_000 });
    const second = made.balancer.servers[1]!;
    const share = (): number => {
      const counts = tally(Array.from({ length: 1_000 }, () => made.picked()));
      return (counts['server2'] ?? 0) / 1_000;
    };
    expect(share()).toBeCloseTo(0.5, 2);
    second.setHealthy(false, 'test');
    expect(share()).toBe(0);
    second.setHealthy(true, 'test');
    expect(share()).toBeCloseTo(0.05 / 1.05, 2);
    made.clock += 5_000;
    expect(share()).toBeCloseTo(0.5 / 1.5, 2);
    made.clock += 5_000;
    expect(share()).toBeCloseTo(0.5, 2);
  });

  it('gets its share of open requests gradually, not all new ones because it has none', () => {
    const made = balancer([1, 1], { slowStartMs: 10_000, strategy: 'leastConnections' });
    const [first, second] = made.balancer.servers;
    if (first === undefined || second === undefined) throw new Error('two servers');
    const take = (count: number): number => {
      const before = second.pool.busy;
      for (let taken = 0; taken < count; taken++) made.balancer.pick('', null)!.pool.busy++;
      return second.pool.busy - before;
    };
    second.setHealthy(false, 'test');
    expect(take(100)).toBe(0);
    second.setHealthy(true, 'test');
    // Shares: 5 of 105, then 50 of 150, then half.
    expect(take(40)).toBeLessThanOrEqual(7);
    made.clock += 5_000;
    take(100);
    expect(second.pool.busy / first.pool.busy).toBeCloseTo(0.5, 1);
    made.clock += 5_000;
    take(200);
    expect(second.pool.busy / first.pool.busy).toBeCloseTo(1, 1);
  });

  it('gets its devices back at once with the device hash, since it has their sync state', () => {
    const made = balancer([1, 1], { slowStartMs: 10_000, strategy: 'deviceHash' });
    const devices = Array.from({ length: 200 }, (_, index) => `device${index}`);
    const before = devices.map((device) => made.picked(device));
    made.balancer.servers[1]?.setHealthy(false, 'test');
    made.balancer.servers[1]?.setHealthy(true, 'test');
    expect(devices.map((device) => made.picked(device))).toEqual(before);
  });

  it('after failures begins its slow start when its time out of use ends', () => {
    const made = balancer([1, 1], { slowStartMs: 10_000, ejectAfter: 1, ejectMs: 1_000 });
    const second = made.balancer.servers[1]!;
    second.failed('test');
    expect(tally(Array.from({ length: 100 }, () => made.picked()))).toEqual({ server1: 100 });
    made.clock += 1_000;
    expect(tally(Array.from({ length: 100 }, () => made.picked()))['server2']).toBeLessThan(10);
    made.clock += 10_000;
    expect(tally(Array.from({ length: 100 }, () => made.picked()))['server2']).toBe(50);
  });

  it('is reported to the operator once as long as failures last', () => {
    const made = balancer([1, 1], { ejectAfter: 1, ejectMs: 1_000 });
    made.balancer.servers[0]?.failed('test');
    made.balancer.servers[0]?.failed('test');
    expect(made.trouble).toEqual(['server1 out']);
  });
});

describe('each server', () => {
  it('has its own time-outs', async () => {
    const held: GroupMember['onRequest'] = () => undefined;
    const { ask, backends, gateway } = await group([
      { onRequest: held, settings: { responseTimeoutMs: 5_000 } },
      { onRequest: held, settings: { responseTimeoutMs: 10_000 } },
    ]);
    const asked = [ask(), ask()];
    await until(() => backends.every(({ requests }) => requests.length === 1), 'both requests');
    await gateway.time.advance(5_001);
    await until(() => gateway.finished.length === 1, 'the end of one');
    backends[1]?.requests[0]?.connection.socket.write(ok('late'));
    const statuses = (await Promise.all(asked)).map(({ status }) => status);
    expect(statuses.sort((one, other) => one - other)).toEqual([200, 504]);
  });

  it('is connected to from the source addresses in turn', async () => {
    const { phone, backends } = await group([{ onRequest: () => undefined }], {
      upstream: { sourceAddresses: ['127.0.0.2', '127.0.0.3'] },
    });
    const [backend] = backends;
    for (let count = 1; count <= 4; count++) {
      (await phone()).send(request('FolderSync', FOLDER_SYNC));
      await until(() => backend?.requests.length === count, 'the request');
    }
    expect(backend?.connections.map(({ socket }) => socket.remoteAddress)).toEqual([
      '127.0.0.2',
      '127.0.0.3',
      '127.0.0.2',
      '127.0.0.3',
    ]);
  });
});
