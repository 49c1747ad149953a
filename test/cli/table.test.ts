// Owns the promises of tables: aligned, uncut in a pipe, no wider than a terminal.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fitTable, table, widthOf } from '../../src/cli/table.ts';
import type { Column } from '../../src/cli/table.ts';

interface Row {
  readonly id: string;
  readonly text: string;
  readonly note: string;
}

const COLUMNS: readonly Column<Row>[] = [
  { title: 'ID', cell: ({ id }) => id },
  { title: 'TEXT', cell: ({ text }) => text, min: 6 },
  { title: 'NOTE', cell: ({ note }) => note, min: 6, spare: 1 },
];
const ROWS: readonly Row[] = [
  { id: 'a1', text: 'a text that is long', note: 'a note that is long' },
  { id: 'a2', text: 'short', note: '-' },
];

describe('a table', () => {
  it('is aligned, with two spaces between columns, and uncut without a terminal', () => {
    expect(fitTable(COLUMNS, ROWS, null)).toEqual({
      text: 'ID  TEXT                 NOTE\na1  a text that is long  a note that is long\na2  short                -\n',
      hidden: [],
    });
  });

  it('takes more rows than a function has arguments', () => {
    const rows = Array.from({ length: 200_000 }, () => ({ id: 'a1', text: 'short', note: '-' }));
    expect(fitTable(COLUMNS, rows, null).text.length).toBeGreaterThan(rows.length * 10);
  });

  it('cuts the widest texts first, and never an id', () => {
    const { text, hidden } = fitTable(COLUMNS, ROWS, 30);
    expect(text).toBe('ID  TEXT          NOTE\na1  a text that…  a note that…\na2  short         -\n');
    expect(hidden).toEqual([]);
  });

  it('omits optional columns when cutting is not enough, and names them', () => {
    const { text, hidden } = fitTable(COLUMNS, ROWS, 14);
    expect(text).toBe('ID  TEXT\na1  a text th…\na2  short\n');
    expect(hidden).toEqual(['NOTE']);
  });

  it('has no spaces at the ends of rows, however wide others are', () => {
    expect(
      table(
        ['A', 'B'],
        [
          ['wider', ''],
          ['x', 'y'],
        ],
      ),
    ).toBe('A      B\nwider\nx      y\n');
  });

  it('counts East Asian wide characters as two cells and combining characters as none', () => {
    expect([widthOf('小米'), widthOf('e\u0301'), widthOf('abc')]).toEqual([4, 1, 3]);
    expect(table(['A', 'B'], [['小米', 'x']])).toBe('A     B\n小米  x\n');
  });

  it('is never wider than a terminal that has room for the columns that must not be cut', () => {
    const row = fc.record({
      id: fc.string({ maxLength: 8, unit: 'grapheme-ascii' }),
      text: fc.string({ maxLength: 60 }),
      note: fc.string({ maxLength: 60 }),
    });
    fc.assert(
      fc.property(fc.array(row, { maxLength: 5 }), fc.integer({ min: 20, max: 120 }), (rows, width) => {
        const { text } = fitTable(COLUMNS, rows, width);
        for (const line of text.trimEnd().split('\n')) expect(widthOf(line)).toBeLessThanOrEqual(width);
      }),
    );
  });
});
