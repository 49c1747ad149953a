// Owns files without a name in the folder of temporary files: what is larger than memory waits there. Such a file is gone with its process, also
// with one that is killed. Files that need a name get a folder of their own.
// Threat: a process that is killed and leaves names of users and devices behind, for everybody who reads the disk (CWE-459).
import { Buffer } from 'node:buffer';
import { randomUUID } from 'node:crypto';
import { constants, lstatSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { open, unlink } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { codeOf, messageOf } from './caught-error.ts';
import { ProgramError } from './errors/program-errors.ts';
import { userName } from './file-words.ts';

/** Bytes that are read at once. */
const PIECE = 262_144;
const MODE = 0o600;
const O_TMPFILE = 0o20_000_000;
/** Errors of a file system, or a kernel, without it. */
const NO_TMPFILE: ReadonlySet<string> = new Set(['ENOTSUP', 'EOPNOTSUPP', 'EISDIR', 'EINVAL']);

/** A file that is written once, and then read as often as needed. */
export class TemporaryFile {
  /** For reads at a place. */
  readonly handle: FileHandle;
  private readonly folder: string;

  private constructor(handle: FileHandle, folder: string) {
    this.handle = handle;
    this.folder = folder;
  }

  /** @throws ProgramError EASGATE_TEMPORARY_FILES */
  static async open(): Promise<TemporaryFile> {
    const folder = tmpdir();
    try {
      return new TemporaryFile(await nameless(folder), folder);
    } catch (error) {
      throw trouble(error, folder);
    }
  }

  /** Writes behind what is there. @throws ProgramError EASGATE_TEMPORARY_FILES */
  async write(piece: string | Uint8Array): Promise<void> {
    try {
      await this.handle.writeFile(piece);
    } catch (error) {
      throw trouble(error, this.folder);
    }
  }

  /** A stream that writes behind what is there; it does not close the file. */
  writable(): Writable {
    return new Writable({
      write: (piece: Uint8Array, _encoding, done): void => {
        void this.append(piece, done);
      },
    });
  }

  private async append(piece: Uint8Array, done: (error?: Error) => void): Promise<void> {
    let failure: Error | undefined;
    try {
      await this.write(piece);
    } catch (error) {
      failure = error instanceof Error ? error : new Error(String(error));
    }
    done(failure);
  }

  /** The bytes from one place to another, or to the end. */
  async *bytes(from = 0, to = Infinity): AsyncGenerator<Buffer> {
    for (let place = from; place < to;) {
      const size = Math.min(PIECE, to - place);
      const { bytesRead, buffer } = await this.handle.read(Buffer.allocUnsafe(size), 0, size, place);
      if (bytesRead === 0) return;
      place += bytesRead;
      yield buffer.subarray(0, bytesRead);
    }
  }

  /** Removes what was written. Node ends the process where this is forgotten: a file that the collector of garbage closes is an error. */
  async close(): Promise<void> {
    await this.handle.close();
  }
}

/**
 * Linux, open(2): a file that never has a name, as O_TMPFILE of asm-generic/fcntl.h; Node has no constant for it. Other systems, and some file systems,
 * have none: the name is removed at once, and a process that is killed in that moment leaves an empty file.
 */
async function nameless(folder: string): Promise<FileHandle> {
  try {
    if (process.platform === 'linux')
      return await open(folder, O_TMPFILE | constants.O_DIRECTORY | constants.O_RDWR, MODE);
  } catch (error) {
    if (!NO_TMPFILE.has(codeOf(error, ''))) throw error;
  }
  const path = join(folder, `easgate-${randomUUID()}`);
  const file = await open(path, 'wx+', MODE);
  try {
    await unlink(path);
    return file;
  } catch (error) {
    await file.close();
    throw error;
  }
}

/** A folder that a killed process left is removed once it is older than any use of one. */
const LEFT_AFTER_MS = 3_600_000;

/**
 * Makes a folder for files that need a name, which its user removes. Removes those with this prefix that killed processes of this account left: of other
 * accounts nothing is touched. @throws ProgramError EASGATE_TEMPORARY_FILES
 */
export function temporaryFolder(prefix: string): string {
  const folder = tmpdir();
  try {
    for (const name of readdirSync(folder)) if (name.startsWith(prefix)) removeLeft(join(folder, name));
    return mkdtempSync(join(folder, prefix));
  } catch (error) {
    throw trouble(error, folder);
  }
}

function removeLeft(path: string): void {
  try {
    const status = lstatSync(path);
    const isOwn = status.isDirectory() && status.uid === process.geteuid?.();
    if (isOwn && Date.now() - status.mtimeMs > LEFT_AFTER_MS) rmSync(path, { recursive: true });
  } catch {
    // Another process removed it meanwhile.
  }
}

/** What a person can do about it, by the error of the system. */
const REMEDIES: ReadonlyMap<string, (folder: string) => string> = new Map([
  ['ENOSPC', (folder) => `${folder} is full: free some space there`],
  ['EDQUOT', (folder) => `the quota of ${userName()} in ${folder} is used up: free some space there`],
  [
    'EFBIG',
    (folder) => `a file in ${folder} would be larger than this process may write (ulimit -f): raise it`,
  ],
  ['ENOENT', (folder) => `there is no ${folder}: create it`],
  ['ENOTDIR', (folder) => `${folder} is no folder: make it one`],
  ['EACCES', (folder) => `${userName()} has no right to write in ${folder}: grant it`],
  ['EPERM', (folder) => `${userName()} has no right to write in ${folder}: grant it`],
  ['EROFS', (folder) => `${folder} is on a file system that is read-only`],
]);

/** Other errors are returned as they are: those of a program. */
function trouble(error: unknown, folder: string): unknown {
  const code = codeOf(error, '');
  if (!/^E[A-Z0-9]+$/.test(code)) return error;
  const words = REMEDIES.get(code)?.(folder) ?? `a file in ${folder} cannot be written: ${messageOf(error)}`;
  return new ProgramError(
    'EASGATE_TEMPORARY_FILES',
    `the folder of temporary files: ${words}, or set TMPDIR to another folder (${code})`,
    { cause: error },
  );
}
