// Owns where Node.js keeps the compiled program between runs, so that short commands start fast.
import { mkdirSync, statSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { homedir } from 'node:os';
import { isAbsolute, join } from 'node:path';

/** Group and others may not write. */
const SHARED = 0o022;

/**
 * Turns the compile cache on, in a folder of this user alone: whoever can write there can put code into the process. Node's own
 * default lies in the temporary folder, where any user of the host may have made it first. Without such a folder (a read-only
 * root, a home of somebody else) there is none. Node.js itself listens to NODE_DISABLE_COMPILE_CACHE.
 */
export function useCompileCache(): void {
  // Set from outside: Node.js uses that one already.
  if (process.env['NODE_COMPILE_CACHE'] !== undefined) return;
  const folder = cacheFolder();
  if (folder !== null) enableCompileCache(folder);
}

function cacheFolder(): string | null {
  try {
    const named = process.env['XDG_CACHE_HOME'] ?? '';
    // Relative names do not count (XDG Base Directory Specification).
    const folder = join(isAbsolute(named) ? named : join(homedir(), '.cache'), 'easgate');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return isPrivate(folder) ? folder : null;
  } catch {
    return null;
  }
}

/** Whether a folder belongs to this user, and nobody else can write there. */
export function isPrivate(folder: string): boolean {
  const { uid, mode } = statSync(folder);
  return uid === process.geteuid?.() && (mode & SHARED) === 0;
}
