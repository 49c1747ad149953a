// Owns the questions that the supervisor asks its workers: their health and their status.
import type { ChildProcess } from 'node:child_process';
import type { FromWorker, WorkerHealth, WorkerStatus } from './messages.ts';
import { tell } from './worker-process.ts';

/** The type of the answer to each question. */
interface Answers {
  readonly health: WorkerHealth;
  readonly status: WorkerStatus;
}

let lastId = 0;

/** The answer of a worker; null when it does not answer in time, or has ended. */
export function askWorker<Q extends keyof Answers>(
  worker: ChildProcess,
  question: Q,
  timeoutMs: number,
): Promise<Answers[Q] | null> {
  const id = ++lastId;
  return new Promise((resolve) => {
    const finish = (answer: Answers[Q] | null): void => {
      clearTimeout(timer);
      worker.off('message', onMessage);
      worker.off('exit', onExit);
      resolve(answer);
    };
    const onMessage = (message: FromWorker): void => {
      if (message.type === 'answer' && message.id === id) finish(message.answer as Answers[Q]);
    };
    const onExit = (): void => finish(null);
    const timer = setTimeout(() => finish(null), timeoutMs);
    worker.on('message', onMessage);
    worker.on('exit', onExit);
    tell(worker, { type: 'question', question, id });
  });
}
