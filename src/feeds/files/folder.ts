// Owns looking into a folder of files: which there are, and which of them no longer change.
// Threat: a link in the folder that has another file of the host read (CWE-59): links are never followed.
import { lstat, opendir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileTrouble } from '../../file-words.ts';
import { FeedError } from '../contract.ts';
import type { Clock } from '../waiting.ts';

/** A file of a folder. */
export interface FolderFile {
  readonly name: string;
  readonly path: string;
  readonly size: number;
  /** When it was last written, milliseconds since the epoch. */
  readonly writtenAt: number;
  /** The configuration names this file itself, which may be a link. */
  readonly isNamed?: true;
}

/** Most files of a folder: a folder that nobody empties must not fill memory. */
const MAX_FILES = 10_000;

/** The files of a folder, the oldest first. Names that begin with a dot, folders and links are none. @throws FeedError */
export async function filesIn(folder: string): Promise<FolderFile[]> {
  const files: FolderFile[] = [];
  for await (const { name } of await readable(folder, opendir(folder))) {
    if (name.startsWith('.')) continue;
    if (files.length === MAX_FILES)
      throw new FeedError(
        'EASGATE_FEED_SOURCE',
        `${folder} has more than ${MAX_FILES} files: remove old ones`,
      );
    const file = await fileAt(folder, name);
    if (file !== null) files.push(file);
  }
  return files.sort((one, other) => one.writtenAt - other.writtenAt || (one.name < other.name ? -1 : 1));
}

/** A file as it is now; null = it is gone, or no file. */
export async function fileAt(folder: string, name: string): Promise<FolderFile | null> {
  const path = join(folder, name);
  try {
    const found = await lstat(path);
    return found.isFile() ? { name, path, size: found.size, writtenAt: Math.floor(found.mtimeMs) } : null;
  } catch {
    return null;
  }
}

/** Whether a file is as it was. */
export function isSame(one: FolderFile, other: FolderFile | null): boolean {
  return other !== null && one.size === other.size && one.writtenAt === other.writtenAt;
}

/**
 * Those of the files that were not written for `settleMs`. Two looks decide, not the clock: that of a file server may differ. A file
 * that still changes is left for the next run.
 */
export async function settled(
  folder: string,
  files: readonly FolderFile[],
  settleMs: number,
  clock: Clock,
  signal: AbortSignal,
): Promise<FolderFile[]> {
  if (files.length === 0) return [];
  await clock.wait(settleMs, signal);
  const kept: FolderFile[] = [];
  for (const file of files) if (isSame(file, await fileAt(folder, file.name))) kept.push(file);
  return kept;
}

/** Whether a path is a folder. @throws FeedError where it cannot be read */
export async function isFolder(path: string): Promise<boolean> {
  return (await readable(path, stat(path))).isDirectory();
}

/** @throws FeedError that says why the file or folder cannot be read */
export async function readable<T>(path: string, reading: Promise<T>): Promise<T> {
  try {
    return await reading;
  } catch (cause) {
    throw new FeedError('EASGATE_FEED_SOURCE', fileTrouble(cause, path), { cause });
  }
}
