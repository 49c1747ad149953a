// Owns the embedded store's test runs: the contract, and what only a file can do.
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setImmediate as turn } from 'node:timers/promises';
import { afterAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { GuardedDatabase } from '../../src/directory/embedded/guarded-database.ts';
import { UNGUARDED } from '../../src/directory/store-guard.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import { foldedLocalPart } from '../../src/identity/folded-name.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { NO_GROUPS } from '../../src/identity/user-names.ts';
import { BY_TEST, alice, decision, phone, seenPartnership } from '../support/servers/directory-records.ts';
import { storeContract } from './store-contract.ts';
import type { OpenOptions, StoredRecord } from './contract/fixture.ts';

const folder = mkdtempSync(join(tmpdir(), 'easgate-store-'));
let count = 0;
let path = '';
const fixture = {
  open: async ({ names = NO_GROUPS, sources = [] }: OpenOptions = {}): Promise<DirectoryStore> =>
    new EmbeddedStore(path, names, UNGUARDED, sources),
  reset: async () => {
    path = join(folder, `d${count++}`, 'directory.db');
  },
  writeText: async (record: StoredRecord, text: string): Promise<void> => {
    const raw = new DatabaseSync(path);
    const [sql, values] = insertOf(record, text);
    raw.prepare(`INSERT OR REPLACE INTO ${sql}`).run(...values);
    raw.close();
  },
};
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function insertOf(record: StoredRecord, text: string): [string, (string | number)[]] {
  if (record.kind === 'deviceReport')
    return ['device_reports VALUES (?, ?, ?)', [record.device, record.source, text]];
  const { user } = record;
  const local = user === null ? '' : foldedLocalPart(user);
  switch (record.kind) {
    case 'userReport':
      return ['user_reports VALUES (?, ?, ?, ?)', [local, user ?? '', record.source, text]];
    case 'partnership':
      return ['partnerships VALUES (?, ?, ?, ?, NULL, ?)', [record.device, user ?? '', local, 0, text]];
    case 'decision':
      return ['decisions VALUES (?, ?, ?, ?)', [record.device ?? '', user ?? '', local, text]];
    default:
      return [
        'imported_decisions VALUES (?, ?, ?, ?, ?)',
        [record.device ?? '', user ?? '', record.source, local, text],
      ];
  }
}

const onDevice = { device: phone, user: null };
const bob = 'bob' as UserKey;
const other = 'phone2' as DeviceKey;

describe('the embedded store', () => {
  it('limits the devices of a user with very many, and not those of users looked up in the same call', async () => {
    await fixture.reset();
    const store = await fixture.open();
    onTestFinished(() => store.close());
    const devices = Array.from({ length: 1_100 }, (_, index) => `phone${index}` as DeviceKey);
    await store.recordSeen(devices.map((device, index) => seenPartnership(alice, device, index + 1)));
    await store.recordSeen(devices.slice(0, 20).map((device) => seenPartnership(bob, device, 5)));
    const pairs = devices.slice(0, 20).flatMap((device) => [
      { user: alice, device },
      { user: bob, device },
      { user: `user-${device}` as UserKey, device },
    ]);
    const together = await Promise.all(store.lookups(pairs));
    for (const [at, { user, device }] of pairs.entries())
      expect(together[at]).toEqual(await store.lookup(user, device));
    expect(together[1]?.userDevices.length).toBe(20);
  });

  it('answers about each of many that are asked about together, whatever another program wrote of one', async () => {
    await fixture.reset();
    const store = await fixture.open();
    onTestFinished(() => store.close());
    await store.decide({ user: null, device: other }, decision('block'), BY_TEST);
    const raw = new DatabaseSync(path);
    // No number of JavaScript.
    raw
      .prepare('INSERT INTO partnerships VALUES (?, ?, ?, ?, NULL, ?)')
      .run(phone, alice, foldedLocalPart(alice), 2n ** 60n, '[]');
    raw.close();
    const pairs = [
      { user: alice, device: phone },
      { user: bob, device: other },
    ];
    const [, found] = await Promise.allSettled(store.lookups(pairs));
    expect(found).toEqual({ status: 'fulfilled', value: await store.lookup(bob, other) });
    expect(await Promise.all(store.lookups([]))).toEqual([]);
  });

  storeContract(fixture);

  // SQLite itself would stop the whole process for the time of the lock: requests of phones too.
  it('goes on with other work while another process writes, and then takes a decision', async () => {
    await fixture.reset();
    const store = await fixture.open();
    onTestFinished(() => store.close());
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    let isTaken = false;
    const taken = store.decide(onDevice, decision('block'), BY_TEST).then(() => {
      isTaken = true;
    });
    await turn();
    expect(isTaken).toBe(false);
    other.exec('COMMIT');
    other.close();
    await taken;
    expect((await store.getDevice(phone))?.decided.decision).toMatchObject({ action: 'block' });
  });

  it('is opened and read while another process writes', async () => {
    await fixture.reset();
    const first = await fixture.open();
    await first.decide(onDevice, decision('block'), BY_TEST);
    await first.close();
    const other = new DatabaseSync(path);
    onTestFinished(() => other.close());
    other.exec('BEGIN IMMEDIATE');
    const second = await fixture.open();
    onTestFinished(() => second.close());
    expect((await second.lookup(alice, phone)).deviceDecision?.action).toBe('block');
  });

  // A suspended machine, or a process with much else to do: the time is over before the second try.
  it('takes a decision after a long pause in which another process wrote', async () => {
    const store = await fixture.open();
    onTestFinished(() => store.close());
    const other = new DatabaseSync(path);
    other.exec('BEGIN IMMEDIATE');
    let time = performance.now();
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => (time += 600_000));
    onTestFinished(() => clock.mockRestore());
    const taken = store.decide(onDevice, decision('block'), BY_TEST);
    await turn();
    other.exec('COMMIT');
    other.close();
    expect(await taken).toMatchObject({ replicated: null });
  });

  // The next attempt finds the records of the first part known.
  it('says what it noticed about partnerships that it wrote, though later ones fail', async () => {
    await fixture.reset();
    const store = await fixture.open();
    onTestFinished(() => store.close());
    // Each transaction takes too long for more than the records that are written together.
    let time = 0;
    const clock = vi.spyOn(performance, 'now').mockImplementation(() => (time += 1_000));
    onTestFinished(() => clock.mockRestore());
    const broken = {
      ...seenPartnership(alice, 'broken' as DeviceKey, 10),
      get userAgent(): string {
        throw new Error('the disk is full');
      },
    };
    const others = Array.from({ length: 30 }, (_, at) => seenPartnership(bob, `other${at}` as DeviceKey, 10));
    const batch = [seenPartnership(bob, phone, 10), seenPartnership(alice, phone, 20), ...others, broken];
    const noticed: string[] = [];
    const recorded = store.recordSeen(batch, ({ kind, user }) => noticed.push(`${kind} ${user}`));
    await expect(recorded).rejects.toThrow('the disk is full');
    expect(noticed).toContain('device_shared alice');
    expect((await store.getDevice(phone))?.partnerships).toHaveLength(2);
  });

  it('survives a restart', async () => {
    await fixture.reset();
    const first = await fixture.open();
    await first.decide(onDevice, decision('block'), BY_TEST);
    await first.close();
    const second = await fixture.open();
    expect((await second.lookup(alice, phone)).deviceDecision?.action).toBe('block');
    await second.close();
  });

  it('is readable by its owner only', async () => {
    await fixture.reset();
    const store = await fixture.open();
    await store.decide(onDevice, decision('block'), BY_TEST);
    for (const name of [path, `${path}-wal`, `${path}-shm`]) expect(statSync(name).mode & 0o777).toBe(0o600);
    await store.close();
  });

  it('takes a report that another tool wrote by the statements of docs/reference/directory-schema.md', async () => {
    await fixture.reset();
    const store = await fixture.open();
    const before = await store.position();
    const page = readFileSync(new URL('../../docs/reference/directory-schema.md', import.meta.url), 'utf8');
    const raw = new DatabaseSync(path);
    raw.exec(/```sql\n(BEGIN [^`]*)```/.exec(page)?.[1] ?? 'nothing');
    raw.close();
    const device = 'appldnphg6nvdt9v' as DeviceKey;
    expect((await store.lookup(alice, device)).device).toMatchObject({
      source: 'my-mdm',
      observedAt: 1_790_000_000_000,
      managed: true,
      compliant: true,
    });
    expect((await store.changesAfter(before)).changes).toEqual([{ device, user: null }]);
    await store.close();
  });

  it('reads no more devices of a made-up name than a look-up may', async () => {
    await fixture.reset();
    const store = await fixture.open();
    const names = Array.from({ length: 1_500 }, (_, index) => `made${index}\\alice` as UserKey);
    await store.recordSeen(names.map((name) => seenPartnership(name, phone, 5, { lastAllowed: null })));
    await store.recordSeen([seenPartnership(alice, phone, 9)]);
    expect((await store.lookup(alice, phone)).userDevices).toEqual([
      { device: phone, firstSeen: 9, lastAllowed: 9 },
    ]);
    let listed = 0;
    for await (const part of store.scanUsers()) listed += part.length;
    expect(listed).toBe(1_501);
    await store.close();
  });

  it('shows many changes in parts that are applied within milliseconds, and leaves none out', async () => {
    await fixture.reset();
    const store = await fixture.open();
    let position = await store.position();
    const raw = new DatabaseSync(path);
    raw.exec(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)
      INSERT INTO changes (device, user) SELECT 'd' || i, NULL FROM n`);
    raw.close();
    const devices = new Set<string | null>();
    while (devices.size < 5_000) {
      const batch = await store.changesAfter(position);
      expect(batch.trimmed).toBe(false);
      expect(batch.changes.length).toBeLessThanOrEqual(500);
      for (const { device } of batch.changes) devices.add(device);
      ({ position } = batch);
    }
    expect(position).toBe(await store.position());
    await store.close();
  });

  it('says so when changes were trimmed away', async () => {
    await fixture.reset();
    const store = await fixture.open();
    await store.decide(onDevice, decision('block'), BY_TEST);
    const position = await store.position();
    await store.decide(onDevice, decision('allow'), BY_TEST);
    await store.decide(onDevice, decision('block'), BY_TEST);
    const raw = new DatabaseSync(path);
    raw.exec('DELETE FROM changes WHERE id <= 2');
    raw.close();
    expect((await store.changesAfter(position)).trimmed).toBe(true);
    await store.close();
  });

  it('is copied from its log by those who write much, not by a worker, whose requests would wait', async () => {
    await fixture.reset();
    const [worker, command] = [true, false].map((serves) => {
      const database = new GuardedDatabase(path, { ...UNGUARDED, serves });
      onTestFinished(() => database.close());
      return Number(
        database.read(() => database.statement('PRAGMA wal_autocheckpoint').get())?.['wal_autocheckpoint'],
      );
    });
    expect(command).toBeGreaterThan(0);
    expect(worker).toBeGreaterThanOrEqual(2 * (command ?? 0));
  });

  it('refuses a file with a schema it does not know', async () => {
    await fixture.reset();
    const store = await fixture.open();
    await store.close();
    const raw = new DatabaseSync(path);
    raw.exec('PRAGMA user_version = 99');
    raw.close();
    expect(() => new EmbeddedStore(path)).toThrow(/schema version 99/);
  });
});
