// Owns a thread that compares two policies on a part of the directory, once: one that it reads, or one that it is sent.
import { on } from 'node:events';
import { parentPort, workerData } from 'node:worker_threads';
import type { MessagePort } from 'node:worker_threads';
import { openStore } from '../directory/open-store.ts';
import type { StoreOptions } from '../directory/open-store.ts';
import type { DirectoryStore, PackedRecords, ScanPart } from '../directory/store.ts';
import { policiesFrom } from '../policy/plain-policies.ts';
import type { PlainPolicies } from '../policy/plain-policies.ts';
import { countsDevices, diffPart } from './policy-diff.ts';
import type { DiffPart } from './policy-diff.ts';
import type { ReadRecords } from './scan-partnerships.ts';
import { plainError } from './thread-errors.ts';
import type { PlainError } from './thread-errors.ts';

/** What the thread is started with. `now`: milliseconds since the epoch. */
export interface DiffThreadTask {
  readonly store: StoreOptions;
  readonly before: PlainPolicies;
  readonly after: PlainPolicies;
  readonly now: number;
  /** What the thread reads itself; null = records are sent ({@link SentList}). */
  readonly part: ScanPart | null;
}

/** Users, and then devices; null = these were all. The thread answers with `taken` when it wants more. */
export type SentList = PackedRecords | null;

/** What the thread posts: how far it is, how many lists it took, and the result; or why there is none. */
export type DiffThreadMessage =
  | { readonly kind: 'progress'; readonly done: number }
  | { readonly kind: 'taken'; readonly lists: number }
  | { readonly kind: 'done'; readonly found: DiffPart }
  | ({ readonly kind: 'failed' } & PlainError);

/** Between two messages about the progress. */
const PROGRESS_MS = 100;

function post(message: DiffThreadMessage): void {
  parentPort?.postMessage(message, []);
}

/** Lists that are answered for at once: each answer wakes the thread that sends. */
const TAKEN_AT_ONCE = 4;

/** The lists that the thread which started this one sends, up to the next null. */
async function* sentLists(messages: AsyncIterator<unknown>): AsyncGenerator<PackedRecords> {
  for (let taken = 0; ;) {
    const { value } = (await messages.next()) as { readonly value: readonly [SentList] };
    const [list] = value;
    if (taken === TAKEN_AT_ONCE || list === null) {
      post({ kind: 'taken', lists: taken });
      taken = 0;
    }
    if (list === null) return;
    yield list;
    taken += 1;
  }
}

async function* understood<T>(
  lists: AsyncIterable<PackedRecords>,
  read: (packed: PackedRecords) => T,
): AsyncGenerator<T> {
  for await (const packed of lists) yield read(packed);
}

/** What is compared: of a part of the directory, or as it is sent. */
function recordsOf(
  store: DirectoryStore,
  withDevices: boolean,
  part: ScanPart | null,
  messages: AsyncIterator<unknown> | null,
): ReadRecords {
  const { spread } = store;
  if (spread.kind === 'sent' && messages !== null)
    return {
      users: understood(sentLists(messages), (packed) => spread.users(packed, withDevices)),
      devices: understood(sentLists(messages), (packed) => spread.devices(packed)),
    };
  if (spread.kind === 'parts' && part !== null)
    return { users: spread.users(withDevices), devices: spread.devices(part) };
  throw new TypeError('the task of another store');
}

async function compare(
  port: MessagePort,
  { store: options, before, after, now, part }: DiffThreadTask,
): Promise<void> {
  // Listens before the first await, so that no message is lost.
  const messages = part === null ? on(port, 'message') : null;
  const store = await openStore(options);
  try {
    let postedAt = -Infinity;
    const task = { before: policiesFrom(before), after: policiesFrom(after), now };
    const onProgress = (done: number): void => {
      if (performance.now() - postedAt < PROGRESS_MS) return;
      postedAt = performance.now();
      post({ kind: 'progress', done });
    };
    const read = recordsOf(store, countsDevices(task), part, messages);
    const found = await diffPart(store, task, onProgress, read);
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
