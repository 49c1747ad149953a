// Owns the promises of the list of users and of one user's record.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseSort } from '../../src/app/list-pages.ts';
import { buildModel } from '../../src/app/read-model.ts';
import { reportUser } from '../../src/app/report-user.ts';
import { countUsers, listUsers, showUser } from '../../src/app/users.ts';
import type { UserFilter } from '../../src/app/users.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import type { ModelReader } from '../../src/directory/read-model/model-reader.ts';
import type { UserKey } from '../../src/identity/keys.ts';
import { FIRST_PAGE } from '../support/checks/first-page.ts';
import { DAY_MS, NOW, openOffice } from './office.ts';
import { userReport } from '../support/servers/directory-records.ts';

let store: DirectoryStore;
beforeEach(async () => {
  store = await openOffice();
});
afterEach(() => store.close());

async function reading<T>(work: (reader: ModelReader) => T): Promise<T> {
  const model = await buildModel(store, NOW);
  try {
    return work(model.reader);
  } finally {
    model.close();
  }
}

const users = (filter: UserFilter): Promise<string[]> =>
  reading((reader) => listUsers(reader, filter, FIRST_PAGE).rows.map(({ user }) => user));

describe('the list of users', () => {
  it('counts the devices of each in each state, from first to last seen', async () => {
    const request = { sort: parseSort('-devices'), limit: 1, after: null };
    const { page, total } = await reading((reader) => ({
      page: listUsers(reader, {}, request),
      total: countUsers(reader, {}),
    }));
    expect([total, page.next !== null]).toEqual([2, true]);
    expect(page.rows).toEqual([
      {
        user: 'alice@contoso.com',
        devices: 2,
        states: { allowed: 1, quarantined: 1, blocked: 0, wiping: 0, unseen: 0 },
        reported: false,
        enabled: null,
        groups: null,
        decision: null,
        decisionExpiresAt: null,
        firstSeen: NOW - 100 * DAY_MS,
        lastSeen: NOW - DAY_MS,
      },
    ]);
  });

  it('has users whom only a feed knows, and nobody twice', async () => {
    await store.putUsers([
      userReport('carol@contoso.com' as UserKey, { groups: ['staff'], enabled: false }),
      userReport('robert@contoso.com' as UserKey, { aliases: ['contoso\\bob'], groups: ['it'] }),
    ]);
    const { rows } = await reading((reader) => listUsers(reader, {}, FIRST_PAGE));
    expect(rows.map(({ user, devices, reported, enabled }) => [user, devices, reported, enabled])).toEqual([
      ['alice@contoso.com', 2, false, null],
      ['carol@contoso.com', 0, true, false],
      ['contoso\\bob', 1, true, true],
    ]);
    expect(await users({ group: 'Staff' })).toEqual(['carol@contoso.com']);
    expect(await users({ search: 'ROBERT' })).toEqual([]);
  });

  it.each<[string, UserFilter, string[]]>([
    ['who has a device in a state', { states: ['quarantined'] }, ['alice@contoso.com']],
    ['who was seen since', { seenSince: NOW - 2 * DAY_MS }, ['alice@contoso.com']],
    ['who was not seen since', { unseenSince: NOW - 2 * DAY_MS }, ['contoso\\bob']],
    ['who has many', { minDevices: 2 }, ['alice@contoso.com']],
    ['a name that may be the user', { user: 'bob@contoso.com' }, ['contoso\\bob']],
    ['a pattern', { user: '*@contoso.com' }, ['alice@contoso.com']],
  ])('keeps %s', async (_what, filter, expected) => {
    expect(await users(filter)).toEqual(expected);
  });
});

describe('one user', () => {
  it('has names, groups, devices and decisions, also under aliases', async () => {
    const alice = 'alice@contoso.com' as UserKey;
    await store.putUsers([userReport(alice, { aliases: ['a.smith@contoso.com'], groups: ['staff'] })]);
    const shown = await showUser(store, 'Alice@Contoso.com');
    expect(shown).toMatchObject({
      user: alice,
      record: { aliases: ['a.smith@contoso.com'], groups: ['staff'] },
      names: [alice],
      decisions: [{ device: 'old2', decision: { action: 'allow', owner: 'erin' } }],
    });
    expect(Object.fromEntries(shown.partnerships.map(({ record, model }) => [record.device, model]))).toEqual(
      { good1: 'iPhone15C2', old2: 'SM-G991B' },
    );
  });

  it('who is known only by a decision is shown', async () => {
    expect(await showUser(store, 'eve@contoso.com')).toMatchObject({
      partnerships: [],
      decisions: [{ device: 'never5' }],
    });
  });

  it('who is unknown is an error that suggests similar names', async () => {
    await expect(showUser(store, 'alicia@contoso.com')).rejects.toMatchObject({
      code: 'EASGATE_NOT_FOUND',
      message: 'user alicia@contoso.com was never seen; near: alice@contoso.com',
    });
  });
});

it('a report by hand with a nameless group is refused, and nothing is written', async () => {
  const origin = { source: 'cli', by: 'erin', via: 'cli', now: NOW };
  const audit = { record: (): Promise<void> => Promise.resolve() };
  await expect(reportUser(store, 'dora', { groups: ['staff', ' '] }, origin, audit)).rejects.toMatchObject({
    code: 'EASGATE_USAGE',
  });
  await expect(showUser(store, 'dora')).rejects.toMatchObject({ code: 'EASGATE_NOT_FOUND' });
});
