// Owns a Redis primary with two replicas behind three Sentinels for tests, as real processes on ports of their own.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import type { RedisAddress } from '../../../src/directory/redis/redis-cluster.ts';
import type { RedisStoreOptions } from '../../../src/directory/redis/redis-connection.ts';
import { eventually } from '../checks/until.ts';
import { freePort } from './free-port.ts';
import { startRedis } from './redis.ts';
import type { TestRedis } from './redis.ts';

const NAME = 'directory';
const REPLICAS = 2;
const SENTINELS = 3;
/** Sentinel calls a silent server down after this long. Before and after a failover, one that only waits for the processor must not count as lost. */
const PATIENT_MS = 60_000;
const IMPATIENT_MS = 2_000;

/** The servers. */
export interface TestSentinel {
  readonly options: RedisStoreOptions;
  /** The primary at the start, then the replicas. */
  readonly servers: readonly TestRedis[];
  /** The port of the primary, as Sentinel says. */
  primary(): Promise<number>;
  /** Call it once the server on `port` is lost: Sentinel is patient until then. Resolves when another one is the primary; with its port. */
  untilAnotherThan(port: number): Promise<number>;
  stop(): Promise<void>;
}

/** Starts the servers with an empty directory, and resolves when Sentinel knows all of them. */
export async function startSentinel(): Promise<TestSentinel> {
  const primary = await startRedis();
  const servers = [primary];
  for (let count = 0; count < REPLICAS; count += 1)
    servers.push(
      await startRedis(
        ['--replicaof', '127.0.0.1', String(primary.port), '--repl-diskless-sync-delay', '0'],
        false,
      ),
    );
  const folder = mkdtempSync(join(tmpdir(), 'easgate-sentinel-'));
  const processes: ChildProcess[] = [];
  const nodes: RedisAddress[] = [];
  for (let count = 0; count < SENTINELS; count += 1) {
    const port = await freePort();
    const path = join(folder, `${count}.conf`);
    writeFileSync(path, configOf(port, folder, primary.port));
    processes.push(spawn('redis-server', [path, '--sentinel'], { stdio: 'ignore' }));
    nodes.push({ host: '127.0.0.1', port });
  }
  const clients = nodes.map(({ port }) => {
    const client = new Redis(port, { retryStrategy: () => 50, maxRetriesPerRequest: null });
    client.on('error', () => undefined);
    return client;
  });
  const primaryBy = async (client: Redis): Promise<number> => {
    const address = (await client.call('SENTINEL', 'get-master-addr-by-name', NAME)) as string[] | null;
    return Number(address?.[1] ?? 0);
  };
  const lostAfter = async (ms: number): Promise<void> => {
    for (const client of clients) await client.call('SENTINEL', 'SET', NAME, 'down-after-milliseconds', ms);
  };
  for (const client of clients)
    await eventually(
      async () => countsIn(await client.call('SENTINEL', 'master', NAME)),
      ({ replicas, others }) => replicas === REPLICAS && others === SENTINELS - 1,
      'Sentinel to know all servers',
    );
  for (const server of servers.slice(1)) {
    const client = new Redis(server.url);
    await eventually(
      () => client.info('replication'),
      (info) => info.includes('master_link_status:up'),
      'the replicas to follow',
    );
    client.disconnect();
  }
  const [first] = clients as [Redis, ...Redis[]];
  return {
    options: {
      url: 'redis://primary/0',
      keyPrefix: 'easgate:',
      commandTimeoutMs: 2_000,
      sentinel: { nodes, name: NAME },
    },
    servers,
    primary: () => primaryBy(first),
    untilAnotherThan: async (port) => {
      await lostAfter(IMPATIENT_MS);
      const ports = await eventually(
        () => Promise.all(clients.map(primaryBy)),
        (found) => found.every((one) => one !== port && one === found[0]),
        'another primary',
      );
      await lostAfter(PATIENT_MS);
      return ports[0] ?? 0;
    },
    stop: async () => {
      for (const client of clients) client.disconnect();
      for (const process of processes) {
        const ended = new Promise((resolve) => process.once('exit', resolve));
        if (process.kill('SIGKILL')) await ended;
      }
      await Promise.all(servers.map((server) => server.kill()));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function configOf(port: number, folder: string, primary: number): string {
  return [
    `port ${port}`,
    'bind 127.0.0.1',
    `dir ${folder}`,
    `sentinel monitor ${NAME} 127.0.0.1 ${primary} 2`,
    `sentinel down-after-milliseconds ${NAME} ${PATIENT_MS}`,
    `sentinel failover-timeout ${NAME} 4000`,
    `sentinel parallel-syncs ${NAME} 2`,
    '',
  ].join('\n');
}

function countsIn(reply: unknown): { readonly replicas: number; readonly others: number } {
  const fields = new Map<string, string>();
  const words = reply as readonly string[];
  for (let at = 0; at + 1 < words.length; at += 2) fields.set(words[at] ?? '', words[at + 1] ?? '');
  return { replicas: Number(fields.get('num-slaves')), others: Number(fields.get('num-other-sentinels')) };
}
