// Threat: the file system of the SQLite file is unmounted while the gateway serves, and a block is written to a new file in the empty folder: it
// is acknowledged, and no phone is ever refused (CWE-367). What was known of the store may be gone with the file. Rule: while a gateway runs, a
// command does not create its directory.
// Threat: the gateway is restarted meanwhile, and begins with an empty directory: no phone is blocked any more. Rule: the identity of the store is
// recorded on another file system too, and what is known there must be restored or accepted.
import { spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { loadConfig } from '../../src/config/load.ts';
import { storeOptions } from '../../src/config/store-settings.ts';
import { openStore } from '../../src/directory/open-store.ts';
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
  ['a new directory', ['store', 'init']],
  ['an empty directory to accept', ['store', 'accept']],
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

/** A file system of its own, on Linux. */
const OTHER = '/dev/shm';

describe.runIf(existsSync(OTHER))('a directory on a file system of its own', () => {
  let mounted = '';
  beforeEach(() => {
    mounted = mkdtempSync(join(OTHER, 'easgate-mounted-'));
    onTestFinished(() => rmSync(mounted, { recursive: true, force: true }));
    if (statSync(mounted).dev === statSync(folder).dev)
      throw new Error(`${OTHER} is no file system of its own`);
    writeFileSync(
      join(folder, 'easgate.yaml'),
      `store: { kind: embedded, path: ${mounted}/easgate.db }\nworkers: { pidFile: easgate.pid }\n`,
    );
  });

  /** What a worker does with it between a start and an end. */
  async function serve(): Promise<void> {
    const store = await openStore(storeOptions(loadConfig(join(folder, 'easgate.yaml'))), {
      serves: true,
      onEvent: () => undefined,
    });
    await store.close();
  }

  /** The empty folder below, in place of what was mounted on it. */
  const unmount = (): void => {
    rmSync(mounted, { recursive: true });
    mkdirSync(mounted);
  };

  it('is not begun anew by a gateway that starts while it is not mounted, nor by a command', async () => {
    await serve();
    unmount();
    await expect(serve()).rejects.toMatchObject({ code: 'EASGATE_STORE_MISSING' });
    for (const words of [
      ['devices', 'block', 'PHONE1'],
      ['store', 'init'],
    ])
      expect((await run(...words)).error).toMatch(/^EASGATE_STORE_MISSING: .* knows store [0-9a-f]{16}/);
    expect(existsSync(join(mounted, 'easgate.db'))).toBe(false);
  });

  it('is used again once it is mounted', async () => {
    await serve();
    const kept = join(folder, 'kept');
    cpSync(mounted, kept, { recursive: true });
    unmount();
    await expect(serve()).rejects.toMatchObject({ code: 'EASGATE_STORE_MISSING' });
    cpSync(kept, mounted, { recursive: true });
    await serve();
  });

  it('is begun anew where an operator accepts that, and is an old copy when it is mounted afterwards', async () => {
    await serve();
    const kept = join(folder, 'kept');
    cpSync(mounted, kept, { recursive: true });
    unmount();
    expect((await run('store', 'accept')).out).toMatch(/^accepted store .*, epoch 2/);
    await serve();
    unmount();
    cpSync(kept, mounted, { recursive: true });
    await expect(serve()).rejects.toMatchObject({ code: 'EASGATE_STORE_EPOCH' });
    expect((await run('store', 'accept')).out).toMatch(/^accepted store .*, epoch 3/);
    await serve();
  });

  it('may be deleted where the configuration is on the same file system: nothing is recorded twice', async () => {
    writeFileSync(
      join(folder, 'easgate.yaml'),
      'store: { kind: embedded, path: data/easgate.db }\nworkers: { pidFile: easgate.pid }\n',
    );
    await serve();
    rmSync(join(folder, 'data'), { recursive: true });
    await serve();
    expect(existsSync(join(folder, 'store-copy.json'))).toBe(false);
  });

  it('is used also where it cannot be recorded a second time', async () => {
    writeFileSync(
      join(folder, 'easgate.yaml'),
      `store: { kind: embedded, path: ${mounted}/easgate.db, identityCopy: nowhere/file/copy.json }\n` +
        `workers: { pidFile: easgate.pid }\n`,
    );
    writeFileSync(join(folder, 'nowhere'), '');
    await serve();
    await serve();
  });

  it('is recorded where the configuration says', async () => {
    const copy = join(folder, 'keep', 'copy.json');
    mkdirSync(join(folder, 'keep'));
    writeFileSync(
      join(folder, 'easgate.yaml'),
      `store: { kind: embedded, path: ${mounted}/easgate.db, identityCopy: keep/copy.json }\n` +
        `workers: { pidFile: ${mounted}/easgate.pid }\n`,
    );
    await serve();
    expect(existsSync(copy)).toBe(true);
    unmount();
    await expect(serve()).rejects.toMatchObject({ code: 'EASGATE_STORE_MISSING' });
  });
});
