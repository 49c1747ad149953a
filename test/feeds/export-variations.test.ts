// Owns the promises about exports of real tenants that differ from the documented shape: resaved by a spreadsheet, shifted, cut, or with words for
// nothing. What is not known for certain is unknown; no row joins a phone by chance.
import { describe, expect, it } from 'vitest';
import { onlyDevice, readContent, readJson } from './read-lines.ts';

const INTUNE = 'Device ID,Device name,Managed by,Intune registered,Compliance,EAS activation ID,Serial number,Phone number,Category'; // prettier-ignore

describe('an export of Intune', () => {
  const row = (cells: Partial<Record<string, string>>): string => {
    const all: Record<string, string | undefined> = { 'Device ID': 'g1', 'Managed by': 'Intune', 'Intune registered': 'True', Compliance: 'Compliant', 'EAS activation ID': 'ApplX1', ...cells };
    return INTUNE.split(',').map((name) => all[name] ?? '').join(',');
  }; // prettier-ignore
  const read = (...rows: string[]) => readContent(`${INTUNE}\n${rows.join('\n')}\n`);

  it.each([
    ['WAHR', true],
    ['VRAI', true],
    ['FALSCH', false],
    ['YANLIŞ', false],
    ['Registered', true],
  ])('with the registration %s, as a spreadsheet writes it, is managed: %s', async (word, managed) => {
    const { managed: is, problems } = await onlyDevice(read(row({ 'Intune registered': word })));
    expect([is, problems]).toEqual([managed, []]);
  });

  it('has a row refused whose cells a comma within a value shifts, also into an empty last cell', async () => {
    const shifted = row({ 'Device ID': 'g2', 'Device name': 'Eve, her phone' });
    const { devices, refused } = await read(row({}), shifted, row({ 'EAS activation ID': 'ApplX3' }));
    expect([devices.map(({ id }) => id), refused.map(({ line }) => line)]).toEqual([['applx1', 'applx3'], [3]]);
  }); // prettier-ignore

  it('may have a delimiter at the end of each row', async () => {
    const { devices, refused } = await read(`${row({})},`, `${row({ 'EAS activation ID': 'ApplX2' })},`);
    expect([devices.map(({ id, compliant }) => [id, compliant]), refused]).toEqual([[['applx1', true], ['applx2', true]], []]);
  }); // prettier-ignore

  it('has no device in the rule below its header', async () => {
    const rule = INTUNE.replaceAll(/[^,]+/g, '---');
    const { devices, refused } = await read(rule, row({}));
    expect([devices.length, refused.map(({ line }) => line)]).toEqual([1, [2]]);
  });

  it('may have quotes around an id', async () => {
    const { id } = await onlyDevice(read(row({ 'EAS activation ID': '"""ApplX1"""' })));
    expect(id).toBe('applx1');
  });

  it.each([
    ['2026-11-01', true],
    ['No', false],
    ['', false],
  ])('with "%s" in a column "Removed" is of a device that left: %s', async (cell, left) => {
    const text = `${INTUNE},Removed\n${row({})},${cell}\n`;
    expect((await onlyDevice(readContent(text))).removed).toBe(left);
  });

  it('has no device in its row of totals', async () => {
    const { devices, refused } = await read(row({}), `Total: 1${','.repeat(8)}`);
    expect([devices.length, refused.map(({ line }) => line)]).toEqual([1, [3]]);
  });

  it.each(['00000000-0000-0000-0000-000000000000', '000000000000'])('has no id in %s', async (id) => {
    const { id: is, problems } = await onlyDevice(read(row({ 'EAS activation ID': id })));
    expect([is, problems]).toEqual([null, []]);
  });

  it.each(['Compliant...', 'Compliant ..', 'Compliant…'])('says nothing by the word "%s", which is cut off', async (word) => {
    const { compliant, problems } = await onlyDevice(read(row({ Compliance: word })));
    expect([compliant, problems.length]).toEqual([null, 1]);
  }); // prettier-ignore

  it('has no serial number in the name of the field', async () => {
    expect((await onlyDevice(read(row({ 'Serial number': 'SerialNumber' })))).serialNumber).toBeNull();
  });
});

describe('a table of one’s own', () => {
  it.each([
    ['1', true, 0],
    ['0', false, 0],
    ['2', null, 1],
    ['254', null, 1],
    ['-1', null, 1],
    [String.raw`\N`, null, 0],
    ['✓', null, 1],
    ['✗', null, 1],
    ['ja', true, 0],
    ['ne', false, 0],
    ['Sì', true, 0],
    ['Da', true, 0],
  ])('with %s in a column compliant means %s', async (cell, compliant, problems) => {
    const device = await onlyDevice(readContent(`id,managed,is_compliant\nApplX,true,${cell}\n`));
    expect([device.compliant, device.problems.length]).toEqual([compliant, problems]);
  });

  it('may have a state of Graph as a number', async () => {
    const { devices } = await readContent('id,managed,compliance_state\nApplX,true,1\nApplY,true,2\nApplZ,true,0\n');
    expect(devices.map(({ compliant }) => compliant)).toEqual([true, false, null]);
  }); // prettier-ignore
});

it('counts and states around a list are of no device in it', async () => {
  const around = { status: 'OK', managed: 2, compliant: 1, complianceState: 'compliant', managementAgent: 'mdm' };
  const own = await readJson({ ...around, devices: [{ id: 'ApplX', compliant: false }, { id: 'ApplY', managed: true }] });
  expect(own.devices.map(({ compliant, managed }) => [compliant, managed])).toEqual([[false, null], [null, true]]);
  const { compliant, managed, problems } = await onlyDevice(readJson({ ...around, value: [{ id: 'g1', easDeviceId: 'ApplX' }] }));
  expect([compliant, managed, problems]).toEqual([null, null, []]);
}); // prettier-ignore

it.each([
  ['id,managed,compliant,complianceState', 'ApplX,true,true,noncompliant'],
  ['id,managed,compliance,isCompliant', 'ApplX,true,compliant,0'],
  ['Friendly Name,Serial Number,Organization Group,Compliance Status,Compliant', 'x,F2LABCDE1234,g,Compliant,No'],
])('columns that contradict each other make nobody compliant: %s', async (head, row) => {
  const { compliant, problems } = await onlyDevice(readContent(`${head}\n${row}\n`));
  expect([compliant, problems]).toEqual([null, [expect.stringContaining('contradict each other')]]);
}); // prettier-ignore

it.each(['Never', 'Nie', 'nunca', ''])('the time "%s" is none', async (time) => {
  const { lastCheckIn, problems } = await onlyDevice(
    readContent(`DeviceId,DeviceAccessState,LastSuccessSync\nApplX,Allowed,${time}\n`),
  );
  expect([lastCheckIn, problems]).toEqual([null, []]);
});

it.each([
  ['', null],
  ['iOS 17.4', 'ios'],
  ['Android 14', 'android'],
])('Outlook for iOS and Android on "%s" is of the platform %s', async (os, platform) => {
  const device = await onlyDevice(
    readContent(
      `DeviceId,DeviceType,DeviceModel,DeviceOS,DeviceAccessState,DeviceUserAgent\nA1,Outlook,Outlook for iOS and Android,${os},Allowed,Outlook-iOS-Android/1.0\n`,
    ),
  );
  expect(device.platform).toBe(platform);
});

it('a list of Workspace ONE may have the version in a column beside the system', async () => {
  const text = 'Friendly Name,Serial Number,Platform,Operating System,OS Version,Enrollment Status,Organization Group\nx,F2LABCDE1234,Apple,iOS,17.4.1,Enrolled,g\n'; // prettier-ignore
  expect(await onlyDevice(readContent(text))).toMatchObject({ platform: 'ios', osVersion: '17.4.1' });
});

describe('a computer of Jamf Pro', () => {
  const UDID = '0E0D0C0B-0001-5AAA-8BBB-0000000000A1';

  it.each([
    ['the inventory', { totalCount: 1, results: [{ id: '7', udid: UDID, general: { name: 'mac', platform: 'Mac', lastContactTime: '2026-11-20T06:12:10Z', remoteManagement: { managed: true } }, hardware: { model: 'MacBook Air', serialNumber: 'C02EXAMPLE' }, operatingSystem: { name: 'macOS', version: '14.4.1' }, userAndLocation: { username: 'eve', email: 'eve@example.com' } }] }],
    ['the classic interface', { computer: { general: { id: 7, name: 'mac', serial_number: 'C02EXAMPLE', udid: UDID, platform: 'Mac', remote_management: { managed: true }, last_contact_time_utc: '2026-11-20T06:12:10.000+0000' }, hardware: { model: 'MacBook Air', os_name: 'macOS', os_version: '14.4.1' }, location: { username: 'eve', email_address: 'eve@example.com' } } }],
  ])('is read from %s', async (_, answer) => {
    expect(await onlyDevice(readJson(answer))).toMatchObject({
      id: null, sourceId: '7', managed: true, compliant: null, platform: 'macos', osVersion: '14.4.1', serialNumber: 'C02EXAMPLE', udid: UDID, owner: 'eve@example.com', lastCheckIn: '2026-11-20T06:12:10Z',
    });
  }); // prettier-ignore

  it('is read from its check-in, an event', async () => {
    const computer = { udid: UDID, serialNumber: 'C02EXAMPLE', osVersion: '14.4.1', model: 'MacBook Air', username: 'eve', jssID: 7 };
    const webhook = { webhookEvent: 'ComputerCheckIn', eventTimestamp: 1_795_154_530_000, name: 'x' };
    expect(await onlyDevice(readJson({ webhook, event: { computer } }))).toMatchObject({ sourceId: '7', platform: 'macos', osVersion: '14.4.1', owner: 'eve', lastCheckIn: '2026-11-20T06:02:10Z' });
  }); // prettier-ignore
});
