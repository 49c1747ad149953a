// Owns the rights on the file of the embedded directory: who it belongs to, and what to say when they are missing.
import { accessSync, chownSync, constants, existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname } from 'node:path';

/** The file cannot be opened or written. */
export class StoreFileError extends Error {
  readonly code = 'EASGATE_STORE_FILE';
}

/**
 * Makes the folder; returns whether the file is still to be made. SQLite opens a file that may only be read without a word, and
 * fails at the first write. @throws StoreFileError when the file may not be written
 */
export function prepareFile(path: string): boolean {
  try {
    mkdirSync(dirname(path), { recursive: true });
  } catch (error) {
    throw fileError(error, dirname(path));
  }
  const files = [path, `${path}-wal`, `${path}-shm`].filter((file) => existsSync(file));
  for (const file of [...files, dirname(path)]) {
    try {
      accessSync(file, constants.W_OK);
    } catch (error) {
      throw fileError(error, path);
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

/** What is wrong with the file, and what to do. */
export function fileError(error: unknown, path: string): Error {
  const { code, message } = error as NodeJS.ErrnoException;
  const denied = /readonly database|unable to open database file|EACCES|EPERM/.test(`${code} ${message}`);
  if (denied) return new StoreFileError(`${path}: ${rights(path)}`, { cause: error });
  if (/EROFS|read-only file system/i.test(`${code} ${message}`))
    return new StoreFileError(`${path}: it lies on a file system that is read-only; set store.path`, {
      cause: error,
    });
  if (/not a database|disk image is malformed/.test(message))
    return new StoreFileError(`${path}: this is no directory of easgate, or it is damaged: ${message}`, {
      cause: error,
    });
  return new StoreFileError(message.startsWith(path) ? message : `${path}: ${message}`, { cause: error });
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
