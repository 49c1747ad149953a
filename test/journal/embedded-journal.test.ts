// Owns the promises of the journal in a SQLite file: the contract, its mode, and what happens to the file.
import { mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { EmbeddedJournal } from '../../src/journal/embedded-journal.ts';
import { KEEP_ALL, change, event } from './entries.ts';
import { allOf, journalContract } from './store-contract.ts';

const folder = mkdtempSync(join(tmpdir(), 'easgate-journal-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const path = join(folder, 'contract.db');

function sql(file: string, ...statements: string[]): void {
  const database = new DatabaseSync(file);
  for (const statement of statements) database.exec(statement);
  database.close();
}

describe('the journal in a file', () => {
  journalContract({
    open: (retention = KEEP_ALL, wall = Date.now) =>
      new EmbeddedJournal(path, { retention, busyMs: 10_000, wall }),
    reset: async () => {
      const store = new EmbeddedJournal(path, { retention: KEEP_ALL, busyMs: 10_000 });
      await store.end('journal');
      await store.close();
      sql(path, 'DELETE FROM journal', 'DELETE FROM audit');
    },
    writeText: async (stream, text) => {
      const database = new DatabaseSync(path);
      database
        .prepare(`INSERT INTO ${stream} (at, kind, record) VALUES (2, 'of_a_later_version', ?)`)
        .run(text);
      database.close();
    },
    byTime: true,
    slack: 0,
  });
});

describe('the file', () => {
  let file: string;
  const open = (busyMs = 10_000, maxAgeMs = 1e14, wall = Date.now): EmbeddedJournal =>
    new EmbeddedJournal(file, {
      retention: { ...KEEP_ALL, journal: { maxAgeMs, maxEntries: 1_000_000 } },
      busyMs,
      wall,
    });
  beforeEach(() => {
    file = join(mkdtempSync(join(folder, 'f')), 'journal.db');
  });

  it('is for its owner alone, as are the files that SQLite puts beside it', async () => {
    const store = open();
    await store.append([event()]);
    for (const name of [file, `${file}-wal`, `${file}-shm`])
      expect([name, statSync(name).mode & 0o777]).toEqual([name, 0o600]);
    await store.close();
  });

  it('entries that are too old go as new ones come, and those of the audit stay', async () => {
    let now = 1_000_000;
    const store = open(10_000, 1_000, () => now);
    await store.append([event({ at: now }), event({ at: now + 1 })]);
    await store.appendAudit(change({ at: now }));
    now += 1_001;
    await store.append([event({ at: now })]);
    expect((await allOf(store, 'journal')).map(({ at }) => at)).toEqual([1_001_001, 1_000_001]);
    expect(await allOf(store, 'audit')).toHaveLength(1);
    await store.close();
  });

  it('a removed file is made anew: the journal goes on, and the directory is not concerned', async () => {
    const store = open();
    await store.append([event({ at: 1 })]);
    for (const name of [file, `${file}-wal`, `${file}-shm`]) rmSync(name);
    await store.append([event({ at: 2 })]);
    const other = open();
    expect((await allOf(other, 'journal')).map(({ at }) => at)).toEqual([2]);
    await other.close();
    await store.close();
  });

  it('a file that was replaced is used from then on, without the log of the old one', async () => {
    const store = open();
    await store.append([event({ at: 1 })]);
    const first = file;
    file = `${first}.other`;
    const prepared = open();
    await prepared.append([event({ at: 2 })]);
    await prepared.close();
    renameSync(file, first);
    file = first;
    await store.append([event({ at: 3 })]);
    expect((await allOf(store, 'journal')).map(({ at }) => at)).toEqual([3, 2]);
    await store.close();
  });

  it('another process that writes for long lets an append fail at once, and the next one works', async () => {
    const store = open(0);
    await store.append([event({ at: 1 })]);
    const other = new DatabaseSync(file);
    other.exec('BEGIN IMMEDIATE');
    await expect(store.append([event({ at: 2 })])).rejects.toMatchObject({ code: 'EASGATE_STORE_BUSY' });
    expect((await allOf(store, 'journal')).map(({ at }) => at)).toEqual([1]);
    other.exec('ROLLBACK');
    other.close();
    await store.append([event({ at: 3 })]);
    expect((await allOf(store, 'journal')).map(({ at }) => at)).toEqual([3, 1]);
    await store.close();
  });

  it('what is no database is refused with a code, and not touched', async () => {
    writeFileSync(file, 'a text that is longer than the head of a database: '.repeat(20));
    const store = open();
    await expect(store.append([event()])).rejects.toMatchObject({ code: 'EASGATE_STORE_DAMAGED' });
    await expect(store.query('journal', {}, null, 1)).rejects.toMatchObject({
      code: 'EASGATE_STORE_DAMAGED',
    });
    expect(statSync(file).size).toBe(51 * 20);
    await store.close();
  });

  it('a file of a later version is refused', async () => {
    sql(file, 'PRAGMA user_version = 99');
    const store = open();
    await expect(store.end('journal')).rejects.toThrow('schema version 99');
    await store.close();
  });

  it('many entries of one kind are read in bounded pages, and the rare one behind them is found', async () => {
    const store = open();
    await store.append([event({ at: 1, kind: 'wipe_told', reason: 'wiped' })]);
    sql(
      file,
      `WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < 150000)
       INSERT INTO journal (at, kind, reason, record) SELECT i, 'device_refused', 'wiped', '[]' FROM n`,
    );
    const filter = { reasons: ['wiped'], kinds: ['wipe_told'] };
    const page = await store.query('journal', filter, null, 5);
    expect(page.entries).toEqual([]);
    expect(page.next).not.toBe(null);
    expect((await allOf(store, 'journal', filter)).map(({ at }) => at)).toEqual([1]);
    await store.close();
  });
});
