// Owns the thread that keeps a read model: opens store and file, follows the log, begins again after a failure. Posts its state.
import { setTimeout as pause } from 'node:timers/promises';
import { parentPort, workerData } from 'node:worker_threads';
import { messageOf } from '../../caught-error.ts';
import { openKeeper, openStore } from '../open-store.ts';
import type { StoreOptions } from '../open-store.ts';
import type { DirectoryStore } from '../store.ts';
import { ModelFile } from './model-file.ts';
import { ModelKeeper } from './model-keeper.ts';

/** What the thread is started with. */
export interface ModelTask {
  readonly path: string;
  readonly store: StoreOptions;
}

/** What the thread posts. Times: milliseconds since the epoch, null = never. */
export interface ModelReport {
  /**
   * `building`: lists have to wait. `following`: it is kept. `rebuilding`: much changed at once; lists are as old as `confirmedAt` until
   * it is rebuilt. `waiting`: for the store, the file or the disk.
   */
  readonly phase: 'building' | 'following' | 'rebuilding' | 'waiting';
  readonly rows: number;
  readonly position: string | null;
  readonly confirmedAt: number | null;
  readonly fullReadAt: number | null;
  /** Why it waits; null = it does not. */
  readonly trouble: string | null;
}

/** First and longest pause after a failure. */
const RETRY_MS = 500;
const MAX_RETRY_MS = 30_000;

const NOTHING: ModelReport = {
  phase: 'waiting',
  rows: 0,
  position: null,
  confirmedAt: null,
  fullReadAt: null,
  trouble: null,
};

function post(report: ModelReport): void {
  parentPort?.postMessage(report, []);
}

/** Keeps the file until the thread is ended. */
async function keep({ path, store: options }: ModelTask): Promise<never> {
  let failures = 0;
  while (true) {
    let store: DirectoryStore | null = null;
    let file: ModelFile | null = null;
    try {
      store = await openStore(options);
      file = ModelFile.open(path, await identityOf(options));
      await follow(store, file, failures === 0, () => (failures = 0));
      // The file was removed or replaced: another one is made at once.
    } catch (error) {
      const trouble = messageOf(error);
      post({ ...NOTHING, trouble });
      await pause(Math.min(MAX_RETRY_MS, RETRY_MS * 2 ** failures++));
    } finally {
      close(file);
      await store?.close();
    }
  }
}

async function identityOf(
  options: StoreOptions,
): Promise<{ readonly store: string; readonly epoch: number }> {
  const keeper = await openKeeper(options);
  try {
    const identity = await keeper.read();
    return { store: identity?.id ?? '', epoch: identity?.epoch ?? 0 };
  } finally {
    await keeper.close();
  }
}

/** `isTrusted`: false = after a failure; then the model is reported as kept only once a step has written into the file. */
async function follow(
  store: DirectoryStore,
  file: ModelFile,
  isTrusted: boolean,
  onStep: () => void,
): Promise<void> {
  let isKept = isTrusted;
  const keeper = new ModelKeeper(store, file);
  await keeper.build((rows) => {
    post({ ...NOTHING, phase: 'building', rows });
  });
  while (file.isSame()) {
    const kept = reportOf(file);
    if (isKept) post(kept);
    await keeper.step(() => {
      if (!file.isSame()) throw new Error('the file of the read model was removed');
      post({ ...kept, phase: 'rebuilding' });
    });
    onStep();
    isKept = true;
  }
}

function reportOf(file: ModelFile): ModelReport {
  const { position, confirmedAt, fullReadAt } = file.state();
  const rows = file.statement('SELECT sum(phones) AS rows FROM state_counts').get()?.['rows'];
  return {
    phase: 'following',
    rows: Number(rows ?? 0),
    position,
    confirmedAt: confirmedAt === 0 ? null : confirmedAt,
    fullReadAt: fullReadAt === 0 ? null : fullReadAt,
    trouble: null,
  };
}

function close(file: ModelFile | null): void {
  try {
    file?.close();
  } catch {
    // Its last writes did not fit on the disk; what was written before is whole.
  }
}

// Waiting for changes keeps no thread alive by itself.
parentPort?.ref();
await keep(workerData as ModelTask);
