// Owns a thread that compares two policies on a part of the directory, once.
import { parentPort, workerData } from 'node:worker_threads';
import { openStore } from '../directory/open-store.ts';
import type { StoreOptions } from '../directory/open-store.ts';
import type { ScanPart } from '../directory/store.ts';
import { policiesFrom } from '../policy/plain-policies.ts';
import type { PlainPolicies } from '../policy/plain-policies.ts';

import { diffPart } from './policy-diff.ts';
import type { DiffPart } from './policy-diff.ts';
import { plainError } from './thread-errors.ts';
import type { PlainError } from './thread-errors.ts';

/** What the thread is started with. `now`: milliseconds since the epoch. */
export interface DiffThreadTask {
  readonly store: StoreOptions;
  readonly before: PlainPolicies;
  readonly after: PlainPolicies;
  readonly now: number;
  readonly part: ScanPart;
}

/** What the thread posts: how far it is, and the result; or why there is none. */
export type DiffThreadMessage =
  | { readonly kind: 'progress'; readonly done: number }
  | { readonly kind: 'done'; readonly found: DiffPart }
  | ({ readonly kind: 'failed' } & PlainError);

/** Between two messages about the progress. */
const PROGRESS_MS = 100;

function post(message: DiffThreadMessage): void {
  parentPort?.postMessage(message, []);
}

async function compare({ store: options, before, after, now, part }: DiffThreadTask): Promise<void> {
  const store = await openStore(options);
  try {
    let postedAt = -Infinity;
    const task = { before: policiesFrom(before), after: policiesFrom(after), now };
    const found = await diffPart(store, task, part, (done) => {
      if (performance.now() - postedAt < PROGRESS_MS) return;
      postedAt = performance.now();
      post({ kind: 'progress', done });
    });
    post({ kind: 'done', found });
  } finally {
    await store.close();
  }
}

if (parentPort !== null)
  try {
    await compare(workerData as DiffThreadTask);
  } catch (error) {
    post({ kind: 'failed', ...plainError(error) });
  }
