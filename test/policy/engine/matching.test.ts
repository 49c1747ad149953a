// Owns the promises of the value types: patterns, versions, networks, times, suggestions, expressions.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileExpression } from '../../../src/policy/compile/cel.ts';
import { compileGlob } from '../../../src/policy/compile/glob.ts';
import { compileRanges } from '../../../src/policy/compile/network.ts';
import { parseAddress, parseRange } from '../../../src/ip-address.ts';
import { Scene } from '../../../src/policy/compile/scene.ts';
import { compareVersions, parseVersion } from '../../../src/policy/compile/version.ts';
import { foldCase } from '../../../src/policy/document/case.ts';
import { formatAge, formatTime, parseLength, parseTime } from '../../../src/policy/document/times.ts';
import { readFacts } from '../../../src/policy/engine/read-facts.ts';
import { like } from './oracle.ts';

describe('a pattern', () => {
  it('matches exactly what an exhaustive search matches', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 9 });
    const words = fc.string({ unit: fc.constantFrom('a', 'b', 'é'), maxLength: 12 });
    fc.assert(
      fc.property(letters, words, (pattern, word) => {
        expect(compileGlob(pattern)(word)).toBe(like(pattern, word));
      }),
      { numRuns: 5_000 },
    );
  });

  it('counts a character of two UTF-16 units as one for ?, also beside others of its kind', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '*', '?'), maxLength: 9 });
    const words = fc.string({ unit: fc.constantFrom('a', 'b', 'c', 'd'), maxLength: 12 });
    const wide: Readonly<Record<string, string>> = { a: '😀', b: '😁', c: '\ue000', d: '👩' };
    const widen = (text: string): string => text.replace(/[a-d]/g, (letter) => wide[letter] ?? letter);
    fc.assert(
      fc.property(letters, words, (pattern, word) => {
        expect(compileGlob(widen(pattern))(widen(word))).toBe(like(pattern, word));
      }),
      { numRuns: 2_000 },
    );
  });

  it.each([31, 32, 33, 63, 64, 65, 100])('finds fragments of %i characters with ? too', (length) => {
    const piece = 'x?'.repeat(length).slice(0, length - 1) + 'y';
    const word = piece.replaceAll('?', 'z');
    const glob = compileGlob(`*${piece}*`);
    for (const before of ['', 'x', 'xzxz', 'y'.repeat(40)]) {
      expect(glob(`${before}${word}q`)).toBe(true);
      expect(glob(`${before}${word.slice(0, -1)}q${word.slice(1)}`)).toBe(false);
    }
  });

  it('takes time linear in the text, however hostile pattern and text are', () => {
    // The test counts reads of characters instead of measuring time.
    const reads = (pattern: string, length: number): number => {
      const counted = new CountedText('a'.repeat(length));
      compileGlob(pattern)(counted as unknown as string);
      return counted.reads;
    };
    for (const pattern of [
      '*a*a*a*a*a*b',
      '*a?a?a*b?*',
      '*?*?*?*b',
      `*${'a?'.repeat(12)}b*`,
      `*${'a?'.repeat(40)}b*`,
      '*a*a*a*a*c?',
    ]) {
      const short = reads(pattern, 1_000);
      expect(reads(pattern, 8_000)).toBeLessThanOrEqual(8 * short + 1_000);
    }
  });
});

describe('texts without case', () => {
  it.each([
    ['ΟΔΟΣ', 'οδοσ'],
    ['ΟΔΟΣ*', 'ΟΔΟΣΑ'],
    ['*οδος', 'ΚΑΛΗ ΟΔΟΣ'],
    ['STRASSE ẞ', 'strasse ß'],
    ['kelvin', '\u212aELVIN'],
  ])('are the same: %s, %s', (pattern, text) => {
    expect(compileGlob(foldCase(pattern))(foldCase(text))).toBe(true);
  });
});

/** A text that counts how many characters are read. */
class CountedText {
  readonly #text: string;
  reads = 0;
  constructor(text: string) {
    this.#text = text;
  }
  get length(): number {
    return this.#text.length;
  }
  charCodeAt(at: number): number {
    this.reads++;
    return this.#text.charCodeAt(at);
  }
  startsWith(piece: string, at: number): boolean {
    this.reads += piece.length;
    return this.#text.startsWith(piece, at);
  }
  indexOf(piece: string, from: number): number {
    const found = this.#text.indexOf(piece, from);
    this.reads += (found === -1 ? this.#text.length : found) - from + piece.length;
    return found;
  }
}

describe('a version', () => {
  it.each([
    ['17.4.1', [17, 4, 1]],
    ['iOS 18.0.1', [18, 0, 1]],
    ['18.0 22A3354', [18, 0]],
    ['14 (UP1A)', [14]],
    ['17.', [17]],
    ['99999999999999999999', [Number.MAX_SAFE_INTEGER]],
  ])('is read from %s', (text, parts) => {
    expect(parseVersion(text)).toEqual(parts);
  });

  it('is compared number by number; missing numbers count as 0', () => {
    const compare = (a: string, b: string): number =>
      compareVersions(parseVersion(a) ?? [], parseVersion(b) ?? []);
    expect(compare('17.10', '17.9')).toBeGreaterThan(0);
    expect(compare('17', '17.0.0')).toBe(0);
    expect(compare('9', '10')).toBeLessThan(0);
    expect(parseVersion('none')).toBeNull();
  });
});

describe('a network', () => {
  const inside = (address: string, ...blocks: string[]): boolean => {
    const ranges = blocks.map((block) => parseRange(block)).filter((block) => block !== null);
    const parsed = parseAddress(address);
    return parsed !== null && compileRanges(ranges)(parsed);
  };

  it.each([
    ['10.255.0.1', '10.0.0.0/8', true],
    ['11.0.0.1', '10.0.0.0/8', false],
    ['203.0.113.9', '0.0.0.0/0', true],
    ['192.168.1.7', '192.168.1.7', true],
    ['::ffff:10.1.2.3', '10.0.0.0/8', true],
    ['10.1.2.3', '::ffff:10.0.0.0/104', true],
    ['2001:db8:1::1', '2001:db8::/32', true],
    ['2001:db9::1', '2001:db8::/32', false],
    ['2001:db8::8000', '2001:db8::/113', false],
    ['2001:db8::7fff', '2001:db8::/113', true],
    ['::1', '::/0', true],
    ['1.2.3.4', '::/0', false],
  ])('%s in %s: %s', (address, block, found) => {
    expect(inside(address, block)).toBe(found);
    expect(inside(address, '198.51.100.0/24', block, '2001:db8:ffff::/48')).toBe(found);
  });
});

describe('times', () => {
  it.each([
    ['2026-12-01', Date.UTC(2026, 11, 1)],
    ['2026-12-01T10:00:00Z', Date.UTC(2026, 11, 1, 10)],
    ['2026-12-01T10:00:00.250Z', Date.UTC(2026, 11, 1, 10, 0, 0, 250)],
    ['2026-12-01T10:00:00.2500000+02:00', Date.UTC(2026, 11, 1, 8, 0, 0, 250)],
    ['2026-12-01T10:00', Date.UTC(2026, 11, 1, 10)],
    ['2028-02-29', Date.UTC(2028, 1, 29)],
  ])('%s is read', (text, time) => {
    expect(parseTime(text)).toBe(time);
  });

  it.each([
    '2026-02-30',
    '2026-13-01',
    '2026-12-01T25:00:00Z',
    '12/01/2026',
    'today',
    '',
    '2026-12-01T10:00:00+99:00',
  ])('%j is refused', (text) => {
    expect(parseTime(text)).toBeNull();
  });

  it('are written with milliseconds only when these are not 0', () => {
    expect(formatTime(Date.UTC(2026, 11, 1, 10))).toBe('2026-12-01T10:00:00Z');
    expect(formatTime(Date.UTC(2026, 11, 1, 10) + 5)).toBe('2026-12-01T10:00:00.005Z');
    expect(formatTime(Infinity)).toBeNull();
  });

  it('have durations', () => {
    expect(['90s', '10m', '72h', '30d', '2w', '1d12h'].map(parseLength)).toEqual([
      90_000, 600_000, 259_200_000, 2_592_000_000, 1_209_600_000, 129_600_000,
    ]);
    expect(['', '3', 'd', '-1d', '1.5h', '10 m', '1y'].map(parseLength)).toEqual(Array(7).fill(null));
    expect([0, 61_000, 90_000_000, -86_400_000].map(formatAge)).toEqual(['0s', '1m 1s', '1d 1h', '-1d']);
  });
});

describe('an expression', () => {
  const scene = (facts: unknown): Scene => new Scene(readFacts(facts, Date.UTC(2026, 11, 1)), () => true);
  const holds = (text: string, facts: unknown = {}): boolean | null => {
    const compiled = compileExpression(text);
    if (!('holds' in compiled)) throw new Error(compiled.message);
    return compiled.holds(scene(facts));
  };
  const problem = (text: string): string => {
    const compiled = compileExpression(text);
    return 'message' in compiled ? `${compiled.offset}: ${compiled.message}` : 'none';
  };

  it('cannot be evaluated when a value is unknown', () => {
    expect(holds('partnership.usersOnDevice > 2')).toBeNull();
    expect(holds('device.encrypted')).toBeNull();
    expect(holds('user.attributes.x == "y"', { user: { attributes: { x: null } } })).toBeNull();
    expect(holds('!has(device.osVersion)')).toBe(true);
    expect(holds('has(partnership.told.model)')).toBe(false);
  });

  it('supports integers, strings, lists, attributes and times', () => {
    const facts = {
      user: { names: ['alice'], groups: ['staff', 'IT'], attributes: { level: 3, rate: 1.5 } },
      device: { osVersion: 'iOS 17.4.1', attributes: { due: '2026-11-01' } },
      partnership: { usersOnDevice: 3, firstSeen: '2026-11-30T00:00:00Z' },
      request: { address: '10.1.2.3', userAgent: 'Apple-iPhone15C2/2105' },
    };
    for (const text of [
      'partnership.usersOnDevice > 2 && partnership.usersOnDevice == 3',
      'user.attributes.level >= 3 && user.attributes.rate < 2.0',
      '"staff" in user.groups && user.groups.exists(g, g.startsWith("I"))',
      'version(device.osVersion) >= version("17.4") && version(device.osVersion) < version("18")',
      'age(partnership.firstSeen) <= duration("24h")',
      'duration("25h") > age(partnership.firstSeen)',
      'age(device.attributes.due) > duration("240h")',
      'glob(request.userAgent, "apple-iphone*")',
      'inNetwork(request.address, "10.0.0.0/8") && !inNetwork(request.address, ["192.168.0.0/16"])',
      'now > timestamp("2026-11-30T00:00:00Z")',
    ])
      expect([text, holds(text, facts)]).toEqual([text, true]);
  });

  it('is checked when it is compiled', () => {
    expect(problem('platfrom == "x"')).toBe('0: Unknown variable: platfrom');
    expect(problem('device.platfrom == "x"')).toBe('7: No such key: platfrom (did you mean "platform"?)');
    expect(problem('user.names.matches("x")')).toContain(
      'there is no function matches(); use glob(text, "pattern")',
    );
    expect(problem('"a".matches("(a+)+b")')).toContain('there is no function matches()');
    expect(problem('device.encrypted == null')).toContain('test for an unknown value with has(…)');
    expect(problem('version(device.osVersion) < 17.4')).toContain('compare with version("…")');
    expect(problem('partnership.rank')).toContain('must be true or false, is int');
    expect(problem('device.managed &&')).toContain('Unexpected token');
    expect(problem('user.groups.exists(a, user.groups.exists(b, a == b))')).toContain(
      'loops cannot be nested',
    );
    expect(problem(`device.managed ${'|| device.managed '.repeat(400)}`)).not.toBe('none');
  });

  it('reports the time at which an age exceeds the duration it is compared with', () => {
    const at = scene({ partnership: { firstSeen: '2026-11-30T00:00:00Z' } });
    const compiled = compileExpression('age(partnership.firstSeen) < duration("168h")');
    if (!('holds' in compiled)) throw new Error(compiled.message);
    expect(compiled.holds(at)).toBe(true);
    expect(at.recheckAt).toBe(Date.UTC(2026, 11, 7));
  });
});
