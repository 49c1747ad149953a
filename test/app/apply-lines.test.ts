// Owns the promises of applying the records of a run: what is written, what the brakes hold, and what is never removed.
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { applyLines } from '../../src/app/apply-lines.ts';
import type { ApplyOptions } from '../../src/app/apply-lines.ts';
import type { ApplyOutcome } from '../../src/app/apply-outcome.ts';
import { DEFAULT_BRAKES } from '../../src/app/brakes.ts';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import type { FeedPart } from '../../src/feeds/contract.ts';
import type { DecisionLine, DeviceLine, FeedLine, GroupLine, UserLine } from '../../src/feeds/record.ts';
import { isoTime } from '../../src/feeds/times.ts';
import { deviceKey } from '../../src/identity/device.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { deviceLine as device } from '../feeds/lines.ts';
import { KnownUsers } from '../../src/app/known-users.ts';
import { RunUsers } from '../../src/app/user-changes.ts';
import { TemporaryFile } from '../../src/temporary-file.ts';
import { seen } from './office.ts';

let store: DirectoryStore;
beforeEach(() => {
  store = new EmbeddedStore(':memory:');
});
afterEach(() => store.close());

const NOW = Date.now();

function user(id: string, more: Partial<UserLine> = {}): UserLine {
  return {
    type: 'user',
    line: 1,
    source: 'mdm',
    id,
    aliases: [],
    groups: null,
    enabled: true,
    sourceId: null,
    attributes: {},
    observedAt: null,
    problems: [],
    ...more,
  };
}

function group(id: string, members: readonly string[]): GroupLine {
  return { type: 'group', line: 1, source: 'mdm', id, sourceId: null, members: [...members], problems: [] };
}

function decision(id: string, action: DecisionLine['action']): DecisionLine {
  return {
    type: 'decision',
    line: 1,
    source: 'mdm',
    scope: 'device',
    device: deviceKey(id),
    spelling: id,
    user: null,
    action,
    reason: 'list of Exchange',
    by: null,
    decidedAt: null,
    expiresAt: null,
    applied: action !== 'allow',
    problems: [],
  };
}

const RUN = {
  source: 'mdm',
  now: NOW,
  whole: [],
  brakes: DEFAULT_BRAKES,
  confirmed: false,
  allowDecisions: false,
  dryRun: false,
} as const;

let runs = 0;
async function apply(
  lines: readonly FeedLine[],
  more: Partial<ApplyOptions> & Pick<FeedPart, 'count' | 'gone'> = {},
): Promise<ApplyOutcome> {
  const { count, gone, ...options } = more;
  const part = { lines, ...(count !== undefined && { count }), ...(gone !== undefined && { gone }) };
  return applyParts([part], options);
}

async function applyParts(
  parts: readonly FeedPart[],
  options: Partial<ApplyOptions> = {},
): Promise<ApplyOutcome> {
  // Each run reads its source later than the one before.
  const readAt = NOW - 100_000 + runs++;
  return applyLines(
    store,
    (async function* () {
      yield* parts;
    })(),
    { ...RUN, readAt, ...options },
  );
}

const WHOLE = { whole: ['device', 'user', 'group'] } as const;
const many = (count: number, more: Partial<DeviceLine> = {}): DeviceLine[] =>
  Array.from({ length: count }, (_, index) => device(`PHONE${index}`, more));

async function record(id: string): Promise<Record<string, unknown> | null> {
  return ((await store.getDevice(deviceKey(id)))?.record ?? null) as Record<string, unknown> | null;
}

async function managedCount(): Promise<number> {
  let count = 0;
  for await (const part of store.scanDevices())
    count += part.filter((entry) => entry.record?.managed === true).length;
  return count;
}

describe('applying records', () => {
  it('writes devices, and counts those that are unchanged and older', async () => {
    expect((await apply(many(3))).devices).toMatchObject({ accepted: 3, unchanged: 0 });
    const old = device('PHONE0', { observedAt: new Date(NOW - 86_400_000).toISOString() });
    const { devices } = await apply([old, device('PHONE1'), device('PHONE2', { compliant: false })]);
    expect(devices).toEqual({ accepted: 1, unchanged: 1, older: 1, removed: 0 });
    expect(await record('PHONE2')).toMatchObject({ managed: true, compliant: false });
  });

  it('forgets a compliance that the source no longer reports', async () => {
    await apply([device('PHONE0')]);
    await apply([device('PHONE0', { compliant: null })]);
    expect(await record('PHONE0')).toMatchObject({ compliant: null });
  });

  it('writes a device under all its ids', async () => {
    await apply([device('PHONE0', { otherIds: [deviceKey('OUTLOOK1')] })]);
    expect(await record('OUTLOOK1')).toMatchObject({ compliant: true });
  });

  it('computes the same outcome without writing', async () => {
    await apply(many(30));
    const next = [...many(28), device('NEW1'), device('PHONE28', { compliant: false })];
    const dry = await apply(next, { ...WHOLE, dryRun: true });
    expect(await record('NEW1')).toBeNull();
    const wet = await apply(next, WHOLE);
    expect({ ...dry, dryRun: false }).toEqual(wet);
    expect(wet.devices).toEqual({ accepted: 2, unchanged: 28, older: 0, removed: 1 });
  });

  it('removes what a whole set no longer has', async () => {
    await apply(many(30));
    expect((await apply(many(29), WHOLE)).devices.removed).toBe(1);
    expect(await record('PHONE29')).toMatchObject({ managed: false });
    expect((await store.getDevice(deviceKey('PHONE29')))?.reports[0]?.removed).toBe(true);
  });

  it('leaves devices of other sources alone', async () => {
    await apply([device('OTHER')], { source: 'other' });
    await apply(many(2));
    await apply(many(2), WHOLE);
    expect(await record('OTHER')).toMatchObject({ managed: true });
  });

  it('removes a device that the source says it deleted', async () => {
    await apply([device('PHONE0', { sourceId: 'a-1' }), device('PHONE1', { sourceId: 'a-2' })]);
    await apply([], { gone: [{ kind: 'device', sourceId: 'a-1' }] });
    expect([await record('PHONE0'), await record('PHONE1')]).toMatchObject([
      { managed: false },
      { managed: true },
    ]);
  });
});

describe('threat: a faulty source (mass change)', () => {
  beforeEach(() => apply(many(300)));

  it('removes nothing where the source is down in the middle of a run', async () => {
    const broken = (async function* (): AsyncGenerator<FeedPart> {
      yield { lines: many(100, { compliant: false }).slice(0, 10) };
      throw new Error('the source is down');
    })();
    const options = { source: 'mdm', readAt: NOW, now: NOW, ...WHOLE, brakes: DEFAULT_BRAKES };
    await expect(
      applyLines(store, broken, { ...options, confirmed: true, allowDecisions: true, dryRun: false }),
    ).rejects.toThrow('the source is down');
    expect(await record('PHONE0')).toMatchObject({ compliant: true });
    expect(await managedCount()).toBe(300);
  });

  it('removes nothing where the source returns nothing, even beyond the brakes', async () => {
    const { notRemoved } = await apply([], { ...WHOLE, confirmed: true });
    expect(notRemoved).toEqual(['the source returned no devices: none is removed']);
    expect(await managedCount()).toBe(300);
  });

  it.each([299, 305])('removes nothing where the source counts %i, and returned 290', async (stated) => {
    const { notRemoved, held } = await apply(many(290), { ...WHOLE, count: { device: stated } });
    expect([held, notRemoved]).toEqual([
      [],
      [`the source says that it has ${stated} devices, and returned 290: none is removed`],
    ]);
    expect(await managedCount()).toBe(300);
  });

  it('holds a run that lost a part of the list, and writes nothing of it', async () => {
    const outcome = await apply([...many(200), device('NEW1')], WHOLE);
    expect(outcome.held).toEqual(['100 of 300 devices would be removed; at most 30 without a confirmation']);
    expect([await managedCount(), await record('NEW1')]).toEqual([300, null]);
  });

  it('applies a held run that somebody confirmed', async () => {
    await apply(many(200), { ...WHOLE, confirmed: true });
    expect(await managedCount()).toBe(200);
  });

  it.each([
    ['not compliant', { compliant: false }],
    ['not managed', { managed: false }],
    ['retired', { removed: true, managed: false }],
    ['unknown', { compliant: null, managed: null }],
    ['compromised', { compromised: true }],
    ['past their grace', { graceUntil: new Date(NOW - 1_000).toISOString() }],
  ])('holds a run that turns everyone to %s', async (_what, values) => {
    expect((await apply(many(300, values))).held).toHaveLength(1);
    expect(await record('PHONE0')).toMatchObject({ compliant: true, managed: true });
  });

  it('holds a run that admits everyone', async () => {
    await apply(many(300, { compliant: false }), { confirmed: true });
    expect((await apply(many(300))).held).toHaveLength(1);
    expect(await record('PHONE0')).toMatchObject({ compliant: false });
  });

  it('holds a new source that contradicts the others for everyone', async () => {
    const first = await apply(many(300, { compliant: false }), { source: 'a-new-one' });
    expect(first.held).toEqual(['300 of 300 devices would change; at most 30 without a confirmation']);
    const silent = await apply(many(300, { managed: null, compliant: null, platform: null }), {
      source: 'exchange',
    });
    expect(silent.held).toEqual([]);
  });

  it('takes a date in the future for the time of receipt', async () => {
    const observedAt = new Date(NOW + 400 * 86_400_000).toISOString();
    await apply([device('PHONE0', { compliant: false, observedAt, lastCheckIn: observedAt })]);
    const stored = (await store.getDevice(deviceKey('PHONE0')))?.reports[0];
    expect(stored?.observedAt).toBeLessThan(NOW + 3_600_000);
    expect(stored?.lastCheckIn).toBeLessThan(NOW + 3_600_000);
  });

  it('removes nothing by an old file', async () => {
    await apply(many(290), { ...WHOLE, readAt: NOW - 86_400_000 });
    expect(await managedCount()).toBe(300);
  });

  it('holds blocks of a source for a large part of the devices', async () => {
    const blocks = many(300).map((_, index) => decision(`PHONE${index}`, 'block'));
    expect((await apply(blocks)).held).toHaveLength(1);
    expect((await store.getDevice(deviceKey('PHONE0')))?.imported).toEqual([]);
  });
});

describe('users and groups', () => {
  const groupsOf = async (name: string): Promise<readonly string[] | null> =>
    (await store.getUser(name as UserKey))?.record?.groups ?? null;

  it('closes groups into their members, by any of their names', async () => {
    await apply([
      user('alice@contoso.com', { aliases: ['contoso\\alice'], groups: ['office'] }),
      user('bob@contoso.com'),
      group('staff', ['contoso\\alice', 'bob@contoso.com', 'carol@contoso.com']),
    ]);
    expect(await groupsOf('alice@contoso.com')).toEqual(['office', 'staff']);
    expect(await groupsOf('bob@contoso.com')).toEqual(['staff']);
    expect(await groupsOf('carol@contoso.com')).toEqual(['staff']);
  });

  it('adds members that come after their group, which is one record however many parts it has', async () => {
    const { read } = await applyParts([
      { lines: [user('alice@contoso.com'), group('staff', [])] },
      { lines: [], members: { id: 'staff', members: ['alice@contoso.com'] } },
      { lines: [], members: { id: 'staff', members: ['bob@contoso.com', 'alice@contoso.com'] } },
    ]);
    expect(read.group).toBe(1);
    expect(await groupsOf('alice@contoso.com')).toEqual(['staff']);
    expect(await groupsOf('bob@contoso.com')).toEqual(['staff']);
  });

  it('takes a group that comes alone for the whole membership of that group only', async () => {
    await apply([
      user('alice@contoso.com'),
      user('bob@contoso.com'),
      group('staff', ['alice@contoso.com', 'bob@contoso.com']),
      group('it', ['alice@contoso.com']),
    ]);
    await apply([group('staff', ['bob@contoso.com'])]);
    expect(await groupsOf('alice@contoso.com')).toEqual(['it']);
    expect(await groupsOf('bob@contoso.com')).toEqual(['staff']);
  });

  it('have the outcome of a run also where nothing is written', async () => {
    const names = Array.from({ length: 230 }, (_, index) => `user${index}@contoso.com`);
    await apply([
      ...names.map((name) => user(name)),
      user('bob@contoso.com', { aliases: ['carol@contoso.com'] }),
    ]);
    const next = [
      ...names.slice(1).map((name) => user(name)),
      user('bob@contoso.com', { enabled: false }),
      // Before an alias, now a user.
      user('carol@contoso.com'),
      group('staff', ['user3@contoso.com', 'dave@contoso.com']),
    ];
    const dry = await apply(next, { ...WHOLE, dryRun: true });
    expect((await store.getUser('bob@contoso.com' as UserKey))?.record?.enabled).toBe(true);
    const wet = await apply(next, WHOLE);
    expect({ ...dry, dryRun: false }).toEqual(wet);
    // A group that the run brings makes it known of everybody which groups they are in.
    expect(wet.users).toEqual({ accepted: 229 + 1 + 1 + 1, unchanged: 0, older: 0, removed: 1 });
  });

  it('count once, as the last of their records says, and each record is counted as read', async () => {
    const { read, users } = await apply([
      user('alice@contoso.com', { enabled: false, groups: ['old'] }),
      user('bob@contoso.com'),
      user('alice@contoso.com', { groups: ['new'] }),
    ]);
    expect([read.user, users.accepted]).toEqual([3, 2]);
    expect((await store.getUser('alice@contoso.com' as UserKey))?.record).toMatchObject({ enabled: true, groups: ['new'] }); // prettier-ignore
  });

  it('threat: an alias that is the name of another user (takes over the groups of that user)', async () => {
    await apply([user('alice@contoso.com'), user('bob@contoso.com'), group('staff', ['bob@contoso.com'])]);
    await apply([
      user('alice@contoso.com', { aliases: ['bob@contoso.com'] }),
      group('staff', ['bob@contoso.com']),
    ]);
    const groups = new Map<string, readonly string[] | null | undefined>();
    for await (const part of store.scanUsers())
      for (const { key, reports } of part) groups.set(key, reports[0]?.groups);
    expect([groups.get('alice@contoso.com'), groups.get('bob@contoso.com')]).toEqual([[], ['staff']]);
  });

  it('keeps a user that the source deletes and restores in one run', async () => {
    await apply([user('alice@contoso.com', { sourceId: 'a' })]);
    await applyLines(
      store,
      (async function* () {
        yield { lines: [], gone: [{ kind: 'user', sourceId: 'a' } as const] };
        yield { lines: [user('alice@contoso.com', { sourceId: 'a' })] };
      })(),
      { ...RUN, readAt: NOW },
    );
    expect((await store.getUser('alice@contoso.com' as UserKey))?.record?.enabled).toBe(true);
  });

  it('threat: a deleted device that still counts as managed under another id, since its mail app was set up anew', async () => {
    await apply([device('appla', { sourceId: 'd-1' })]);
    await apply([device('applb', { sourceId: 'd-1' })]);
    await apply([], { gone: [{ kind: 'device', sourceId: 'd-1' }] });
    const managed = ['appla', 'applb'].map(
      async (id) => (await store.getDevice(deviceKey(id)))?.record?.managed,
    );
    expect(await Promise.all(managed)).toEqual([false, false]);
  });

  it('threat: a deleted account whose phone goes on, because it was renamed before', async () => {
    await apply([user('alice@contoso.com', { sourceId: 'a' })]);
    await apply([user('alicia@contoso.com', { sourceId: 'a' })]);
    await apply([], { gone: [{ kind: 'user', sourceId: 'a' }] });
    const enabled = ['alice@contoso.com', 'alicia@contoso.com'].map(
      async (name) => (await store.getUser(name as UserKey))?.record?.enabled,
    );
    expect(await Promise.all(enabled)).toEqual([false, false]);
  });

  it('threat: a deleted account whose phone goes on, because the same run brought it first', async () => {
    await apply([user('alice@contoso.com', { sourceId: 'a' })]);
    await applyParts([
      { lines: [user('alicia@contoso.com', { sourceId: 'a' }), user('bob@contoso.com', { sourceId: 'b' })] },
      { lines: [], gone: [{ kind: 'user', sourceId: 'a' }] },
    ]);
    expect(await store.getUser('alicia@contoso.com' as UserKey)).toBe(null);
    expect((await store.getUser('alice@contoso.com' as UserKey))?.record?.enabled).toBe(false);
    expect((await store.getUser('bob@contoso.com' as UserKey))?.record?.enabled).toBe(true);
  });

  it('keeps a new user that the source deletes and restores in one run', async () => {
    const alice = user('alice@contoso.com', { sourceId: 'a' });
    await applyParts([
      { lines: [alice] },
      { lines: [], gone: [{ kind: 'user', sourceId: 'a' }] },
      { lines: [alice] },
    ]);
    expect((await store.getUser('alice@contoso.com' as UserKey))?.record?.enabled).toBe(true);
  });

  it('closes its temporary files where one of them cannot be written: Node would end the process for a file left open', async () => {
    // More than waits in memory.
    const many = Array.from({ length: 3_000 }, (_, index) => user(`somebody${index}@contoso.com`));
    const closed = vi.spyOn(TemporaryFile.prototype, 'close');
    const written = vi.spyOn(TemporaryFile.prototype, 'write').mockRejectedValue(new Error('no room'));
    onTestFinished(() => {
      closed.mockRestore();
      written.mockRestore();
    });
    await expect(apply(many)).rejects.toThrow('no room');
    expect(closed).toHaveBeenCalledTimes(1);
  });

  it('removes users that a whole set no longer has', async () => {
    await apply([user('alice@contoso.com'), user('bob@contoso.com')]);
    await apply([user('alice@contoso.com')], WHOLE);
    expect((await store.getUser('bob@contoso.com' as UserKey))?.record?.enabled).toBe(false);
    expect((await store.getUser('alice@contoso.com' as UserKey))?.record?.enabled).toBe(true);
  });

  it('threat: a source that empties a group (mass change)', async () => {
    const names = Array.from({ length: 50 }, (_, index) => `user${index}@contoso.com`);
    await apply([...names.map((name) => user(name)), group('staff', names)]);
    const emptied = await apply([...names.map((name) => user(name)), group('staff', [])], WHOLE);
    expect(emptied.held).toEqual([
      '50 of 50 members of the group staff would be removed; at most 20 without a confirmation',
    ]);
    const absent = await apply(
      names.map((name) => user(name)),
      WHOLE,
    );
    expect(absent.held).toEqual([]);
    expect(absent.notRemoved).toEqual(['the source returned no groups: none is removed']);
    expect(await groupsOf('user0@contoso.com')).toEqual(['staff']);
  });

  it('threat: a source that disables everyone (mass change)', async () => {
    const names = Array.from({ length: 50 }, (_, index) => `user${index}@contoso.com`);
    await apply(names.map((name) => user(name)));
    expect((await apply(names.map((name) => user(name, { enabled: false })))).held).toHaveLength(1);
    expect((await store.getUser('user0@contoso.com' as UserKey))?.record?.enabled).toBe(true);
  });
});

describe('records without an id', () => {
  const phone = deviceKey('ApplDNPHG6NVDT9V');

  it('belong to an iPhone whose id is made of the serial number', async () => {
    await store.recordSeen([seen('alice', phone, 1)]);
    const outcome = await apply([
      device(null, { serialNumber: 'DNPHG6NVDT9V', idFromSerial: phone }),
      device(null, { serialNumber: 'XXPHG6NVDT9V', idFromSerial: deviceKey('ApplXXPHG6NVDT9V') }),
    ]);
    expect([outcome.joined, outcome.notJoined.count]).toEqual([1, 1]);
    expect((await store.getDevice(phone))?.record?.compliant).toBe(true);
  });

  it('belong to the device that another source reports with this serial number', async () => {
    await apply([device('PHONE0', { serialNumber: 'S1', compliant: null })], { source: 'exchange' });
    await apply([device(null, { serialNumber: 's1' })]);
    expect(await record('PHONE0')).toMatchObject({ compliant: true });
  });

  it('belong to nobody where two devices have the name, or two records claim the device', async () => {
    await apply([device('PHONE0', { serialNumber: 'S1' }), device('PHONE1', { serialNumber: 'S1' })], {
      source: 'exchange',
    });
    expect((await apply([device(null, { serialNumber: 'S1', compliant: false })])).notJoined.count).toBe(1);
    await apply([device('PHONE2', { udid: 'U2' })], { source: 'exchange' });
    const twice = await apply([device(null, { udid: 'U2' }), device(null, { udid: 'U2' })]);
    expect(twice.notJoined.count).toBe(2);
  });

  it('threat: a phone claims the IMEI of a compliant device, and gets in with its report', async () => {
    await store.recordSeen([seen('mallory', deviceKey('EVIL1'), 1, { imei: '490154203237518' })]);
    const good = device(null, { imei: '490154203237518' });
    expect((await apply([good])).notJoined.count).toBe(1);
    await apply([{ ...good, managed: false, compliant: true }]);
    expect(await record('EVIL1')).toMatchObject({ managed: false, compliant: null });
    // What was joined by a claim is no name to join by.
    await apply([good]);
    expect(await record('EVIL1')).toMatchObject({ managed: false, compliant: null });
  });

  it('refuse the only device of their owner with their model', async () => {
    await store.recordSeen([seen('alice@contoso.com', deviceKey('PIXEL1'), 1, { model: 'Pixel 8' })]);
    const line = { model: 'Pixel 8', owner: 'alice@contoso.com', ownerNames: ['alice@contoso.com'] };
    const outcome = await apply([device(null, { ...line, serialNumber: 'S9' })]);
    expect(outcome.notJoined.first).toEqual([{ line: 1, name: 'S9', near: [deviceKey('PIXEL1')] }]);
    await apply([device(null, { ...line, compliant: false })]);
    expect(await record('PIXEL1')).toMatchObject({ managed: null, compliant: false });
  });
});

describe('joinBy', () => {
  const IMEI = '490154203237518';

  it('trusts a name that phones tell, where it names it', async () => {
    await store.recordSeen([seen('alice', deviceKey('PIXEL1'), 1, { imei: IMEI })]);
    const line = device(null, { imei: IMEI, compliant: true });
    expect((await apply([line])).joined).toBe(0);
    expect((await apply([line], { joinBy: ['imei'] })).joined).toBe(1);
    expect(await record('PIXEL1')).toMatchObject({ compliant: true });
  });

  it('joins by no other name, and by the first that fits', async () => {
    await apply(
      [
        device('PHONE0', { serialNumber: 'S1', compliant: null }),
        device('PHONE1', { udid: 'U1', compliant: null }),
      ],
      {
        source: 'exchange',
      },
    );
    const line = device(null, { serialNumber: 'S1', udid: 'U1', compliant: false });
    expect((await apply([line], { joinBy: [] })).joined).toBe(0);
    await apply([line], { joinBy: ['udid', 'serialNumber'] });
    expect(await record('PHONE1')).toMatchObject({ compliant: false });
    expect(await record('PHONE0')).toMatchObject({ compliant: null });
  });

  it('joins by an attribute that another source reports', async () => {
    await apply([device('PHONE0', { attributes: { assetTag: 'A-17' }, compliant: null })], {
      source: 'exchange',
    });
    const line = device(null, { attributes: { assetTag: 'a-17' }, serialNumber: 'S1', compliant: false });
    expect((await apply([line], { joinBy: ['attributes.other'] })).joined).toBe(0);
    expect((await apply([line], { joinBy: ['attributes.assetTag'] })).joined).toBe(1);
    expect(await record('PHONE0')).toMatchObject({ compliant: false });
  });

  it('names no device where two have the name; what is near is counted', async () => {
    await apply(
      [
        device('PHONE0', { attributes: { tag: 'x' }, serialNumber: 'S1' }),
        device('PHONE1', { attributes: { tag: 'x' } }),
      ],
      { source: 'exchange' },
    );
    const lines = [
      device(null, { attributes: { tag: 'x' }, serialNumber: 'S1' }),
      device(null, { attributes: { tag: 'y' }, serialNumber: 'S2' }),
    ];
    expect((await apply(lines, { joinBy: ['attributes.tag'] })).notJoined).toMatchObject({
      count: 2,
      possibleMatches: 1,
      first: [{ near: [deviceKey('PHONE0')] }, { near: [] }],
    });
  });
});

describe('the order of what is written', () => {
  /** The keys in the order in which a run writes them; the store fails after `most` writes. */
  async function order(lines: readonly FeedLine[], more: Parameters<typeof apply>[1] = {}, most = Infinity) {
    const written: string[] = [];
    const note = (keys: readonly string[]): void => {
      if (written.length >= most) throw new Error('the store is away');
      written.push(...keys);
    };
    const putDevices = store.putDevices.bind(store);
    const putUsers = store.putUsers.bind(store);
    const putImported = store.putImported.bind(store);
    Object.assign(store, {
      putDevices: (batch: Parameters<typeof putDevices>[0]) => {
        note(batch.map(({ key }) => key));
        return putDevices(batch);
      },
      putUsers: (batch: Parameters<typeof putUsers>[0]) => {
        note(batch.map(({ key }) => key));
        return putUsers(batch);
      },
      putImported: (...[source, batch]: Parameters<typeof putImported>) => {
        note(batch.map(({ device: key, decision: made }) => `${made?.action ?? 'end'} ${key ?? ''}`));
        return putImported(source, batch);
      },
    });
    await apply(lines, { ...more, confirmed: true }).catch(() => undefined);
    return written;
  }

  it('is restrictions first, of devices, users and decisions, then releases', async () => {
    await apply([
      device('FREED', { compliant: false }),
      device('BLOCKED'),
      device('UNKNOWN'),
      device('GONE'),
      user('on@contoso.com', { enabled: false }),
      user('off@contoso.com'),
      decision('D1', 'block'),
    ]);
    const written = await order(
      [
        device('FREED'),
        device('NEW'),
        device('UNKNOWN', { compliant: null }),
        device('BLOCKED', { compliant: false }),
        user('on@contoso.com'),
        user('off@contoso.com', { enabled: false }),
        decision('D2', 'block'),
      ],
      WHOLE,
    );
    expect(written).toEqual([
      'blocked',
      'unknown',
      'gone',
      'off@contoso.com',
      'block d2',
      'freed',
      'new',
      'on@contoso.com',
      'end d1',
    ]);
  });

  it('writes one of several records of a device, the last one where none has a check-in', async () => {
    await apply([device('PHONE0'), device('PHONE1')]);
    const lines = [device('PHONE0', { compliant: false }), device('PHONE1'), device('PHONE0')];
    expect(await order(lines)).toEqual(['phone0', 'phone1']);
    expect(await record('PHONE0')).toMatchObject({ compliant: true });
  });

  it('is that of their keys: neighbours are in the same pages of an index', async () => {
    expect(await order([device('C'), device('A'), device('B')])).toEqual(['a', 'b', 'c']);
    const users = ['zoe', 'bob', 'eve'].map((name) => user(`${name}@contoso.com`));
    expect(await order(users)).toEqual(['bob@contoso.com', 'eve@contoso.com', 'zoe@contoso.com']);
  });

  it('blocks everybody before a run that ends in the middle frees anybody', async () => {
    await apply([...many(600, { compliant: false }), device('LAST')]);
    await order([...many(600), device('LAST', { compliant: false })], {}, 1);
    expect(await record('LAST')).toMatchObject({ compliant: false });
    expect(await record('PHONE0')).toMatchObject({ compliant: false });
  });
});

describe('several records of one device', () => {
  const T = (day: number): string => isoTime(NOW - (30 - day) * 86_400_000);
  const good = { compliant: true, sourceId: 'new' };
  const bad = { compliant: false, sourceId: 'old' };

  it.each([
    ['the newest check-in', { ...good, lastCheckIn: T(20) }, { ...bad, lastCheckIn: T(1) }, 'new'],
    ['one with a check-in against one without', { ...good, lastCheckIn: T(1) }, bad, 'new'],
    ['the newest check-in, if it refuses', { ...good, lastCheckIn: T(1) }, { ...bad, lastCheckIn: T(20) }, 'old'],
    ['of two equal check-ins the one that refuses', { ...good, lastCheckIn: T(20) }, { ...bad, lastCheckIn: T(20) }, 'old'],
    ['the one that was seen last, whatever its check-in', { ...good, observedAt: T(20), lastCheckIn: T(1) }, { ...bad, observedAt: T(19), lastCheckIn: T(18) }, 'new'],
    ['the check-in that is not removed, if it is newer', { ...good, lastCheckIn: T(20) }, { ...bad, removed: true, managed: false, lastCheckIn: T(1) }, 'new'],
  ])('have one that counts in any order and part: %s', async (_, one, other, counts) => {
    const parts = [one, other].map((more) => ({ lines: [device('PHONE0', more)] }));
    for (const order of [parts, parts.toReversed()]) {
      await applyParts(order);
      expect(await record('PHONE0')).toMatchObject({ compliant: counts === 'new' });
    }
  }); // prettier-ignore

  it('are noted by their lines, and count as older', async () => {
    const lines = [
      device('PHONE0', { line: 2, lastCheckIn: T(20) }),
      device('PHONE0', { line: 3, lastCheckIn: T(1) }),
      device('PHONE0', { line: 4, lastCheckIn: T(21) }),
      device('PHONE1', { line: 5 }),
    ];
    const { devices, sameDevice } = await apply(lines);
    expect(devices).toMatchObject({ accepted: 2, older: 2 });
    expect(sameDevice).toEqual({
      count: 2,
      first: [
        { line: 3, reason: `another record of the device, on line 2 with a check-in at ${T(20)}, counts in place of this one` },
        { line: 4, reason: `counts in place of another record of the device, on line 2 with a check-in at ${T(20)}` },
      ],
    }); // prettier-ignore
  });

  it('do not hold a run for what the old one would change', async () => {
    await apply(many(60, { lastCheckIn: T(20) }));
    const again = many(60, { lastCheckIn: T(21) });
    const { held, devices } = await apply([...again, ...many(60, { compliant: false, lastCheckIn: T(1) })]);
    expect([held, devices.older]).toEqual([[], 60]);
  });

  it('that say a part each all count, but for one with an older check-in', async () => {
    const part = (unsaid: string[], more: Partial<DeviceLine>): DeviceLine =>
      Object.assign(device('PHONE0', more), { unsaid });
    await apply([device('PHONE0', { encrypted: null })]);
    await apply([
      part(['encrypted', 'managed'], { compliant: false, lastCheckIn: T(20) }),
      part(['managed', 'compliant', 'lastCheckIn'], { encrypted: true }),
      part(['encrypted', 'managed'], { compliant: true, lastCheckIn: T(1) }),
    ]);
    expect(await record('PHONE0')).toMatchObject({ compliant: false, encrypted: true, managed: true });
  });
});

describe('decisions of a source', () => {
  const imported = async (id: string): Promise<(string | number | null)[][]> =>
    ((await store.getDevice(deviceKey(id)))?.imported ?? []).map(({ source, decision: made }) => [
      source,
      made.action,
      made.expiresAt,
    ]);

  it('are applied; allows only where the source may allow, for 30 days', async () => {
    const lines = [decision('PHONE0', 'block'), decision('PHONE1', 'allow')];
    expect((await apply(lines)).decisions).toEqual({ applied: 1, listed: 1, removed: 0 });
    expect([await imported('PHONE0'), await imported('PHONE1')]).toEqual([[['mdm', 'block', null]], []]);
    await apply(lines, { allowDecisions: true });
    expect(await imported('PHONE1')).toEqual([['mdm', 'allow', NOW + 30 * 86_400_000]]);
  });

  it('are one for each device and each user on it: of several on one the strictest, of equal ones the first', async () => {
    const said = (by: string, action: DecisionLine['action'], user: string | null = null): DecisionLine => ({
      ...decision('PHONE0', action),
      user,
      by,
    });
    const { decisions } = await apply(
      [
        said('a', 'allow'),
        said('b', 'block'),
        said('c', 'block'),
        said('d', 'quarantine'),
        said('e', 'allow', 'alice smith@contoso.com'),
      ],
      { allowDecisions: true },
    );
    expect(decisions).toEqual({ applied: 2, listed: 0, removed: 0 });
    const { imported: made = [] } = (await store.getDevice(deviceKey('PHONE0'))) ?? {};
    expect(made.map(({ user, decision: one }) => [user, one.action, one.owner])).toEqual([
      [null, 'block', 'b'],
      ['alice smith@contoso.com', 'allow', 'e'],
    ]);
    await apply([said('b', 'block')], { ...WHOLE, allowDecisions: true });
    expect((await imported('PHONE0')).map(([, action]) => action)).toEqual(['block']);
  });

  it('that are more than wait in memory are written once each, restrictions first, and end in the same order', async () => {
    const many = Array.from({ length: 4_000 }, (_, index) =>
      decision(`PHONE${index}`, index % 2 === 0 ? 'allow' : 'block'),
    );
    const put = vi.spyOn(store, 'putImported');
    const actions = (): string[] => {
      const all = put.mock.calls.flatMap(([, changes]) =>
        changes.map((one) => one.decision?.action ?? 'end'),
      );
      put.mockClear();
      return all.filter((action, place) => action !== all[place - 1]);
    };
    const { decisions } = await apply(many, { allowDecisions: true });
    expect([decisions.applied, actions()]).toEqual([4_000, ['block', 'allow']]);
    const ended = await apply([decision('PHONE1', 'block')], {
      ...WHOLE,
      allowDecisions: true,
      confirmed: true,
    });
    expect([ended.decisions.removed, await imported('PHONE1')]).toEqual([3_999, [['mdm', 'block', null]]]);
    expect(actions()).toEqual(['block', 'end']);
    expect(await imported('PHONE2')).toEqual([]);
  });

  it('end where the whole list no longer has them', async () => {
    await apply([
      device('PHONE0'),
      device('PHONE1'),
      decision('PHONE0', 'block'),
      decision('PHONE1', 'block'),
    ]);
    await apply([device('PHONE0'), device('PHONE1'), decision('PHONE1', 'block')], WHOLE);
    expect(await imported('PHONE0')).toEqual([]);
    expect(await imported('PHONE1')).toEqual([['mdm', 'block', null]]);
  });
});

it('lists refused records with line and reason', async () => {
  const { refused } = await apply([{ type: 'refused', line: 7, reason: 'not an object' }]);
  expect(refused).toEqual({ count: 1, first: [{ line: 7, reason: 'not an object' }] });
});

it('takes all spellings of an id for one device', async () => {
  await apply([device('PHONE0')]);
  const hex = Buffer.from('PHONE0').toString('hex');
  await apply([device(hex, { compliant: false })]);
  expect(await record('PHONE0')).toMatchObject({ key: 'phone0' as DeviceKey, compliant: false });
});

it('computes what users and members of groups become in parts, so that very many of them do not hold up other work', async () => {
  const users = new RunUsers(new KnownUsers(), async function* () {});
  onTestFinished(() => users.close());
  for (let at = 0; at < 10_000; at++)
    await users.addUser(user(`user${at}@contoso.com`, { aliases: [`user${at}`] }));
  users.addGroup(group('staff', ['user1', 'user2']));
  let turns = 0;
  const other = (): void => {
    turns++;
    next = setImmediate(other);
  };
  let next = setImmediate(other);
  onTestFinished(() => clearImmediate(next));
  const { releases } = await users.changes({
    source: 'mdm',
    readAt: NOW,
    removesUsers: true,
    removesGroups: true,
  });
  // 500 users at a time: once for their aliases, and once for what they become.
  expect(turns).toBeGreaterThanOrEqual(20 + 20);
  const observations = (await Array.fromAsync(releases())).flat();
  expect(observations).toHaveLength(10_000);
  expect(observations.filter(({ groups }) => groups?.includes('staff') === true)).toHaveLength(2);
});
