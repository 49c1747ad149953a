// Threat: the file system of the SQLite file is unmounted while the gateway serves, and a block is written to a new file in the empty folder: it
// is acknowledged, and no phone is ever refused (CWE-367). What was known of the store may be gone with the file. Rule: while a gateway runs, a
// command does not create its directory.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, it, onTestFinished } from 'vitest';
import { runInProcess } from '../cli/run-in-process.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-unmounted-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  writeFileSync(
    join(folder, 'easgate.yaml'),
    "store: { kind: embedded, path: data/easgate.db }\nworkers: { pidFile: easgate.pid }\nupstream: { url: 'http://127.0.0.1:1' }\n",
  );
});

const run = (...words: string[]) => runInProcess(...words, '--config', join(folder, 'easgate.yaml'));

/** A process that runs with the words of a gateway; resolves with its end. */
async function withGateway(work: () => Promise<void>): Promise<void> {
  const gateway = spawn('sh', ['-c', 'read line', 'easgate', 'serve'], {
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  const ended = new Promise((resolve) => gateway.once('exit', resolve));
  writeFileSync(join(folder, 'easgate.pid'), `${gateway.pid}\n`);
  try {
    await work();
  } finally {
    gateway.stdin.end();
    await ended;
  }
}

it.each([
  ['a block', ['devices', 'block', 'PHONE1', '--reason', 'stolen']],
  ['a report', ['devices', 'set', 'PHONE1', '--managed', 'true']],
  ['a list', ['devices', 'list']],
])(
  '%s is refused while a gateway runs whose directory is gone, and nothing is created',
  async (_what, words) => {
    await withGateway(async () => {
      const { code, error } = await run(...words);
      expect(code).toBe(1);
      expect(error).toMatch(
        /^EASGATE_STORE_MISSING: there is no .*data\/easgate\.db, and the gateway that runs/,
      );
      expect(existsSync(join(folder, 'data'))).toBe(false);
    });
  },
);

it('a file that cannot be looked at is not called missing', async () => {
  writeFileSync(join(folder, 'data'), '');
  await withGateway(async () => {
    expect((await run('devices', 'list')).error).toMatch(
      /^EASGATE_STORE_FILE: .* a part of this path is a file/,
    );
  });
});

it('a command creates the directory where no gateway runs, also if the pid file of a killed one is left', async () => {
  await withGateway(async () => undefined);
  expect(await run('devices', 'block', 'PHONE1', '--reason', 'stolen')).toMatchObject({ code: 0 });
  expect(existsSync(join(folder, 'data', 'easgate.db'))).toBe(true);
});

it('a command works beside a gateway whose directory is there', async () => {
  await run('devices', 'set', 'PHONE1', '--managed', 'true');
  await withGateway(async () => {
    expect(await run('devices', 'block', 'PHONE1', '--reason', 'stolen')).toMatchObject({ code: 0 });
  });
});
