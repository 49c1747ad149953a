// Owns the rights on the file of the embedded directory, and its errors in plain words.
import { accessSync, chownSync, constants, existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** The directory's SQLite file, or the disk under it, does not do what is asked of it. */
export class StoreFileError extends Error {
  readonly code: string;
  constructor(code: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/**
 * Makes the folder; returns whether the file is still to be made. SQLite opens a file that may only be read without a word, and
 * fails at the first write. @throws StoreFileError when the file may not be written
 */
export function prepareFile(path: string): boolean {
  try {
    mkdirSync(dirname(path), { recursive: true });
  } catch (error) {
    throw fileError(dirname(path), error, '');
  }
  const files = [path, `${path}-wal`, `${path}-shm`].filter((file) => existsSync(file));
  for (const file of [...files, dirname(path)]) {
    try {
      accessSync(file, constants.W_OK);
    } catch (error) {
      throw fileError(path, error, '');
    }
  }
  return files[0] !== path;
}

/**
 * A command that root ran before the gateway's first start must not make a file that the gateway cannot write: it gets the
 * owner of its folder, and so do its companions, which SQLite makes with the file's owner.
 */
export function giveToOwner(path: string): void {
  if (process.geteuid?.() !== 0) return;
  const { uid, gid } = statSync(dirname(path));
  if (uid === 0) return;
  for (const file of [path, `${path}-wal`, `${path}-shm`]) if (existsSync(file)) chownSync(file, uid, gid);
}

/** Primary result codes of SQLite (sqlite.org/rescode.html), as codes of easgate and in words. */
const MEANINGS: ReadonlyMap<number, readonly [string, string]> = new Map([
  [5, ['EASGATE_STORE_BUSY', 'another process writes to it for too long']],
  [10, ['EASGATE_STORE_IO', 'the disk failed, or a limit on file sizes was reached']],
  [11, ['EASGATE_STORE_DAMAGED', 'the file is damaged: restore a backup']],
  [13, ['EASGATE_STORE_FULL', 'the disk is full']],
  [26, ['EASGATE_STORE_DAMAGED', 'it is no SQLite database']],
]);

/** SQLITE_PERM, SQLITE_READONLY, SQLITE_CANTOPEN: the account may not do it. */
const DENIED: ReadonlySet<number> = new Set([3, 8, 14]);

interface SqliteError extends Error {
  readonly errcode: number;
  readonly errstr: string;
}

/** An error of SQLite or of the file system with the path, a code, what it means and its outcome; others as they are. */
export function fileError(path: string, error: unknown, outcome: string): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  if ('errcode' in error) {
    const { errcode, errstr } = error as SqliteError;
    if (DENIED.has(errcode & 0xff))
      return new StoreFileError('EASGATE_STORE_FILE', `${path}: ${rights(path)}${outcome}`, error);
    const [code, words] = MEANINGS.get(errcode & 0xff) ?? ['EASGATE_STORE_FILE', error.message];
    return new StoreFileError(code, `${path}: ${words} (SQLite ${errcode}: ${errstr})${outcome}`, error);
  }
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOSPC')
    return new StoreFileError('EASGATE_STORE_FULL', `${path}: the disk is full (${code})`, error);
  if (code === 'EACCES' || code === 'EPERM')
    return new StoreFileError('EASGATE_STORE_FILE', `${path}: ${rights(path)}`, error);
  if (code === 'EROFS')
    return new StoreFileError(
      'EASGATE_STORE_FILE',
      `${path}: it lies on a file system that is read-only; set store.path`,
      error,
    );
  if (code === 'ENOTDIR' || code === 'EISDIR')
    return new StoreFileError('EASGATE_STORE_FILE', `${path}: ${error.message}`, error);
  return error;
}

function rights(path: string): string {
  const me = process.geteuid?.();
  const owners = [path, `${path}-wal`, `${path}-shm`, dirname(path)].flatMap((file) => {
    const owner = ownerOf(file);
    return owner === null || owner === me ? [] : [`${file} belongs to user ${owner}`];
  });
  const who = me === 0 ? 'root' : `user ${me ?? 'unknown'}`;
  return (
    `${who} may not write it${owners.length === 0 ? '' : ` (${owners.join(', ')})`}. ` +
    'Run the gateway and its commands as one user: `sudo -u USER easgate …`; ' +
    'or give the files to the user of the gateway: ' +
    `\`chown USER ${dirname(path)} ${path}*\``
  );
}

function ownerOf(path: string): number | null {
  try {
    return statSync(path).uid;
  } catch {
    return null;
  }
}
