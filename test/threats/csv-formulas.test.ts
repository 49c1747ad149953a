// Owns the promise that no name that a phone chose is a formula in a spreadsheet (OWASP, CSV injection), whatever separates cells there.
import { describe, expect, it } from 'vitest';
import { csvRows } from '../../src/app/csv.ts';

const row = (cell: string): string => csvRows([['model', (text: string) => text]], [cell]).trimEnd();

describe('a cell that a phone chose', () => {
  it.each([
    ['=1+1', `"'=1+1"`],
    ['\t=1+1', `"' =1+1"`],
    ['  @SUM(A1)', `"'  @SUM(A1)"`],
    ['\uff1d1+1', `"'\uff1d1+1"`],
    ['x;=1+1', `"x;'=1+1"`],
    ['x; "=1+1', `"x;' ""=1+1"`],
    ["x;'=1+1", `"x;''=1+1"`],
  ])('begins no formula: %j', (cell, written) => {
    expect(row(cell)).toBe(written);
  });

  it.each(['iPhone15C2', 'SM-G991B', 'a;b', 'contoso\\bob'])(
    'stays as it is where it is none: %s',
    (cell) => {
      expect(row(cell)).toBe(cell);
    },
  );
});
