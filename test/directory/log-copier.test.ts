// Owns the promises of copying the write-ahead log of a SQLite directory in a thread.
import { mkdtempSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import type { LogLength } from '../../src/directory/embedded/file-room.ts';
import { GuardedDatabase } from '../../src/directory/embedded/guarded-database.ts';
import { LogCopier } from '../../src/directory/embedded/log-copier.ts';
import { UNGUARDED } from '../../src/directory/store-guard.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

const LIMITS = { least: 20, most: 60 };

let path: string;
let database: GuardedDatabase;
let copier: LogCopier;
beforeEach(async () => {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-log-copier-'));
  path = join(folder, 'easgate.db');
  database = new GuardedDatabase(path, UNGUARDED);
  copier = new LogCopier(path, () => database.logLength(), LIMITS);
  onTestFinished(async () => {
    await copier.close();
    database.close();
    rmSync(folder, { recursive: true });
  });
  await database.write((file) => file.exec('CREATE TABLE pages (content BLOB)'));
  // An empty log.
  const other = new DatabaseSync(path);
  other.exec('PRAGMA wal_checkpoint(RESTART)');
  other.close();
});

function fill(pages: number): Promise<void> {
  return database.write((file) => {
    for (let page = 0; page < pages; page += 1) file.exec('INSERT INTO pages VALUES (zeroblob(3500))');
  });
}

function length(): LogLength {
  return database.logLength() ?? { pages: -1, copied: -1 };
}

it('leaves a short log alone', async () => {
  await fill(LIMITS.least / 2);
  copier.note();
  await copier.room();
  expect(copier.isAtWork).toBe(false);
  await copier.close();
  expect(length().copied).toBe(0);
});

it('copies a longer log while others write', async () => {
  await fill(LIMITS.least);
  const { pages } = length();
  copier.note();
  expect(copier.isAtWork).toBe(true);
  await fill(LIMITS.least);
  await copier.close();
  expect(copier.isAtWork).toBe(false);
  expect(length().copied).toBeGreaterThanOrEqual(pages);
  expect(length().pages).toBeGreaterThan(pages);
});

it('copies all of a long log before more is written, which then begins it anew', async () => {
  for (let round = 0; round < 4; round += 1) {
    await copier.room();
    await fill(LIMITS.most);
    expect(length().pages).toBeLessThan(2 * LIMITS.most);
    copier.note();
  }
  await copier.room();
  expect(length().copied).toBe(length().pages);
});

// The last connection removes the log by its name (sqlite.org/wal.html, 4).
it('leaves the log to the process when it ends', async () => {
  await fill(LIMITS.most);
  copier.note();
  await copier.close();
  await fill(1);
  const other = new DatabaseSync(path);
  expect(other.prepare('SELECT count(*) AS count FROM pages').get()).toEqual({ count: LIMITS.most + 1 });
  other.close();
});

it.each([
  ['before the thread is started', 0],
  ['while it is idle', LIMITS.least],
])('does nothing to a file that took the place %s', async (_when, before) => {
  await fill(before);
  copier.note();
  await copier.room();
  for (const end of ['', '-wal', '-shm']) renameSync(`${path}${end}`, `${path}.old${end}`);
  const other = new DatabaseSync(path);
  other.exec('PRAGMA journal_mode = WAL; CREATE TABLE pages (content BLOB)');
  for (let page = 0; page < LIMITS.most; page += 1) other.exec('INSERT INTO pages VALUES (zeroblob(3500))');
  copier.note();
  await copier.room();
  expect(copier.isAtWork).toBe(false);
  await copier.close();
  const row = other.prepare('PRAGMA wal_checkpoint(NOOP)').get();
  expect(row?.['checkpointed']).toBe(0);
  other.close();
});

it('is left to SQLite where no thread can be started', async () => {
  await fill(LIMITS.most);
  const missing = new LogCopier(join(path, 'none'), () => length(), LIMITS);
  missing.note();
  await missing.room();
  expect(missing.isAtWork).toBe(false);
  missing.note();
  await missing.close();
  expect(length().copied).toBe(0);
});
