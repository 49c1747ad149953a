// Owns the promises of removing schemes from WWW-Authenticate.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withoutSchemes } from '../../src/http/challenges.ts';

const without = (value: string): string => withoutSchemes(value, ['ntlm', 'negotiate']);

describe('a list of challenges', () => {
  it.each([
    ['NTLM', ''],
    ['Negotiate YII=, ntlm TlRM==', ''],
    ['NTLM , Basic realm="a"', 'Basic realm="a"'],
    ['Basic realm="a",NTLM', 'Basic realm="a"'],
    ['Basic realm = "a", charset = x, Negotiate', 'Basic realm = "a", charset = x'],
    ['Negotiate a=1, b = "c, Basic", Basic realm="d"', 'Basic realm="d"'],
    ['Basic realm="\\", NTLM", NTLM', 'Basic realm="\\", NTLM"'],
  ])('loses the schemes with their parameters: %s', (value, kept) => {
    expect(without(value)).toBe(kept);
  });

  it.each([
    '',
    ' , ',
    'Basic  realm="a",, charset="NTLM"',
    'Basic realm="never ends, NTLM',
    'NTLM=1',
    'Bearer ntlm',
    'NTLM2',
  ])('without these schemes is unchanged: %j', (value) => {
    expect(without(value)).toBe(value);
  });

  it('keeps every other challenge in order, whatever is between them', () => {
    const other = fc.constantFrom('Basic realm="x, NTLM"', 'Bearer a="1", b=2', 'Digest', 'Custom dG9rZW4=');
    const offer = fc.constantFrom('NTLM', 'negotiate', 'Negotiate YII=', 'NTLM a="b, c"');
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), other, offer)), (list) => {
        const value = list.map(([kept, one, two]) => (kept ? one : two)).join(', ');
        const kept = list.filter(([keeps]) => keeps).map(([, one]) => one);
        expect(without(value)).toBe(kept.join(', '));
      }),
    );
  });

  it('never makes the parser throw, even with unterminated quotes', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        expect(without(text).length).toBeLessThanOrEqual(text.length);
      }),
    );
    expect(without('"'.repeat(60_001))).toBe('"'.repeat(60_001));
    expect(without(`NTLM${',"a'.repeat(20_000)}`)).toBe('');
  });
});
