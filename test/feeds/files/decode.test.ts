// Owns the promises about encodings: what PowerShell, spreadsheets and browsers write is read without being told.
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decode } from '../../../src/feeds/files/decode.ts';
import type { DecodeNotes } from '../../../src/feeds/files/decode.ts';

async function decoded(
  bytes: Uint8Array,
  piece = bytes.length,
): Promise<{ text: string; notes: DecodeNotes }> {
  const notes: DecodeNotes = { encoding: 'ascii', replaced: false };
  let text = '';
  for await (const part of decode(pieces(bytes, Math.max(1, piece)), notes)) text += part;
  return { text, notes };
}

function pieces(bytes: Uint8Array, size: number): AsyncIterable<Uint8Array> {
  const count = Math.ceil(bytes.length / size);
  return Readable.from(
    Array.from({ length: count }, (_, index) => bytes.subarray(index * size, (index + 1) * size)),
  );
}

const utf16 = (text: string, mark: boolean): Buffer =>
  Buffer.concat([Buffer.from(mark ? [0xff, 0xfe] : []), Buffer.from(text, 'utf16le')]);

describe('a file', () => {
  const TEXT = 'DeviceId;Name\r\nApplX;Müller, Jörg – 5 €\r\n';

  it.each([
    ['UTF-8', Buffer.from(TEXT), 'utf-8'],
    ['UTF-8 with a mark', Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(TEXT)]), 'utf-8'],
    ['UTF-16LE with a mark', utf16(TEXT, true), 'utf-16le'],
    ['UTF-16LE without a mark', utf16(TEXT, false), 'utf-16le'],
    ['UTF-16BE with a mark', utf16(TEXT, true).swap16(), 'utf-16be'],
    [
      'Windows-1252',
      Buffer.from(TEXT.replace('–', '\u0096').replace('€', '\u0080'), 'latin1'),
      'windows-1252',
    ],
  ] as const)('in %s is read, in pieces of any size', async (_, bytes, encoding) => {
    for (const size of [1, 2, 3, 5, 7, 64, bytes.length]) {
      const { text, notes } = await decoded(bytes, size);
      expect([text, notes.encoding, notes.replaced]).toEqual([TEXT, encoding, false]);
    }
  });

  it('of ASCII alone up to a late letter is Windows-1252 or UTF-8 by that letter', async () => {
    const start = 'a,b\n'.repeat(50_000);
    const late = Buffer.concat([Buffer.from(start), Buffer.from([0xfc, 0x0a])]);
    expect((await decoded(late, 65_536)).text.endsWith('ü\n')).toBe(true);
    expect((await decoded(Buffer.from(`${start}ü\n`), 65_536)).text.endsWith('ü\n')).toBe(true);
  });

  it('in UTF-8 with a damaged byte is read on, and that is noted', async () => {
    const { text, notes } = await decoded(
      Buffer.concat([Buffer.from('ü'), Buffer.from([0xff]), Buffer.from('x')]),
    );
    expect([text, notes.replaced]).toEqual(['ü\ufffdx', true]);
  });

  it.each([
    ['a ZIP archive', [0x50, 0x4b, 0x03, 0x04, 0, 0]],
    ['compressed', [0x1f, 0x8b, 8, 0, 0, 0]],
    ['a property list in binary form', [...Buffer.from('bplist00'), 1, 2]],
    ['binary', [1, 2, 0, 0, 0, 5, 6, 0, 0, 9]],
    ['packed by 7-Zip', [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c]],
    ['packed by zstd', [0x28, 0xb5, 0x2f, 0xfd, 4]],
    ['a picture', [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a]],
    ['encrypted', Array.from({ length: 500 }, (_none, index) => ((index * 7_919) % 255) + 1)],
  ])('that is %s is refused with what to do', async (_, bytes) => {
    await expect(decoded(Uint8Array.from(bytes))).rejects.toThrow(/the file is/);
  });

  it('of any text in UTF-8 or UTF-16 is read back, in pieces of any size', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: 'grapheme' }),
        fc.integer({ min: 1, max: 9 }),
        async (tail, size) => {
          // Exports begin with a header in ASCII.
          const text = `DeviceId,DeviceName\n${tail.replaceAll('\0', '')}`;
          expect((await decoded(Buffer.from(text), size)).text).toBe(text);
          expect((await decoded(utf16(text, true), size)).text).toBe(text);
        },
      ),
    );
  });
});
