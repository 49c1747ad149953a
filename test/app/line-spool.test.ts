// Owns the promises of the temporary file of a run: what is written is read as it was, as often as needed, and leaves nothing behind.
import { randomUUID } from 'node:crypto';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished, vi } from 'vitest';
import { LineSpool } from '../../src/app/line-spool.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

async function read<Line>(spool: LineSpool<Line>, size: number): Promise<readonly (readonly Line[])[]> {
  return Array.fromAsync(spool.batches(size));
}

it('lines are read as they were, in batches, more than once, and after more of them', async () => {
  const spool = new LineSpool<string>();
  onTestFinished(() => spool.close());
  expect(await read(spool, 2)).toEqual([]);
  const lines = ['a', 'two\nlines\r', 'of\u2028another\u2029kind', ''];
  for (const line of lines) await spool.add(line);
  for (let count = 0; count < 2; count++) expect(await read(spool, 3)).toEqual([lines.slice(0, 3), ['']]);
  await spool.add('b');
  expect((await read(spool, 100)).flat()).toEqual([...lines, 'b']);
});

it('a character is whole wherever the file is cut into pieces', async () => {
  const spool = new LineSpool<string>();
  onTestFinished(() => spool.close());
  const line = '€𝄞'.repeat(50_000);
  for (let count = 0; count < 3; count++) await spool.add(`${'x'.repeat(count)}${line}`);
  const back = (await read(spool, 1)).flat();
  expect(back.map((text, index) => text === `${'x'.repeat(index)}${line}`)).toEqual([true, true, true]);
});

it('a reader that stops early leaves the file usable', async () => {
  const spool = new LineSpool<number>();
  onTestFinished(() => spool.close());
  for (let count = 0; count < 200_000; count++) await spool.add(count);
  for await (const batch of spool.batches(10)) {
    expect(batch).toHaveLength(10);
    break;
  }
  expect((await read(spool, 1_000)).flat()).toHaveLength(200_000);
});

it('few lines need no folder of temporary files, many say what is wrong with it', async () => {
  const folder = join(tmpdir(), `easgate-missing-${randomUUID()}`);
  vi.stubEnv('TMPDIR', folder);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  const spool = new LineSpool<string>();
  onTestFinished(() => spool.close());
  await spool.add('PHONE1');
  expect(await read(spool, 1)).toEqual([['PHONE1']]);
  await expect(spool.add('x'.repeat(300_000))).rejects.toMatchObject({
    code: 'EASGATE_TEMPORARY_FILES',
    message: expect.stringContaining(`there is no ${folder}`) as string,
  });
});
