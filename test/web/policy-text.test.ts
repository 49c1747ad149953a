// Owns the promises of texts that the browser makes: marks of the editor, suggestions, the mode, lines that differ, CSV.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { csvText } from '../../src/app/csv.ts';
import { csvOf } from '../../src/web/client/csv.ts';
import { changedLines, lineDiff, nearChanges } from '../../src/web/parts/line-diff.ts';
import {
  offsetOf,
  piecesOf,
  placeOf,
  sentenceOf,
  withMode,
  withSuggestion,
} from '../../src/web/parts/policy-text.ts';
import type { Problem } from '../../src/web/parts/policy-text.ts';

const problem = (more: Partial<Problem>): Problem => ({
  severity: 'error',
  path: '',
  message: 'unknown field "complaint" (did you mean "compliant"?)',
  line: 2,
  column: 3,
  suggestion: 'compliant',
  ...more,
});

const texts = fc
  .array(fc.constantFrom('a', 'b', 'c', '  d: 1', ''), { maxLength: 12 })
  .map((lines) => lines.join('\n'));

describe('a line in the editor', () => {
  it('keeps each of its letters, whatever it has', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 40 }), fc.integer({ min: 1, max: 50 }), (line, column) => {
        const pieces = piecesOf(line, [problem({ line: 1, column })]);
        expect(pieces.map(({ text }) => text).join('')).toBe(line);
      }),
    );
  });

  it('marks the word of a problem', () => {
    const marked = piecesOf("  complaint: 'x'", [problem({})]).filter(({ severity }) => severity !== null);
    expect(marked.map(({ text }) => text)).toEqual(['complaint']);
  });

  it('tells keys, values, texts and comments apart', () => {
    const looks = (line: string): (string | null)[][] =>
      piecesOf(line, []).flatMap(({ text, look }) => (look === null ? [] : [[text, look]]));
    expect(looks('  - mode: enforce')).toEqual([
      ['mode', 'key'],
      ['enforce', 'val'],
    ]);
    // A name is no value that the language knows.
    expect(looks('  - name: baseline')).toEqual([['name', 'key']]);
    expect(looks("a: { b: '# no' } # yes")).toEqual([
      ['a', 'key'],
      ["'# no'", 'str'],
      ['# yes', 'note'],
    ]);
  });
});

describe('a suggestion', () => {
  it('takes the place of what was misspelt', () => {
    expect(withSuggestion('require:\n  complaint: true\n', problem({}))).toBe(
      'require:\n  compliant: true\n',
    );
    expect(withSuggestion('require:\n  "complaint": true\n', problem({}))).toBe(
      'require:\n  "compliant": true\n',
    );
  });

  it('is not offered where the place has another word', () => {
    expect(withSuggestion('require:\n  encrypted: true\n', problem({}))).toBeNull();
    expect(withSuggestion('require:\n', problem({ line: 9 }))).toBeNull();
    expect(withSuggestion('require:\n  complaint: true\n', problem({ suggestion: null }))).toBeNull();
  });

  it('is left out of the sentence', () => {
    expect(sentenceOf(problem({}))).toBe('Unknown field "complaint".');
    expect(sentenceOf(problem({ message: 'osVersion is no text', suggestion: null }))).toBe(
      'osVersion is no text.',
    );
  });
});

describe('the mode', () => {
  it.each([
    ['mode: enforce # for now\nrules: []\n', 'mode: reportOnly # for now\nrules: []\n'],
    ['name: A\nrules: []\n', 'name: A\nmode: reportOnly\nrules: []\n'],
    ['rules: [{ mode: enforce }]\n', 'mode: reportOnly\nrules: [{ mode: enforce }]\n'],
    [
      'rules:\n  - action: block\n    mode: enforce\n',
      'mode: reportOnly\nrules:\n  - action: block\n    mode: enforce\n',
    ],
  ])('is written into %j', (before, after) => {
    expect(withMode(before, 'reportOnly')).toBe(after);
  });
});

describe('a place in the text', () => {
  it('is the same as line and column, and as a number of letters', () => {
    fc.assert(
      fc.property(texts, fc.nat(60), (text, offset) => {
        const at = Math.min(offset, text.length);
        const { line, column } = placeOf(text, at);
        expect(offsetOf(text, line, column)).toBe(at);
      }),
    );
  });
});

describe('lines that differ', () => {
  it('give both texts again', () => {
    fc.assert(
      fc.property(texts, texts, (before, after) => {
        const lines = lineDiff(before, after);
        const side = (left: 'added' | 'removed'): string =>
          lines
            .filter(({ kind }) => kind !== left)
            .map(({ text }) => text)
            .join('\n');
        expect(side('added')).toBe(before);
        expect(side('removed')).toBe(after);
        expect(changedLines(lines) === 0).toBe(before === after);
      }),
    );
  });

  it('are found in the middle, and numbered on both sides', () => {
    const lines = lineDiff('a\nb\nc', 'a\nx\ny\nc');
    expect(lines.map(({ kind, text, before, after }) => [kind, text, before, after])).toEqual([
      ['same', 'a', 1, 1],
      ['removed', 'b', 2, null],
      ['added', 'x', null, 2],
      ['added', 'y', null, 3],
      ['same', 'c', 3, 4],
    ]);
  });

  it('of texts of many thousand lines are compared without a table of all pairs', () => {
    const long = (mark: string): string =>
      Array.from({ length: 5_000 }, (_, line) => `${mark}${line}`).join('\n');
    expect(changedLines(lineDiff(long('a'), long('b')))).toBe(5_000);
  });

  it('are shown with a few lines around them', () => {
    const many = Array.from({ length: 20 }, (_, line) => String(line));
    const shown = nearChanges(lineDiff(many.join('\n'), many.with(10, 'x').join('\n')), 2);
    expect(shown.map((line) => line?.text ?? null)).toEqual([null, '8', '9', '10', 'x', '11', '12', null]);
  });
});

describe('CSV of the browser', () => {
  it('is that of the API, with the same guard against formulas', () => {
    const letters = fc.constantFrom(
      '=',
      '+',
      '-',
      '@',
      ';',
      '"',
      "'",
      ',',
      ' ',
      '\t',
      '\n',
      'a',
      '\u2028',
      '\uff1d',
    );
    const cell = fc.string({ unit: letters, maxLength: 8 });
    fc.assert(
      fc.property(cell, cell, (one, other) => {
        const api = csvText<readonly string[]>(
          [
            ['A', ([first]) => first ?? ''],
            ['B', ([, second]) => second ?? ''],
          ],
          [[one, other]],
        );
        expect(
          csvOf([
            ['A', 'B'],
            [one, other],
          ]),
        ).toBe(api);
      }),
    );
    expect(csvOf([['=1+1;=2']])).toBe(`"'=1+1;'=2"\r\n`);
  });
});
