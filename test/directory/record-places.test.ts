// Owns the promise that the records of a call are found by their keys, in whatever order they are.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { placesOf } from '../../src/directory/redis/record-places.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

it('each key has the places of its records, in their order', () => {
  const keys = fc.array(fc.constantFrom('', 'a', 'b', 'c', 'd', 'é', 'z'), { maxLength: 12 });
  fc.assert(
    fc.property(
      fc.oneof(
        keys,
        keys.map((some) => some.sort()),
      ),
      (records) => {
        const { firsts, several } = placesOf(records, (key) => key);
        const found = firsts.map((at) => several.get(at) ?? [at]);
        expect(found).toEqual([...Map.groupBy(records.keys(), (at) => records[at]).values()]);
      },
    ),
  );
});
