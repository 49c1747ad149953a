// Owns the promise that the users of a source are not kept in memory while it is applied: not those that it brings, nor those that are known.
import { expect, it } from 'vitest';
import { applyLines } from '../../src/app/apply-lines.ts';
import { DEFAULT_BRAKES } from '../../src/app/brakes.ts';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import type { FeedPart } from '../../src/feeds/contract.ts';
import type { GroupLine, UserLine } from '../../src/feeds/record.ts';
import { bytesOfOneMore, collectorOfAll } from '../support/checks/heap.ts';

const PART = 1_000;
const GROUPS = 10;
/** What is kept of a user: hashes of names, the name, numbers. A record would be a thousand and more. */
const MOST_BYTES = 600;
const NOW = Date.now();

function user(index: number): UserLine {
  const name = `somebody${index}`;
  return {
    type: 'user',
    line: index + 1,
    source: 'ldap',
    id: `${name}@example.com`,
    aliases: [name, `${name}@mail.example.com`, `example\\${name}`],
    groups: Array.from({ length: GROUPS }, (_, place) => `the group number ${(index + place * 7) % 100}`),
    enabled: index % 50 !== 0,
    sourceId: `0d0e0f00-1111-4aaa-8bbb-${String(index).padStart(12, '0')}`,
    attributes: { department: `department ${index}`, employeeType: 'doctor' },
    observedAt: null,
    problems: [],
  };
}

/** A group whose members are some users, by their second names. */
function group(from: number): GroupLine {
  const members = Array.from({ length: PART }, (_, place) => `somebody${from + place}`);
  return { type: 'group', line: 1, source: 'ldap', id: 'everybody', sourceId: null, members, problems: [] };
}

/** Bytes in use once all users are read, and while they are written: when they are new, and when they are known. */
async function used(count: number, hasGroup: boolean): Promise<number[]> {
  const store = new EmbeddedStore(':memory:');
  const inUse = collectorOfAll();
  const before = inUse();
  const all: number[] = [];
  async function* parts(): AsyncGenerator<FeedPart> {
    for (let from = 0; from < count; from += PART)
      yield { lines: Array.from({ length: PART }, (_, place) => user(from + place)) };
    for (let from = 0; from < count && hasGroup; from += PART) yield { lines: [group(from)] };
    all.push(inUse() - before);
  }
  for (const run of [1, 2]) {
    let isWriting = false;
    const { users } = await applyLines(store, parts(), {
      source: 'ldap',
      readAt: NOW - 10 + run,
      now: NOW,
      whole: ['user'],
      brakes: DEFAULT_BRAKES,
      confirmed: false,
      allowDecisions: false,
      dryRun: false,
      progress: (phase) => {
        if (phase !== 'written' || isWriting) return;
        isWriting = true;
        all.push(inUse() - before);
      },
    });
    expect(run === 1 ? users.accepted : users.unchanged).toBe(count);
  }
  await store.close();
  return all;
}

it.each([
  ['with the groups of each', false],
  ['with the members of groups', true],
])('one user more takes a few bytes more, a new one and a known one, %s', async (_, hasGroup) => {
  const ofOne = await bytesOfOneMore({ few: 5_000, many: 20_000 }, async (count) => used(count, hasGroup));
  expect(ofOne).toHaveLength(4);
  expect(Math.max(...ofOne)).toBeLessThan(MOST_BYTES);
});
