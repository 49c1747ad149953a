// Owns the promises about a read model that is rebuilt: when it is, what is read meanwhile, and what stays of the one before.
import { existsSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { buildModel } from '../../../src/app/read-model.ts';
import { EmbeddedStore } from '../../../src/directory/embedded/embedded-store.ts';
import { IN_MEMORY, ModelFile } from '../../../src/directory/read-model/model-file.ts';
import { ModelKeeper } from '../../../src/directory/read-model/model-keeper.ts';
import type { KeeperOptions } from '../../../src/directory/read-model/model-keeper.ts';
import { ModelReader } from '../../../src/directory/read-model/model-reader.ts';
import type { ModelRow } from '../../../src/directory/read-model/model-row.ts';
import type { ChangeBatch, DirectoryStore } from '../../../src/directory/store.ts';
import type { DeviceKey, UserKey } from '../../../src/identity/keys.ts';
import { openOffice, seen } from '../../app/office.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { BY_TEST, decision, deviceReport } from '../../support/servers/directory-records.ts';

checkLeaks();

let folder: string;
let path: string;
let store: DirectoryStore;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-rebuild-'));
  path = join(folder, 'read-model.db');
  store = await openOffice();
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true, force: true });
});

const device = (name: string): DeviceKey => name as DeviceKey;

let file: ModelFile;

async function keep(options: KeeperOptions = {}, of: DirectoryStore = store): Promise<ModelKeeper> {
  file = ModelFile.open(path, { store: 'one', epoch: 1 });
  onTestFinished(() => file.close());
  const keeper = new ModelKeeper(of, file, { settleMs: 1, ...options });
  await keeper.build();
  return keeper;
}

function openReader(): ModelReader {
  const reader = ModelReader.open(path, store.names);
  if (reader === null) throw new Error('there is no model');
  onTestFinished(() => reader.close());
  return reader;
}

const rowsOf = (reader: ModelReader): readonly ModelRow[] =>
  reader.page({}, [{ field: 'device', descending: false }], 1_000).rows;
const devicesOf = (reader: ModelReader): string[] => rowsOf(reader).map((row) => row.device);

/** What the log has, without a wait for more. */
async function changesNow(of: DirectoryStore, position: string): Promise<ChangeBatch> {
  if (of.isBefore(position, await of.position())) return of.changesAfter(position);
  return { changes: [], position, trimmed: false };
}

/** The store, whose log once says that changes were lost; `onScan` is called at the begin of each full read of its devices. */
function losing(onScan: () => Promise<void> | void): DirectoryStore & { loses: boolean } {
  return Object.assign(Object.create(store) as DirectoryStore, {
    loses: false,
    async changesAfter(this: { loses: boolean }, position: string) {
      if (!this.loses) return changesNow(store, position);
      this.loses = false;
      return { changes: [], position: await store.position(), trimmed: true };
    },
    async *scanDevices() {
      await onScan();
      yield* store.scanDevices();
    },
  });
}

it('is read anew after twenty times the processor time of the read before, however long that took', async () => {
  let now = Date.parse('2026-12-01T10:00:00Z');
  let busyMs = 0;
  const keeper = await keep(
    { now: () => now, busyMs: () => busyMs },
    losing(() => undefined),
  );
  const reading = vi.spyOn(store, 'scanUsers').mockImplementation(async function* slow() {
    busyMs += 1_000;
    now += 300_000;
    yield [];
  });
  const stepAfter = async (ms: number): Promise<number> => {
    now += ms;
    await keeper.step();
    return reading.mock.calls.length;
  };
  expect([await stepAfter(10_000), await stepAfter(19_000), await stepAfter(1_000)]).toEqual([1, 1, 2]);
});

describe('a read model whose log lost changes', () => {
  it('is rebuilt, and the old rows are read until it is whole', async () => {
    let during: string[] = [];
    let scans = 0;
    const lossy = losing(() => {
      if (++scans > 1) during = devicesOf(openReader());
    });
    const keeper = await keep({}, lossy);
    const old = openReader();
    const before = devicesOf(old);
    await store.putDevices([deviceReport(device('new5'))]);
    lossy.loses = true;
    await keeper.step();
    expect(old.isSame()).toBe(true);
    await keeper.step();
    expect(during).toStrictEqual(before);
    expect(devicesOf(old)).toStrictEqual(before);
    expect(old.isSame()).toBe(false);
    expect(devicesOf(openReader())).toStrictEqual([...before, 'new5'].sort());
  });

  it('tells how old it is until then, and that it is kept', async () => {
    let now = Date.parse('2026-12-01T10:00:00Z');
    const states: { readonly age: number; readonly isKept: boolean }[] = [];
    const lossy = losing(() => undefined);
    const keeper = await keep({ now: () => now }, lossy);
    const { confirmedAt } = openReader().state();
    lossy.loses = true;
    await keeper.step();
    now += 60_000;
    await keeper.step(() => undefined);
    now += 1;
    lossy.loses = true;
    await keeper.step();
    now += 60_000;
    const pausing = vi.spyOn(store, 'scanUsers').mockImplementation(async function* none() {
      const { confirmedAt: at, keptUntil } = openReader().state();
      states.push({ age: now - at, isKept: keptUntil > now });
      yield [];
    });
    await keeper.step();
    pausing.mockRestore();
    expect(states).toStrictEqual([{ age: 60_001, isKept: true }]);
    expect(confirmedAt).toBeLessThan(now);
  });

  it('has what changed while it was built', async () => {
    const lossy = losing(async () => {
      await store.decide({ device: device('good1'), user: null }, decision('block'), BY_TEST);
      await store.putUsers([
        { key: 'alice@contoso.com' as UserKey, source: 'ad', observedAt: Date.now(), groups: ['it'] },
      ]);
    });
    await keep({}, lossy);
    const found = rowsOf(openReader()).filter((row) => row.device === 'good1');
    expect(found).toMatchObject([{ decision: 'block', groups: ['it'] }]);
  });
});

it('a read model that lost changes while it was built is used with its age, and built once more', async () => {
  let loses = true;
  const lossy = losing(async () => {
    if (!loses) return;
    await store.putDevices([deviceReport(device('new5'))]);
    lossy.loses = true;
  });
  const keeper = await keep({}, lossy);
  const first = openReader();
  const { position, confirmedAt } = first.state();
  expect(store.isBefore(position, await store.position())).toBe(true);
  loses = false;
  await store.putDevices([deviceReport(device('new6'))]);
  await keeper.step();
  expect(first.isSame()).toBe(false);
  const second = openReader();
  expect(second.state().confirmedAt).toBeGreaterThanOrEqual(confirmedAt);
  expect(devicesOf(second)).toEqual(expect.arrayContaining(['new5', 'new6']));
  expect(second.state().position).toBe(await store.position());
});

it('is not read before it is built anew, where changes were lost when a full read begins', async () => {
  let scans = 0;
  const lossy = losing(() => void scans++);
  const keeper = await keep({}, lossy);
  const old = openReader();
  await store.putDevices([deviceReport(device('new5'))]);
  lossy.loses = true;
  const users = vi.spyOn(store, 'scanUsers');
  onTestFinished(() => users.mockRestore());
  await keeper.readAll();
  expect(old.isSame()).toBe(false);
  expect(devicesOf(openReader())).toContain('new5');
  expect([users.mock.calls.length, scans]).toEqual([1, 2]);
});

describe('a read model that a full read would write anew', () => {
  it('is built instead, and knows since when phones are in their states', async () => {
    const keeper = await keep({ manyRows: 2 });
    const old = openReader();
    await store.recordSeen([seen('alice@contoso.com', 'good1', 0, { lastVerdict: 'block' })]);
    await keeper.readAll();
    expect(old.isSame()).toBe(true);
    const since = rowsOf(old).find((row) => row.device === 'good1')?.stateSince;
    expect(since).toBeGreaterThan(0);
    await store.recordSeen(
      ['good1', 'new5', 'new6', 'new7'].map((name) =>
        seen('alice@contoso.com', name, 0, { lastVerdict: 'block', lastReason: 'deviceRule' }),
      ),
    );
    await keeper.readAll();
    expect(old.isSame()).toBe(false);
    const states = new Map(rowsOf(openReader()).map((row) => [row.device as string, row.stateSince]));
    expect(states.get('good1')).toBe(since);
    expect(states.get('new5')).toBeGreaterThan(0);
    expect(states.get('lost3')).toBeNull();
  });
});

describe('the file of a read model that was rebuilt', () => {
  it('is readable by its owner only, and nothing is left beside it', async () => {
    const keeper = await keep({ manyRows: 0 });
    await store.recordSeen(Array.from({ length: 4 }, (_, index) => seen('carol', `new${index}`, 0)));
    await keeper.readAll();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(file.isSame()).toBe(true);
    expect(readdirSync(folder).sort()).toStrictEqual([
      'read-model.db',
      'read-model.db-shm',
      'read-model.db-wal',
    ]);
  });

  it('keeps its log when the last reader of the file before is closed', async () => {
    const keeper = await keep({ manyRows: 0 });
    const old = ModelReader.open(path, store.names);
    expect(devicesOf(old as ModelReader)).toHaveLength(4);
    await store.recordSeen(Array.from({ length: 4 }, (_, index) => seen('carol', `new${index}`, 0)));
    await keeper.readAll();
    const { ino } = statSync(`${path}-wal`);
    old?.close();
    expect(statSync(`${path}-wal`).ino).toBe(ino);
    await store.putDevices([deviceReport(device('late9'))]);
    await keeper.step();
    expect(devicesOf(openReader())).toContain('late9');
  });

  it('stays as it was when the build fails', async () => {
    const keeper = await keep({ manyRows: 0 });
    const before = devicesOf(openReader());
    await store.recordSeen([seen('carol', 'new5', 0)]);
    let scans = 0;
    const scan = store.scanDevices.bind(store);
    const failing = vi.spyOn(store, 'scanDevices').mockImplementation(async function* fails() {
      if (++scans > 1) throw new Error('the store is away');
      yield* scan();
    });
    await expect(keeper.readAll()).rejects.toThrow('the store is away');
    failing.mockRestore();
    expect(existsSync(`${path}.new`)).toBe(false);
    expect(devicesOf(openReader())).toEqual(expect.arrayContaining(before));
    await keeper.readAll();
    expect(devicesOf(openReader())).toContain('new5');
  });
});

it('a read model in memory takes as long as it needs', async () => {
  vi.useFakeTimers({ toFake: ['performance'] });
  onTestFinished(() => void vi.useRealTimers());
  const inMemory = ModelFile.open(IN_MEMORY, { store: '', epoch: 0 });
  onTestFinished(() => inMemory.close());
  const rows: number[] = [];
  const slow = losing(() => void vi.advanceTimersByTime(60_000));
  await new ModelKeeper(slow, inMemory).build((count) => rows.push(count));
  expect(rows).toHaveLength(1);
  const built = new ModelReader(inMemory.database, store.names);
  const { reader } = await buildModel(store, 1);
  onTestFinished(() => reader.close());
  expect(devicesOf(built)).toEqual(devicesOf(reader));
});

it('a device that the store returns twice has its rows once', async () => {
  const twice: DirectoryStore = Object.assign(Object.create(store) as DirectoryStore, {
    async *scanDevices() {
      yield* store.scanDevices();
      yield* store.scanDevices();
    },
  });
  await keep({}, twice);
  expect(devicesOf(openReader())).toStrictEqual(['good1', 'lost3', 'old2', 'spare4']);
});

it.each([{}, { maxNames: 0 }, { maxGroups: 0 }])(
  'an alias that two users have is that of the store, with these limits of what is in memory: %o',
  async (limits) => {
    const other = new EmbeddedStore(':memory:');
    onTestFinished(() => other.close());
    for (const [name, group] of [
      ['zoe', 'first'],
      ['anna', 'second'],
    ] as const)
      await other.putUsers([
        { key: name as UserKey, source: name, observedAt: 1, groups: [group], aliases: ['shared'] },
      ]);
    await other.recordSeen([seen('shared', 'phone1', 0)]);
    const owner = await other.getUser('shared' as UserKey);
    await keep(limits, other);
    expect(rowsOf(openReader())).toMatchObject([{ device: 'phone1', groups: owner?.record?.groups }]);
  },
);
