// Owns the promises of reading lines of standard input.
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { inputLines } from '../../src/cli/input-lines.ts';

async function linesOf(chunks: readonly Buffer[], longest = 1_000): Promise<string[]> {
  const lines: string[] = [];
  for await (const line of inputLines(Readable.from(chunks) as AsyncIterable<Buffer>, longest))
    lines.push(line);
  return lines;
}

/** A buffer in pieces of at most `size` bytes. */
function pieces(whole: Buffer, size: number): Buffer[] {
  return Array.from({ length: Math.ceil(whole.length / size) }, (_, index) =>
    whole.subarray(index * size, (index + 1) * size),
  );
}

describe('lines of an input', () => {
  it('are the same however the input is cut into pieces', async () => {
    const line = fc.string({
      unit: fc.constantFrom('a', 'é', '😀', '\u2028', ' '),
      minLength: 1,
      maxLength: 8,
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(line, { minLength: 1 }),
        fc.integer({ min: 1, max: 5 }),
        fc.constantFrom('\n', '\r\n'),
        async (lines, size, end) => {
          expect(await linesOf(pieces(Buffer.from(lines.join(end)), size))).toEqual(lines);
        },
      ),
    );
  });

  it('are given also where they are empty, but for one after the last line end', async () => {
    expect(await linesOf([Buffer.from('a\n\nb\n')])).toEqual(['a', '', 'b']);
  });

  it('keep one character more than the longest, so that a longer line shows', async () => {
    expect(await linesOf(pieces(Buffer.from(`${'x'.repeat(50)}\nok`), 7), 10)).toEqual([
      'x'.repeat(11),
      'ok',
    ]);
  });
});
