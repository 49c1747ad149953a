// Owns a thread that compares two policies over the whole directory, once: the control process answers others meanwhile. Its rows are
// sent in parts, of which two may wait for the receiver.
import { parentPort, workerData } from 'node:worker_threads';
import { comparePolicies } from '../../app/policy-comparison.ts';
import type { PolicyComparison, PolicySettings } from '../../app/policy-comparison.ts';
import type { ChangedPhone, PolicyDiff } from '../../app/policy-diff.ts';
import { plainError } from '../../app/thread-errors.ts';
import type { PlainError } from '../../app/thread-errors.ts';
import { openStore } from '../../directory/open-store.ts';
import type { StoreOptions } from '../../directory/open-store.ts';

/** What the thread is started with. */
export interface ComparisonTask {
  readonly store: StoreOptions;
  readonly settings: PolicySettings;
  readonly asked: PolicyComparison;
  /** Whether it may start further threads. */
  readonly spreads: boolean;
}

/** What the thread posts: how far it is, parts of the rows, and the rest of the answer; or why there is none. */
export type ComparisonMessage =
  | { readonly kind: 'progress'; readonly done: number }
  | { readonly kind: 'phones'; readonly phones: readonly ChangedPhone[] }
  | { readonly kind: 'done'; readonly diff: Omit<PolicyDiff, 'phones'> }
  | ({ readonly kind: 'failed' } & PlainError);

/** Rows of one message: its receiver is busy for a millisecond. */
const PART = 250;
/** Between two messages about the progress. */
const PROGRESS_MS = 100;

function post(message: ComparisonMessage): void {
  parentPort?.postMessage(message, []);
}

/** Parts that were sent and not taken yet, at most: while this thread writes one, the receiver reads the one before. */
const MOST_WAITING = 2;

/** Sends the rows. The receiver answers each part with a message. */
async function postPhones(phones: readonly ChangedPhone[]): Promise<void> {
  let waiting = 0;
  let next = Promise.withResolvers<void>();
  const taken = (): void => {
    waiting -= 1;
    next.resolve();
  };
  parentPort?.on('message', taken);
  for (let at = 0; at < phones.length; at += PART) {
    post({ kind: 'phones', phones: phones.slice(at, at + PART) });
    waiting += 1;
    if (waiting < MOST_WAITING) continue;
    next = Promise.withResolvers<void>();
    await next.promise;
  }
  parentPort?.off('message', taken);
}

async function compare({
  store: options,
  settings,
  asked: comparison,
  spreads,
}: ComparisonTask): Promise<void> {
  const store = await openStore(options);
  try {
    let postedAt = -Infinity;
    const onProgress = (done: number): void => {
      if (performance.now() - postedAt < PROGRESS_MS) return;
      postedAt = performance.now();
      post({ kind: 'progress', done });
    };
    const { phones, ...diff } = await comparePolicies(
      store,
      settings,
      comparison,
      onProgress,
      spreads ? options : null,
    );
    await postPhones(phones);
    post({ kind: 'done', diff });
  } finally {
    await store.close();
  }
}

if (parentPort !== null)
  try {
    await compare(workerData as ComparisonTask);
  } catch (error) {
    post({ kind: 'failed', ...plainError(error) });
  }
