// Owns the promises of the compact tables of users: they hold what maps would.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { GroupLists } from '../../src/app/group-lists.ts';
import { KnownUsers } from '../../src/app/known-users.ts';
import { NumberedNames } from '../../src/app/numbered-names.ts';
import type { UserKey } from '../../src/identity/keys.ts';
import { NONE } from '../../src/name-index.ts';
import { NumberLists } from '../../src/number-lists.ts';

const text = fc.string({ unit: 'binary', maxLength: 40 });

it('names are numbered as they come, and read as they were, whatever their letters and their length', () => {
  const long = fc.nat(70_000).map((length) => 'é'.repeat(length));
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ weight: 20, arbitrary: text }, { weight: 1, arbitrary: long })),
      (said) => {
        const names = new NumberedNames();
        const distinct = [...new Set(said)];
        for (const name of said) names.add(name);
        expect(names.size).toBe(distinct.length);
        for (const [number, name] of distinct.entries())
          expect([names.numberOf(name), names.nameAt(number) === name]).toEqual([number, true]);
      },
    ),
  );
  expect(new NumberedNames().numberOf('nobody')).toBe(NONE);
});

it('names fill several pieces', () => {
  const names = new NumberedNames();
  const name = (index: number): string => `${index % 3 === 0 ? 'ü€' : 'ü'} number ${index}`;
  for (let index = 0; index < 20_000; index++) names.add(name(index));
  for (const index of [0, 1, 9_999, 19_998, 19_999]) expect(names.nameAt(index)).toBe(name(index));
});

it('lists of groups are read as they were; equal ones are one', () => {
  const groups = fc.constantFrom('staff', 'it', 'office', '', '1,2');
  fc.assert(
    fc.property(fc.array(fc.array(groups, { maxLength: 6 })), (said) => {
      const lists = new GroupLists();
      const numbers = said.map((list) => lists.add(list));
      expect(numbers.map((number) => lists.at(number))).toEqual(said);
      expect(new Set(numbers).size).toBe(new Set(said.map((list) => JSON.stringify(list))).size);
      expect(lists.groupCount).toBe(new Set(said.flat()).size);
    }),
  );
});

it('each place has the numbers that were added to it', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(5_000), fc.nat())), (said) => {
      const lists = new NumberLists();
      for (const [place, number] of said) lists.add(place, number);
      expect(lists.size).toBe(said.length);
      for (const [place] of said)
        expect([...lists.of(place)]).toEqual(said.filter(([other]) => other === place).map(([, number]) => number).toReversed()); // prettier-ignore
      expect([lists.has(9_999), [...lists.of(9_999)]]).toEqual([false, []]);
    }),
  );
});

it('a user is known as its source last said', () => {
  const users = new KnownUsers();
  const report = { source: 's', observedAt: 1, version: 1, aliases: null, attributes: null, enabled: null, groups: null, sourceId: null, removed: null }; // prettier-ignore
  const [alice, bob] = ['alice', 'bob'] as UserKey[] as [UserKey, UserKey];
  users.set({ ...report, key: alice, enabled: true, groups: ['it', 'staff'], sourceId: 'a' });
  users.set({ ...report, key: bob, enabled: false, groups: [] });
  users.set({ ...report, key: alice, sourceId: 'a', removed: true });
  expect([users.at(0), users.at(1)]).toEqual([
    { isRemoved: true, enabled: null, groups: null },
    { isRemoved: false, enabled: false, groups: [] },
  ]);
  expect([users.at(2), users.at(NONE)]).toEqual([null, null]);
  expect([users.size, users.presentCount, users.groupCount]).toEqual([2, 1, 2]);
  expect([users.isPresent(0), users.isPresent(1), users.isPresent(2)]).toEqual([false, true, false]);
  expect([[...users.withSourceId('a')], [...users.withSourceId('b')], users.keyOf(1)]).toEqual([
    [0],
    [],
    bob,
  ]);
});

it('users with one id at their source are all found by it, also those that a store returns twice', () => {
  const users = new KnownUsers();
  const report = { source: 's', observedAt: 1, version: 1, aliases: null, attributes: null, enabled: null, groups: null, removed: null }; // prettier-ignore
  for (const [key, sourceId] of [
    ['alice', 'a'],
    ['bob', 'b'],
    ['alicia', 'a'],
    ['alice', 'a'],
    ['ali', 'a'],
  ] as const)
    // prettier-ignore
    users.set({ ...report, key: key as UserKey, sourceId });
  const keys = (id: string): string[] => [...users.withSourceId(id)].map((number) => users.keyOf(number));
  expect([keys('a').toSorted(), keys('b'), keys('c')]).toEqual([['ali', 'alice', 'alicia'], ['bob'], []]);
});
