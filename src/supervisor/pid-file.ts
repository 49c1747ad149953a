// Owns the file that says which process the gateway is, for `easgate reload`.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/** Names this process in the file. Throws when it cannot be written. */
export function writePidFile(path: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, `${process.pid}\n`);
}

/** Removes the file, unless another gateway wrote it since. */
export function removePidFile(path: string): void {
  if (readPidFile(path) === process.pid) rmSync(path, { force: true });
}

/** The process the file names; null when there is no file, or no process id in it. */
export function readPidFile(path: string): number | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    return null;
  }
  // In a container the gateway is process 1.
  return /^[1-9]\d{0,8}\n?$/.test(text) ? Number(text) : null;
}

/**
 * Whether the process can be `easgate serve`: the file outlives a gateway that was killed, and another program may have
 * its number by now, which a signal would end. True where the system does not tell (no /proc).
 */
export function mayBeGateway(pid: number): boolean {
  let commandLine: string;
  try {
    commandLine = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT' || process.platform !== 'linux';
  }
  return commandLine.split('\0').includes('serve');
}
