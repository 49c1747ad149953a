// Owns the promise that a command which waits for entries ends when whoever read them has gone, though there is nothing to write (`| head -1`).
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { EmbeddedJournal } from '../../src/journal/embedded-journal.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { KEEP_ALL, event } from '../journal/entries.ts';

checkLeaks();

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

it.runIf(existsSync('/proc/self/fd'))(
  'journal follow ends with its reader, before the next entry',
  async () => {
    const folder = mkdtempSync(join(tmpdir(), 'easgate-pipe-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    writeFileSync(join(folder, 'easgate.yaml'), 'store: { kind: embedded, path: directory.db }\n');
    const journal = new EmbeddedJournal(join(folder, 'journal.db'), { retention: KEEP_ALL, busyMs: 10_000 });
    onTestFinished(() => journal.close());
    const shell = spawn(
      'sh',
      ['-c', `"$0" "$1" journal follow --config easgate.yaml | head -1`, process.execPath, MAIN],
      {
        cwd: folder,
        stdio: ['ignore', 'pipe', 'inherit'],
        // A group of its own, which ends as a whole where the command does not end by itself.
        detached: true,
      },
    );
    onTestFinished(() => {
      if (shell.exitCode === null && shell.pid !== undefined) process.kill(-shell.pid, 'SIGKILL');
    });
    let out = '';
    shell.stdout.on('data', (text) => (out += String(text)));
    const ended = once(shell, 'exit');
    // It shows entries from its start on: the first one that comes after that ends `head`.
    let entries = 0;
    await until(async () => {
      if (out === '') await journal.append([event({ at: 1_000 + entries++ })]);
      return out !== '';
    }, 'the first entry');
    expect(await ended).toEqual([0, null]);
    expect(out.trim().split('\n')).toHaveLength(1);
  },
);
