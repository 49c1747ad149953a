// Owns a real Redis server for tests, on a port of its own.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { connect } from 'node:net';
import { freePort } from '../free-port.ts';
import { eventually } from '../checks/until.ts';

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

/** Starts the server; rejects when it ends, or answers nothing. */
async function launch(port: number): Promise<ChildProcess> {
  const child = spawn(
    'redis-server',
    ['--port', String(port), '--save', '', '--appendonly', 'no', '--bind', '127.0.0.1'],
    { stdio: 'ignore' },
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

/** The process that answers as Redis at this port; null = none. */
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
