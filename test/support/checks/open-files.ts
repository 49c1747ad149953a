// Owns which files a process has open, also those without a name (Linux: proc_pid_fd(5)).
import { readdirSync, readlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** How many files a process has open that are, or were, in this folder itself. */
export function openFilesIn(folder: string, pid: number = process.pid): number {
  const open = `/proc/${pid}/fd`;
  return readdirSync(open).filter((name) => dirname(targetOf(join(open, name))) === folder).length;
}

function targetOf(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    // It was closed meanwhile.
    return '';
  }
}
