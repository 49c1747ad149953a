// Owns the questions that the supervisor asks its processes: health and status of workers, status of the control process.
import type { ChildProcess } from 'node:child_process';
import type { ControlMetrics, ControlStatus, FromControl } from './control-messages.ts';
import type { FromWorker, QuestionMessage, WorkerHealth, WorkerStatus } from './messages.ts';
import { tell } from './worker-process.ts';

/** The type of the answer to each question. */
interface Answers {
  readonly health: WorkerHealth;
  readonly status: WorkerStatus;
  /** Packed cells (metrics/counts.ts). */
  readonly metrics: string;
}

let lastId = 0;

/** The answer of a worker; null when it does not answer in time, or has ended. */
export function askWorker<Q extends keyof Answers>(
  worker: ChildProcess,
  question: Q,
  timeoutMs: number,
): Promise<Answers[Q] | null> {
  return ask<Answers[Q]>(worker, question, timeoutMs);
}

/** The status of the control process, likewise. */
export function askControl(control: ChildProcess, timeoutMs: number): Promise<ControlStatus | null> {
  return ask<ControlStatus>(control, 'status', timeoutMs);
}

/** Its metrics, likewise. */
export function askControlMetrics(control: ChildProcess, timeoutMs: number): Promise<ControlMetrics | null> {
  return ask<ControlMetrics>(control, 'metrics', timeoutMs);
}

function ask<Answer>(
  asked: ChildProcess,
  question: QuestionMessage['question'],
  timeoutMs: number,
): Promise<Answer | null> {
  const id = ++lastId;
  return new Promise((resolve) => {
    const finish = (answer: Answer | null): void => {
      clearTimeout(timer);
      asked.off('message', onMessage);
      asked.off('exit', onExit);
      resolve(answer);
    };
    const onMessage = (message: FromWorker | FromControl): void => {
      if (message.type === 'answer' && message.id === id) finish(message.answer as Answer);
    };
    const onExit = (): void => finish(null);
    const timer = setTimeout(() => finish(null), timeoutMs);
    asked.on('message', onMessage);
    asked.on('exit', onExit);
    tell(asked, { type: 'question', question, id });
  });
}
