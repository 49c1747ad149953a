// Threat: whoever may write into a folder of a feed, or may import, gives a file that takes hours to read, or a small archive that unpacks
// to a very large one (CWE-409): other feeds wait, or the disk fills up.
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { FilesAdapter } from '../../src/feeds/files/files-adapter.ts';
import { readPath } from '../feeds/read-lines.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

const MEGABYTE = 1_048_576;
const TABLE = 'id,managed,compliant,model\nApplX,yes,yes,Pixel\n';
const ROW = `ApplY,yes,yes,${'x'.repeat(20_000)}\n`;
const LARGE = TABLE + ROW.repeat(Math.ceil(MEGABYTE / ROW.length));

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-large-files-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
});

const written = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

const run = (path: string, maxMegabytes?: number): Promise<unknown[]> => {
  const adapter = new FilesAdapter({
    path,
    source: 'mdm',
    format: null,
    newest: null,
    zone: 'UTC',
    order: null,
    ...(maxMegabytes !== undefined && { maxMegabytes }),
  });
  return Array.fromAsync(adapter.run(null, new AbortController().signal));
};

describe('of a feed, a file larger than maxMegabytes', () => {
  it.each([
    ['plain', LARGE],
    ['packed by gzip', gzipSync(LARGE)],
  ])('fails the run, %s', async (_how, content) => {
    const path = written('export.csv', content);
    await expect(run(path, 1)).rejects.toMatchObject({
      code: 'EASGATE_FEED_SIZE',
      message: expect.stringContaining('larger than 1 MB, unpacked') as string,
    });
    expect(await run(path, 2)).not.toEqual([]);
  });
});

describe('without another limit, 8,192 MB are the most', () => {
  it('of a plain file, which is refused before it is read', async () => {
    const path = written('export.csv', TABLE);
    // A hole takes no place on the disk.
    truncateSync(path, 8_192 * MEGABYTE + 1);
    await expect(readPath(path)).rejects.toMatchObject({ code: 'EASGATE_FILE_SIZE' });
    await expect(run(path)).rejects.toMatchObject({ code: 'EASGATE_FEED_SIZE' });
  });
});

describe('an archive that unpacks to 200 times its size', () => {
  it('is read no further', async () => {
    const path = written('export.csv', gzipSync(TABLE + ' '.repeat(72 * MEGABYTE)));
    await expect(readPath(path)).rejects.toMatchObject({
      code: 'EASGATE_FILE',
      message: expect.stringContaining('more than 200 times its size') as string,
    });
  });
});

it('a file of brackets is one record that is nested too deep: not each bracket is kept', async () => {
  const depth = 200_000;
  const path = written(
    'brackets.json',
    `${'['.repeat(depth)}${']'.repeat(depth)}\n{"id":"ApplX","managed":true}\n`,
  );
  const { devices, refused } = await readPath(path, { format: 'ndjson' });
  expect([devices.map(({ id }) => id), refused.map(({ reason }) => reason)]).toEqual([
    ['applx'],
    ['the record is nested deeper than 64'],
  ]);
});
