// Owns the promises of the transactions that a SQLite directory writes in bulk: how long they are, and that others write between them.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { BulkTransactions } from '../../src/directory/embedded/bulk-transactions.ts';
import { GuardedDatabase } from '../../src/directory/embedded/guarded-database.ts';
import { LeaseTable } from '../../src/directory/embedded/lease-table.ts';
import { UNGUARDED } from '../../src/directory/store-guard.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

let path: string;
beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-transactions-'));
  path = join(folder, 'easgate.db');
  // Only the clock stands still: waits are real.
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => {
    vi.useRealTimers();
    rmSync(folder, { recursive: true });
  });
});

function open(serves = false): GuardedDatabase {
  const database = new GuardedDatabase(path, { ...UNGUARDED, serves });
  onTestFinished(() => database.close());
  return database;
}

function isUnserved(database: GuardedDatabase): Promise<boolean> {
  return database.write(() => database.isUnserved);
}

it('takes the file for served at first, and while a gateway writes its beat', async () => {
  const database = open();
  expect(await isUnserved(database)).toBe(false);
  vi.advanceTimersByTime(10_000);
  expect(await isUnserved(database)).toBe(true);
  await open().write((file) => file.exec('UPDATE store SET beat = beat + 1000'));
  expect(await isUnserved(database)).toBe(false);
});

it('takes the file for served in a process that serves', async () => {
  const database = open(true);
  expect(await isUnserved(database)).toBe(false);
  vi.advanceTimersByTime(10_000);
  expect(await isUnserved(database)).toBe(false);
});

/** Writes values, each chunk of which takes so long on the clock; another process wants to write meanwhile. */
async function writeBeside(database: GuardedDatabase, chunkMs: number): Promise<readonly string[]> {
  const other = open();
  const bulk = new BulkTransactions(database, new LeaseTable(database));
  const events: string[] = [];
  const waiting: Promise<unknown>[] = [];
  const values = [...Array(1_000).keys()];
  const written = await bulk.write(values, (some) => {
    vi.advanceTimersByTime(chunkMs);
    if (waiting.length === 0) waiting.push(other.write(() => events.push('other')));
    events.push('bulk');
    return some;
  });
  await Promise.all(waiting);
  expect(written).toEqual(values);
  return events;
}

it('lets others write between its transactions, which are short while gateways serve', async () => {
  const database = open();
  const events = await writeBeside(database, 4);
  expect(events.indexOf('other')).toBe(2);
});

it('lets others write between its transactions, which are longer while none serves', async () => {
  const database = open();
  await isUnserved(database);
  vi.advanceTimersByTime(10_000);
  const events = await writeBeside(database, 30);
  expect(events.indexOf('other')).toBe(4);
});

it('leaves a gap as long as a sixth of the transaction before it', async () => {
  const database = open();
  await isUnserved(database);
  vi.advanceTimersByTime(10_000);
  const bulk = new BulkTransactions(database, new LeaseTable(database));
  const written: number[] = [];
  const write = (value: number): Promise<unknown> =>
    bulk.write([value], (some) => {
      vi.advanceTimersByTime(60);
      written.push(...some);
      return some;
    });
  await write(1);
  vi.advanceTimersByTime(9);
  const second = write(2);
  await microtasks();
  expect(written).toEqual([1]);
  await second;
  vi.advanceTimersByTime(10);
  const third = write(3);
  await microtasks();
  expect(written).toEqual([1, 2, 3]);
  await third;
});

/** As much as happens without a wait. */
async function microtasks(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
}

it('has more memory and a longer log while no gateway serves', async () => {
  const database = open();
  const bulk = new BulkTransactions(database, new LeaseTable(database));
  const roomOf = async (): Promise<unknown[]> => {
    await bulk.write([1], (some) => some);
    return database.read(() => [
      ...Object.values(database.statement('PRAGMA cache_size').get() ?? {}),
      ...Object.values(database.statement('PRAGMA wal_autocheckpoint').get() ?? {}),
    ]);
  };
  const usual = [-16_384, 16_384];
  expect(await roomOf()).toEqual(usual);
  vi.advanceTimersByTime(10_000);
  expect(await roomOf()).toEqual([-32_768, 25_600]);
  await open().write((file) => file.exec('UPDATE store SET beat = beat + 1000'));
  expect(await roomOf()).toEqual(usual);
});
