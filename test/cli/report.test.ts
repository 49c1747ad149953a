// Owns the promises of `easgate report`: which phones each report lists, its numbers, CSV and JSON.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { ModelFile } from '../../src/directory/read-model/model-file.ts';
import { ModelKeeper } from '../../src/directory/read-model/model-keeper.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { BY_TEST, decision, deviceReport } from '../support/servers/directory-records.ts';
import { seen } from '../app/office.ts';
import { runInProcess } from './run-in-process.ts';
import type { Ended } from './run-in-process.ts';

const DAY_MS = 86_400_000;
let folder = '';

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-report-'));
  writeFileSync(join(folder, 'easgate.yaml'), 'store: { kind: embedded, path: directory.db }\n');
  const store = new EmbeddedStore(join(folder, 'directory.db'));
  const now = Date.now();
  await store.putDevices([
    deviceReport('good1' as DeviceKey, { model: 'iPhone15,2' }),
    deviceReport('udid9' as DeviceKey, { serialNumber: 'ABC123', model: null }),
  ]);
  await store.putUsers([{ key: 'alice' as UserKey, source: 'ad', observedAt: 1, groups: ['staff'] }]);
  await store.recordSeen([
    { ...seen('alice', 'good1', 0), lastSeen: now - 3_600_000 },
    { ...seen('alice', 'before2', 0), model: 'iPhone15,2', lastSeen: now - 120 * DAY_MS },
    {
      ...seen('=bob', 'applabc123', 0),
      lastSeen: now - 3 * DAY_MS,
      lastVerdict: 'block',
      lastReason: 'notEnrolled',
      model: 'Pixel 8',
    },
    {
      ...seen('carol', 'quiet4', 0),
      lastSeen: now - 2 * DAY_MS,
      lastVerdict: 'quarantine',
      lastReason: 'unknownDevice',
    },
  ]);
  await store.decide(
    { user: 'carol' as UserKey, device: 'quiet4' as DeviceKey },
    { ...decision('allow'), expiresAt: now + DAY_MS },
    BY_TEST,
  );
  await store.decide(
    { user: 'alice' as UserKey, device: 'before2' as DeviceKey },
    { ...decision('allow'), expiresAt: now - DAY_MS },
    BY_TEST,
  );
  await store.close();
});
afterEach(() => rmSync(folder, { recursive: true }));

const run = (...words: string[]): Promise<Ended> =>
  runInProcess('--config', join(folder, 'easgate.yaml'), 'report', ...words);

interface Printed {
  readonly total: { readonly all: number; readonly lastDay: number };
  readonly byReason: readonly { readonly name: string | null }[];
  readonly byGroup: readonly { readonly name: string | null; readonly phones: { readonly all: number } }[];
  readonly byModel: readonly { readonly name: string | null }[];
  readonly rows: readonly Readonly<Record<string, unknown>>[];
}

const json = async (...words: string[]): Promise<Printed> =>
  JSON.parse((await run(...words, '--json')).out) as Printed;

describe('a report', () => {
  it('works on a directory without a control process, and leaves no file behind', async () => {
    const { rows, total, byGroup } = await json('inventory');
    expect(total).toMatchObject({ all: 5, lastDay: 1 });
    expect(rows.map(({ device }) => device)).toEqual(['applabc123', 'before2', 'good1', 'quiet4', 'udid9']);
    expect(byGroup).toContainEqual(expect.objectContaining({ name: 'staff' }));
    const { existsSync } = await import('node:fs');
    expect(existsSync(join(folder, 'read-model.db'))).toBe(false);
  });

  it('on blocked phones lists quarantined ones too, the last seen first, with their reasons', async () => {
    const { rows, byReason } = await json('blocked');
    expect(rows.map(({ device }) => device)).toEqual(['quiet4', 'applabc123']);
    expect(byReason.map(({ name }) => name)).toEqual(['notEnrolled', 'unknownDevice']);
    expect(rows[0]?.['lastSeen']).toMatch(/^\d{4}-\d\d-\d\dT/);
  });

  it('on stale phones lists those that were not seen for a while, and those that never were', async () => {
    expect((await json('stale')).rows.map(({ device }) => device)).toEqual(['before2', 'udid9']);
    const { rows } = await json('stale', '--not-seen', '1d');
    expect(rows.map(({ device }) => device)).toEqual(['before2', 'applabc123', 'quiet4', 'udid9']);
  });

  it('on duplicates pairs the phones of one user with the same type and model', async () => {
    expect((await json('duplicates')).rows).toMatchObject([
      { user: 'alice', device: 'good1', other: 'before2' },
    ]);
  });

  it('on near misses pairs a reported device with a phone that no feed reports', async () => {
    expect((await json('near-misses')).rows).toMatchObject([
      { reported: 'udid9', device: 'applabc123', by: 'serial' },
    ]);
  });

  it('on exceptions lists decisions in force that let a phone pass', async () => {
    expect((await json('exceptions')).rows).toMatchObject([{ device: 'quiet4', decision: 'allow' }]);
  });

  it('on exceptions has those that end first at the top, whether of a phone or of a user', async () => {
    const store = new EmbeddedStore(join(folder, 'directory.db'));
    const now = Date.now();
    await store.decide(
      { user: 'alice' as UserKey, device: null },
      { ...decision('allow'), expiresAt: now + 3_600_000 },
      BY_TEST,
    );
    await store.decide(
      { user: null, device: 'applabc123' as DeviceKey },
      { ...decision('allow'), expiresAt: null },
      BY_TEST,
    );
    await store.close();
    const devices = (await json('exceptions')).rows.map(({ device }) => device);
    expect(new Set(devices.slice(0, 2))).toEqual(new Set(['before2', 'good1']));
    expect(devices.slice(2)).toEqual(['quiet4', 'applabc123']);
    // Its own decision has ended; that on alice has not.
    expect((await run('exceptions')).out).toMatch(/before2 .* the user /);
  });

  it('is a table with numbers before the rows', async () => {
    const { out, error } = await run('blocked', '--limit', '1');
    expect(out).toContain('blocked  2');
    expect(out).toMatch(/BY REASON +ALL +SEEN 1D/);
    expect(out).toMatch(/BY REASON.*\n\w+ +1 .*\n\w+ +1 /);
    expect(out).toMatch(/carol +quiet4/);
    expect(out).not.toContain('applabc123');
    expect(error).toBe('1 of 2: --limit, --csv or --json\n');
  });

  it('as CSV has a header once, and no cell that a spreadsheet takes for a formula', async () => {
    const lines = (await run('blocked', '--csv')).out.trimEnd().split('\r\n');
    expect(lines[0]).toMatch(/^user,device,state,reason,/);
    expect(lines).toHaveLength(3);
    expect(lines[2]).toMatch(/^"'=bob",applabc123,blocked,notEnrolled,/);
  });

  it('reads the model that a control process keeps, and not one that was left behind', async () => {
    const store = new EmbeddedStore(join(folder, 'directory.db'));
    const file = ModelFile.open(join(folder, 'read-model.db'), { store: 'one', epoch: 1 });
    const keeper = new ModelKeeper(store, file);
    await keeper.build();
    await store.recordSeen([{ ...seen('dave', 'new5', 0), lastVerdict: 'block' }]);
    // Not in the kept model yet: the log does not tell what was seen.
    const now = Date.now();
    file.write(() => file.setState({ confirmedAt: now, keptUntil: now + 100_000 }));
    expect((await json('blocked')).rows).toHaveLength(2);
    file.write(() => file.setState({ confirmedAt: now - 90_000 }));
    expect((await run('blocked')).error).toContain('being rebuilt: as of ');
    file.write(() => file.setState({ keptUntil: Date.now() - 1 }));
    expect((await json('blocked')).rows).toHaveLength(3);
    file.close();
    await store.close();
  });
});
