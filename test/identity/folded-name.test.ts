// Owns the promise that names which a directory takes for one are stored together.
import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foldedLocalPart } from '../../src/identity/folded-name.ts';
import { FOLDED } from '../../src/identity/folding-table.ts';
import { NO_GROUPS, lookAlike } from '../../src/identity/user-names.ts';
import type { UserKey } from '../../src/identity/keys.ts';

const COLLATOR = new Intl.Collator('und', { sensitivity: 'base' });

/** Letters, marks and digits of the scripts whose case, width and accents Active Directory leaves out. */
function letters(): string[] {
  const found: string[] = [];
  const ranges = [
    [0x20, 0x5ff],
    [0x600, 0x6ff],
    [0x1d00, 0x1fff],
    [0x2070, 0x24ff],
    [0x2c60, 0x2dff],
    [0x3040, 0x33ff],
    [0xa640, 0xa7ff],
    [0xab30, 0xab6f],
    [0xfb00, 0xffef],
    [0x1d400, 0x1d7ff],
    [0x1f100, 0x1f1ff],
  ] as const;
  for (const [from, to] of ranges)
    for (let point = from; point <= to; point++) found.push(String.fromCodePoint(point));
  // What looks like `@` is no sign of a domain: only `@` is.
  return found.filter(
    (letter) => !/\p{Cn}|\p{Co}|\p{Cs}/u.test(letter) && !lookAlike(letter, '@') && !lookAlike(letter, '\\'),
  );
}

describe('the folded local part', () => {
  it.each([
    ['strasse', 'straße'],
    ['dave', 'DÀVÉ'],
    ['dave', 'ｄａｖｅ'],
    ['dave', 'da\u00adve'],
    ['soren', 'Søren'],
    ['aether', 'æther'],
    ['lodz', 'ŁÓDŹ'],
    ['андреи', 'Андрей'],
    ['user1', 'user１'],
    ['office', 'oﬃce'],
  ])('of %s is that of %s', (one, other) => {
    expect(foldedLocalPart(other)).toBe(foldedLocalPart(one));
  });

  it.each([
    ['dave', 'dove'],
    ['иван', 'олег'],
    ['李明', '王芳'],
    ['דוד', 'שרה'],
  ])('of %s is not that of %s', (one, other) => {
    expect(foldedLocalPart(other)).not.toBe(foldedLocalPart(one));
  });

  it('does not depend on the domain', () => {
    for (const name of ['dave', 'east\\dave', 'dave@eas.test', 'EAST\\DAVE'])
      expect(foldedLocalPart(name)).toBe('dave');
  });

  it('is the same for all letters that a directory takes for one', () => {
    const sorted = letters().toSorted(COLLATOR.compare);
    const wrong = sorted.filter((letter, index) => {
      const before = sorted[index - 1];
      return (
        before !== undefined &&
        lookAlike(before, letter) &&
        foldedLocalPart(before) !== foldedLocalPart(letter)
      );
    });
    expect(wrong).toEqual([]);
  });

  it('is the same for all names that may be one user', () => {
    const letter = fc.constantFrom(...'aàáÄbßsSæÆaeœOøoďdeéEëłlŀLñnｎdđþtTiıİIſﬁfiĳj\u0301\u00ad');
    const name = fc.array(letter, { minLength: 1, maxLength: 4 }).map((parts) => parts.join(''));
    const domain = fc.constantFrom('', '@eas.test', '@EAST');
    fc.assert(
      fc.property(name, name, domain, domain, (one, other, ofOne, ofOther) => {
        const [a, b] = [one + ofOne, other + ofOther] as [UserKey, UserKey];
        if (NO_GROUPS.mayBeSame(a, b)) expect(foldedLocalPart(a)).toBe(foldedLocalPart(b));
      }),
      { numRuns: 5_000 },
    );
  });
});

/** Users are stored by what their names fold to. When one of these fails, stores must be brought over: decisions/0072. */
describe('what a name is stored by stays as it is', () => {
  const digest = (folded: Iterable<string>): string =>
    createHash('sha256')
      .update([...folded].join('\n'))
      .digest('hex')
      .slice(0, 16);

  it('in European and Middle Eastern scripts, with any version of Node.js', () => {
    expect(digest([...FOLDED].map((pair) => pair.join(' ')))).toBe('b0ad0fe8de6e661d');
  });

  it.each([
    ['Thai, Lao', 0xe00, 0xeff, 'dcca307158a1d887'],
    ['kana', 0x3040, 0x30ff, 'c13d82bbc0f4abf2'],
    ['Han', 0x4e00, 0x9fff, 'c3f76f9d2f10b441'],
    ['Hangul', 0xac00, 0xd7a3, '8cdcdf7e8d0bca51'],
  ])('in %s, with this version', (_script, first, last, expected) => {
    const letters = Array.from({ length: last - first + 1 }, (_, index) =>
      String.fromCodePoint(first + index),
    );
    const assigned = letters.filter((letter) => !/\p{Cn}/u.test(letter));
    expect(digest(assigned.map(foldedLocalPart))).toBe(expected);
  });
});
