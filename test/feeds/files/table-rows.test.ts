// Owns the promises about lines of a table that are no records: sums, headers of other tables, remarks.
import { describe, expect, it } from 'vitest';
import { readContent } from '../read-lines.ts';

const INTUNE = 'Device name,Managed by,Compliance,EAS activation ID\nx,Intune,Compliant,ApplX\n';

it.each(['Total,,,1', 'Total: 1,,,', 'Summe,,1,1', 'Grand total,,,"1,000"'])(
  'the row of sums "%s" is no device',
  async (row) => {
    const { devices, refused } = await readContent(`${INTUNE}${row}\n`);
    expect([devices.map(({ id }) => id), refused]).toEqual([
      ['applx'],
      [{ type: 'refused', line: 3, reason: 'the row is one of totals' }],
    ]);
  },
);

it.each(['Total,Intune,Compliant,ApplY', 'Sum,,Compliant,ApplY'])(
  'the device of "%s" is one',
  async (row) => {
    const { devices } = await readContent(`${INTUNE}${row}\n`);
    expect(devices.map(({ id, compliant }) => [id, compliant])).toEqual([
      ['applx', true],
      ['apply', true],
    ]);
  },
);

describe('a header of another product in the middle', () => {
  it('is no device, and the rows below it are not read by the columns above', async () => {
    const { devices, refused } = await readContent(
      `${INTUNE}UserPrincipalName,Managed,Compliant,DeviceId\ny@x.example,Intune,Compliant,ApplY\n`,
    );
    expect(devices.map(({ id }) => id)).toEqual(['applx']);
    expect(refused.map(({ line, reason }) => [line, reason.includes('into two files')])).toEqual([
      [3, true],
      [4, true],
    ]);
  });

  it('has names in all of its cells: a phone may be named like a column', async () => {
    const { devices } = await readContent(
      `${INTUNE}DeviceAccessState,Intune,Compliant,ApplY\nz,Intune,Compliant,ApplZ\n`,
    );
    expect(devices.map(({ id }) => id)).toEqual(['applx', 'apply', 'applz']);
  });
});

it('a remark above the header is none of another table', async () => {
  const { devices, refused } = await readContent(`# all devices, of today, as CSV\n${INTUNE}`);
  expect([devices.length, refused]).toEqual([1, []]);
});

it('a file with each row in one cell says so', async () => {
  const quoted = INTUNE.trim()
    .split('\n')
    .map((row) => `"${row}"\n`)
    .join('');
  await expect(readContent(quoted)).rejects.toThrow('each line of the file is one cell in quotes');
});
