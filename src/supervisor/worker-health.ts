// Owns the health query to a worker.
import type { ChildProcess } from 'node:child_process';
import type { FromWorker, WorkerHealth } from './messages.ts';
import { tell } from './worker-process.ts';

let lastId = 0;

/** The worker's answer; null when it does not answer in time, or has ended. */
export function askHealth(worker: ChildProcess, timeoutMs: number): Promise<WorkerHealth | null> {
  const id = ++lastId;
  return new Promise((resolve) => {
    const finish = (health: WorkerHealth | null): void => {
      clearTimeout(timer);
      worker.off('message', onMessage);
      worker.off('exit', onExit);
      resolve(health);
    };
    const onMessage = (message: FromWorker): void => {
      if (message.type === 'health' && message.id === id) finish(message.health);
    };
    const onExit = (): void => finish(null);
    const timer = setTimeout(() => finish(null), timeoutMs);
    worker.on('message', onMessage);
    worker.on('exit', onExit);
    tell(worker, { type: 'health', id });
  });
}
