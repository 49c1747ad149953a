// Owns one worker process as the primary sees it: started with a socket, told things, waited for.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { BoundSocket } from 'node:net';
import type { FromWorker, StartMessage, ToWorker } from './messages.ts';

const READY_MS = 30_000;
/**
 * Nearly all that a request leaves behind dies young, so V8 would grow its nursery to the full size and hold it: with a
 * small one a worker takes half the memory for its held polls, at the same CPU time. V8's own threads (four by default)
 * collect and compile on the core that serves where there is a worker per core, and a request would wait for its fifth of
 * it. The flags of the primary come behind.
 */
const WORKER_FLAGS: readonly string[] = [
  '--max-semi-space-size=2',
  '--v8-pool-size=1',
  // http-proxy calls util._extend; docs/dependencies.md.
  '--disable-warning=DEP0060',
];

/** Starts a worker that listens on the socket, and waits until it serves; `onSpawn` gets it before. */
export async function launchWorker(
  entry: string,
  args: readonly string[],
  socket: BoundSocket,
  start: StartMessage,
  onSpawn: (worker: ChildProcess) => void,
): Promise<ChildProcess> {
  const worker = fork(entry, args, {
    execArgv: [...WORKER_FLAGS, ...process.execArgv],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc', socket.fd()],
  });
  onSpawn(worker);
  tell(worker, start);
  await serving(worker);
  return worker;
}

/** Sends a message, unless the worker is gone. */
export function tell(worker: ChildProcess, message: ToWorker): void {
  // A worker that is gone already has its exit event on the way.
  if (worker.connected) worker.send(message, () => undefined);
}

/** Resolves when the worker serves; kills it and rejects when it does not get there. */
function serving(worker: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (error: Error | null): void => {
      clearTimeout(timer);
      worker.off('message', onMessage);
      worker.off('exit', onExit);
      worker.off('error', finish);
      if (error === null) {
        resolve();
      } else {
        worker.kill('SIGKILL');
        reject(error);
      }
    };
    const onMessage = (message: FromWorker): void => {
      if (message.type === 'ready') finish(null);
      else if (message.type === 'failed')
        finish(Object.assign(new Error(message.message), { code: message.code }));
    };
    const onExit = (code: number | null): void =>
      finish(new Error(`the worker ended with ${String(code)} before it served`));
    const timer = setTimeout(() => finish(new Error('the worker did not serve in time')), READY_MS);
    worker.on('message', onMessage);
    worker.on('exit', onExit);
    worker.on('error', finish);
  });
}

/** Resolves when the process is gone. */
export function exited(worker: ChildProcess): Promise<void> {
  if (worker.exitCode !== null || worker.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => worker.once('exit', () => resolve()));
}
