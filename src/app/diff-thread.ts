// Owns a thread that compares two policies on a part of the directory, once.
import { on } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { openStore } from '../directory/open-store.ts';
import type { StoreOptions } from '../directory/open-store.ts';
import type { DirectoryStore, PackedUsers, ScanPart, UserEntry } from '../directory/store.ts';
import { policiesFrom } from '../policy/plain-policies.ts';
import type { PlainPolicies } from '../policy/plain-policies.ts';
import { countsDevices, diffPart } from './policy-diff.ts';
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
  /** The users and the names of the devices are sent ({@link SentRecords}): the thread does not look for them itself. */
  readonly recordsAreSent: boolean;
}

/** Some users, and hashes of devices of the thread; null = these were all. The thread answers with `taken` when it wants more. */
export type SentRecords = { readonly users: PackedUsers; readonly hashes: readonly string[] } | null;

/** What the thread posts: how far it is, and the result; or why there is none. */
export type DiffThreadMessage =
  | { readonly kind: 'progress'; readonly done: number }
  | { readonly kind: 'taken' }
  | { readonly kind: 'done'; readonly found: DiffPart }
  | ({ readonly kind: 'failed' } & PlainError);

/** Between two messages about the progress. */
const PROGRESS_MS = 100;

function post(message: DiffThreadMessage): void {
  parentPort?.postMessage(message, []);
}

/** The users that the thread which started this one sends, from the first. The names of the devices are added to `hashes`. */
async function* usersSent(
  store: DirectoryStore,
  withDevices: boolean,
  sent: AsyncIterable<unknown>,
  hashes: string[],
): AsyncGenerator<readonly UserEntry[]> {
  for await (const message of sent) {
    const [records] = message as [SentRecords];
    if (records === null) return;
    for (const hash of records.hashes) hashes.push(hash);
    yield store.shared?.unpack(records.users, withDevices) ?? [];
    post({ kind: 'taken' });
  }
}

async function compare(
  port: MessagePort,
  { store: options, before, after, now, part, recordsAreSent }: DiffThreadTask,
): Promise<void> {
  // Listens before the first await, so that no message is lost.
  const sent = recordsAreSent ? on(port, 'message') : null;
  const store = await openStore(options);
  try {
    let postedAt = -Infinity;
    const task = { before: policiesFrom(before), after: policiesFrom(after), now };
    const onProgress = (done: number): void => {
      if (performance.now() - postedAt < PROGRESS_MS) return;
      postedAt = performance.now();
      post({ kind: 'progress', done });
    };
    // Complete once all users are read, which is done first.
    const hashes: string[] = [];
    const users = sent === null ? undefined : usersSent(store, countsDevices(task), sent, hashes);
    const found = await diffPart(store, task, sent === null ? part : { hashes }, onProgress, users);
    post({ kind: 'done', found });
  } finally {
    await store.close();
  }
}

if (parentPort !== null)
  try {
    await compare(parentPort, workerData as DiffThreadTask);
  } catch (error) {
    post({ kind: 'failed', ...plainError(error) });
  }
