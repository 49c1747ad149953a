// Owns the promise that many rows are written into the SQLite file without a copy of the pages that they change.
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { ChangeLog } from '../../src/directory/embedded/change-log.ts';
import { GuardedDatabase } from '../../src/directory/embedded/guarded-database.ts';
import { RecordWriter } from '../../src/directory/embedded/record-writer.ts';
import { SeenWriter } from '../../src/directory/embedded/seen-writer.ts';
import { StoredRows } from '../../src/directory/embedded/stored-rows.ts';
import { UNGUARDED } from '../../src/directory/store-guard.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { NO_GROUPS } from '../../src/identity/user-names.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { deviceReport, seenPartnership, userReport } from '../support/servers/directory-records.ts';

checkLeaks();

/** So many that the indices have far more pages than a statement may change without a temporary file. */
const COUNT = 4_000;

/** Keys of neighbours are far from each other. */
const spread = (index: number): string => `${(index * 7_919) % COUNT}-${'x'.repeat(24)}`;
const all = [...Array(COUNT).keys()];
const device = (index: number): DeviceKey => spread(index) as DeviceKey;
const user = (index: number): UserKey => `${spread(index)}@contoso.com` as UserKey;

/** Temporary files of SQLite, which have no names any more. */
function temporaryFiles(): readonly string[] {
  return readdirSync('/proc/self/fd').flatMap((fd) => {
    try {
      return [readlinkSync(`/proc/self/fd/${fd}`)].filter((path) => path.includes('etilqs'));
    } catch {
      return [];
    }
  });
}

const WRITES: readonly (readonly [
  string,
  (writer: RecordWriter, seen: SeenWriter, round: number) => unknown,
])[] = [
  [
    'devices',
    (writer, _seen, round) =>
      writer.putDevices(
        all.map((index) => deviceReport(device(index), { version: round })),
        10,
      ),
  ],
  [
    'users',
    (writer, _seen, round) =>
      writer.putUsers(
        all.map((index) => userReport(user(index), { version: round, enabled: round === 1 })),
        10,
      ),
  ],
  [
    'aliases, which others take over',
    (writer, _seen, round) =>
      writer.putUsers(
        all.map((index) => userReport(user(index + round), { aliases: [`far${spread(index)}`] })),
        10,
      ),
  ],
  [
    'partnerships',
    (_writer, seen) => seen.record(all.map((index) => seenPartnership(user(index), device(index), 10))),
  ],
];

it.runIf(process.platform === 'linux').each(WRITES)(
  'SQLite keeps no copy of the pages that a write of many %s changes',
  async (_what, write) => {
    const folder = mkdtempSync(join(tmpdir(), 'easgate-many-rows-'));
    const database = new GuardedDatabase(join(folder, 'easgate.db'), UNGUARDED);
    onTestFinished(() => {
      database.close();
      rmSync(folder, { recursive: true });
    });
    const rows = new StoredRows(database);
    const writer = new RecordWriter(database, rows, new ChangeLog(database, () => undefined), NO_GROUPS);
    const seen = new SeenWriter(database, rows, NO_GROUPS);
    const before = temporaryFiles();
    for (const round of [1, 2])
      await database.write(() => {
        write(writer, seen, round);
        expect(temporaryFiles()).toEqual(before);
      });
  },
);
