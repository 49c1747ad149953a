// Owns the promises of addresses and ranges.
import { isIP } from 'node:net';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { addressRange, contains, parseAddress, parseRange } from '../src/ip-address.ts';
import { compileRanges } from '../src/policy/compile/network.ts';
import { checkLeaks } from './support/checks/leaks.ts';

checkLeaks();

describe('an address', () => {
  it.each([
    '1.2.3',
    '1.2.3.256',
    '01.2.3.4',
    '1::2::3',
    ':::',
    'g::1',
    '1:2:3:4:5:6:7:8:9',
    // RFC 4291 2.2: dotted decimals stand at the end only.
    '1.2.3.4::',
    '1.2.3.4::1',
    '',
  ])('is not %j', (text) => {
    expect(parseAddress(text)).toBeNull();
  });

  it('is what Node.js takes for one', () => {
    const piece = fc.constantFrom('0', '1', '255', '256', 'ffff', '::', ':', '.', '1.2.3.4', '/');
    const near = fc.array(piece, { maxLength: 9 }).map((pieces) => pieces.join(''));
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6(), near), (text) => {
        expect(parseAddress(text) !== null).toBe(isIP(text) !== 0);
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('a range', () => {
  it.each([
    '10.0.0.0/33',
    '10.0.0/8',
    '010.0.0.1',
    '1::2::3',
    '10.0.0.0/',
    '10.0.0.0/-1',
    'x',
    '::ffff:10.0.0.0/90',
    '1:2:3',
  ])('%s is none', (text) => {
    expect(parseRange(text)).toBeNull();
  });

  it('says when bits behind the prefix are set', () => {
    expect(parseRange('10.1.0.0/8')?.loose).toBe(true);
    expect(parseRange('2001:db8::1/32')?.loose).toBe(true);
    expect(parseRange('10.0.0.0/8')?.loose).toBe(false);
  });

  it('that is no range is an error at start', () => {
    expect(() => addressRange('10.0.0.0/33')).toThrow('10.0.0.0/33');
  });

  it('contains the same addresses alone and in a compiled list', () => {
    const six = fc.tuple(fc.ipV6(), fc.nat(128)).map(([address, bits]) => `${address}/${bits}`);
    const four = fc.tuple(fc.ipV4(), fc.nat(32)).map(([address, bits]) => `${address}/${bits}`);
    const address = fc.oneof(fc.ipV4(), fc.ipV6());
    fc.assert(
      fc.property(fc.oneof(six, four), address, (text, client) => {
        const range = parseRange(text);
        const packed = parseAddress(client);
        fc.pre(range !== null && packed !== null);
        const own = parseAddress(text.slice(0, text.indexOf('/')));
        expect(contains(range, packed)).toBe(compileRanges([range])(packed));
        expect(own !== null && contains(range, own)).toBe(true);
      }),
    );
  });
});
