// Owns the promises about tables: cells as they were written, the line of each record, and one damaged line is one line.
import { Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MAX_RECORD, csvRecords } from '../../../src/feeds/files/csv.ts';
import type { CsvRecord } from '../../../src/feeds/files/csv.ts';

async function records(text: string, delimiter = ',', size = text.length): Promise<CsvRecord[]> {
  const found: CsvRecord[] = [];
  for await (const record of csvRecords(pieces(text, Math.max(1, size)), { delimiter })) found.push(record);
  return found;
}

function pieces(text: string, size: number): AsyncIterable<string> {
  const count = Math.ceil(text.length / size);
  return Readable.from(
    Array.from({ length: count }, (_, index) => text.slice(index * size, (index + 1) * size)),
  );
}

const cells = (found: readonly CsvRecord[]): (readonly string[] | null)[] => found.map((one) => one.cells);

describe('a table', () => {
  it('has the line of each record, with line ends of every kind and in quoted cells', async () => {
    const found = await records('a,b\r\n"x\r\ny",1\r\n\r\nz,2\n"q\n\nr","3"\rw,4');
    expect(found.map(({ line, cells: row }) => [line, row])).toEqual([
      [1, ['a', 'b']],
      [2, ['x\ny', '1']],
      [5, ['z', '2']],
      [6, ['q\n\nr', '3']],
      [9, ['w', '4']],
    ]);
  });

  it('is read back as it was written, in pieces of any size', async () => {
    const cell = fc.string({ unit: fc.constantFrom('a', 'ü', ' ', ',', ';', '"', '\n', '.') });
    const rows = fc.array(fc.array(cell, { minLength: 2, maxLength: 4 }), { minLength: 1, maxLength: 8 });
    await fc.assert(
      fc.asyncProperty(
        rows,
        fc.integer({ min: 1, max: 20 }),
        fc.constantFrom(',', ';'),
        async (table, size, delimiter) => {
          const text = table
            .map((row) => row.map((one) => `"${one.replaceAll('"', '""')}"`).join(delimiter))
            .join('\r\n');
          expect(cells(await records(text, delimiter, size))).toEqual(table);
        },
      ),
    );
  });

  it('never throws, and gives each line away once', async () => {
    const text = fc.string({ unit: fc.constantFrom('a', '"', ',', '\n', '\r', ' ') });
    await fc.assert(
      fc.asyncProperty(text, fc.integer({ min: 1, max: 9 }), async (written, size) => {
        const lines = (await records(written, ',', size)).map(({ line }) => line);
        expect(lines).toEqual([...new Set(lines)].sort((one, other) => one - other));
      }),
    );
  });
});

describe('a quote that is not closed', () => {
  it('takes no line behind it along', async () => {
    const found = await records('"a","b"\n"1","2\n"3","4"\n"5","6"\n');
    expect(cells(found)).toEqual([['a', 'b'], null, ['3', '4'], ['5', '6']]);
    expect(found[1]?.reason).toContain('not closed');
  });

  it('on the last line is a file that was cut off', async () => {
    const found = await records('a,b\n1,"2');
    expect(found.map(({ line, reason }) => [line, reason])).toEqual([
      [1, ''],
      [2, 'a quote on this line is not closed (is the file cut off?)'],
    ]);
  });

  it('that is too long and has no end is refused too', async () => {
    const found = await records(`a,b\n${'x'.repeat(MAX_RECORD + 1)}`);
    expect(found.map(({ line, cells: read }) => [line, read === null])).toEqual([
      [1, false],
      [2, true],
    ]);
  });

  it('is given up after many lines, which are then read by themselves', async () => {
    const rows = Array.from({ length: 1_000 }, (_, index) => `${index},x`);
    const found = await records(['a,b', '"open,1', ...rows].join('\n'));
    expect(found.filter((one) => one.cells === null)).toHaveLength(1);
    expect(found).toHaveLength(1_002);
  });
});

describe('a line', () => {
  it('with a quote in the middle of a cell is taken as it is', async () => {
    expect(cells(await records('a,b\n5" screen,1\n'))).toEqual([
      ['a', 'b'],
      ['5" screen', '1'],
    ]);
  });

  it('that is far too long is refused, and the next one is read', async () => {
    const found = await records(`a,b\n${'x'.repeat(MAX_RECORD * 2)},1\n2,3\n`, ',', 65_536);
    expect(cells(found)).toEqual([['a', 'b'], null, ['2', '3']]);
  });
});
