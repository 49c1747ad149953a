// Owns the promises of a watched folder, and of the newest file of a folder: what is read, when, and only once.
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { FeedAdapter } from '../../../src/feeds/contract.ts';
import { FilesAdapter, fileLines } from '../../../src/feeds/files/files-adapter.ts';
import { watchedFolder } from '../../../src/feeds/files/watched-folder.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';

checkLeaks();

let folder: string;
let now: number;
/** Called while a run waits for files to settle. */
let meanwhile: () => void;
let waits: number[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-watched-'));
  now = 1_800_000_000_000;
  meanwhile = () => undefined;
  waits = [];
});
afterEach(() => rmSync(folder, { recursive: true }));

const clock = {
  now: () => now,
  wait: (ms: number) => {
    waits.push(ms);
    meanwhile();
    return Promise.resolve();
  },
  random: () => 0.5,
};

/** Writes a file that is `age` seconds older than the newest one. */
function drop(name: string, ids: readonly string[], age = 0): void {
  writeFileSync(join(folder, name), `id,managed,compliant\n${ids.map((id) => `${id},true,true\n`).join('')}`);
  utimesSync(join(folder, name), 1_790_000_000 - age, 1_790_000_000 - age);
}

const READING = { source: 'mdm', format: null, zone: 'UTC', order: null } as const;

function feed(moves = false): FeedAdapter {
  const linesOf = (file: Parameters<typeof fileLines>[1]) => fileLines({ ...READING, path: folder }, file);
  return watchedFolder({ path: folder, settleMs: 5_000, moves, linesOf }, clock);
}

interface Run {
  readonly ids: readonly string[];
  readonly cursor: string | null;
}

/** Ids of devices; of a refused file why. */
async function run(cursor: string | null = null, adapter = feed()): Promise<Run> {
  const ids: string[] = [];
  let next: string | null = null;
  for await (const part of adapter.run(cursor, new AbortController().signal)) {
    for (const line of part.lines)
      ids.push(line.type === 'device' ? (line.id ?? '') : line.type === 'refused' ? line.reason : line.type);
    next = part.cursor ?? next;
  }
  return { ids, cursor: next };
}

describe('a watched folder', () => {
  it('has each file read once, the oldest first, and again when it changed', async () => {
    drop('b.csv', ['B'], 20);
    drop('a.csv', ['A'], 10);
    const first = await run();
    expect(first.ids).toEqual(['b', 'a']);
    expect((await run(first.cursor)).ids).toEqual([]);
    drop('b.csv', ['B2', 'B3']);
    drop('c.csv', ['C'], 5);
    const third = await run(first.cursor);
    expect(third.ids).toEqual(['c', 'b2', 'b3']);
    expect((await run(third.cursor)).ids).toEqual([]);
  });

  it('never removes, and needs no full run', () => {
    expect(feed()).toMatchObject({ complete: [], keepsCursor: true });
  });

  it('has a file that is still being written read in a later run', async () => {
    drop('a.csv', ['A'], 10);
    drop('b.csv', ['B'], 5);
    meanwhile = () => drop('b.csv', ['B', 'C']);
    const { ids, cursor } = await run();
    expect(ids).toEqual(['a']);
    meanwhile = () => undefined;
    expect((await run(cursor)).ids).toEqual(['b', 'c']);
    expect(waits).toEqual([5_000, 5_000]);
  });

  it('fails the run where a file changes while it is read', async () => {
    drop('a.csv', ['A', 'B']);
    const adapter = feed();
    const work = async (): Promise<void> => {
      for await (const { lines } of adapter.run(null, new AbortController().signal))
        if (lines.length > 0) drop('a.csv', ['A', 'B', 'C'], 3);
    };
    await expect(work()).rejects.toMatchObject({ code: expect.stringContaining('EASGATE_FEED_') });
  });

  it('refuses a file that is not read to its end, and reads the others', async () => {
    writeFileSync(join(folder, 'cut.json'), '[{"id":"CUT1","managed":true},{"id":"CU');
    writeFileSync(join(folder, 'page.html'), '<!doctype html><title>Sign in</title>');
    drop('good.csv', ['GOOD']);
    const { ids, cursor } = await run();
    expect(ids).toHaveLength(3);
    expect(ids).toEqual(
      expect.arrayContaining([
        'good',
        expect.stringContaining('cut off'),
        expect.stringContaining('web page'),
      ]),
    );
    expect((await run(cursor)).ids).toEqual([]);
    now += 3_600_000;
    expect((await run(cursor)).ids).toHaveLength(2);
  });

  it('keeps its files where they are, unless they are to be moved', async () => {
    drop('a.csv', ['A']);
    const { cursor } = await run();
    await feed().applied?.(cursor);
    expect(readdirSync(folder)).toEqual(['a.csv']);
  });

  it('moves what was read once the run was applied, and overwrites nothing', async () => {
    for (const id of ['A', 'B']) {
      drop('a.csv', [id], id === 'A' ? 9 : 0);
      writeFileSync(join(folder, 'bad.html'), '<html>');
      const { cursor } = await run(null, feed(true));
      expect(readdirSync(folder)).toContain('a.csv');
      await feed(true).applied?.(cursor);
    }
    expect(readdirSync(join(folder, 'done'))).toEqual(['a.csv', 'a.csv.2']);
    expect(readdirSync(join(folder, 'failed'))).toEqual(['bad.html', 'bad.html.2']);
    expect(readFileSync(join(folder, 'done', 'a.csv'), 'utf8')).toContain('A,true');
    expect((await run(null, feed(true))).ids).toEqual([]);
  });

  it('does not move what changed after it was read', async () => {
    drop('a.csv', ['A'], 9);
    const { cursor } = await run(null, feed(true));
    drop('a.csv', ['A', 'B']);
    await feed(true).applied?.(cursor);
    expect(readdirSync(folder)).toEqual(['a.csv']);
    expect((await run(cursor)).ids).toEqual(['a', 'b']);
  });

  it('reads a file again that was away meanwhile', async () => {
    drop('a.csv', ['A']);
    const first = await run();
    renameSync(join(folder, 'a.csv'), join(folder, '.a.csv'));
    const second = await run(first.cursor);
    renameSync(join(folder, '.a.csv'), join(folder, 'a.csv'));
    expect((await run(second.cursor)).ids).toEqual(['a']);
  });

  // Threat: a link in the folder that has another file of the host read (CWE-59).
  it('follows no links, and leaves out folders and names that begin with a dot', async () => {
    const outside = mkdtempSync(join(tmpdir(), 'easgate-outside-'));
    writeFileSync(join(outside, 'secret.csv'), 'id,managed\nSECRET,true\n');
    symlinkSync(join(outside, 'secret.csv'), join(folder, 'link.csv'));
    symlinkSync(outside, join(folder, 'folder'));
    mkdirSync(join(folder, 'done'));
    drop('.draft.csv', ['DRAFT']);
    drop('a.csv', ['A']);
    expect((await run()).ids).toEqual(['a']);
    rmSync(outside, { recursive: true });
  });

  it('reads everything again where its cursor is damaged', async () => {
    drop('a.csv', ['A']);
    for (const cursor of ['', '{', '{"version":2}', '{"version":1,"files":{"a.csv":[1]}}'])
      expect((await run(cursor)).ids).toEqual(['a']);
  });

  it('is a folder', async () => {
    drop('a.csv', ['A']);
    const linesOf = (file: Parameters<typeof fileLines>[1]) => fileLines({ ...READING, path: folder }, file);
    const adapter = watchedFolder({ path: join(folder, 'a.csv'), settleMs: 0, moves: false, linesOf }, clock);
    await expect(run(null, adapter)).rejects.toThrow('is no folder');
  });
});

describe('the newest file of a folder', () => {
  const newest = (): FeedAdapter =>
    new FilesAdapter({ ...READING, path: folder, newest: { settleMs: 5_000 }, clock });

  it('is the whole set', async () => {
    drop('monday.csv', ['A', 'B'], 10);
    drop('sunday.csv', ['C'], 20);
    expect(newest().complete).toContain('device');
    expect((await run(null, newest())).ids).toEqual(['a', 'b']);
  });

  it('is the one before, while it is being written', async () => {
    drop('monday.csv', ['A'], 10);
    drop('tuesday.csv', ['B'], 5);
    meanwhile = () => drop('tuesday.csv', ['B', 'C']);
    expect((await run(null, newest())).ids).toEqual(['a']);
    rmSync(join(folder, 'monday.csv'));
    meanwhile = () => drop('tuesday.csv', ['B', 'C', 'D']);
    await expect(run(null, newest())).rejects.toThrow('still being written');
  });
});
