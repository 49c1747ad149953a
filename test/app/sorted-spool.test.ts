// Owns the promises of the sorted temporary file of a run: its lines are read in the order of their keys, as often as needed, and leave nothing behind.
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { SortedSpool } from '../../src/app/sorted-spool.ts';
import type { Placed } from '../../src/app/sorted-spool.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

interface Line {
  readonly key: string;
  readonly text: string;
}

function spooled(): SortedSpool<Line> {
  const spool = new SortedSpool<Line>(({ key }) => key);
  onTestFinished(() => spool.close());
  return spool;
}

async function read(spool: SortedSpool<Line>): Promise<readonly Placed<Line>[]> {
  return (await Array.fromAsync(spool.batches(500))).flat();
}

/** The lines as they are to be read: by key, and those of one key in their order. */
function inOrder(lines: readonly Line[]): readonly Placed<Line>[] {
  return lines
    .map((line, place) => ({ line, place }))
    .sort((a, b) => (a.line.key < b.line.key ? -1 : a.line.key > b.line.key ? 1 : a.place - b.place));
}

it('few lines are read in the order of their keys, more than once, and after more of them', async () => {
  const spool = spooled();
  expect(await read(spool)).toEqual([]);
  const lines = [
    { key: 'b', text: 'two\nlines\r' },
    { key: 'a', text: 'of\u2028another\u2029kind' },
    { key: 'b', text: '' },
  ];
  for (const line of lines) await spool.add(line);
  for (let count = 0; count < 2; count++) expect(await read(spool)).toEqual(inOrder(lines));
  const last = { key: 'a', text: '1 2' };
  await spool.add(last);
  expect(await read(spool)).toEqual(inOrder([...lines, last]));
});

it('many lines are read in the order of their keys, those of one key in the order in which they were added', async () => {
  const spool = spooled();
  // Keys that return in every section of the file.
  const lines = Array.from({ length: 60_000 }, (_, at) => ({
    key: String((at * 7_919) % 20_011),
    text: `${at} €𝄞`.padEnd(100, 'x'),
  }));
  for (const line of lines) await spool.add(line);
  const expected = inOrder(lines);
  for (let count = 0; count < 2; count++) expect(await read(spool)).toEqual(expected);
  const last = { key: '0', text: 'last' };
  await spool.add(last);
  expect(await read(spool)).toEqual(inOrder([...lines, last]));
});

it('a character is whole wherever the file is cut into pieces', async () => {
  const spool = spooled();
  const text = '€𝄞'.repeat(200_000);
  const lines = Array.from({ length: 8 }, (_, at) => ({ key: String(9 - at), text: 'x'.repeat(at) + text }));
  for (const line of lines) await spool.add(line);
  const back = await read(spool);
  expect(back.map(({ place }) => place)).toEqual([7, 6, 5, 4, 3, 2, 1, 0]);
  expect(back.every(({ line, place }) => line.text === lines[place]?.text)).toBe(true);
});

it('batches have the size that was asked for, but the last one', async () => {
  const spool = spooled();
  for (let at = 0; at < 50_001; at++) await spool.add({ key: String(at), text: 'x'.repeat(100) });
  const sizes = (await Array.fromAsync(spool.batches(1_000))).map(({ length }) => length);
  expect(sizes).toEqual([...Array<number>(50).fill(1_000), 1]);
});

it('a reader that stops early leaves the file usable', async () => {
  const spool = spooled();
  for (let at = 0; at < 50_000; at++) await spool.add({ key: String(at % 100), text: 'x'.repeat(100) });
  for await (const batch of spool.batches(10)) {
    expect(batch).toHaveLength(10);
    break;
  }
  expect(await read(spool)).toHaveLength(50_000);
});

it('few lines need no folder for temporary files; where many do, the error says what is wrong with it', async () => {
  const folder = join(tmpdir(), `easgate-missing-${randomUUID()}`);
  vi.stubEnv('TMPDIR', folder);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  const spool = spooled();
  await spool.add({ key: 'PHONE1', text: '' });
  expect(await read(spool)).toHaveLength(1);
  await expect(spool.add({ key: 'PHONE2', text: 'x'.repeat(3_000_000) })).rejects.toMatchObject({
    code: 'EASGATE_TEMPORARY_FILES',
    message: expect.stringContaining(`there is no ${folder}`) as string,
  });
});
