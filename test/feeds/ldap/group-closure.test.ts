// Owns the promises of the nesting of groups: a member has the groups that it is in, however they are nested, and nobody else's.
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { GroupClosure } from '../../../src/feeds/ldap/group-closure.ts';

const COUNT = 6;
/** Group, and its member: a group or a user. */
const memberships = fc.array(
  fc.tuple(fc.nat(COUNT - 1), fc.oneof(fc.nat(COUNT - 1), fc.constantFrom('alice', 'bob'))),
  { maxLength: 20 },
);

/** The groups of a member, by looking at every membership again until nothing is added. */
function groupsOf(links: readonly (readonly [number, number | string])[], member: number | string): string[] {
  const found = new Set<number>();
  for (let before = -1; before !== found.size;) {
    before = found.size;
    for (const [group, of] of links)
      if (of === member || (typeof of === 'number' && found.has(of))) found.add(group);
  }
  return [...found].map((group) => `Group ${group}`).sort();
}

it.each([Infinity, 3, 0])(
  'a member has all groups around it, also in circles, with %d names kept',
  (maxClosed) => {
    fc.assert(
      fc.property(memberships, (links) => {
        const closure = new GroupClosure(null, maxClosed);
        const numbers = Array.from({ length: COUNT }, (_, group) => closure.addGroup(`cn=${group}`, `Group ${group}`)); // prettier-ignore
        for (const [group, member] of links)
          closure.addMember(numbers[group] ?? 0, typeof member === 'number' ? `cn=${member}` : member);
        expect(closure.memberships).toBe(links.length);
        for (const member of ['alice', 'bob', 'carol', 'alice'])
          expect(closure.groupsOf(member)).toEqual(groupsOf(links, member));
      }),
    );
  },
);

it('the primary group counts with the groups around it, and only wanted groups are named', () => {
  const closure = new GroupClosure(new Set(['staff']));
  const users = closure.addGroup('cn=users', 'Users');
  closure.addMember(closure.addGroup('cn=staff', 'Staff'), 'cn=users');
  expect([closure.groupsOf('alice'), closure.groupsOf('alice', users)]).toEqual([[], ['Staff']]);
});
