// Owns a Redis Cluster for tests: three nodes with a replica each where wanted, as real processes on ports of their own.
import { Redis } from 'ioredis';
import type { RedisStoreOptions } from '../../../src/directory/redis/redis-connection.ts';
import { RedisKeeper } from '../../../src/directory/redis/redis-keeper.ts';
import { newIdentity } from '../../../src/directory/store-identity.ts';
import { eventually } from '../checks/until.ts';
import { freePort } from './free-port.ts';
import { identityKeys, startRedis } from './redis.ts';
import type { TestRedis } from './redis.ts';

const NODES = 3;
/** Slots of a Cluster (Redis Cluster specification, key distribution model). */
const SLOTS = 16_384;
/** Time until a replica takes over. */
const FAILOVER_MS = 1_500;
/** Without replicas, a node that only waits for the processor must not count as lost. */
const LONG_MS = 60_000;

/** The nodes. */
export interface TestCluster {
  readonly options: RedisStoreOptions;
  /** The primaries at the start, in the order of their slots, then their replicas. */
  readonly nodes: readonly TestRedis[];
  readonly clients: readonly Redis[];
  /** The number of the node that has a key. */
  nodeOf(key: string): Promise<number>;
  /** Moves the slot of a key to a node as redis-cli does. `meanwhile` runs when half of the keys are moved. */
  moveSlot(key: string, to: number, meanwhile?: () => Promise<void>): Promise<void>;
  /** Empties the directory; the identity of the store stays. */
  clear(): Promise<void>;
  stop(): Promise<void>;
}

/** Starts the nodes with an empty directory, and resolves when all slots are served. */
export async function startCluster(withReplicas = false): Promise<TestCluster> {
  const nodes: TestRedis[] = [];
  const buses: number[] = [];
  const count = withReplicas ? NODES * 2 : NODES;
  while (nodes.length < count) {
    const bus = await freePort();
    nodes.push(await startNode(bus, withReplicas ? FAILOVER_MS : LONG_MS));
    buses.push(bus);
  }
  const clients = nodes.map(({ url }) => new Redis(url));
  for (const client of clients) client.on('error', () => undefined);
  const [first] = clients as [Redis, ...Redis[]];
  // As redis-cli does: nodes that begin with one epoch settle it among themselves, which takes a while, and may take the slots from a replica that took over meanwhile.
  for (const [index, client] of clients.entries())
    await client.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
  for (const [index, client] of clients.slice(0, NODES).entries()) {
    const [from, end] = [index, index + 1].map((part) => Math.floor((SLOTS * part) / NODES)) as [
      number,
      number,
    ];
    await client.cluster('ADDSLOTSRANGE', from, end - 1);
  }
  for (const [index, node] of nodes.entries())
    if (index > 0) await first.call('CLUSTER', 'MEET', '127.0.0.1', node.port, buses[index] ?? 0);
  const ids = await Promise.all(clients.map((client) => client.cluster('MYID')));
  for (const client of clients)
    await eventually(
      async () => String(await client.cluster('NODES')),
      (text) => ids.every((id) => text.includes(id)) && !text.includes('handshake'),
      'the nodes to meet',
    );
  for (const [index, client] of clients.slice(NODES).entries()) {
    await client.cluster('REPLICATE', ids[index] ?? '');
    await eventually(
      () => client.info('replication'),
      (info) => info.includes('master_link_status:up'),
      'a replica to follow',
    );
  }
  for (const client of clients)
    await eventually(
      () => client.cluster('INFO'),
      (text) => text.includes('cluster_state:ok'),
      'all slots to be served',
    );
  const options: RedisStoreOptions = {
    url: 'redis://cluster',
    keyPrefix: 'easgate:',
    commandTimeoutMs: 5_000,
    cluster: nodes.slice(0, 2).map(({ port }) => ({ host: '127.0.0.1', port })),
  };
  const keeper = await RedisKeeper.open(options);
  await keeper.replace(null, newIdentity());
  await keeper.close();

  const nodeOf = async (key: string): Promise<number> => {
    const slot = await first.cluster('KEYSLOT', key);
    const ranges = await first.cluster('SLOTS');
    const [, , primary] = ranges.find(([from, to]) => slot >= from && slot <= to) ?? [];
    return nodes.findIndex(({ port }) => port === primary?.[1]);
  };
  return {
    options,
    nodes,
    clients,
    nodeOf,
    moveSlot: async (key, to, meanwhile) => {
      const slot = await first.cluster('KEYSLOT', key);
      const from = await nodeOf(key);
      const [source, target] = [clients[from], clients[to]] as [Redis, Redis];
      await target.cluster('SETSLOT', slot, 'IMPORTING', ids[from] ?? '');
      await source.cluster('SETSLOT', slot, 'MIGRATING', ids[to] ?? '');
      const found = await source.cluster('GETKEYSINSLOT', slot, 100_000);
      // The identity and the stream of the partition go first, the devices are left alone.
      const keys = found.toSorted((a, b) => Number(a.includes(':d:')) - Number(b.includes(':d:')));
      const port = nodes[to]?.port ?? 0;
      const move = (some: readonly string[]): Promise<unknown> =>
        some.length === 0
          ? Promise.resolve()
          : source.migrate('127.0.0.1', port, '', 0, 5_000, 'KEYS', ...some);
      const half = Math.ceil(keys.length / 2);
      await move(keys.slice(0, half));
      await meanwhile?.();
      const left = await source.cluster('GETKEYSINSLOT', slot, 100_000);
      await move(left);
      for (const client of [target, source, ...clients.slice(0, NODES)])
        await client.cluster('SETSLOT', slot, 'NODE', ids[to] ?? '');
    },
    clear: async () => {
      const kept = new Set(identityKeys('easgate:', true));
      for (const client of clients.slice(0, NODES)) {
        const found = (await client.keys('*')).filter((key) => !kept.has(key));
        for (const key of found) await client.unlink(key);
      }
    },
    stop: async () => {
      for (const client of clients) client.disconnect();
      await Promise.all(nodes.map((node) => node.kill()));
    },
  };
}

/**
 * The bus has a port of its own: by default 10,000 above, which may be no port. A node that is silent for `timeoutMs` counts as
 * lost.
 */
function startNode(bus: number, timeoutMs: number): Promise<TestRedis> {
  return startRedis(
    [
      '--cluster-enabled',
      'yes',
      '--cluster-port',
      String(bus),
      '--cluster-node-timeout',
      String(timeoutMs),
      // A replica stands for election however long that takes: on a busy machine it may take longer than ten times the time-out, after which Redis gives up.
      '--cluster-replica-validity-factor',
      '0',
      '--repl-diskless-sync-delay',
      '0',
    ],
    false,
  );
}
