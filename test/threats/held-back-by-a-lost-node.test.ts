// Threat: a node of the Redis Cluster is lost or hangs, and a block that was written to another node, and acknowledged, does
// not reach the gateways: the open push request of a stolen phone goes on for as long as the node is away.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ChangeFollower } from '../../src/directory/change-follower.ts';
import { RedisKeys, partitionOfDevice } from '../../src/directory/redis/redis-keys.ts';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import type { DeviceKey } from '../../src/identity/keys.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { startCluster } from '../support/servers/cluster.ts';
import type { TestCluster } from '../support/servers/cluster.ts';
import { BY_TEST, decision } from '../support/servers/directory-records.ts';

checkLeaks();

const keys = new RedisKeys('easgate:', true);

let cluster: TestCluster;
let store: RedisStore;
let follower: ChangeFollower;
let lost: number;
/** Devices of the other nodes, and one of the lost node. */
let elsewhere: readonly DeviceKey[];
let there: DeviceKey;
const told = new Set<string | null>();
let isAway: boolean;
let gaps: number;

beforeEach(async () => {
  cluster = await startCluster();
  await Promise.all(
    cluster.clients.map((client) => client.config('SET', 'cluster-require-full-coverage', 'no')),
  );
  lost = ((await cluster.nodeOf(keys.schema)) + 1) % 3;
  const devices = Array.from({ length: 60 }, (_, index) => `phone${index}` as DeviceKey);
  const nodes = await Promise.all(devices.map((device) => cluster.nodeOf(keys.device(device))));
  elsewhere = devices.filter((_, index) => nodes[index] !== lost);
  there = devices[nodes.indexOf(lost)] as DeviceKey;
  // A machine that is busy is no outage.
  store = await RedisStore.open({ ...cluster.options, commandTimeoutMs: 30_000 });
  told.clear();
  isAway = false;
  gaps = 0;
  follower = new ChangeFollower(
    store,
    ({ changes, trimmed }) => {
      changes.forEach(({ device }) => told.add(device));
      if (trimmed) gaps++;
    },
    (error) => (isAway = error !== null),
  );
  await follower.start();
});
afterEach(async () => {
  cluster.nodes[lost]?.thaw();
  await follower.stop();
  await store.close();
  await follower.ended();
  await cluster.stop();
});

const block = (device: DeviceKey) => store.decide({ device, user: null }, decision('block'), BY_TEST);

describe('a decision on one node of a Cluster', () => {
  it('reaches gateways while another node is lost, and the directory counts as away', async () => {
    await cluster.nodes[lost]?.crash();
    await until(() => isAway, 'the loss to be noticed');
    for (const device of elsewhere.slice(0, 8)) await block(device);
    await until(() => elsewhere.slice(0, 8).every((device) => told.has(device)), 'the decisions');
    expect(isAway).toBe(true);
  });

  it('reaches gateways while another node is lost, also behind a gap in the change log', async () => {
    const [device] = elsewhere as [DeviceKey];
    const changes = keys.changes(partitionOfDevice(device));
    const client = cluster.clients[await cluster.nodeOf(changes)];
    await block(device);
    await until(() => told.has(device), 'the first decision');
    await cluster.nodes[lost]?.crash();
    await until(() => isAway, 'the loss to be noticed');
    await client?.xtrim(changes, 'MAXLEN', 0);
    await block(device);
    await until(() => gaps > 0, 'everything to be read anew');
    told.clear();
    await block(device);
    await until(() => told.has(device), 'the next decision');
    expect(isAway).toBe(true);
  });

  it('reaches gateways while another node hangs; the changes on that one arrive when it continues', async () => {
    await block(there);
    await until(() => told.has(there), 'the first decision');
    cluster.nodes[lost]?.freeze();
    for (const device of elsewhere.slice(0, 8)) await block(device);
    await until(() => elsewhere.slice(0, 8).every((device) => told.has(device)), 'the decisions');
    told.clear();
    cluster.nodes[lost]?.thaw();
    await block(there);
    await until(() => told.has(there) && !isAway, 'the decision of the node that goes on');
  });
});
