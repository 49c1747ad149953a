// Owns the promises about texts of facts that repeat: the same result as without the table, in bounded memory.
import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { folded, versionOf } from '../../../src/policy/engine/read-facts.ts';
import { Repeated, repeatedText, repeatedVersion } from '../../../src/policy/engine/repeated-texts.ts';

describe('texts that repeat', () => {
  it('are read as if each were new', () => {
    const texts = fc.array(fc.oneof(fc.constantFrom('iOS 17.4.1', 'SM-G991B', '', 'ΟΔΟΣ'), fc.string()));
    fc.assert(
      fc.property(texts, (written) => {
        for (const text of [...written, ...written]) {
          expect(repeatedText(text)).toEqual(folded(text));
          expect(repeatedVersion(text)).toEqual(versionOf(text));
        }
      }),
    );
  });

  it('have no result where there is no text', () => {
    for (const none of [null, undefined]) {
      expect(repeatedText(none)).toBeNull();
      expect(repeatedVersion(none)).toBeNull();
    }
  });

  it('are read once while they fit', () => {
    const read: string[] = [];
    const repeated = new Repeated((text) => read.push(text));
    for (const text of ['one', 'two', 'one', 'two']) repeated.at(text);
    expect(read).toEqual(['one', 'two']);
  });

  it('never take the place of longer ones, nor of more than 4,096', () => {
    let reads = 0;
    const repeated = new Repeated(() => (reads += 1));
    const long = 'x'.repeat(257);
    for (const text of [long, long]) repeated.at(text);
    expect(reads).toBe(2);
    for (let index = 0; index < 4_097; index++) repeated.at(`model ${index}`);
    repeated.at('model 4096');
    expect(reads).toBe(2 + 4_097);
    repeated.at('model 0');
    expect(reads).toBe(2 + 4_098);
  });
});
