// Owns one worker process from the primary's side: start, messages, exit.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import type { BoundSocket } from 'node:net';
import type { FromControl, ToControl } from './control-messages.ts';
import type { FromWorker, StartMessage, ToWorker } from './messages.ts';

const READY_MS = 30_000;
/**
 * V8 flags of workers. Nearly all allocations of a request die young. V8 would grow its nursery to full size and keep
 * it; a small one halves the memory for held polls at the same CPU time. A full collection holds requests up for tens of milliseconds, and V8
 * lets the old heap of a small worker grow by 8 MB or a tenth between two of them: the first one comes at 80 MB, which a worker with
 * 9,000 held polls takes anyway (decisions/0199, 0221). Where most objects of one place in the code lived long while the worker was busy once, V8 would
 * make all later ones of this place in the old heap (decisions/0222). V8's helper threads (four by default) compete with the serving thread when there
 * is a worker per core, so there are fewer. Flags of the primary follow.
 */
export const WORKER_FLAGS: readonly string[] = [
  '--max-semi-space-size=2',
  '--initial-old-space-size=80',
  '--no-allocation-site-pretenuring',
  '--v8-pool-size=1',
  // http-proxy calls util._extend (docs/dependencies.md).
  '--disable-warning=DEP0060',
];

/** Starts a worker on the socket and waits until it serves; `onSpawn` is called before. */
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

/** Sends a message, unless the worker has ended. */
export function tell(worker: ChildProcess, message: ToWorker | ToControl): void {
  // The exit event of an ended worker follows.
  if (worker.connected) worker.send(message, () => undefined);
}

/** Resolves when a started process says that it is ready; otherwise kills it and rejects. */
export function serving(worker: ChildProcess): Promise<void> {
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
    const onMessage = (message: FromWorker | FromControl): void => {
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

/** Resolves when the process has ended. */
export function exited(worker: ChildProcess): Promise<void> {
  if (worker.exitCode !== null || worker.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => worker.once('exit', () => resolve()));
}
