// Owns the promises of a worker's way to the file of the journal: a thread of its own, which may fail.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeEach, expect, it } from 'vitest';
import { EmbeddedJournal } from '../../src/journal/embedded-journal.ts';
import { ThreadedJournal } from '../../src/journal/threaded-journal.ts';
import { PATIENCE_MS } from '../support/checks/until.ts';
import { KEEP_ALL, event } from './entries.ts';
import { allOf } from './store-contract.ts';

const folder = mkdtempSync(join(tmpdir(), 'easgate-journal-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let path: string;
let journal: ThreadedJournal;
beforeEach(() => {
  path = join(mkdtempSync(join(folder, 't')), 'journal.db');
  journal = new ThreadedJournal({ path, retention: KEEP_ALL, busyMs: 60_000 }, PATIENCE_MS);
});

async function written(): Promise<number[]> {
  const store = new EmbeddedJournal(path, { retention: KEEP_ALL, busyMs: 60_000 });
  const found = await allOf(store, 'journal');
  await store.close();
  return found.map(({ at }) => at);
}

it('entries are in the file when the append has ended', async () => {
  await journal.append([event({ at: 1 }), event({ at: 2 })]);
  expect(await written()).toEqual([2, 1]);
  await journal.close();
});

it('without entries there is no file', async () => {
  await journal.close();
  expect(existsSync(path)).toBe(false);
});

it('appends that are under way are finished before the end', async () => {
  const under = [journal.append([event({ at: 1 })]), journal.append([event({ at: 2 })])];
  await journal.close();
  await Promise.all(under);
  expect(await written()).toEqual([2, 1]);
  await expect(journal.append([event()])).rejects.toThrow('closed');
});

it('a write that waits for another process leaves this one free, and takes no more than a few appends', async () => {
  await journal.append([event({ at: 1 })]);
  const other = new DatabaseSync(path);
  other.exec('BEGIN IMMEDIATE');
  const under = Array.from({ length: 8 }, (_, index) => journal.append([event({ at: index + 2 })]));
  await expect(journal.append([event()])).rejects.toThrow('stands still');
  other.exec('ROLLBACK');
  other.close();
  await Promise.all(under);
  expect(await written()).toEqual([9, 8, 7, 6, 5, 4, 3, 2, 1]);
  await journal.close();
});

it('a file that cannot be written fails the append with its reason, and works once it can', async () => {
  writeFileSync(path, 'a text that is longer than the head of a database: '.repeat(20));
  await expect(journal.append([event()])).rejects.toThrow('SQLite 26');
  rmSync(path);
  await journal.append([event({ at: 5 })]);
  expect(await written()).toEqual([5]);
  await journal.close();
});
