// Threat: whoever may write into a folder of a feed puts a pipe or a link in the place of a file (CWE-367), a file that grows as fast as it
// is read, or an archive that the scanner in front unpacks to another file; the feed then waits for ever, or reads what its sender may not.
import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { FilesAdapter, fileLines } from '../../src/feeds/files/files-adapter.ts';
import type { FolderFile } from '../../src/feeds/files/folder.ts';
import { fileAt } from '../../src/feeds/files/folder.ts';
import { contentOf } from '../../src/feeds/files/packed.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

const READING = { source: 'x', format: null, zone: 'UTC', order: null } as const;
const TABLE = 'id,managed,compliant\nApplX,yes,yes\n';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-no-files-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
});

const written = (name: string, content: string | Uint8Array): string => {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
};

const linesOf = (file: FolderFile): Promise<unknown[]> =>
  Array.fromAsync(fileLines({ ...READING, path: file.path }, file));

async function found(name: string): Promise<FolderFile> {
  const file = await fileAt(folder, name);
  if (file === null) throw new Error(`there is no ${name}`);
  return file;
}

describe('in the place of a file', () => {
  it('a link is not followed, though size and time are the same', async () => {
    const path = written('drop.csv', TABLE);
    const secret = written('.secret', TABLE.replace('ApplX', 'ApplS'));
    const file = await found('drop.csv');
    const { atime, mtime } = statSync(path);
    utimesSync(secret, atime, mtime);
    rmSync(path);
    symlinkSync(secret, path);
    await expect(linesOf(file)).rejects.toMatchObject({ code: 'EASGATE_FEED_ANSWER' });
  });

  it('a link that the configuration names is followed', async () => {
    symlinkSync(written('.export.csv', TABLE), join(folder, 'latest'));
    const adapter = new FilesAdapter({ ...READING, path: join(folder, 'latest'), newest: null });
    const parts = await Array.fromAsync(adapter.run(null, AbortSignal.timeout(60_000)));
    expect(parts).toMatchObject([{ lines: [{ type: 'device', id: 'applx' }] }]);
  });

  it('a pipe is refused, and waited for by nobody', async () => {
    const path = join(folder, 'pipe');
    execFileSync('mkfifo', [path]);
    await expect(contentOf(path)).rejects.toMatchObject({
      code: 'EASGATE_FILE',
      message: expect.stringContaining('is a pipe or a device') as string,
    });
    written('drop.csv', TABLE);
    const file = await found('drop.csv');
    renameSync(path, file.path);
    await expect(linesOf(file)).rejects.toMatchObject({ code: 'EASGATE_FEED_ANSWER' });
  });
});

it('a file that grows is read as long as it was, and nothing of it is used', async () => {
  const path = written('drop.csv', TABLE);
  const file = await found('drop.csv');
  const content = await contentOf(path);
  appendFileSync(path, TABLE);
  let read = 0;
  for await (const piece of content()) read += piece.length;
  expect(read).toBe(TABLE.length);
  await expect(linesOf(file)).rejects.toMatchObject({ code: 'EASGATE_FEED_ANSWER' });
});

interface Archived {
  readonly localName?: string;
  readonly method?: number;
  readonly files?: number;
  readonly comment?: Buffer;
  /** Of the unpacked file, as the archive says. */
  readonly size?: number;
  /** Bytes in front of it. */
  readonly before?: number;
}

const NAME = 'a.csv';

/** An archive with one stored file (APPNOTE 4.3). */
function archive(
  content: string,
  { localName = NAME, method = 0, files = 1, comment = Buffer.alloc(0), before = 0, size }: Archived = {},
): Buffer {
  const bytes = Buffer.from(content);
  const header = (written: string, itsMethod: number): Buffer => {
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(20, 0);
    fields.writeUInt16LE(itsMethod, 4);
    fields.writeUInt32LE(crc32(bytes), 10);
    fields.writeUInt32LE(bytes.length, 14);
    fields.writeUInt32LE(size ?? bytes.length, 18);
    fields.writeUInt16LE(written.length, 22);
    return fields;
  };
  const local = Buffer.concat([Buffer.from('PK\u0003\u0004'), header(localName, method), Buffer.from(localName), bytes]); // prettier-ignore
  const rest = Buffer.alloc(14);
  rest.writeUInt32LE(before, 10);
  const central = Buffer.concat([Buffer.from('PK\u0001\u0002'), Buffer.from([20, 0]), header(NAME, 0), rest, Buffer.from(NAME)]); // prettier-ignore
  const end = Buffer.alloc(22);
  end.write('PK\u0005\u0006', 'latin1');
  end.writeUInt16LE(files, 8);
  end.writeUInt16LE(files, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(before + local.length, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([local, central, end, comment]);
}

describe('an archive that two readers unpack differently', () => {
  const BLOCKED = TABLE.replace('yes,yes', 'no,no');
  const unpacked = async (bytes: Buffer): Promise<string> =>
    Buffer.concat(await Array.fromAsync((await contentOf(written('drop.zip', bytes)))())).toString();

  it('is one without any of these differences', async () => {
    expect(await unpacked(archive(TABLE))).toBe(TABLE);
    expect(await unpacked(archive(TABLE, { comment: Buffer.from('of PK\u0005\u0006') }))).toBe(TABLE);
  });

  it.each([
    ['a second end, of another file, in the comment of the first', (): Buffer => {
      const outer = archive(BLOCKED).length;
      return archive(BLOCKED, { comment: archive(TABLE, { before: outer }) });
    }], // prettier-ignore
    ['another name in front of the file', (): Buffer => archive(TABLE, { localName: 'b.csv' })],
    ['another method in front of the file', (): Buffer => archive(TABLE, { method: 8 })],
    ['fewer files in the directory than at its end', (): Buffer => archive(TABLE, { files: 2 })],
    ['bytes behind its end', (): Buffer => Buffer.concat([archive(TABLE), Buffer.from('x')])],
  ])('by %s is refused', async (_what, bytes) => {
    await expect(unpacked(bytes())).rejects.toMatchObject({ code: 'EASGATE_FILE' });
  });
});

it('an archive is not unpacked further than it says', async () => {
  const path = written('drop.zip', archive(TABLE.repeat(100_000), { size: TABLE.length }));
  const content = await contentOf(path);
  let read = 0;
  const unpacked = async (): Promise<void> => {
    for await (const piece of content()) read += piece.length;
  };
  await expect(unpacked()).rejects.toMatchObject({ code: 'EASGATE_FILE' });
  expect(read).toBe(0);
});
