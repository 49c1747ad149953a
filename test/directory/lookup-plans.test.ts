// Owns the promises about what SQLite does for a look-up of one phone, which most cold requests wait for.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it, onTestFinished, vi } from 'vitest';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { alice, phone } from '../support/servers/directory-records.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

it('a look-up of one phone makes no temporary table, each of which takes 88 KB, and binds no limit, which SQLite compiles a statement anew for', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-plans-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'directory.sqlite');
  const store = new EmbeddedStore(path);
  onTestFinished(() => store.close());
  const prepare = vi.spyOn(DatabaseSync.prototype, 'prepare');
  onTestFinished(() => prepare.mockRestore());
  await store.lookup(alice, phone);
  const statements = prepare.mock.calls.map(([sql]) => sql).filter((sql) => sql.includes('local'));
  prepare.mockRestore();
  expect(statements.length).toBeGreaterThan(0);
  const database = new DatabaseSync(path, { readOnly: true });
  onTestFinished(() => database.close());
  for (const sql of statements) {
    expect(sql).not.toMatch(/LIMIT \?/);
    const steps = database.prepare(`EXPLAIN ${sql}`).all();
    expect(steps.map(({ opcode }) => opcode)).not.toContain('OpenEphemeral');
  }
});
