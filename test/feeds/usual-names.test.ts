// Owns the promises about columns of products whose names are not those of the product: facts that let nobody in are read from them, and states there can only deny.
import { describe, expect, it } from 'vitest';
import { onlyDevice, readContent } from './read-lines.ts';

const BASES = {
  jamf: 'Serial Number,Display Name,MDM Profile Removal\nEXAMPLE0001,P,no',
  'workspace-one': 'Serial Number,Organization Group,Friendly Name\nEXAMPLE0001,Staff,P',
  ivanti: 'Serial Number,Device UUID,Registration Date\nEXAMPLE0001,d1,2026-01-01',
  intune: 'Serial number,EAS activated,Managed by\nEXAMPLE0001,True,Intune',
} as const;
const FORMATS = ['jamf', 'workspace-one', 'ivanti', 'intune'] as const;

const read = (format: (typeof FORMATS)[number], column: string, value: string) => {
  const [header, row] = BASES[format].split('\n');
  return onlyDevice(readContent(`${header},${column}\n${row},${value}\n`, { format }));
};

describe.each(FORMATS)('a table of %s', (format) => {
  it.each([
    ['Exchange ActiveSync ID', 'ApplX1', 'id', 'applx1'],
    ['Device UDID', '00008110-000A1B2C3D4E5F60', 'udid', '00008110-000A1B2C3D4E5F60'],
    ['IMEI/MEID', '350000000000001', 'imei', '350000000000001'],
    ['Operating System Version', '17.4', 'osVersion', '17.4'],
    ['OS Platform', 'iOS', 'platform', 'ios'],
    ['Model Name', 'iPhone 14', 'model', 'iPhone 14'],
    ['Device Ownership', 'Personal', 'ownership', 'personal'],
    ['User Principal Name', 'Lea@example.com', 'owner', 'lea@example.com'],
    ['Last Contact Time', '28/11/2026 06:07', 'lastCheckIn', '2026-11-28T06:07:00Z'],
    ['Compromised Device', 'Yes', 'compromised', true],
    ['Device Compliance', 'Noncompliant', 'compliant', false],
  ] as const)('is read in a column "%s": %s is its %s', async (column, value, fact, expected) => {
    expect((await read(format, column, value))[fact]).toBe(expected);
  });

  it.each(['Device Compliance', 'Policy Compliance', 'MDM Compliance'])(
    'does not make a device compliant by a column "%s"',
    async (column) => {
      expect((await read(format, column, 'Compliant')).compliant).not.toBe(true);
    },
  );
});

it('a display name, which its user chooses, is no owner', async () => {
  expect((await read('jamf', 'Assigned User', 'lea')).owner).toBeNull();
});

it('the columns of a product come first', async () => {
  const table = 'Exchange Device ID,EAS ID,Last Inventory Update,Last Contact,Managed\nApplX1,ApplX2,2026-11-28 06:07,2026-11-29 06:07,Managed\n';
  const { id, otherIds, lastCheckIn } = await onlyDevice(readContent(table, { format: 'jamf' }));
  expect([id, otherIds, lastCheckIn]).toEqual(['applx1', [], '2026-11-28T06:07:00Z']);
}); // prettier-ignore

it('the order of day and month is seen in such columns, too', async () => {
  const table = 'Serial Number,Exchange Device ID,Managed,Last Seen\nA1,ApplX1,Managed,03/02/2026 06:07\nA2,ApplX2,Managed,28/02/2026 06:07\n';
  const { devices } = await readContent(table, { format: 'jamf' });
  expect(devices.map(({ lastCheckIn }) => lastCheckIn)).toEqual(['2026-02-03T06:07:00Z', '2026-02-28T06:07:00Z']);
}); // prettier-ignore
