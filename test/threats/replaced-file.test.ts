// Owns the threat of a SQLite file that is removed, replaced or restored while it is in use: the gateway would keep using a
// file that nobody writes to, the command line would write to one that nobody reads, and a block would have no effect
// (sqlite.org/howtocorrupt.html 2.4).
import { chmodSync, existsSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import type { DeviceKey } from '../../src/identity/keys.ts';
import { NO_GROUPS } from '../../src/identity/user-names.ts';
import { EmbeddedKeeper } from '../../src/directory/embedded/embedded-keeper.ts';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { acceptedIdentity } from '../../src/directory/store-identity.ts';
import { readMemory } from '../../src/directory/store-memory.ts';
import type { StoreMemory } from '../../src/directory/store-memory.ts';
import { UNGUARDED } from '../../src/directory/store-guard.ts';
import { openGuarded } from '../support/servers/guarded-store.ts';
import type { GuardedGateway } from '../support/servers/guarded-store.ts';
import { checkLeaks, closeAtEnd } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { BY_TEST, alice, decision, phone, wipeDecision } from '../support/servers/directory-records.ts';

checkLeaks();

let folder: string;
let path: string;
let memory: StoreMemory;
let gateway: GuardedGateway;

const start = async (maxRollbackMs = 600_000): Promise<GuardedGateway> =>
  closeAtEnd(await openGuarded({ kind: 'embedded', path }, { memory, maxRollbackMs }));

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-replaced-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  path = join(folder, 'easgate.db');
  memory = { path: join(folder, 'store.json'), name: 'store' };
  gateway = await start();
  // A change that is applied later drops what a test has asked meanwhile.
  const applied = new Promise((resolve) => gateway.verdicts.onChange(resolve));
  await gateway.store.decide({ user: null, device: phone }, decision('block'), BY_TEST);
  await applied;
});

/** Writes a complete copy of the current file. */
function backup(): string {
  const copy = join(folder, 'backup.db');
  const database = new DatabaseSync(path);
  database.exec(`VACUUM INTO '${copy}'`);
  database.close();
  return copy;
}

/** A store as the command line on the same machine opens it. */
const command = (): EmbeddedStore => new EmbeddedStore(path, NO_GROUPS, { ...UNGUARDED, memory });

async function beats(ms: number): Promise<void> {
  const keeper = new EmbeddedKeeper(path);
  const before = (await keeper.read())?.beat ?? 0;
  let beat = before;
  const poll = async (): Promise<void> => {
    beat = (await keeper.read())?.beat ?? 0;
  };
  await until(() => {
    void poll();
    return beat >= before + ms;
  }, 'beats');
}

describe('a file that is removed while it is in use', () => {
  it('is an outage: a blocked phone stays blocked, an unknown one gets no verdict, and the log says why', async () => {
    expect((await gateway.ask(phone)).verdict?.action).toBe('block');
    rmSync(path);
    await gateway.untilServed(phone, false);
    expect(await gateway.ask(phone)).toMatchObject({ source: 'stale', verdict: { action: 'block' } });
    expect(await gateway.ask('stranger')).toEqual({ source: 'none', verdict: null });
    expect(gateway.codes()).toEqual(['EASGATE_STORE_MISSING']);
    expect(existsSync(path)).toBe(false);
  });

  it('takes no write: neither of the gateway nor of the command line, which makes no new file', async () => {
    rmSync(path);
    await expect(gateway.store.decide({ user: null, device: phone }, null, BY_TEST)).rejects.toMatchObject({
      code: 'EASGATE_STORE_MISSING',
    });
    expect(command).toThrow(expect.objectContaining({ code: 'EASGATE_STORE_MISSING' }) as Error);
    expect(existsSync(path)).toBe(false);
  });

  it('serves again when it is back', async () => {
    renameSync(path, join(folder, 'away.db'));
    await gateway.untilServed(phone, false);
    renameSync(join(folder, 'away.db'), path);
    await gateway.untilServed(phone, true);
    expect((await gateway.ask(phone)).verdict?.action).toBe('block');
    expect(gateway.codes()).toEqual(['EASGATE_STORE_MISSING', 'EASGATE_STORE_BACK']);
    const operator = command();
    await operator.decide({ user: null, device: phone }, null, BY_TEST);
    await operator.close();
    expect((await gateway.ask(phone)).verdict?.action).toBe('allow');
  });
});

describe('a file that is replaced while it is in use', () => {
  it('by another store is an outage, and is left as it is', async () => {
    const other = new EmbeddedStore(join(folder, 'other.db'));
    await other.close();
    const before = statSync(join(folder, 'other.db'));
    renameSync(join(folder, 'other.db'), path);
    await gateway.untilServed(phone, false);
    expect((await gateway.ask('stranger')).verdict).toBeNull();
    expect(gateway.codes()).toEqual(['EASGATE_STORE_OTHER']);
    expect(statSync(path).size).toBe(before.size);
    expect(command).toThrow(expect.objectContaining({ code: 'EASGATE_STORE_OTHER' }) as Error);
  });

  it.each([
    ['nothing', ''],
    ['something that is no database', 'nonsense '.repeat(1_000)],
  ])('by %s is an outage', async (_what, content) => {
    await gateway.ask(phone);
    rmSync(path);
    writeFileSync(path, content);
    await gateway.untilServed(phone, false);
    expect((await gateway.ask(phone)).verdict?.action).toBe('block');
    expect(command).toThrow(
      expect.objectContaining({ code: expect.stringMatching(/^EASGATE_STORE_/) as string }) as Error,
    );
    expect(statSync(path).size).toBe(content.length);
  });

  it('by a copy of itself goes on: nothing was lost', async () => {
    const copy = backup();
    renameSync(copy, path);
    await gateway.untilServed(phone, true);
    expect((await gateway.ask(phone)).verdict?.action).toBe('block');
  });

  it('by an old copy is an outage until an operator accepts it', async () => {
    await gateway.close();
    gateway = await start(500);
    const copy = backup();
    await beats(1_000);
    await gateway.ask(phone);
    renameSync(copy, path);
    await gateway.untilServed(phone, false);
    expect(gateway.codes()).toEqual(['EASGATE_STORE_ROLLED_BACK']);
    const keeper = new EmbeddedKeeper(path);
    const found = await keeper.read();
    expect(await keeper.replace(found, acceptedIdentity(readMemory(memory), found))).toBe(true);
    await gateway.untilServed(phone, true);
    expect(gateway.codes()).toEqual([
      'EASGATE_STORE_ROLLED_BACK',
      'EASGATE_STORE_EPOCH_RAISED',
      'EASGATE_STORE_BACK',
    ]);
  });

  it('by a copy that lost a little is read anew, and its wipes wait', async () => {
    await gateway.store.decide({ user: null, device: phone }, wipeDecision(100), BY_TEST);
    expect((await gateway.ask(phone)).verdict?.action).toBe('wipe');
    const copy = backup();
    await gateway.store.decide({ user: null, device: phone }, null, BY_TEST);
    await beats(1_000);
    let dropped = false;
    gateway.verdicts.onChange(({ all }) => (dropped ||= all));
    renameSync(copy, path);
    await until(() => dropped, 'everything to be read anew');
    // The restored file contains the wipe again that was cancelled since: the phone is blocked, and gets no wipe.
    expect(await gateway.ask(phone)).toMatchObject({
      verdict: { action: 'block', reason: 'storeUnavailable' },
    });
    expect(await gateway.verdicts.confirm(alice, phone)).toMatchObject({ action: 'block' });
    expect(gateway.codes()).toEqual(['EASGATE_STORE_SET_BACK', 'EASGATE_STORE_EPOCH_RAISED']);
    // Ordered again, it stands.
    await gateway.store.decide({ user: null, device: phone }, wipeDecision(200), BY_TEST);
    expect(await gateway.verdicts.confirm(alice, phone)).toMatchObject({ action: 'wipe' });
  });

  it('is seen also where only the write-ahead log is away', async () => {
    renameSync(`${path}-wal`, join(folder, 'log'));
    await gateway.untilServed(phone, false);
    expect(gateway.codes()).toEqual(['EASGATE_STORE_MISSING']);
    await expect(gateway.store.decide({ user: null, device: phone }, null, BY_TEST)).rejects.toMatchObject({
      code: 'EASGATE_STORE_MISSING',
    });
    renameSync(join(folder, 'log'), `${path}-wal`);
    await gateway.untilServed(phone, true);
    expect((await gateway.ask(phone)).verdict?.action).toBe('block');
  });

  it('is noticed also if only the index (-shm) was removed, which another process makes anew', async () => {
    rmSync(`${path}-shm`);
    const command = new EmbeddedStore(path);
    await command.decide({ user: null, device: 'stolen' as DeviceKey }, decision('block'), BY_TEST);
    await gateway.untilServed(phone, false);
    expect(gateway.codes()).toEqual(['EASGATE_STORE_MISSING']);
    // The gateway would write over what the command wrote.
    await expect(gateway.store.decide({ user: null, device: phone }, null, BY_TEST)).rejects.toMatchObject({
      code: 'EASGATE_STORE_MISSING',
    });
    await gateway.close();
    expect((await command.getDevice('stolen' as DeviceKey))?.decided.decision?.action).toBe('block');
    await command.close();
  });

  it('keeps its own write-ahead log when the gateway stops before it looked', async () => {
    const copy = backup();
    rmSync(`${path}-wal`);
    rmSync(`${path}-shm`);
    renameSync(copy, path);
    const operator = new DatabaseSync(path);
    operator.exec('PRAGMA journal_mode = WAL; CREATE TABLE more (x); INSERT INTO more VALUES (1)');
    await gateway.close();
    expect(existsSync(`${path}-wal`)).toBe(true);
    operator.close();
  });
});

describe('a gateway that starts', () => {
  it.each(['removed', 'another'])('refuses a file that was %s meanwhile', async (kind) => {
    await gateway.close();
    rmSync(path);
    if (kind === 'another') await new EmbeddedStore(path).close();
    await expect(start()).rejects.toMatchObject({
      code: kind === 'removed' ? 'EASGATE_STORE_MISSING' : 'EASGATE_STORE_OTHER',
    });
  });

  it('refuses an old copy that was put in place meanwhile', async () => {
    const copy = backup();
    await beats(1_000);
    await gateway.close();
    renameSync(copy, path);
    rmSync(`${path}-wal`, { force: true });
    await expect(start(500)).rejects.toMatchObject({ code: 'EASGATE_STORE_ROLLED_BACK' });
  });

  it('says which file to remove when its memory is not understood', async () => {
    await gateway.close();
    writeFileSync(memory.path, '{"id":');
    await expect(start()).rejects.toMatchObject({
      code: 'EASGATE_STORE_MEMORY',
      message: expect.stringContaining(memory.path) as string,
    });
  });
});

describe('the file with the secrets of the directory', () => {
  const modes = (): number[] =>
    [path, `${path}-wal`, `${path}-shm`].map((name) => statSync(name).mode & 0o777);

  it('is for its owner only, with everything beside it', () => {
    expect(modes()).toEqual([0o600, 0o600, 0o600]);
  });

  it('is narrowed when others could read it', async () => {
    for (const name of [path, `${path}-wal`, `${path}-shm`]) chmodSync(name, 0o644);
    await command().close();
    expect(modes()).toEqual([0o600, 0o600, 0o600]);
  });
});

describe('a disk that is full', () => {
  it('is called that, with the path, and leaves nothing half written', async () => {
    // SQLite's own limit gives the same error as a full disk (SQLITE_FULL), and rolls back as it does then.
    const inner = Reflect.get(gateway.store, 'database') as { file: { database: DatabaseSync } };
    inner.file.database.exec('PRAGMA max_page_count = 1');
    const long = { ...decision('block'), reason: 'x'.repeat(100_000) };
    await expect(gateway.store.decide({ user: alice, device: phone }, long, BY_TEST)).rejects.toMatchObject({
      code: 'EASGATE_STORE_FULL',
      message: expect.stringMatching(/easgate\.db: the disk is full .*nothing was written$/) as string,
    });
    expect((await gateway.store.lookup(alice, phone)).partnershipDecision).toBeNull();
    inner.file.database.exec('PRAGMA max_page_count = 100000');
    await gateway.store.decide({ user: alice, device: phone }, long, BY_TEST);
    expect((await gateway.store.lookup(alice, phone)).partnershipDecision?.reason).toHaveLength(100_000);
  });
});

describe('a place where no file can be', () => {
  it.each(['a folder', 'below a file'])('is named, with what is wrong: %s', (kind) => {
    const place = kind === 'a folder' ? folder : join(path, 'easgate.db');
    expect(() => new EmbeddedStore(place)).toThrow(
      expect.objectContaining({
        code: 'EASGATE_STORE_FILE',
        message: expect.stringContaining(place) as string,
      }) as Error,
    );
  });
});
