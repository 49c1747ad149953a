// Owns the promises of `easgate import` into the directory, and of `easgate export`.
import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import type { DeviceEntry, UserEntry } from '../../src/directory/store.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { fixture } from '../feeds/read-lines.ts';
import { seen } from '../app/office.ts';
import { runInProcess } from './run-in-process.ts';
import type { Ended } from './run-in-process.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-applied-'));
  configure('easgate.yaml', 'directory.db');
});
afterEach(() => rmSync(folder, { recursive: true }));

function configure(name: string, database: string): void {
  writeFileSync(
    join(folder, name),
    `store: { kind: embedded, path: ${join(folder, database)}, identityFile: ${join(folder, `${database}.json`)} }\n`,
  );
}

const run = (...words: string[]): Promise<Ended> =>
  runInProcess('--config', join(folder, 'easgate.yaml'), ...words);

async function inStore<T>(work: (store: EmbeddedStore) => Promise<T>, database = 'directory.db'): Promise<T> {
  const store = new EmbeddedStore(join(folder, database));
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}

function table(count: number, compliant: boolean): string {
  const file = join(folder, 'devices.csv');
  const rows = Array.from({ length: count }, (_, index) => `PHONE${index},true,${compliant},ios`);
  writeFileSync(file, `id,managed,compliant,platform\n${rows.join('\n')}\n`);
  return file;
}

describe('import', () => {
  it('writes the records of an export, and says what it wrote', async () => {
    const { code, out, error } = await run('import', fixture('intune-devices-with-inventory.csv'));
    expect([code, error]).toEqual([0, expect.stringContaining('format: intune')]);
    expect(error).toContain('warning: 1 record belongs to no known device\n');
    expect(out).toMatch(/^RECORDS +READ +ACCEPTED +UNCHANGED +OLDER +REMOVED\ndevices +3 +/);
    const { out: listed } = await run('devices', 'list', '--json');
    expect((JSON.parse(listed) as unknown[]).length).toBeGreaterThan(0);
  });

  it('writes nothing in a dry run, and gives the same counts', async () => {
    const file = table(5, true);
    const dry = await run('import', file, '--format', 'csv', '--dry-run', '--json');
    expect(JSON.parse(dry.out)).toMatchObject({ dryRun: true, devices: { accepted: 5 } });
    expect((await run('devices', 'list')).out).toBe('no devices\n');
    const wet = await run('import', file, '--format', 'csv', '--json');
    expect({ ...(JSON.parse(wet.out) as object), dryRun: true }).toEqual(JSON.parse(dry.out));
  });

  it('holds a file that turns everyone, and writes it with --yes', async () => {
    await run('import', table(50, true), '--format', 'csv');
    const held = await run('import', table(50, false), '--format', 'csv');
    expect([held.code, held.error]).toEqual([1, expect.stringContaining('EASGATE_HELD')]);
    expect(held.error).toContain('50 of 50 devices would change; at most 20 without a confirmation');
    expect((await run('devices', 'list', '--compliant', 'no')).out).toBe('no devices\n');
    expect((await run('import', table(50, false), '--format', 'csv', '--yes')).code).toBe(0);
    const { out } = await run('devices', 'list', '--compliant', 'no', '--json');
    expect(JSON.parse(out)).toHaveLength(50);
  });

  it('removes what a whole set no longer has with --replace alone', async () => {
    await run('import', table(5, true), '--format', 'csv');
    await run('import', table(4, true), '--format', 'csv');
    const managed = async (): Promise<number> =>
      (JSON.parse((await run('devices', 'list', '--managed', 'yes', '--json')).out) as unknown[]).length;
    expect(await managed()).toBe(5);
    await run('import', table(4, true), '--format', 'csv', '--replace');
    expect(await managed()).toBe(4);
  });

  it('takes a file for as old as it is', async () => {
    await run('import', table(5, true), '--format', 'csv', '--source', 'mdm');
    const old = table(5, false);
    const lastWeek = new Date(Date.now() - 7 * 86_400_000);
    utimesSync(old, lastWeek, lastWeek);
    const { out } = await run('import', old, '--format', 'csv', '--source', 'mdm', '--json');
    expect(JSON.parse(out)).toMatchObject({ devices: { accepted: 0, older: 5 } });
  });

  it('leaves no temporary file behind', async () => {
    const temporary = join(folder, 'tmp');
    mkdirSync(temporary);
    vi.stubEnv('TMPDIR', temporary);
    onTestFinished(() => void vi.unstubAllEnvs());
    await run('import', table(5, true), '--format', 'csv');
    expect(readdirSync(temporary)).toEqual([]);
  });
});

/** What an export keeps of a directory of one source. */
async function content(database: string): Promise<object[]> {
  return inStore(async (store) => {
    const devices: DeviceEntry[] = [];
    for await (const part of store.scanDevices()) devices.push(...part);
    const users: UserEntry[] = [];
    for await (const part of store.scanUsers()) users.push(...part);
    return [...devices, ...users]
      .sort((a, b) => (a.key < b.key ? -1 : 1))
      .flatMap(({ key, reports }) => reports.map(({ version: _version, ...report }) => ({ ...report, key })));
  }, database);
}

describe('export', () => {
  it('writes as ndjson what an import reads again into the same directory', async () => {
    await inStore(async (store) => {
      await store.putDevices([
        {
          key: 'phone0' as DeviceKey,
          source: 'mdm',
          observedAt: Date.parse('2026-11-01T00:00:00Z'),
          managed: true,
          compliant: true,
          graceUntil: Date.parse('2027-11-01T00:00:00Z'),
          encrypted: false,
          compromised: false,
          managedMailProfile: true,
          platform: 'ios',
          osVersion: '17.4.1',
          os: 'iOS 17.4.1',
          model: 'iPhone 15, "blue"',
          manufacturer: 'Apple',
          ownership: 'company',
          owner: 'alice@contoso.com',
          lastCheckIn: Date.parse('2026-10-31T00:00:00Z'),
          serialNumber: 'C02XL0XYZ9',
          udid: '00008030-001A2B3C4D5E6F70',
          imei: '490154203237518',
          unmetRequirements: ['passcode is too short', 'storage'],
          attributes: { threat: 'low', risk: 3, isPilot: true },
        },
        { key: 'phone1' as DeviceKey, source: 'mdm', observedAt: 1_761_955_200_000, managed: false },
      ]);
      await store.putUsers([
        {
          key: 'alice@contoso.com' as UserKey,
          source: 'mdm',
          observedAt: 1_761_955_200_000,
          aliases: ['contoso\\alice'],
          groups: ['all staff', 'it'],
          enabled: true,
          attributes: { employeeType: 'contractor' },
        },
      ]);
    });
    const devices = await run('export', 'devices', '--format', 'ndjson');
    const users = await run('export', 'users', '--format', 'ndjson');
    const file = join(folder, 'all.ndjson');
    const text = `${devices.out}${users.out}`;
    writeFileSync(file, text);
    configure('easgate.yaml', 'second.db');
    const imported = await run('import', file, '--source', 'mdm', '--json');
    expect(JSON.parse(imported.out)).toMatchObject({
      devices: { accepted: 2 },
      users: { accepted: 1 },
      refused: { count: 0 },
    });
    const time = { observedAt: expect.anything() as unknown };
    const known = (await content('directory.db')).map((report) =>
      // Of users an export has no time of observation.
      'groups' in report ? { ...report, ...time } : report,
    );
    expect(await content('second.db')).toEqual(known);
    const again = await run('export', 'devices', '--format', 'ndjson');
    expect(again.out).toBe(devices.out);
  });

  it('has exactly the rows of the list, with the filters of the list', async () => {
    await inStore((store) =>
      store.recordSeen([
        seen('alice', 'phone0', 1, { model: '=cmd()' }),
        seen('bob', 'phone1', 1, { lastVerdict: 'block', lastReason: 'deviceRule' }),
      ]),
    );
    const { out } = await run('export', 'devices', '--sort', 'device');
    expect(out.split('\r\n').map((line) => line.split(',').slice(0, 4))).toEqual([
      ['DEVICE', 'USER', 'TYPE', 'MODEL'],
      ['phone0', 'alice', 'iPhone', `"'=cmd()"`],
      ['phone1', 'bob', 'iPhone', ''],
      [''],
    ]);
    const blocked = await run('export', 'devices', '--state', 'blocked');
    expect(blocked.out.split('\r\n').slice(1).join('')).toMatch(/^phone1,bob,/);
    expect((await run('export', 'users', '--user', 'bob')).out).toMatch(/^USER,.*\r\nbob,1,,,1,/);
  });

  it('writes decisions', async () => {
    await run('devices', 'block', 'PHONE9', '--reason', 'stolen', '--owner', 'admin');
    const { out } = await run('export', 'decisions', '--format', 'ndjson');
    expect(JSON.parse(out)).toMatchObject({
      type: 'decision',
      scope: 'device',
      device: 'phone9',
      action: 'block',
      reason: 'stolen',
      by: 'admin',
    });
    expect((await run('export', 'decisions')).out).toMatch(/^DEVICE,USER,.*\r\nphone9,every user,block,/);
  });
});
