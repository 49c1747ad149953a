// Owns the promises about temporary files of SQLite: they are in a folder that can be written, or where the operator wants them.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { keepTemporaryFilesIn } from '../../src/directory/embedded/temporary-files.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

it.each([
  [{}, '/data'],
  [{ TMPDIR: '/scratch' }, '/scratch'],
  [{ TMPDIR: '/scratch', SQLITE_TMPDIR: '/own' }, '/own'],
])('temporary files with the environment %j are in %s', (env: NodeJS.ProcessEnv, folder) => {
  keepTemporaryFilesIn('/data', env);
  expect(env['SQLITE_TMPDIR']).toBe(folder);
});

/** Sorts more rows than fit into its memory, and prints the folder of the file that it sorts them in. */
const SORTING = `
import { readdirSync, readlinkSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { dirname } from 'node:path';
const { keepTemporaryFilesIn } = await import(process.argv[1]);
keepTemporaryFilesIn(process.argv[2]);
const database = new DatabaseSync(':memory:');
database.exec('PRAGMA temp_store = FILE; PRAGMA cache_size = -1000; CREATE TABLE rows (word TEXT)');
database.exec('INSERT INTO rows WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100000) SELECT hex(randomblob(16)) FROM n');
const sorted = database.prepare('SELECT word FROM rows ORDER BY word').iterate();
sorted.next();
const open = readdirSync('/proc/self/fd').flatMap((fd) => {
  try { return [readlinkSync('/proc/self/fd/' + fd)]; } catch { return []; }
});
console.log(dirname(open.find((path) => path.includes('etilqs')) ?? 'none/none'));
`;

it.runIf(process.platform === 'linux')('SQLite sorts in the folder', () => {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-sorted-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const program = new URL('../../src/directory/embedded/temporary-files.ts', import.meta.url).href;
  const { TMPDIR: _own, SQLITE_TMPDIR: _named, ...env } = process.env;
  const words = ['--input-type=module', '--eval', SORTING, program, folder];
  expect(execFileSync(process.execPath, words, { env, encoding: 'utf8' }).trim()).toBe(folder);
});
