// Owns the permissions of the SQLite file, and its error messages.
import { accessSync, chownSync, constants, existsSync, mkdirSync, statSync, statfsSync } from 'node:fs';
import { dirname } from 'node:path';

/** The SQLite file, or the disk below it, failed. */
export class StoreFileError extends Error {
  readonly code: string;
  constructor(code: string, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}

/**
 * Creates the folder; returns whether the file is missing. SQLite opens a read-only file without an error and fails at
 * the first write. @throws StoreFileError when the file is not writable
 */
export function prepareFile(path: string): boolean {
  try {
    mkdirSync(dirname(path), { recursive: true });
  } catch (error) {
    throw fileError(dirname(path), error, '');
  }
  if (isFolder(path)) throw folderInPlace(path);
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
 * Gives a new file to the owner of its folder; SQLite does the same with the files beside it. Otherwise a command that
 * root runs before the gateway's first start would make a file that the gateway cannot write.
 */
export function giveToOwner(path: string): void {
  if (process.geteuid?.() !== 0) return;
  const { uid, gid } = statSync(dirname(path));
  if (uid === 0) return;
  for (const file of [path, `${path}-wal`, `${path}-shm`]) if (existsSync(file)) chownSync(file, uid, gid);
}

/** Primary result codes of SQLite (sqlite.org/rescode.html), with code and text of easgate. */
const MEANINGS: ReadonlyMap<number, readonly [string, string]> = new Map([
  [5, ['EASGATE_STORE_BUSY', 'another process locks it for too long']],
  [
    10,
    [
      'EASGATE_STORE_IO',
      'the disk failed, a limit on file sizes was reached, or the -wal file was removed while it was in use',
    ],
  ],
  [11, ['EASGATE_STORE_DAMAGED', 'the file is damaged: restore a backup']],
  [13, ['EASGATE_STORE_FULL', 'the disk is full']],
  [26, ['EASGATE_STORE_DAMAGED', 'it is not a SQLite database']],
]);

/** SQLITE_IOERR. */
const FAILED = 10;
/** SQLITE_PERM, SQLITE_READONLY, SQLITE_CANTOPEN: permission is missing. */
const DENIED: ReadonlySet<number> = new Set([3, 8, 14]);

interface SqliteError extends Error {
  readonly errcode: number;
  readonly errstr: string;
}

/**
 * Converts an error of SQLite or of the file system into one with path, code, meaning and outcome; other errors are
 * returned unchanged.
 */
export function fileError(path: string, error: unknown, outcome: string): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  if ('errcode' in error) {
    const { errcode, errstr } = error as SqliteError;
    if (isFolder(path)) return folderInPlace(path, error);
    // SQLite reports a full disk as SQLITE_IOERR, except for the file itself: also where its -shm finds no room.
    if ((errcode & 0xff) === FAILED && isDiskFull(path))
      return new StoreFileError(
        'EASGATE_STORE_FULL',
        `${path}: the disk is full (SQLite ${errcode}: ${errstr})${outcome}`,
        error,
      );
    if (DENIED.has(errcode & 0xff) && isOnReadOnlyDisk(path)) return readOnlyDisk(path, error, outcome);
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
  if (code === 'EROFS') return readOnlyDisk(path, error, '');
  if (code === 'ENOTDIR' || code === 'EEXIST')
    return new StoreFileError(
      'EASGATE_STORE_FILE',
      `${path}: a part of this path is a file, not a folder: move it away, or set store.path`,
      error,
    );
  if (code === 'EISDIR') return new StoreFileError('EASGATE_STORE_FILE', `${path}: ${error.message}`, error);
  return error;
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function folderInPlace(path: string, cause?: unknown): StoreFileError {
  return new StoreFileError('EASGATE_STORE_FILE', `${path}: is a folder; store.path must name a file`, cause);
}

function isDiskFull(path: string): boolean {
  try {
    return statfsSync(dirname(path)).bavail === 0;
  } catch {
    return false;
  }
}

/** SQLite reports missing permissions and a read-only file system with the same codes, and permission checks tell root nothing. */
function isOnReadOnlyDisk(path: string): boolean {
  try {
    accessSync(dirname(path), constants.W_OK);
    return false;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EROFS';
  }
}

function readOnlyDisk(path: string, error: Error, outcome: string): StoreFileError {
  const text =
    'its file system is read-only, as it is after an error of the disk: repair it, or set store.path';
  return new StoreFileError('EASGATE_STORE_FILE', `${path}: ${text}${outcome}`, error);
}

function rights(path: string): string {
  const me = process.geteuid?.();
  const owners = [path, `${path}-wal`, `${path}-shm`, dirname(path)].flatMap((file) => {
    const owner = ownerOf(file);
    return owner === null || owner === me ? [] : [`${file} belongs to user ${owner}`];
  });
  const who = me === 0 ? 'root' : `user ${me ?? 'unknown'}`;
  return (
    `${who} has no permission to write it${owners.length === 0 ? '' : ` (${owners.join(', ')})`}. ` +
    'Run the gateway and its commands as the same user: `sudo -u USER easgate …`; ' +
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
