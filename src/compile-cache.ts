// Owns the folder of Node's compile cache, so that short commands start fast.
import { mkdirSync, statSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** Group and others may not write. */
const SHARED = 0o022;

/**
 * Enables the compile cache in a private folder of this user: whoever can write there can inject code. Node's default
 * is in the temporary folder, which another user may have created. Without such a folder (read-only root, foreign home)
 * there is no cache. NODE_DISABLE_COMPILE_CACHE disables it. Threads and processes of the program find the folder in the environment.
 */
export function useCompileCache(): void {
  // Node.js already uses the folder from the environment.
  if (process.env['NODE_COMPILE_CACHE'] !== undefined) return;
  const folder = cacheFolder();
  if (folder === null) return;
  enableCompileCache(folder);
  // Node.js uses the cache of a process in none of its threads.
  process.env['NODE_COMPILE_CACHE'] = folder;
}

function cacheFolder(): string | null {
  try {
    const named = process.env['XDG_CACHE_HOME'] ?? '';
    // Relative paths are ignored (XDG Base Directory Specification).
    const folder = join(isAbsolute(named) ? named : join(homedir(), '.cache'), 'easgate');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return isPrivate(folder) ? folder : null;
  } catch {
    return null;
  }
}

/** Whether a folder belongs to this user and is writable by this user only. */
export function isPrivate(folder: string): boolean {
  const { uid, mode } = statSync(folder);
  return uid === process.geteuid?.() && (mode & SHARED) === 0;
}
