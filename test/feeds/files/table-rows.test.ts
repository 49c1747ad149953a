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

describe('a second export below the first', () => {
  const ENGLISH =
    'Device ID,Device name,Compliance,Managed by,EAS activation ID,Serial number,Encrypted\ng1,P,Compliant,Intune,ApplX,EXAMPLE0001,True\n';

  it.each([
    // As many columns as above, in another order.
    'Geräte-ID,Gerätename,EAS-Aktivierungs-ID,Seriennummer,Verwaltet von,Konformität,Verschlüsselt\ng2,Q,ApplY,EXAMPLE0002,Intune,Nicht konform,Falsch\n',
    'Nom de l’appareil,Conformité,Géré par,ID d’activation EAS,Numéro de série\nQ,Non conforme,Intune,ApplY,EXAMPLE0002\n',
    'EAS アクティブ化 ID,コンプライアンス,シリアル番号,管理者,デバイス名\nApplY,非準拠,EXAMPLE0002,Intune,Q\n',
  ])('may be in another language: %s', async (other) => {
    const { devices, refused } = await readContent(ENGLISH + other);
    expect(
      devices.map(({ id, compliant, serialNumber, line }) => [id, compliant, serialNumber, line]),
    ).toEqual([
      ['applx', true, 'EXAMPLE0001', 2],
      ['apply', false, 'EXAMPLE0002', 4],
    ]);
    expect(refused).toEqual([]);
  });

  it('may be of another command of Exchange', async () => {
    const devices = 'DeviceId,DeviceType,DeviceOS,DeviceAccessState,UserDisplayName\nApplX,iPhone,iOS 26.1,Allowed,Al\n';
    const statistics = 'DeviceType,DeviceID,DeviceUserAgent,LastSuccessSync,DeviceOS,Status,LastPolicyUpdateTime\niPhone,ApplY,x/1,2026-11-20T06:02:10Z,iOS 26.1,DeviceOk,\n';
    const read = await readContent(devices + statistics);
    expect(read.devices.map(({ id, lastCheckIn }) => [id, lastCheckIn])).toEqual([['applx', null], ['apply', '2026-11-20T06:02:10Z']]);
    expect(read.refused).toEqual([]);
  }); // prettier-ignore

  it('is not read by a header that a phone may have sent: its row and those below are refused', async () => {
    const phones = 'DeviceModel,DeviceId,DeviceOS,DeviceFriendlyName,DeviceAccessState\nx,ApplX,iOS 26.1,P,Allowed\n';
    const { devices, refused } = await readContent(`${phones}DeviceType,DeviceUserAgent,DeviceImei,LastSuccessSync,Allowed\ny,ApplY,iOS,P,Blocked\n`);
    expect([devices.map(({ id }) => id), refused.map(({ line }) => line)]).toEqual([['applx'], [3, 4]]);
  }); // prettier-ignore
});
