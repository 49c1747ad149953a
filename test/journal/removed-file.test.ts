// Owns the promise that a SQLite file that is removed while a process has it open is created again by another process, without the log of
// the old file, and that both processes go on. Within one process SQLite keeps such logs apart by itself, so the tests start another one.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { AdminStore } from '../../src/api/auth/admin-store.ts';
import { EmbeddedJournal } from '../../src/journal/embedded-journal.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { KEEP_ALL, event } from './entries.ts';
import { allOf } from './store-contract.ts';

checkLeaks();

const pathOf = (file: string): string => fileURLToPath(new URL(file, import.meta.url));

function newPath(): string {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-removed-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'file.db');
}

/** Runs a module in a process of its own; fails with its standard error. */
function inAnotherProcess(module: string, path: string): void {
  const { status, stderr } = spawnSync(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', module, path],
    { encoding: 'utf8' },
  );
  expect(stderr).toBe('');
  expect(status).toBe(0);
}

it('a removed journal is created again by a command that writes the audit, and the gateway goes on in it', async () => {
  const path = newPath();
  const gateway = new EmbeddedJournal(path, { retention: KEEP_ALL, busyMs: 10_000 });
  for (let at = 1; at <= 50; at++) await gateway.append([event({ at })]);
  rmSync(path);
  inAnotherProcess(
    `import { EmbeddedJournal } from '${pathOf('../../src/journal/embedded-journal.ts')}';
     import { KEEP_ALL, change } from '${pathOf('./entries.ts')}';
     const store = new EmbeddedJournal(process.argv[1], { retention: KEEP_ALL, busyMs: 10_000 });
     await store.appendAudit(change({ at: 60 }));
     await store.close();`,
    path,
  );
  await gateway.append([event({ at: 61 })]);
  expect((await allOf(gateway, 'journal')).map(({ at }) => at)).toEqual([61]);
  expect((await allOf(gateway, 'audit')).map(({ at }) => at)).toEqual([60]);
  await gateway.close();
});

it('a removed file of the admin API is created again by a command that makes a token, and the gateway knows the token', () => {
  const path = newPath();
  const gateway = AdminStore.open(path);
  gateway.addToken(token('old'));
  rmSync(path);
  inAnotherProcess(
    `import { AdminStore } from '${pathOf('../../src/api/auth/admin-store.ts')}';
     const store = AdminStore.open(process.argv[1]);
     store.addToken(${JSON.stringify(token('new'))});
     store.close();`,
    path,
  );
  expect(gateway.tokenById('new')).toMatchObject({ id: 'new' });
  expect(gateway.tokenById('old')).toBeNull();
  gateway.addToken(token('later'));
  expect(gateway.tokenById('later')).not.toBeNull();
  gateway.close();
});

function token(id: string) {
  return {
    id,
    hash: id,
    name: id,
    role: 'admin' as const,
    createdBy: 'root',
    createdAt: 1,
    expiresAt: null,
    lastUsedAt: null,
  };
}
