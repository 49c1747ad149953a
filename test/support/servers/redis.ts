// Owns a Redis server for tests, on its own port.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterAll, beforeAll } from 'vitest';
import { RedisKeeper } from '../../../src/directory/redis/redis-keeper.ts';
import { PARTITIONS, RedisKeys } from '../../../src/directory/redis/redis-keys.ts';
import { newIdentity } from '../../../src/directory/store-identity.ts';
import { freePort } from './free-port.ts';
import { eventually } from '../checks/until.ts';

/** A running redis-server. */
export interface TestRedis {
  readonly url: string;
  readonly port: number;
  /** Stops the process at once, and removes its files. */
  kill(): Promise<void>;
  /** Stops the process at once; saved data stays for {@link TestRedis.restart}. */
  crash(): Promise<void>;
  /** Starts it again on the same port, empty or with its saved data. */
  restart(): Promise<void>;
  /** Empties the directory; the identity of the store stays. */
  clear(): Promise<void>;
  /** Stops and continues the process: connections stay open, nothing answers. */
  freeze(): void;
  thaw(): void;
}

/** Arguments of a redis-server that saves every write before it answers. */
export const SAVES_EVERY_WRITE = ['--appendonly', 'yes', '--appendfsync', 'always'] as const;

/** Every key that says which store it is. */
export function identityKeys(keyPrefix: string, onCluster = false): string[] {
  const keys = new RedisKeys(keyPrefix, onCluster);
  return [keys.schema, keys.beat, ...PARTITIONS.map((partition) => keys.schemaCopy(partition))];
}

/** Lets the directory say that it is another store, with all of its parts. */
export async function writeIdentity(client: Redis, text: string, keyPrefix = 'easgate:'): Promise<void> {
  const [schema = '', , ...copies] = identityKeys(keyPrefix);
  await client.mset([schema, ...copies].flatMap((name) => [name, text]));
}

/** Creates the directory, like `easgate store init`. */
export async function initDirectory(url: string, keyPrefix = 'easgate:'): Promise<void> {
  const keeper = await RedisKeeper.open({ url, keyPrefix, commandTimeoutMs: 5_000 });
  await keeper.replace(null, newIdentity());
  await keeper.close();
}

/**
 * Starts redis-server with an empty directory, without persistence unless `args` enable it. The error for a missing redis-server
 * names the package to install.
 */
export async function startRedis(args: readonly string[] = [], init = true): Promise<TestRedis> {
  const port = await freePort();
  const url = `redis://127.0.0.1:${port}/0`;
  const folder = mkdtempSync(join(tmpdir(), 'easgate-redis-'));
  let child = await launch(port, folder, args);
  if (init) await initDirectory(url);
  return {
    url,
    port,
    clear: async () => {
      const client = new Redis(url);
      const names = identityKeys('easgate:');
      const texts = await client.mget(names);
      const emptied = client.multi().flushall();
      for (const [index, name] of names.entries()) emptied.set(name, texts[index] ?? '');
      await emptied.exec();
      client.disconnect();
    },
    crash: () => stop(child),
    kill: async () => {
      await stop(child);
      rmSync(folder, { recursive: true, force: true });
    },
    restart: async () => {
      child = await launch(port, folder, args);
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
  };
}

/** Starts one for the tests of a file, with a connection to it, and stops it at their end. */
export function useRedis(take: (server: TestRedis, client: Redis) => void): void {
  let stop: (() => Promise<void>) | null = null;
  beforeAll(async () => {
    const server = await startRedis();
    const client = new Redis(server.url);
    stop = () => {
      client.disconnect();
      return server.kill();
    };
    take(server, client);
  });
  afterAll(() => stop?.());
}

function stop(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) {
      resolve();
      return;
    }
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
}

/** Starts the server; rejects when it ends or does not answer. Replicated and saved data are in the folder. */
async function launch(port: number, folder: string, args: readonly string[]): Promise<ChildProcess> {
  mkdirSync(folder, { recursive: true });
  const child = spawn(
    'redis-server',
    [
      '--port',
      String(port),
      '--save',
      '',
      '--appendonly',
      'no',
      '--bind',
      '127.0.0.1',
      '--dir',
      folder,
      ...args,
    ],
    {
      stdio: 'ignore',
    },
  );
  let failure: Error | null = null;
  child.once('error', (cause) => {
    failure = new Error('redis-server is missing; install it (Debian: apt-get install redis-server)', {
      cause,
    });
  });
  child.once('exit', (code) => (failure ??= new Error(`redis-server ended with ${code}`)));
  const answered = await eventually(
    () => processAt(port),
    (pid) => failure !== null || pid === child.pid,
    'redis-server to answer',
  );
  if (failure !== null || answered !== child.pid) throw failure ?? new Error('another server has the port');
  return child;
}

/** Process id of the Redis at this port; null = none. */
function processAt(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    let received = '';
    const socket = connect(port, '127.0.0.1', () => socket.write('INFO server\r\n'));
    socket.on('data', (data) => {
      received += data.toString();
      const [, pid] = /^process_id:(\d+)\r$/m.exec(received) ?? [];
      if (pid === undefined) return;
      socket.destroy();
      resolve(Number(pid));
    });
    socket.once('error', () => resolve(null));
    socket.once('close', () => resolve(null));
  });
}
