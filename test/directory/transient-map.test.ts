// Owns the promise that a transient map has the entries that a Map would have.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { TransientMap } from '../../src/directory/transient-map.ts';

const KEYS = 24;
const ascending = (a: number, b: number): number => a - b;
const change = fc.record({ key: fc.nat({ max: KEYS - 1 }), value: fc.nat(), isSet: fc.boolean() });

it('has the entries of a Map, in any order of entries that are added, replaced and deleted', () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 300 }), (changes) => {
      const map = new TransientMap<number, number>();
      const expected = new Map<number, number>();
      for (const { key, value, isSet } of changes) {
        if (isSet) {
          map.set(key, value);
          expected.set(key, value);
        } else {
          map.delete(key);
          expected.delete(key);
        }
        expect(map.get(key)).toBe(expected.get(key));
      }
      for (let key = 0; key < KEYS; key++) expect(map.get(key)).toBe(expected.get(key));
      expect([...map.values()].toSorted(ascending)).toEqual([...expected.values()].toSorted(ascending));
    }),
  );
});
