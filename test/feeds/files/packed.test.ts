// Owns the promises about packed files: an archive with one file is read as that file, and any other is refused with what to do.
import { crc32, deflateRawSync, gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { readContent } from '../read-lines.ts';

const TABLE = 'DeviceId,DeviceAccessState\nApplX,Allowed\nApplY,Blocked\n';

interface Packed {
  readonly name: string;
  readonly content: string | Buffer;
  readonly isStored?: boolean;
  readonly flags?: number;
  readonly crc?: number;
  readonly size?: number;
}

/** A ZIP archive (APPNOTE 4.3): for each file its header and its bytes, then the directory and the end. */
function zip(files: readonly Packed[], comment = ''): Buffer {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let place = 0;
  for (const { name, content, isStored = false, flags = 0, crc, size } of files) {
    const bytes = Buffer.from(content);
    const packed = isStored ? bytes : deflateRawSync(bytes);
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(flags, 2);
    common.writeUInt16LE(isStored ? 0 : 8, 4);
    common.writeUInt32LE(crc ?? crc32(bytes), 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(size ?? bytes.length, 18);
    common.writeUInt16LE(Buffer.byteLength(name), 22);
    const local = Buffer.concat([Buffer.from('PK\u0003\u0004'), common, Buffer.from(name), packed]);
    const rest = Buffer.alloc(14);
    rest.writeUInt32LE(place, 10);
    directory.push(
      Buffer.concat([Buffer.from('PK\u0001\u0002'), Buffer.from([20, 0]), common, rest, Buffer.from(name)]),
    );
    locals.push(local);
    place += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\u0005\u0006', 'latin1');
  end.writeUInt16LE(files.length, 8);
  end.writeUInt16LE(files.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(place, 16);
  end.writeUInt16LE(comment.length, 20);
  return Buffer.concat([...locals, central, end, Buffer.from(comment)]);
}

const idsOf = async (bytes: Buffer): Promise<(string | null)[]> =>
  (await readContent(bytes)).devices.map(({ id }) => id);

describe('an archive with one file', () => {
  it.each([
    ['deflated', [{ name: 'export.csv', content: TABLE }], ''],
    ['stored', [{ name: 'export.csv', content: TABLE, isStored: true }], ''],
    ['in a folder, with a comment behind it', [{ name: 'a/', content: '', isStored: true }, { name: 'a/export.csv', content: TABLE }], 'made by hand'], // prettier-ignore
    ['with files that macOS and Windows add', [{ name: '__MACOSX/._export.csv', content: 'x' }, { name: 'export.csv', content: TABLE }, { name: '.DS_Store', content: 'x' }, { name: 'Thumbs.db', content: 'x' }], ''], // prettier-ignore
    ['in UTF-16', [{ name: 'export.csv', content: Buffer.from(`\ufeff${TABLE}`, 'utf16le') }], ''],
  ] satisfies [string, Packed[], string][])('%s is read as the file', async (_what, files, comment) => {
    expect(await idsOf(zip(files, comment))).toEqual(['applx', 'apply']);
  });

  it('is read to its end, however long it is', async () => {
    const rows = Array.from({ length: 3_000 }, (_, row) => `Appl${row},Allowed,${'model '.repeat(40)}`);
    const long = `DeviceId,DeviceAccessState,DeviceModel\n${rows.join('\n')}\n`;
    expect(await idsOf(zip([{ name: 'export.csv', content: long }]))).toHaveLength(rows.length);
    expect(await idsOf(gzipSync(long))).toHaveLength(rows.length);
  });

  it('may have dates that need a second reading', async () => {
    const dated =
      'DeviceId,DeviceAccessState,LastSuccessSync\nApplX,Allowed,3/2/2026\nApplY,Allowed,11/20/2026\n';
    const { devices } = await readContent(zip([{ name: 'export.csv', content: dated }]));
    expect(devices.map(({ lastCheckIn }) => lastCheckIn)).toEqual([
      '2026-03-02T00:00:00Z',
      '2026-11-20T00:00:00Z',
    ]);
  });
});

describe('an archive is refused that', () => {
  it.each([
    ['has several files', zip([{ name: 'a.csv', content: TABLE }, { name: 'b.csv', content: TABLE }]), 'has 2 files (a.csv, b.csv)'], // prettier-ignore
    ['has none', zip([]), 'has no file'],
    ['is a workbook', zip([{ name: '[Content_Types].xml', content: '<Types/>' }, { name: 'xl/workbook.xml', content: 'x' }]), 'an Excel workbook'], // prettier-ignore
    ['is encrypted', zip([{ name: 'a.csv', content: TABLE, flags: 1 }]), 'is encrypted'],
    ['has bytes that were changed', zip([{ name: 'a.csv', content: TABLE, crc: 1 }]), 'is damaged'],
    ['has another size than it says', zip([{ name: 'a.csv', content: TABLE, size: 3 }]), 'is damaged'],
    ['was cut off', zip([{ name: 'a.csv', content: TABLE }]).subarray(0, -30), 'is damaged'],
    ['was cut off, of gzip', gzipSync(TABLE.repeat(500)).subarray(0, -20), 'is damaged'],
    ['has an archive in it', zip([{ name: 'a.zip', content: zip([{ name: 'a.csv', content: TABLE }]) }]), 'within an archive'], // prettier-ignore
    ['is packed twice', gzipSync(gzipSync(TABLE)), 'packed twice'],
  ])('%s', async (_what, bytes, message) => {
    await expect(readContent(bytes)).rejects.toThrow(message);
  });
});
