// Owns a real Redis server for tests, on a port of its own.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { connect } from 'node:net';
import { freePort } from './free-port.ts';

/** A running redis-server. */
export interface TestRedis {
  readonly url: string;
  readonly port: number;
  /** Stops the process at once; data is gone. */
  kill(): Promise<void>;
  /** Starts it again on the same port, empty. */
  restart(): Promise<void>;
  /** Stops and continues the process: connections stay open, nothing answers. */
  freeze(): void;
  thaw(): void;
}

/** Starts redis-server without persistence; says what to install when it is missing. */
export async function startRedis(): Promise<TestRedis> {
  const port = await freePort();
  let child = await launch(port);
  return {
    url: `redis://127.0.0.1:${port}/0`,
    port,
    kill: () => stop(child),
    restart: async () => {
      child = await launch(port);
    },
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
  };
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

async function launch(port: number): Promise<ChildProcess> {
  const child = spawn(
    'redis-server',
    ['--port', String(port), '--save', '', '--appendonly', 'no', '--bind', '127.0.0.1'],
    {
      stdio: 'ignore',
    },
  );
  const failed = new Promise<never>((_resolve, reject) => {
    child.once('error', (cause) =>
      reject(
        new Error('redis-server is missing; install it (Debian: apt-get install redis-server)', { cause }),
      ),
    );
  });
  await Promise.race([answers(port), failed]);
  return child;
}

async function answers(port: number): Promise<void> {
  const end = Date.now() + 10_000;
  while (Date.now() < end) {
    const pong = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1', () => socket.write('PING\r\n'));
      socket.once('data', (data) => {
        socket.destroy();
        resolve(data.toString().startsWith('+PONG'));
      });
      socket.once('error', () => resolve(false));
    });
    if (pong) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error('redis-server did not answer');
}
