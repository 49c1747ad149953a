// Owns the promise that memory does not grow with the file, and little with the members of groups.
import { closeSync, mkdtempSync, openSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { FeedFile } from '../../src/feeds/files/feed-file.ts';
import { GroupClosure } from '../../src/feeds/ldap/group-closure.ts';
import { collector, collectorOfAll } from '../support/checks/heap.ts';

const RECORDS = 30_000;
const MEGABYTE = 1_048_576;

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-memory-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Writes a file of some 10 MB. */
function write(name: string, head: string, record: (index: number) => string, tail = ''): string {
  const path = join(folder, name);
  const file = openSync(path, 'w');
  writeSync(file, head);
  for (let index = 0; index < RECORDS; index++) writeSync(file, record(index));
  writeSync(file, tail);
  closeSync(file);
  return path;
}

const filler = 'x'.repeat(250);
const device = (index: number): string =>
  JSON.stringify({ id: String(index), easDeviceId: `Appl${index}`, managementAgent: 'mdm', complianceState: 'compliant', deviceName: filler }); // prettier-ignore

const FILES: readonly (readonly [string, () => string])[] = [
  [
    'a page of one line',
    () => write('page.json', '{"value":[', (index) => `${index === 0 ? '' : ','}${device(index)}`, ']}'),
  ],
  ['JSON lines', () => write('lines.ndjson', '', (index) => `${device(index)}\n`)],
  [
    'a table whose dates are read twice',
    () => write('table.csv', 'DeviceId,DeviceAccessState,LastSuccessSync,DeviceUserAgent\n', (index) => `Appl${index},Allowed,3/${(index % 9) + 1}/2026 8:12 AM,${filler}\n`), // prettier-ignore
  ],
];

it.each(FILES)('%s is read with the same memory at its beginning and at its end', async (_, make) => {
  const path = make();
  const inUse = collector();
  const file = await FeedFile.open({ path, format: null, source: null, zone: 'UTC', order: null });
  const used: number[] = [];
  let [count, devices] = [0, 0];
  for await (const line of file.lines()) {
    if (line.type === 'device') devices++;
    if (++count % (RECORDS / 10) === 0) used.push(inUse());
  }
  expect([count, devices]).toEqual([RECORDS, RECORDS]);
  const [first = 0] = used;
  // Records that are kept would be twice that and more.
  expect(Math.max(...used) - first).toBeLessThan(6 * MEGABYTE);
});

it('a member of a group of a directory takes a few bytes, however long its name is', () => {
  const inUse = collectorOfAll();
  const before = inUse();
  const closure = new GroupClosure(null);
  const staff = closure.addGroup('cn=staff', 'Staff');
  const dn = (index: number): string => `uid=user${index},ou=a part of the office with a long name,${'dc=example,'.repeat(8)}`; // prettier-ignore
  for (let index = 0; index < RECORDS; index++) closure.addMember(staff, dn(index));
  // A text of the name would be more by itself.
  expect((inUse() - before) / RECORDS).toBeLessThan(80);
  expect(closure.groupsOf(dn(RECORDS - 1))).toEqual(['Staff']);
});
