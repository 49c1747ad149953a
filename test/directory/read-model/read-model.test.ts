// Owns the promises of the read model: rows as the directory has them, kept by changes, found by filters, in pages.
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { EmbeddedStore } from '../../../src/directory/embedded/embedded-store.ts';
import { IN_MEMORY, ModelFile } from '../../../src/directory/read-model/model-file.ts';
import { ModelKeeper } from '../../../src/directory/read-model/model-keeper.ts';
import { decisionPage } from '../../../src/directory/read-model/model-decisions.ts';
import { userPage } from '../../../src/directory/read-model/model-users.ts';
import type { ModelUser } from '../../../src/directory/read-model/model-users.ts';
import { findDuplicates, findNearMisses } from '../../../src/directory/read-model/similar-devices.ts';
import { ModelReader } from '../../../src/directory/read-model/model-reader.ts';
import type { ModelOrder } from '../../../src/directory/read-model/model-reader.ts';
import type { ModelFilter } from '../../../src/directory/read-model/model-filter.ts';
import type { ModelRow } from '../../../src/directory/read-model/model-row.ts';
import type { DirectoryStore } from '../../../src/directory/store.ts';
import type { DeviceKey, UserKey } from '../../../src/identity/keys.ts';
import { openOffice, seen, NOW, DAY_MS } from '../../app/office.ts';
import { BY_TEST, decision, deviceReport } from '../../support/servers/directory-records.ts';

const STORE = { store: 'one', epoch: 1 };
const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

interface Model {
  readonly store: DirectoryStore;
  readonly file: ModelFile;
  readonly keeper: ModelKeeper;
  readonly reader: ModelReader;
}

async function modelOf(store: DirectoryStore, path = IN_MEMORY): Promise<Model> {
  const file = ModelFile.open(path, STORE);
  const keeper = new ModelKeeper(store, file);
  await keeper.build();
  closers.push(() => file.close());
  return { store, file, keeper, reader: new ModelReader(file.database, store.names) };
}

async function office(): Promise<Model> {
  const store = await openOffice();
  closers.push(() => store.close());
  return modelOf(store);
}

function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'easgate-model-'));
  closers.push(() => rmSync(path, { recursive: true }));
  return path;
}

const BY_DEVICE: ModelOrder = { field: 'device', descending: false };

function rowsOf(reader: ModelReader, filter: ModelFilter = {}, order = BY_DEVICE): readonly ModelRow[] {
  return reader.page(filter, [order], 10_000).rows;
}

/** Without what only a kept model knows. */
function comparable(rows: readonly ModelRow[]): unknown[] {
  return rows
    .map((row) => ({ ...row, stateSince: null }))
    .sort((a, b) => (`${a.device} ${a.user}` < `${b.device} ${b.user}` ? -1 : 1));
}

const ALIASES: Readonly<Record<string, readonly string[]>> = {
  carol: ['a.smith', 'bob'],
  bob: ['contoso\\bob'],
  'contoso\\bob': ['alice@contoso.com'],
  'alice@contoso.com': ['carol'],
};
const usersOf = (reader: ModelReader): readonly ModelUser[] =>
  userPage(reader, {}, [{ field: 'user', descending: false }], 10_000, null).rows;
const decisionsOf = (reader: ModelReader): readonly unknown[] =>
  decisionPage(
    reader,
    {},
    [
      { field: 'device', descending: false },
      { field: 'user', descending: false },
    ],
    10_000,
    null,
    NOW,
  ).rows;

const device = (name: string): DeviceKey => name as DeviceKey;
const user = (name: string): UserKey => name as UserKey;

describe('the rows', () => {
  test('are the partnerships, and the devices that nobody was seen with', async () => {
    const { reader } = await office();
    expect(rowsOf(reader).map(({ device: key, user: name, state }) => [key, name, state])).toStrictEqual([
      ['good1', 'alice@contoso.com', 'allowed'],
      ['lost3', 'contoso\\bob', 'blocked'],
      ['old2', 'alice@contoso.com', 'quarantined'],
      ['spare4', null, 'unseen'],
    ]);
  });

  test('show an account as disabled that is so under a name that another user has by now', async () => {
    const store = await openOffice();
    closers.push(() => store.close());
    const named = (key: string, aliases: string[], enabled: boolean | null): Promise<unknown> =>
      store.putUsers([
        { key: user(key), source: 'ad', observedAt: NOW, aliases: aliases.map(user), enabled },
      ]);
    for (const last of ['carol', 'eve']) {
      for (const one of ['carol', 'eve', last]) {
        await named(one, [], true);
        await named(one, ['info@contoso.com'], true);
      }
      await store.putUsers([
        { key: user('info@contoso.com'), source: 'entra', observedAt: NOW, enabled: false },
      ]);
      const { reader } = await modelOf(store);
      const disabled = usersOf(reader).filter(({ enabled }) => enabled === false);
      expect(disabled.map((one) => one.user)).toEqual(['carol', 'eve', 'info@contoso.com']);
    }
  });

  test('are built anew where an earlier version wrote the file', async () => {
    const store = await openOffice();
    closers.push(() => store.close());
    const path = join(folder(), 'model.db');
    const { file } = await modelOf(store, path);
    file.database.exec('PRAGMA user_version = 6');
    file.close();
    closers.pop();
    const again = ModelFile.open(path, STORE);
    closers.push(() => again.close());
    expect(again.database.prepare('SELECT count(*) AS phones FROM phones').get()).toEqual({ phones: 0 });
  });

  test('hold what feeds report, the groups of the user, and the decision', async () => {
    const { store, keeper, reader } = await office();
    await store.putUsers([
      { key: user('alice@contoso.com'), source: 'ad', observedAt: NOW, groups: ['staff', 'it'] },
    ]);
    await keeper.step();
    expect(rowsOf(reader, { device: 'old2' })).toMatchObject([
      { model: 'SM-G991B', compliant: false, managed: true, groups: ['it', 'staff'], decision: 'allow' },
    ]);
  });

  test('have a new phone ten seconds after a full read that took no time', async () => {
    const store = await openOffice();
    closers.push(() => store.close());
    const changesAfter = store.changesAfter.bind(store);
    // A step does not wait for changes.
    store.changesAfter = async (position) =>
      store.isBefore(position, await store.position())
        ? changesAfter(position)
        : { changes: [], position, trimmed: false };
    const file = ModelFile.open(IN_MEMORY, STORE);
    closers.push(() => file.close());
    let now = NOW;
    const keeper = new ModelKeeper(store, file, { now: () => now });
    const clock = vi.spyOn(performance, 'now').mockReturnValue(0);
    closers.push(() => clock.mockRestore());
    await keeper.build();
    clock.mockRestore();
    await store.recordSeen([seen('carol', 'good1', 0)]);
    const reader = new ModelReader(file.database, store.names);
    const found: number[] = [];
    for (const later of [9_999, 1]) {
      now += later;
      await keeper.step();
      found.push(rowsOf(reader, { user: user('carol') }).length);
    }
    expect(found).toEqual([0, 1]);
  });

  test('equal those of a new model after any changes', async () => {
    const devices = ['good1', 'lost3', 'old2', 'spare4', 'new5'];
    const users = ['alice@contoso.com', 'contoso\\bob', 'carol', 'bob'];
    const change = fc.oneof(
      fc.record({
        kind: fc.constant('report' as const),
        device: fc.constantFrom(...devices),
        compliant: fc.option(fc.boolean()),
        model: fc.constantFrom('A', 'B', null),
      }),
      fc.record({
        kind: fc.constant('seen' as const),
        device: fc.constantFrom(...devices),
        user: fc.constantFrom(...users),
        verdict: fc.constantFrom('allow', 'block', 'quarantine'),
      }),
      fc.record({
        kind: fc.constant('decide' as const),
        device: fc.option(fc.constantFrom(...devices)),
        user: fc.constantFrom(...users),
        action: fc.option(fc.constantFrom('allow' as const, 'block' as const)),
      }),
      fc.record({
        kind: fc.constant('user' as const),
        user: fc.constantFrom(...users),
        groups: fc.option(fc.subarray(['staff', 'it'])),
        source: fc.constantFrom('ad', 'entra'),
        enabled: fc.option(fc.boolean()),
        aliases: fc.subarray(['a.smith', 'carol', 'bob', 'contoso\\bob', 'alice@contoso.com']),
      }),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(change, { maxLength: 6 }), { maxLength: 4 }),
        fc.boolean(),
        async (steps, readsAll) => {
          const store = await openOffice();
          const kept = ModelFile.open(IN_MEMORY, STORE);
          const keeper = new ModelKeeper(store, kept);
          await keeper.build();
          let at = NOW;
          for (const step of steps) {
            for (const one of step) {
              at += 1_000;
              if (one.kind === 'report')
                await store.putDevices([
                  deviceReport(device(one.device), {
                    observedAt: at,
                    compliant: one.compliant,
                    model: one.model,
                  }),
                ]);
              else if (one.kind === 'seen') {
                // The log does not tell what was seen: that takes a full read.
                if (readsAll)
                  await store.recordSeen([
                    seen(one.user, one.device, 0, { lastSeen: at, lastVerdict: one.verdict }),
                  ]);
              } else if (one.kind === 'decide')
                await store.decide(
                  {
                    device: one.device === null ? null : device(one.device),
                    user: user(one.user),
                  },
                  one.action === null ? null : decision(one.action),
                  BY_TEST,
                );
              else
                await store.putUsers([
                  {
                    key: user(one.user),
                    source: one.source,
                    observedAt: at,
                    groups: one.groups,
                    enabled: one.enabled,
                    // Two users never claim one name here; a user may stand for another one, and that one for the first.
                    aliases: one.aliases.filter((alias) => ALIASES[one.user]?.includes(alias)),
                  },
                ]);
            }
            // A change of its own, so that no step waits for one.
            await store.decide({ device: device('never9'), user: null }, decision('block'), BY_TEST);
            await keeper.step();
          }
          if (readsAll) await keeper.readAll();
          const fresh = ModelFile.open(IN_MEMORY, STORE);
          await new ModelKeeper(store, fresh).build();
          const [one, other] = [kept, fresh].map((file) => new ModelReader(file.database, store.names));
          expect(comparable(rowsOf(one as ModelReader))).toStrictEqual(
            comparable(rowsOf(other as ModelReader)),
          );
          // A list has what a look-up sees.
          for (const row of rowsOf(one as ModelReader)) {
            if (row.user === null) continue;
            const { userRecord } = await store.lookup(row.user, row.device);
            expect([row.user, row.groups]).toStrictEqual([row.user, userRecord?.groups ?? null]);
          }
          for (const { user: name, enabled } of usersOf(one as ModelReader)) {
            const { record } = await store.joinedUser(name);
            expect([name, enabled]).toStrictEqual([name, record === null ? null : record.enabled !== false]);
          }
          expect(one?.stateCounts()).toStrictEqual(other?.stateCounts());
          for (const list of [usersOf, decisionsOf])
            expect(list(one as ModelReader)).toStrictEqual(list(other as ModelReader));
          kept.close();
          fresh.close();
          await store.close();
        },
      ),
      {
        numRuns: 150,
        examples: [
          // Of a name that was seen, and is an alias, the log tells because of a decision on a namesake.
          [
            [
              [
                {
                  kind: 'user',
                  user: 'contoso\\bob',
                  groups: null,
                  source: 'ad',
                  enabled: null,
                  aliases: ['alice@contoso.com'],
                },
              ],
              [{ kind: 'decide', device: null, user: 'bob', action: 'allow' }],
            ],
            false,
          ],
        ],
      },
    );
  });

  test('of a device change with the log, without another full read', async () => {
    const { store, keeper, reader } = await office();
    await store.putDevices([deviceReport(device('good1'), { observedAt: NOW, compliant: false })]);
    await store.decide({ device: null, user: user('contoso\\bob') }, decision('allow'), BY_TEST);
    await keeper.step();
    expect(rowsOf(reader, { device: 'good1' })).toMatchObject([{ compliant: false }]);
    expect(rowsOf(reader, { device: 'lost3' })).toMatchObject([{ userDecision: 'allow' }]);
  });

  test('know since when a phone is in its state, once the model saw it change', async () => {
    const { store, keeper, reader } = await office();
    await store.recordSeen([
      seen('alice@contoso.com', 'good1', 0, { lastVerdict: 'block', lastReason: 'deviceRule' }),
    ]);
    await keeper.readAll();
    const [row] = rowsOf(reader, { device: 'good1' });
    expect(row).toMatchObject({ state: 'blocked' });
    expect(row?.stateSince).toBeGreaterThan(0);
    expect(rowsOf(reader, { device: 'lost3' })[0]?.stateSince).toBeNull();
  });
});

const FILTERS: [string, ModelFilter, string[]][] = [
  ['by user, under every name that may be this user', { user: user('bob') }, ['lost3']],
  ['by states', { states: ['blocked', 'quarantined'] }, ['lost3', 'old2']],
  ['by words', { model: (word) => word.startsWith('Pixel') }, ['lost3']],
  ['by a part of a name', { search: 'ICE@con' }, ['good1', 'old2']],
  ['by a part of two letters', { search: 'ob' }, ['lost3']],
  ['by a part with a sign of SQL', { search: '%' }, []],
  ['by last seen', { seenSince: NOW - 2 * DAY_MS }, ['good1']],
  ['by not seen, never counts too', { unseenSince: NOW - 20 * DAY_MS }, ['old2', 'spare4']],
  ['by reports', { managed: null }, ['lost3']],
  ['by decisions', { decisions: ['block', 'none'] }, ['good1', 'lost3']],
  ['by a pattern of ids', { device: '*d?' }, ['good1', 'old2']],
  ['by a group, without case', { group: 'STAFF' }, ['good1', 'old2']],
  ['by a group of others', { group: 'board' }, ['lost3']],
  ['by a group that nobody is in', { group: 'staf' }, []],
  ['by a text with letters that stand apart', { search: 'pixixel' }, []],
  ['by a text beyond ASCII, without case', { search: 'ägid' }, ['spare4']],
  ['by a part of the User-Agent', { search: '15c2/' }, ['good1', 'lost3', 'old2']],
  ['by a text that stands in the id or in the system', { search: 'ios' }, ['good1']],
  ['by several models', { model: (word) => /^[iP]/.test(word) }, ['good1', 'lost3', 'spare4']],
];

/** The office, with groups and an owner beyond ASCII. */
async function fullOffice(): Promise<Model> {
  const store = await openOffice();
  closers.push(() => store.close());
  await store.putUsers([
    { key: user('alice@contoso.com'), source: 'ad', observedAt: NOW, groups: ['Staff', 'it'] },
    { key: user('contoso\\bob'), source: 'ad', observedAt: NOW, groups: ['board'] },
  ]);
  await store.putDevices([deviceReport(device('spare4'), { owner: 'ÄGIDIUS@contoso.com', observedAt: NOW })]);
  return modelOf(store);
}

describe('filters', () => {
  test.each(FILTERS)('find rows %s', async (_, filter, found) => {
    const { reader } = await fullOffice();
    expect(rowsOf(reader, filter).map((row) => row.device)).toStrictEqual(found);
  });

  test.each([true, false])('find the same rows however many there are: many %s', async (many) => {
    const { reader } = await fullOffice();
    vi.spyOn(reader.source, 'hasMore').mockReturnValue(many);
    for (const [name, filter, found] of FILTERS)
      for (const order of [BY_DEVICE, { field: 'lastSeen', descending: true } as const])
        expect([
          name,
          rowsOf(reader, filter, order)
            .map((row) => row.device)
            .sort(),
        ]).toStrictEqual([name, found]);
  });

  test('know the groups that users are in, and not one that its last user left', async () => {
    const { store, keeper, reader } = await fullOffice();
    expect(reader.groupsAfter('', 10)).toStrictEqual(['board', 'it', 'staff']);
    expect(reader.groupsAfter('board', 1)).toStrictEqual(['it']);
    await store.putUsers([
      { key: user('contoso\\bob'), source: 'ad', observedAt: NOW + 1, groups: ['Ångström'] },
    ]);
    await keeper.step();
    expect(reader.groupsAfter('', 10)).toStrictEqual(['it', 'staff', 'ångström']);
  });

  test('by a group find users too, those who were never seen among them', async () => {
    const { store, keeper, reader } = await fullOffice();
    await store.putUsers([{ key: user('eve'), source: 'ad', observedAt: NOW, groups: ['Board'] }]);
    await keeper.step();
    const found = userPage(reader, { group: 'board' }, [{ field: 'user', descending: false }], 10, null);
    expect(found.rows.map((row) => row.user)).toStrictEqual(['contoso\\bob', 'eve']);
  });
});

describe('pages', () => {
  test.each(['lastSeen', 'user', 'model', 'reason', 'device'] as const)(
    'by %s go on where the last one ended, and rows without a value are the last ones either way',
    async (field) => {
      const { reader } = await office();
      for (const descending of [true, false]) {
        const order = { field, descending };
        const whole = reader.page({}, [order], 100).rows;
        const parts: ModelRow[] = [];
        let cursor = null;
        do {
          const page = reader.page({}, [order], 1, cursor);
          parts.push(...page.rows);
          cursor = page.next;
        } while (cursor !== null);
        expect(parts).toStrictEqual(whole);
        expect(whole).toHaveLength(4);
        if (field === 'lastSeen') expect(whole.at(-1)?.device).toBe('spare4');
      }
    },
  );
});

test('the counts are of phones by state and reason, before and after a change', async () => {
  const { store, keeper, reader } = await office();
  expect(reader.stateCounts()).toContainEqual({ state: 'allowed', reason: 'compliant', phones: 1 });
  await store.recordSeen([
    seen('alice@contoso.com', 'good1', 0, { lastVerdict: 'block', lastReason: 'deviceRule' }),
  ]);
  await keeper.readAll();
  expect(reader.stateCounts()).toStrictEqual([
    { state: 'quarantined', reason: 'notCompliant', phones: 1 },
    { state: 'blocked', reason: 'deviceRule', phones: 1 },
    { state: 'blocked', reason: 'individualRule', phones: 1 },
    { state: 'unseen', reason: null, phones: 1 },
  ]);
});

test('counts name the groups of users, and how lately phones were seen', async () => {
  const { store, keeper, reader } = await office();
  await store.putUsers([
    { key: user('alice@contoso.com'), source: 'ad', observedAt: NOW, groups: ['staff', 'it'] },
  ]);
  await keeper.step();
  expect(reader.countBy('groups', { onlyPartnerships: true }, NOW)).toStrictEqual([
    { name: 'it', phones: { all: 2, lastDay: 1, lastWeek: 1, lastMonth: 2 } },
    { name: 'staff', phones: { all: 2, lastDay: 1, lastWeek: 1, lastMonth: 2 } },
    { name: null, phones: { all: 1, lastDay: 0, lastWeek: 1, lastMonth: 1 } },
  ]);
});

test('two devices of a user with one type and model are duplicates', async () => {
  const { store, keeper, reader } = await office();
  await store.recordSeen([
    seen('contoso\\bob', 'next5', 0, { deviceType: 'Android', model: 'Pixel 8', lastVerdict: 'quarantine' }),
  ]);
  await keeper.readAll();
  expect(findDuplicates(reader, 10)).toMatchObject([
    { device: 'next5', other: 'lost3', otherState: 'blocked' },
  ]);
});

test('a reported device that nobody was seen with is a near miss of a phone with its serial number', async () => {
  const { store, keeper, reader } = await office();
  await store.putDevices([deviceReport(device('udid77'), { serialNumber: 'DNPHG6NVDT9V' })]);
  await store.recordSeen([seen('carol', 'appldnphg6nvdt9v', 0)]);
  await keeper.readAll();
  expect(findNearMisses(reader, 10)).toMatchObject([
    { reported: 'udid77', device: 'appldnphg6nvdt9v', user: 'carol', by: 'serial' },
  ]);
});

describe('the file', () => {
  test('is readable by its owner only, and goes on where it ended', async () => {
    const path = join(folder(), 'read-model.db');
    const store = await openOffice();
    closers.push(() => store.close());
    const first = ModelFile.open(path, STORE);
    await new ModelKeeper(store, first).build();
    first.close();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await store.decide({ device: device('good1'), user: null }, decision('block'), BY_TEST);
    const second = await modelOf(store, path);
    expect(second.file.isNew).toBe(false);
    await second.keeper.step();
    expect(rowsOf(second.reader, { device: 'good1' })).toMatchObject([{ decision: 'block' }]);
  });

  test.each<[string, (path: string) => void]>([
    ['of another store', (path) => ModelFile.open(path, { store: 'other', epoch: 1 }).close()],
    ['of another epoch', (path) => ModelFile.open(path, { store: 'one', epoch: 0 }).close()],
    ['that is broken', (path) => writeFileSync(path, 'no database')],
  ])('%s is made anew', async (_, make) => {
    const path = join(folder(), 'read-model.db');
    make(path);
    const store = await openOffice();
    closers.push(() => store.close());
    const { file, reader } = await modelOf(store, path);
    expect(file.isNew).toBe(true);
    expect(rowsOf(reader)).toHaveLength(4);
  });

  test('on a full disk stays whole, and goes on once there is room', async () => {
    const path = join(folder(), 'read-model.db');
    const store = await openOffice();
    closers.push(() => store.close());
    const { file, keeper, reader } = await modelOf(store, path);
    const before = rowsOf(reader);
    // SQLite says the same as on a full disk: SQLITE_FULL.
    const pages = file.database.prepare('PRAGMA page_count').get()?.['page_count'];
    file.database.exec(`PRAGMA max_page_count = ${String(pages)}`);
    const many = Array.from({ length: 500 }, (_, index) => seen(`user${index}`, `device${index}`, 0));
    await store.recordSeen(many);
    await expect(keeper.readAll()).rejects.toThrow(/full/);
    expect(rowsOf(reader).length).toBeGreaterThanOrEqual(before.length);
    file.database.exec('PRAGMA max_page_count = 1000000');
    await keeper.readAll();
    expect(rowsOf(reader)).toHaveLength(before.length + many.length);
  });

  test('is read by other processes once it is whole', async () => {
    const path = join(folder(), 'read-model.db');
    const store = new EmbeddedStore(':memory:');
    closers.push(() => store.close());
    const file = ModelFile.open(path, STORE);
    closers.push(() => file.close());
    expect(ModelReader.open(path, store.names)).toBeNull();
    await new ModelKeeper(store, file).build();
    const reader = ModelReader.open(path, store.names);
    closers.push(() => reader?.close());
    expect(reader?.stateCounts()).toStrictEqual([]);
    expect(reader?.state()).toMatchObject({ store: 'one', complete: true });
  });
});
