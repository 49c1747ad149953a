// Owns the feed of kind `files` with `read: each`: a folder into which files are dropped. Each new or changed file is read once, the
// oldest first, and removes nothing.
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { FeedError } from '../contract.ts';
import type { FeedAdapter, FeedPart } from '../contract.ts';
import type { FeedLine } from '../record.ts';
import { SYSTEM_CLOCK } from '../waiting.ts';
import type { Clock } from '../waiting.ts';
import { watchFiles } from './watch-files.ts';
import { fileAt, filesIn, isFolder, isSame, settled } from './folder.ts';
import type { FolderFile } from './folder.ts';

/** How a watched folder is read. */
export interface WatchedFolder {
  readonly path: string;
  /** A file that did not change for so long is complete, milliseconds. */
  readonly settleMs: number;
  /** Files that were read are moved to the folders `done` and `failed` in the folder. */
  readonly moves: boolean;
  /** The records of a file. @throws FeedError where it is not read as a whole */
  readonly linesOf: (file: FolderFile) => AsyncIterable<FeedLine>;
}

/** Files of one run; the others follow in the next one. */
const MAX_PER_RUN = 1_000;
const PART = 1_000;
/** When a file that failed is read again. */
const RETRY_MS = 3_600_000;

const cursorSchema = z.object({
  version: z.literal(1),
  /** Files that were read, by name: size, when written, outcome, when read. */
  files: z.record(z.string(), z.tuple([z.number(), z.number(), z.enum(['done', 'failed']), z.number()])),
});

type Outcome = 'done' | 'failed';
interface ReadFile {
  readonly size: number;
  readonly writtenAt: number;
  readonly outcome: Outcome;
  readonly readAt: number;
}

type Known = Map<string, ReadFile>;

/** A feed that reads each file of a folder once. */
export function watchedFolder(folder: WatchedFolder, clock: Clock = SYSTEM_CLOCK): FeedAdapter {
  return {
    kind: 'files',
    complete: [],
    keepsCursor: true,
    run: (cursor, signal) => parts(folder, clock, cursor, signal),
    watch: (onChange, signal) =>
      // The run itself waits until a file is complete.
      watchFiles({ path: folder.path, settleMs: 0, noticesRemovals: false, clock }, onChange, signal),
    applied: (cursor) => (folder.moves ? moveRead(folder, readCursor(cursor)) : Promise.resolve()),
  };
}

async function* parts(
  folder: WatchedFolder,
  clock: Clock,
  cursor: string | null,
  signal: AbortSignal,
): AsyncGenerator<FeedPart> {
  const { path, settleMs } = folder;
  if (!(await isFolder(path)))
    throw new FeedError('EASGATE_FEED_SOURCE', `${path} is no folder: read: each needs one`);
  const present = await filesIn(path);
  const known = readCursor(cursor);
  // A file that is gone may come back under its name with the same size and time, and is then a new one.
  const names = new Set(present.map(({ name }) => name));
  for (const name of known.keys()) if (!names.has(name)) known.delete(name);
  const news = present.filter((file) => !isKnown(known, file, clock.now())).slice(0, MAX_PER_RUN);
  for (const file of await settled(path, news, settleMs, clock, signal)) {
    signal.throwIfAborted();
    const trouble = await whyNot(folder, file, signal);
    if (!isSame(file, await fileAt(path, file.name))) continue;
    known.set(file.name, {
      size: file.size,
      writtenAt: file.writtenAt,
      outcome: trouble === null ? 'done' : 'failed',
      readAt: clock.now(),
    });
    if (trouble !== null) yield { lines: [{ type: 'refused', line: 1, reason: trouble }] };
    else for await (const lines of linesInParts(folder, file, signal)) yield { lines };
    if (!isSame(file, await fileAt(path, file.name)))
      throw new FeedError(
        'EASGATE_FEED_SOURCE',
        `${file.path} changed while it was read: nothing of this run is used`,
      );
  }
  yield { lines: [], cursor: cursorOf(known) };
}

/**
 * Why a file is not used; null = it can be read to its end. A file is read twice: one that breaks off in the middle must not leave a
 * half of its records, and must not hold up the others.
 */
async function whyNot(folder: WatchedFolder, file: FolderFile, signal: AbortSignal): Promise<string | null> {
  try {
    for await (const _line of folder.linesOf(file)) signal.throwIfAborted();
    return null;
  } catch (error) {
    if (!(error instanceof FeedError)) throw error;
    return error.message;
  }
}

async function* linesInParts(
  folder: WatchedFolder,
  file: FolderFile,
  signal: AbortSignal,
): AsyncGenerator<FeedLine[]> {
  let lines: FeedLine[] = [];
  for await (const line of folder.linesOf(file)) {
    signal.throwIfAborted();
    lines.push(line);
    if (lines.length < PART) continue;
    yield lines;
    lines = [];
  }
  yield lines;
}

/** A file that failed may be readable after a change of its rights, or of the mapping. */
function isKnown(known: Known, { name, size, writtenAt }: FolderFile, now: number): boolean {
  const before = known.get(name);
  if (before === undefined || before.size !== size || before.writtenAt !== writtenAt) return false;
  return before.outcome === 'done' || Math.abs(now - before.readAt) < RETRY_MS;
}

/** A damaged cursor is none: then everything is read again. An older observation never overwrites a newer one. */
function readCursor(text: string | null): Known {
  let value: unknown = null;
  try {
    value = JSON.parse(text ?? 'null');
  } catch {
    // As above.
  }
  const parsed = cursorSchema.safeParse(value);
  if (!parsed.success) return new Map();
  return new Map(
    Object.entries(parsed.data.files).map(([name, [size, writtenAt, outcome, readAt]]) => [
      name,
      { size, writtenAt, outcome, readAt },
    ]),
  );
}

function cursorOf(known: Known): string {
  const files = Object.fromEntries(
    [...known].map(([name, { size, writtenAt, outcome, readAt }]) => [
      name,
      [size, writtenAt, outcome, readAt],
    ]),
  );
  return JSON.stringify({ version: 1, files });
}

/** Moves the files that were read, as they were read. What cannot be moved stays, and is not read again. */
async function moveRead({ path }: WatchedFolder, known: Known): Promise<void> {
  for (const [name, { outcome, size, writtenAt }] of known) {
    const file = await fileAt(path, name);
    if (file === null || !isSame(file, { ...file, size, writtenAt })) continue;
    try {
      const target = join(path, outcome);
      await mkdir(target, { recursive: true });
      await rename(file.path, await freeName(target, name));
    } catch {
      // As above.
    }
  }
}

const MAX_COPIES = 1_000;

/** A name that no file has: an earlier file of this name is kept. */
async function freeName(folder: string, name: string): Promise<string> {
  for (let copy = 1; copy <= MAX_COPIES; copy++) {
    const free = copy === 1 ? name : `${name}.${copy}`;
    if ((await fileAt(folder, free)) === null) return join(folder, free);
  }
  throw new Error(`${folder} has too many files of the name ${name}`);
}
