// Owns the promises of watched files: a run is asked for once a new file is complete, and for nothing else.
import { appendFileSync, mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { watchFiles } from '../../../src/feeds/files/watch-files.ts';
import type { WatchedFiles } from '../../../src/feeds/files/watch-files.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { until } from '../../support/checks/until.ts';

checkLeaks();

/** Waits of {@link WatchedFiles.settleMs} end when the test says so; longer ones with the signal. */
const SETTLE_MS = 5_000;

let folder = '';
let closing: AbortController;
let asked = 0;
let looks: (() => void)[] = [];
let longWaits: (() => void)[] = [];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-watch-'));
  closing = new AbortController();
  [asked, looks, longWaits] = [0, [], []];
});
afterEach(() => {
  closing.abort();
  rmSync(folder, { recursive: true, force: true });
});

const clock = {
  now: () => Date.now(),
  wait: (ms: number, signal: AbortSignal) =>
    new Promise<void>((resolve, reject) => {
      // The watch of the test before ends meanwhile.
      if (signal.aborted) {
        reject(signal.reason as Error);
        return;
      }
      (ms === SETTLE_MS ? looks : longWaits).push(resolve);
      signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
    }),
  random: () => 0.5,
};

/** Resolves once it is watched. */
async function watching(more: Partial<WatchedFiles> = {}): Promise<void> {
  watchFiles(
    { path: folder, settleMs: SETTLE_MS, noticesRemovals: false, clock, ...more },
    () => asked++,
    closing.signal,
  );
  await until(() => longWaits.length > 0, 'the watch');
}

/** The next look, once there was an event. */
async function look(): Promise<void> {
  await until(() => looks.length > 0, 'a look');
  looks.shift()?.();
}

const at = (name: string): string => join(folder, name);

describe('a folder that is watched', () => {
  it('asks for a run once two looks at a new file are the same', async () => {
    await watching();
    writeFileSync(at('a.csv'), 'id\n');
    await look();
    await until(() => asked === 1, 'a run');
    writeFileSync(at('b.csv'), 'id\n');
    await look();
    await until(() => asked === 2, 'another run');
  });

  it('waits while a file grows, and asks once', async () => {
    await watching();
    writeFileSync(at('a.csv'), 'id\n');
    for (let piece = 0; piece < 3; piece++) {
      await until(() => looks.length > 0, 'a look');
      appendFileSync(at('a.csv'), `piece${piece}\n`);
      await look();
      expect(asked).toBe(0);
    }
    await look();
    await until(() => asked === 1, 'a run');
    expect(looks).toEqual([]);
  });

  it.each([
    [false, 1],
    [true, 0],
  ])(
    'a file that grows without end does not hold up another one, unless they are a whole set: %s',
    async (noticesRemovals, runs) => {
      await watching({ noticesRemovals });
      writeFileSync(at('endless.csv'), 'id\n');
      writeFileSync(at('whole.csv'), 'id\n');
      for (let piece = 0; piece < 4; piece++) {
        await until(() => looks.length > 0, 'a look');
        appendFileSync(at('endless.csv'), `piece${piece}\n`);
        await look();
      }
      await until(() => looks.length > 0, 'a look');
      expect(asked).toBe(runs);
    },
  );

  it('asks for a file that gets its name when it is complete, and not for the one with a dot before', async () => {
    await watching();
    writeFileSync(at('.a.csv'), 'id\n');
    await look();
    await until(() => looks.length === 0, 'the end of the looks');
    renameSync(at('.a.csv'), at('a.csv'));
    await until(async () => {
      looks.shift()?.();
      return Promise.resolve(asked === 1);
    }, 'a run');
  });

  it.each([
    [true, 1],
    [false, 0],
  ])('a file that goes away is news where the files are a whole set: %s', async (noticesRemovals, runs) => {
    writeFileSync(at('a.csv'), 'id\n');
    writeFileSync(at('b.csv'), 'id\n');
    await watching({ noticesRemovals });
    rmSync(at('b.csv'));
    await look();
    if (runs === 0) {
      // The next news come behind it.
      writeFileSync(at('c.csv'), 'id\n');
      await look();
      await until(() => asked === 1, 'the run for the next file');
    } else await until(() => asked === runs, 'a run');
  });

  // File systems give the new one the same inode number.
  it('is watched again where another folder took its place, and what came meanwhile is read', async () => {
    await watching();
    renameSync(folder, `${folder}-old`);
    rmSync(`${folder}-old`, { recursive: true });
    mkdirSync(folder);
    for (const [runs, name] of ['a.csv', 'b.csv'].entries()) {
      writeFileSync(at(name), 'id\n');
      await until(() => {
        longWaits.shift()?.();
        looks.shift()?.();
        return asked > runs;
      }, 'a run');
      expect(asked).toBe(runs + 1);
    }
  });
});

it('a file is watched by its name: another file beside it asks for nothing, a new one in its place does', async () => {
  writeFileSync(at('a.csv'), 'id\n');
  await watching({ path: at('a.csv'), noticesRemovals: true });
  writeFileSync(at('b.csv'), 'id\n');
  writeFileSync(at('new'), 'id\nApplX\n');
  renameSync(at('new'), at('a.csv'));
  await look();
  await until(() => asked === 1, 'a run');
});

it('a folder that is missing is watched once it is there', async () => {
  const path = at('later');
  watchFiles({ path, settleMs: SETTLE_MS, noticesRemovals: false, clock }, () => asked++, closing.signal);
  await until(() => longWaits.length > 0, 'the first try');
  mkdirSync(path);
  longWaits.shift()?.();
  await until(() => longWaits.length > 0, 'the watch');
  writeFileSync(join(path, 'a.csv'), 'id\n');
  await look();
  await until(() => asked === 1, 'a run');
});
