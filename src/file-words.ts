// Owns the messages about files that cannot be used.
import { messageOf } from './caught-error.ts';

/** Why a file could not be opened, read or written, with its path. */
export function fileTrouble(error: unknown, path: string): string {
  const { code } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'ENOENT':
      return `there is no ${path}`;
    case 'EACCES':
    case 'EPERM':
      return `${userName()} has no right to use ${path}`;
    case 'EISDIR':
      return `${path} is a folder`;
    case 'ENOTDIR':
      return `a part of ${path} is no folder`;
    case 'ENOSPC':
      return `the disk of ${path} is full: free space there`;
    case 'EDQUOT':
      return `the quota of ${userName()} on the disk of ${path} is used up: free space there`;
    case 'EROFS':
      return `${path} is on a file system that is read-only`;
    default:
      return messageOf(error);
  }
}

/** The user of this process, as name or number, for messages. */
export function userName(): string {
  const id = process.geteuid?.();
  const name = process.env['USER'] ?? process.env['LOGNAME'];
  if (id === 0) return 'root';
  return id === undefined
    ? 'this user'
    : `user ${name === undefined || name === 'root' ? id : `${name} (${id})`}`;
}
