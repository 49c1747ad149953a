// Owns a comparison of two policies on several cores: each of a few threads compares a part of a large directory.
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { StoreOptions } from '../directory/open-store.ts';
import type { DirectoryStore, ScanPart, SentRecords, SentWalk } from '../directory/store.ts';
import { threadFile } from '../thread-file.ts';
import { plainPolicies } from '../policy/plain-policies.ts';
import type { DiffThreadMessage, DiffThreadTask, SentList } from './diff-thread.ts';
import type { OnProgress } from './policy-diff.ts';
import { diffPart, joinParts } from './policy-diff.ts';
import type { DiffPart, DiffTask, PolicyDiff } from './policy-diff.ts';
import { errorFrom } from './thread-errors.ts';

/** What each thread runs. */
export const DIFF_THREAD = threadFile('./diff-thread', import.meta.url);

/** The threads of a comparison. */
export interface Spread {
  /** At most so many. */
  readonly threads: number;
  /** Devices of each thread, at least: to start one takes as long as to compare a few thousand. */
  readonly devices: number;
  /** What each thread runs. */
  readonly program: URL;
}

const MAX_THREADS = 4;
const DEVICES_PER_THREAD = 20_000;
/** Each thread keeps all users: with 400,000 of them two threads took 1.5 GB. */
const BYTES_PER_THREAD = 1_000_000_000;
/**
 * Short-lived records are most of what a comparison allocates: where they have more room, fewer of them are copied. The memory is
 * given back when the thread ends.
 */
const YOUNG_MB = 192;

/**
 * One core is left to others where there are more than two, and always where the calling thread reads. In little memory, such as that of a
 * container, there are fewer threads.
 */
function spreadHere({ spread: { kind } }: DirectoryStore): Spread {
  const cores = availableParallelism();
  const free = Math.max(kind === 'parts' ? 2 : 1, cores - 1);
  const room = Math.floor(process.availableMemory() / BYTES_PER_THREAD);
  const threads = Math.min(cores, MAX_THREADS, free, Math.max(1, room));
  return { threads, devices: DEVICES_PER_THREAD, program: DIFF_THREAD };
}

/**
 * Compares what two policies decide on every partnership. `options`: how threads open the store; null = the
 * calling thread compares alone. The threads end with the one that calls.
 */
export async function diffInThreads(
  store: DirectoryStore,
  options: StoreOptions | null,
  task: DiffTask,
  onProgress: OnProgress = () => undefined,
  { threads, devices, program }: Spread = spreadHere(store),
): Promise<PolicyDiff> {
  const { spread } = store;
  const parts = options !== null && isShared(options) ? await partsFor(spread, threads, devices) : [];
  if (options === null || parts.length === 0) return joinParts([await diffPart(store, task, onProgress)]);
  const { before, after, now } = task;
  const common = { store: options, before: plainPolicies(before), after: plainPolicies(after), now };
  const done = parts.map(() => 0);
  const running: Running[] = [];
  try {
    for (const [at, part] of parts.entries())
      running.push(
        startThread(program, { ...common, part }, (count) => {
          done[at] = count;
          onProgress(done.reduce((sum, one) => sum + one, 0));
        }),
      );
    const found = Promise.all(running.map((one) => one.found));
    // A thread that fails takes no more records.
    if (spread.kind === 'sent') await Promise.race([sendRecords(spread, running), found]);
    return joinParts(await found);
  } finally {
    await Promise.all(running.map(({ worker }) => worker.terminate()));
  }
}

/** A database in memory belongs to the thread that opened it. */
function isShared(options: StoreOptions): boolean {
  return options.kind !== 'embedded' || options.path !== ':memory:';
}

/** For each thread the part that it reads; null = it is sent records. None = there is too little for threads. */
async function partsFor(
  spread: DirectoryStore['spread'],
  threads: number,
  devices: number,
): Promise<readonly (ScanPart | null)[]> {
  if (spread.kind === 'sent')
    return (await spread.holds(2 * devices)) ? Array.from({ length: threads }, () => null) : [];
  const parts = await spread.parts(threads, devices);
  return parts.length < 2 ? [] : parts;
}

/** Sends all users to each thread, and each list of devices to the one that has the least to do. Stops when a thread ended, which means that it failed. */
async function sendRecords(walk: SentWalk, threads: readonly Running[]): Promise<void> {
  const senders = threads.map(({ records }) => records);
  let sending: SentRecords['kind'] = 'users';
  for await (const { kind, packed, ownsMemory } of walk.scan()) {
    if (kind !== sending) await endList(senders);
    sending = kind;
    const receivers = kind === 'users' ? senders : [leastBusy(senders)];
    const isGiven = receivers.length === 1 && ownsMemory;
    await Promise.all(receivers.map((one) => one.send(packed, isGiven)));
    if (senders.some(({ isEnded }) => isEnded)) return;
  }
  if (sending === 'users') await endList(senders);
  await endList(senders);
}

async function endList(senders: readonly RecordSender[]): Promise<void> {
  await Promise.all(senders.map((one) => one.send(null)));
}

function leastBusy(senders: readonly RecordSender[]): RecordSender {
  return senders.reduce((best, one) => (one.waiting < best.waiting ? one : best));
}

/** Lists of records that wait in a thread, at most: some 7 MB, so that Redis is read while the thread starts. */
const MAX_SENT = 32;

/** Sends records to one thread, {@link MAX_SENT} lists ahead of it at most. */
class RecordSender {
  private readonly worker: Worker;
  private sent = 0;
  private ended = false;
  private onRoom: () => void = () => undefined;

  constructor(worker: Worker) {
    this.worker = worker;
  }

  /** Lists that the thread has not yet answered for. */
  get waiting(): number {
    return this.sent;
  }

  /** The thread ended and takes no more records. */
  get isEnded(): boolean {
    return this.ended;
  }

  /** Resolves when there is room for the next list. `ownsMemory`: the memory of this list may be given to the thread. */
  async send(list: SentList, ownsMemory = false): Promise<void> {
    if (list === null) {
      this.worker.postMessage(null, []);
      return;
    }
    // Copied where others use the same memory.
    const replies = ownsMemory ? list.replies : list.replies.map((reply) => new Uint8Array(reply));
    this.worker.postMessage(
      { replies },
      replies.flatMap(({ buffer }) => (buffer instanceof ArrayBuffer ? [buffer] : [])),
    );
    this.sent += 1;
    if (this.sent < MAX_SENT || this.ended) return;
    await new Promise<void>((resolve) => {
      this.onRoom = resolve;
    });
  }

  /** The thread took so many lists. */
  taken(lists: number): void {
    this.sent -= lists;
    this.onRoom();
  }

  /** The thread ends. */
  end(): void {
    this.ended = true;
    this.onRoom();
  }
}

interface Running {
  readonly worker: Worker;
  readonly records: RecordSender;
  /** Rejects when the thread ends without a result. */
  readonly found: Promise<DiffPart>;
}

function startThread(program: URL, task: DiffThreadTask, onProgress: OnProgress): Running {
  const worker = new Worker(program, {
    workerData: task,
    name: 'comparison',
    resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MB },
  });
  const records = new RecordSender(worker);
  const { promise, resolve, reject } = Promise.withResolvers<DiffPart>();
  worker.on('message', (message: DiffThreadMessage) => {
    if (message.kind === 'progress') onProgress(message.done);
    else if (message.kind === 'taken') records.taken(message.lists);
    else if (message.kind === 'done') resolve(message.found);
    else reject(errorFrom(message));
  });
  worker.on('error', reject);
  worker.on('exit', () => {
    records.end();
    reject(new Error('a thread that compares policies ended'));
  });
  // It is awaited once all threads were started, unless one cannot be.
  promise.catch(() => undefined);
  return { worker, records, found: promise };
}
