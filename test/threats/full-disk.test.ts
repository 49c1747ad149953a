// Threat: a disk that is full, by a log or a backup of somebody else, makes a change half done, keeps administrators out, or takes the
// decisions with it (CWE-400). What cannot be written is said, nothing is half written, and all goes on once there is room.
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { expect, it, onTestFinished } from 'vitest';
import { AdminStore } from '../../src/api/auth/admin-store.ts';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { GuardedDatabase } from '../../src/directory/embedded/guarded-database.ts';
import { UNGUARDED } from '../../src/directory/store-guard.ts';
import type { DeviceKey } from '../../src/identity/keys.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { stopTimers } from '../support/checks/test-clock.ts';
import { deviceReport } from '../support/servers/directory-records.ts';
import { smallDisk } from '../support/servers/small-disk.ts';
import { openTestApi } from '../support/servers/test-api.ts';

checkLeaks();

/** A reason that needs pages of its own. */
const LONG = 'x'.repeat(450);

/** The database within a store. */
function databaseOf(store: object): DatabaseSync {
  const own = (Reflect.get(store, 'database') ?? store) as { file: { database: DatabaseSync } };
  return own.file.database;
}

it('a decision on a full disk is refused and not half made; look-ups go on, and later changes work', async () => {
  const disk = smallDisk();
  const store = new EmbeddedStore(join(disk.folder, 'easgate.db'));
  await store.putDevices([deviceReport('good1' as DeviceKey)]);
  const admin = AdminStore.open(':memory:');
  onTestFinished(() => admin.close());
  const api = await openTestApi({ store, parts: { admin } });
  const decide = (device: string) =>
    api.send('operator', `/api/v1/devices/${device}/decision`, {
      method: 'PUT',
      body: { action: 'block', reason: LONG },
    });
  const limited = [databaseOf(store)];
  disk.occupy(limited);
  const codes = new Set<string>();
  const kept: string[] = [];
  // The last free pages of the file take some of them.
  for (let index = 0; index < 40; index++) {
    const { status, json } = await decide(`phone${index}`);
    if (status === 200) kept.push(`phone${index}`);
    else codes.add(`${status} ${(json as { code: string }).code}`);
  }
  expect([...codes]).toEqual(['503 EASGATE_STORE_FULL']);
  expect(api.audited).toHaveLength(kept.length);
  expect((await api.send('viewer', '/api/v1/devices/good1')).status).toBe(200);
  disk.free(limited);
  expect((await decide('phone999')).status).toBe(200);
  for (const device of kept)
    expect((await api.send('viewer', `/api/v1/devices/${device}`)).json).toMatchObject({
      decision: { action: 'block', reason: LONG },
    });
});

it('a beat that does not fit on the disk is forgotten: the directory is not taken for an old copy once there is room', async () => {
  const pass = stopTimers();
  const path = join(smallDisk().folder, 'easgate.db');
  const codes: unknown[] = [];
  const database = new GuardedDatabase(path, {
    ...UNGUARDED,
    serves: true,
    onEvent: (_level, { code }) => codes.push(code),
  });
  onTestFinished(() => database.close());
  const raw = new DatabaseSync(path);
  onTestFinished(() => raw.close());
  // A disk that has room for the statements of a transaction and not for its commit.
  const commitsFail = 'BEGIN INSERT INTO room VALUES (1); END';
  raw.exec(`CREATE TABLE disk (room INTEGER PRIMARY KEY);
    CREATE TABLE room (needed REFERENCES disk (room) DEFERRABLE INITIALLY DEFERRED);
    CREATE TRIGGER no_room_for_beats AFTER UPDATE OF beat ON store ${commitsFail};
    CREATE TRIGGER no_room_for_epochs AFTER INSERT ON store ${commitsFail};`);
  const identity = () => ({ ...raw.prepare('SELECT epoch, beat FROM store').get() });
  const before = identity();
  // The second beat is due by another clock, and smaller than the first one.
  for (const elapsed of [4_000, -60_000]) {
    raw.prepare('UPDATE store SET beat_at = ?').run(Date.now() - elapsed);
    await pass(2_500);
  }
  expect(identity()).toEqual(before);
  raw.exec('DROP TRIGGER no_room_for_beats; DROP TRIGGER no_room_for_epochs;');
  await pass(2_500);
  expect(identity()).toEqual({ epoch: 1, beat: 1_000 });
  expect(await database.write(() => 'written')).toBe('written');
  // The gateway logs the full disk and its end, and nothing else.
  expect(codes).toEqual(['EASGATE_STORE_UNWRITABLE', 'EASGATE_STORE_WRITABLE']);
});

it('accounts of a fleet that do not fit on the disk leave the previous ones in place, and the error names the full disk', () => {
  const disk = smallDisk();
  const admin = AdminStore.open(join(disk.folder, 'admin.db'));
  onTestFinished(() => admin.close());
  const tokens = Array.from({ length: 1_000 }, (_, index) => ({
    id: `token${index}`,
    hash: `hash${index}`,
    name: LONG,
    role: 'viewer' as const,
    createdBy: LONG,
    createdAt: 1,
    expiresAt: null,
    lastUsedAt: null,
  }));
  admin.takeAccounts({ tokens: tokens.slice(0, 1), sessions: [], setUps: [] }, 1);
  const limited = [databaseOf(admin)];
  disk.occupy(limited);
  expect(() => admin.takeAccounts({ tokens, sessions: [], setUps: [] }, 2)).toThrow(/full/);
  disk.free(limited);
  expect(admin.tokenById('token0')).not.toBeNull();
  expect(admin.tokenById('token1')).toBeNull();
});

it('a full disk keeps nobody out who has a token or a session, and makes no new one', async () => {
  const disk = smallDisk();
  const admin = AdminStore.open(join(disk.folder, 'admin.db'));
  onTestFinished(() => admin.close());
  const api = await openTestApi({ parts: { admin } });
  const secret = api.token('admin');
  const limited = [databaseOf(admin)];
  disk.occupy(limited);
  const make = (index: number) =>
    api.send(secret, '/api/v1/tokens', {
      method: 'POST',
      body: { name: `${index} ${LONG.slice(0, 90)}`, role: 'viewer' },
    });
  const answers = new Set<string>();
  for (let index = 0; index < 40; index++) {
    const { status, json } = await make(index);
    if (status !== 201) answers.add(`${status} ${(json as { code: string }).code}`);
  }
  expect([...answers]).toEqual(['503 EASGATE_ADMIN_FILE']);
  expect((await api.send(secret, '/api/v1/devices')).status).toBe(200);
  disk.free(limited);
  expect((await make(999)).status).toBe(201);
});
