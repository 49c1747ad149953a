// Owns the promise that a table is read alike in every form that a program may give it: order of columns, letter case, delimiter, quotes,
// encoding, line ends, a title above, unknown columns.
import { readFileSync } from 'node:fs';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { FeedLine } from '../../src/feeds/record.ts';
import { fixture, readContent } from './read-lines.ts';

type Rows = readonly (readonly string[])[];

const TABLES = [
  'intune-devices-with-inventory.csv',
  'activesync-report-allowed-blocked-ids.csv',
  'get-mobiledevice-identity.csv',
  'get-mobiledevicestatistics-notypeinfo.csv',
];
const OWN = `id,EAS Device ID,Managed,Compliant,Status,Owner,User,Email,OS Version,Last seen,Serial number
17,ApplX1,yes,yes,Active,Company,alice,Alice@example.com,17.4.1,2026-11-20 06:02:10,S1EXAMPLE
18,"ApplX2; ApplX3",yes,no,Active,Employee,"CONTOSO\\bob",,"14","20 nov. 2026 06:02",S2EXAMPLE
19,,yes,yes,Retired,,,,,,S3EXAMPLE
`;

const JAMF = `Display Name,Serial Number,UDID,IMEI,Managed,Supervised,Exchange Device ID,OS Version,Model,Username,Email Address,Last Inventory Update,Jailbreak Detected
"Alice's, phone",S1EXAMPLE,00008110-000A1B2C3D4E5F60,35 000000 000000 1,Managed,Supervised,ApplX1,26.1,iPhone 15,alice,Alice@example.com,2026-11-20 06:02:10,No
y,S2EXAMPLE,,,Unmanaged,Not Supervised,,17.4,"iPad ""Pro""",,,,Unknown
`;
const WORKSPACE_ONE = `Device Friendly Name,Serial Number,Platform,OS Version,Model,Enrollment Status,Compliance Status,Compromised,Organization Group,EAS Device IDs,Email Address,Last Seen,Managed By
"x, y",S1EXAMPLE,Apple iOS,26.1.0,iPhone 15,Enrolled,Compliant,No,g,,a@example.com,2026-11-20 06:02:10,MDM
z,S2EXAMPLE,Android,14.0,SM-G991B,Enterprise Wipe Pending,Compliant,Yes,g,,,,MDM
`;
const IVANTI = `Device Name,GUID,User ID,Platform Type,OS Version,Registration State,Compliance State,Quarantined,Last Check-in,Serial Number,Ownership Type,EAS Device Identifiers
x,0d0e0f00-3333-4aaa-8bbb-0000000000d4,a@example.com,IOS,26.1,ACTIVE,Compliant,false,2026-11-20 06:02:10,S1EXAMPLE,CORPORATE_OWNED,"ApplX1|ApplX2"
y,0d0e0f00-3333-4aaa-8bbb-0000000000d5,b@example.com,ANDROID,14,RETIRED,Compliant,true,,S2EXAMPLE,EMPLOYEE_OWNED,
`;
const GRAPH = `Id,DeviceName,EasDeviceId,ComplianceState,ComplianceGracePeriodExpirationDateTime,ManagementAgent,UserPrincipalName,OperatingSystem,OSVersion,SerialNumber,LastSyncDateTime,IsEncrypted,JailBroken
0d0e0f00-3333-4aaa-8bbb-0000000000d4,"Alice, phone",ApplX1,inGracePeriod,12/24/2026 12:00:00 AM,mdm,Alice@example.com,iOS,26.1,S1EXAMPLE,11/20/2026 6:02:10 AM,True,False
0d0e0f00-3333-4aaa-8bbb-0000000000d5,y,,noncompliant,12/31/9999 11:59:59 PM,eas,,Android,14,S2EXAMPLE,1/1/0001 12:00:00 AM,,Unknown
`;

function rowsOf(text: string): Rows {
  return parse(text.replace(/^\ufeff/, ''), { skip_empty_lines: true });
}

function written(rows: Rows, delimiter: string, lineEnd: string, isQuoted: boolean): string {
  const cell = (value: string): string =>
    isQuoted || value.includes(delimiter) || /["\r\n]/.test(value)
      ? `"${value.replaceAll('"', '""')}"`
      : value;
  return rows.map((row) => row.map(cell).join(delimiter) + lineEnd).join('');
}

/** The records without their line numbers. */
async function said(content: string | Uint8Array): Promise<unknown[]> {
  const { lines } = await readContent(content);
  return lines.map((line: FeedLine) => ({ ...line, line: 0 }));
}

const spelling = fc.constantFrom<(name: string) => string>(
  (name) => name,
  (name) => name.toUpperCase(),
  (name) => name.trim().replaceAll(/[ -]/g, '_'),
  (name) => ` ${name.toLowerCase()} `,
);
const form = fc.record({
  order: fc.infiniteStream(fc.nat()),
  spelling,
  delimiter: fc.constantFrom(',', ';', '\t', '|'),
  lineEnd: fc.constantFrom('\r\n', '\n'),
  isQuoted: fc.boolean(),
  title: fc.constantFrom('', 'Report of devices\r\n\r\n', '#TYPE Selected.System.Object\r\n'),
  more: fc.constantFrom([], ['Remarks of nobody'], ['']),
  isWide: fc.boolean(),
});

describe.each([...TABLES.map((name) => [name, readFileSync(fixture(name), 'utf8')]), ['a table of one’s own', OWN], ['Jamf Pro', JAMF], ['Workspace ONE', WORKSPACE_ONE], ['Ivanti', IVANTI], ['Graph', GRAPH]])('%s', (_, text) => {
  it('is read alike in every form', async () => {
    const [head = [], ...rows] = rowsOf(text ?? '');
    const expected = await said(written([head, ...rows], ',', '\n', true));
    expect(expected.length).toBeGreaterThan(0);
    await fc.assert(
      fc.asyncProperty(form, async ({ order, delimiter, lineEnd, isQuoted, title, more, isWide, ...one }) => {
        const places = head.map((_name, place) => [order.next().value ?? 0, place] as const).sort(([a], [b]) => a - b);
        const shuffled = (row: readonly string[]): string[] => places.map(([, place]) => row[place] ?? '');
        const table = [[...shuffled(head).map(one.spelling), ...more], ...rows.map((row) => [...shuffled(row), ...more.map(() => '')])];
        const content = title + written(table, delimiter, lineEnd, isQuoted);
        const bytes = isWide ? Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(content, 'utf16le')]) : content;
        expect(await said(bytes)).toEqual(expected);
      }),
      { numRuns: 40 },
    );
  });
}); // prettier-ignore
