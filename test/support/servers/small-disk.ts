// Owns a small disk for tests, whose room can be taken: a file system in memory where mounting is permitted, else a limit of SQLite.
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { onTestFinished } from 'vitest';

const FILLER = 'filler';
const PIECE = Buffer.alloc(4_096);
/** SQLite's own. */
const MOST_PAGES = 1_073_741_823;

/** A disk with room for a few megabytes. */
export interface SmallDisk {
  readonly folder: string;
  /** Takes all room. `databases`: those on it, which are limited where the disk cannot be. */
  occupy(databases: readonly DatabaseSync[]): void;
  /** Gives the room back. */
  free(databases: readonly DatabaseSync[]): void;
}

/** Makes one, which is gone when the test ends. */
export function smallDisk(): SmallDisk {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-disk-'));
  const isMounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder]).status === 0;
  onTestFinished(() => {
    if (isMounted) spawnSync('umount', ['-l', folder]);
    rmSync(folder, { recursive: true, force: true });
  });
  const filler = join(folder, FILLER);
  return {
    folder,
    occupy(databases) {
      if (isMounted) fillUp(filler);
      // The pages that it has, and no more: SQLITE_FULL, as on a full disk.
      else for (const database of databases) database.exec('PRAGMA max_page_count = 1');
    },
    free(databases) {
      if (isMounted) rmSync(filler);
      else for (const database of databases) database.exec(`PRAGMA max_page_count = ${MOST_PAGES}`);
    },
  };
}

function fillUp(path: string): void {
  const file = openSync(path, 'w');
  try {
    for (;;) writeSync(file, PIECE);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
  } finally {
    closeSync(file);
  }
}
