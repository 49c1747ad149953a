// Owns a comparison of policies in a thread of its own, as the process that wants it sees it: progress, the answer, an early end.
import { Worker } from 'node:worker_threads';
import type { OnProgress } from '../../app/policy-diff.ts';
import type { PolicyComparison } from '../../app/policy-comparison.ts';
import type { ChangedPhone, PolicyDiff } from '../../app/policy-diff.ts';
import { errorFrom } from '../../app/thread-errors.ts';
import { threadFile } from '../../thread-file.ts';
import type { ComparisonMessage, ComparisonTask } from './comparison-thread.ts';

const PROGRAM = threadFile('./comparison-thread', import.meta.url);

/** Compares two policies over the whole directory. Rejects with the signal's reason, and with errors that have a `code`. */
export type ComparePolicies = (
  asked: PolicyComparison,
  onProgress: OnProgress,
  signal: AbortSignal,
) => Promise<PolicyDiff>;

/**
 * Starts a thread for each comparison; their number is bounded by the caller. One at a time may use several cores. `task`: where the
 * directory and the policy are.
 */
export function threadedComparison(task: Omit<ComparisonTask, 'asked' | 'spreads'>): ComparePolicies {
  let isSpread = false;
  return async (asked, onProgress, signal) => {
    signal.throwIfAborted();
    const spreads = !isSpread;
    const worker = new Worker(PROGRAM, {
      workerData: { ...task, asked, spreads } satisfies ComparisonTask,
      name: 'comparison',
    });
    isSpread = true;
    const { promise, resolve, reject } = Promise.withResolvers<PolicyDiff>();
    const phones: ChangedPhone[] = [];
    worker.on('message', (message: ComparisonMessage) => {
      if (message.kind === 'progress') onProgress(message.done);
      else if (message.kind === 'phones') {
        phones.push(...message.phones);
        worker.postMessage(null, []);
      } else if (message.kind === 'done') resolve({ ...message.diff, phones });
      else reject(errorFrom(message));
    });
    worker.on('error', reject);
    worker.on('exit', () => reject(new Error('the thread that compares policies ended')));
    const leave = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', leave);
    try {
      return await promise;
    } finally {
      signal.removeEventListener('abort', leave);
      await worker.terminate();
      if (spreads) isSpread = false;
    }
  };
}
