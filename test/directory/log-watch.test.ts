// Owns the promises of the watch on SQLite's log: news of any process, a slow check behind them, and no more of either
// than needed.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { LogWatch } from '../../src/directory/embedded/log-watch.ts';

const folder = mkdtempSync(join(tmpdir(), 'easgate-log-watch-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
/** Longer than any test: only news end a wait. */
const NEVER_MS = 1_000_000;
let count = 0;

function openDatabase(path: string): DatabaseSync {
  const database = new DatabaseSync(path);
  database.exec('PRAGMA journal_mode = WAL; CREATE TABLE IF NOT EXISTS t (n)');
  onTestFinished(() => {
    if (database.isOpen) database.close();
  });
  return database;
}

function newPath(): string {
  return join(folder, `d${count++}.db`);
}

function openWatch(path: string, checkMs = NEVER_MS): LogWatch {
  const watch = new LogWatch(path, checkMs);
  onTestFinished(() => watch.close());
  return watch;
}

describe('a watch on the log of a database', () => {
  it('ends a wait when another connection writes', async () => {
    const path = newPath();
    const database = openDatabase(path);
    const watch = openWatch(path);
    for (let turn = 0; turn < 3; turn++) {
      const waiting = watch.wait();
      database.exec('INSERT INTO t VALUES (1)');
      expect(await waiting).toBe(true);
    }
  });

  it('remembers a write of this process between two waits', async () => {
    const watch = openWatch(newPath());
    watch.note();
    expect(await watch.wait()).toBe(true);
  });

  it('ends a wait without news after the time of the slow check', async () => {
    const watch = openWatch(newPath(), 1);
    expect(await watch.wait()).toBe(false);
  });

  it('goes on with the next log when the log was removed', async () => {
    const path = newPath();
    const first = openDatabase(path);
    const watch = openWatch(path);
    const removed = watch.wait();
    // The last connection removes the log (sqlite.org/wal.html, 4).
    first.close();
    expect(await removed).toBe(true);
    const second = openDatabase(path);
    // Creating the table may have been reported, or happened before the new log was watched.
    let known = false;
    while (!known) {
      const waiting = watch.wait();
      second.exec('INSERT INTO t VALUES (2)');
      known = await waiting;
    }
    const waiting = watch.wait();
    second.exec('INSERT INTO t VALUES (3)');
    expect(await waiting).toBe(true);
  });

  it('ends a wait at once for what is written after a slow check, as a beat is', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const watch = openWatch(newPath(), 800);
    const waiting = watch.wait();
    await vi.advanceTimersByTimeAsync(800);
    expect(await waiting).toBe(false);
    // Other files of the same process may have left timers.
    const others = vi.getTimerCount();
    watch.note();
    expect(await watch.wait()).toBe(true);
    expect(vi.getTimerCount()).toBe(others);
  });

  it('ends waits at most twenty times a second, however often the log is written', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const watch = openWatch(newPath());
    let waits = 0;
    const count = async (): Promise<void> => {
      while (await watch.wait()) waits++;
    };
    const counting = count();
    for (let ms = 0; ms < 1_000; ms++) {
      watch.note();
      await vi.advanceTimersByTimeAsync(1);
    }
    expect(waits).toBeGreaterThan(10);
    expect(waits).toBeLessThanOrEqual(21);
    watch.close();
    await counting;
  });

  it('ends a wait when it is closed, and begins none', async () => {
    const watch = openWatch(newPath());
    const waiting = watch.wait();
    watch.close();
    expect(await waiting).toBe(false);
    expect(await watch.wait()).toBe(false);
  });
});
