// Owns the promises about devices that left, or do not comply, if the record says so in unlisted words or in an unusual place.
import { describe, expect, it } from 'vitest';
import { onlyDevice, readContent, readJson } from '../read-lines.ts';

describe('a state that is not listed', () => {
  it.each(['Device Wipe Initiated', 'Enterprise wipe in progress', 'DELETE_REQUESTED'])(
    'of Workspace ONE, with a word for leaving: %s',
    async (EnrollmentStatus) => {
      const device = { EasIds: { EasId: ['EAS1'] }, EnrollmentStatus, ComplianceStatus: 'Compliant', LocationGroupName: 'x' }; // prettier-ignore
      const { managed, removed, compliant } = await onlyDevice(readJson({ Devices: [device] }));
      expect([managed, removed, compliant]).toEqual([false, true, null]);
    },
  );

  it.each(['WIPE_CONFIRMED', 'RETIRE_ACKNOWLEDGED'])('of Ivanti, with a word for leaving: %s', async (status) => {
    const device = { 'common.uuid': 'u1', 'common.status': status, 'common.compliant': true, 'common.platform': 'iOS' };
    const { managed, removed, compliant } = await onlyDevice(readJson({ results: [device] }));
    expect([managed, removed, compliant]).toEqual([false, true, null]);
  }); // prettier-ignore

  it('of Intune, with a word for leaving, counts as that of a device that left', async () => {
    const device = { easDeviceId: 'EAS1', managementAgent: 'mdm', managementState: 'retireAcknowledged', complianceState: 'compliant' }; // prettier-ignore
    const { managed, removed, compliant } = await onlyDevice(readJson(device));
    expect([managed, removed, compliant]).toEqual([false, true, null]);
  });

  it('does not count as that of a device that left, if the removal was cancelled', async () => {
    const device = { EasIds: { EasId: ['EAS1'] }, EnrollmentStatus: 'Enterprise wipe cancelled', LocationGroupName: 'x' }; // prettier-ignore
    const { managed, removed } = await onlyDevice(readJson({ Devices: [device] }));
    expect([managed, removed]).toEqual([null, false]);
  });

  it('in a column of another product leaves compliance unknown, if the record does not say whether the device is managed', async () => {
    const device = { easDeviceId: 'EAS1', complianceState: 'compliant', status: 'Retired' };
    const { managed, compliant, problems } = await onlyDevice(readJson(device));
    expect([managed, compliant, problems.length]).toEqual([null, null, 1]);
  });
});

describe('an order to wipe or retire in the results of actions', () => {
  const read = (DeviceActionResults: unknown) =>
    onlyDevice(readJson([{ EasDeviceId: 'EAS1', ManagementAgent: 'mdm', ComplianceState: 'compliant', DeviceActionResults }])); // prettier-ignore

  it.each([
    ['by words', [{ actionName: 'wipe', actionState: 'pending' }]],
    ['by the numbers of PowerShell', [{ actionName: 'retire', actionState: 3 }]],
    ['as text, which is nested too deep for ConvertTo-Json', ['@{actionName=syncDevice; actionState=done}', '@{actionName=wipe; actionState=pending; startDateTime=11/27/2026}']], // prettier-ignore
    ['as one text', '@{actionName=lock; actionState=done} @{actionName=retire; actionState=active}'],
  ])('%s counts as done', async (_how, results) => {
    const { managed, removed, compliant } = await read(results);
    expect([managed, removed, compliant]).toEqual([false, true, null]);
  });

  it.each([
    [[{ actionName: 'wipe', actionState: 2 }]],
    [['@{actionName=wipe; actionState=canceled}']],
    [['@{actionName=syncDevice; actionState=pending}']],
    ['System.Object[]'],
  ])('that is done, cancelled or another one ends nothing: %j', async (results) => {
    const { managed, compliant } = await read(results);
    expect([managed, compliant]).toEqual([true, true]);
  });
});

describe('a row of a report of Intune', () => {
  it.each(['SettingName', 'SettingNm', 'PolicyStatus'])(
    'about one setting or policy (%s) is refused: its state is not that of the device',
    async (column) => {
      const header = `DeviceId,DeviceName,UPN,${column},ComplianceState,ManagementAgents,LastContact`;
      const { devices, refused } = await readContent(`${header}\nd1,Phone,a@example.com,Passcode,Compliant,Intune,2026-11-28\n`); // prettier-ignore
      expect([devices, refused.map(({ line }) => line)]).toEqual([[], [2]]);
    },
  );

  it('about compliance, as the portal exports it, is recognized by its column with the end of the grace period', async () => {
    const header = 'Device name,UPN,Compliance status,OS,OS version,Ownership,Last check-in,In grace period until (UTC),Intune device ID,Serial number,Managed by'; // prettier-ignore
    const row = 'P,lea@example.com,In grace period,iOS,18.1,Personal,11/28/2026 5:06:07 AM,12/13/2026 5:06:07 AM,d1,EXAMPLE0001,Intune'; // prettier-ignore
    const read = readContent(`${header}\n${row}\n`);
    const { managed, compliant, graceUntil } = await onlyDevice(read);
    expect([(await read).format, managed, compliant, graceUntil]).toEqual(['intune', true, true, '2026-12-13T05:06:07Z']); // prettier-ignore
  });
});

describe('a page of the data warehouse of Intune', () => {
  it('is read as devices of Intune, not of Entra, with their Exchange ActiveSync ids', async () => {
    const page = {
      '@odata.context': 'https://fef.msua06.manage.microsoft.com/ReportingService/DataWarehouseFEService/$metadata#devices',
      value: [{ deviceKey: 1, deviceId: 'd1', deviceName: 'P', managementAgentKey: 2, osVersion: '18.1', easID: 'EAS1', serialNumber: 'EXAMPLE0001', lastSyncDateTime: '2026-11-27T07:08:09Z', isDeleted: true }],
    }; // prettier-ignore
    const { id, lastCheckIn, managed, removed } = await onlyDevice(readJson(page));
    expect([id, lastCheckIn, managed, removed]).toEqual(['eas1', '2026-11-27T07:08:09Z', false, true]);
  });
});

describe('words that deny compliance', () => {
  it.each([
    ['Naleving', 'Voldoet niet'],
    ['Conformidade', 'Sem conformidade'],
    ['コンプライアンス', '準拠していません'],
    ['Соответствие', 'Несоответствие'],
    ['Efterlevnad', 'Icke-kompatibel'],
  ])('are read in a column %s: %s', async (column, word) => {
    const table = `EAS activation ID,${column}\nEAS1,${word}\n`;
    const { compliant, problems } = await onlyDevice(readContent(table));
    expect([compliant, problems]).toEqual([false, []]);
  });
});

describe('a table of Neurons for MDM', () => {
  it('has the user in the column "User Email"', async () => {
    const table = 'Device Name,User Email,Serial Number,Registration Status,Compliance State\nP,jan@example.com,EXAMPLE0001,Active,Compliant\n'; // prettier-ignore
    expect((await onlyDevice(readContent(table, { format: 'ivanti' }))).owner).toBe('jan@example.com');
  });
});

describe('a device of Workspace ONE', () => {
  it.each(['Unmanaged', 'Not managed'])('with the enrollment status %s is not managed', async (status) => {
    const page = { Devices: [{ EasIds: { EasId: ['A1'] }, EnrollmentStatus: status, ComplianceStatus: 'Compliant', Udid: '0A0B0C0D' }] };
    expect((await onlyDevice(readJson(page))).managed).toBe(false);
  }); // prettier-ignore
});

describe('records that Azure Monitor stores', () => {
  it('have the device in their properties', async () => {
    const properties = { DeviceId: 'g1', CompliantState: 'Noncompliant', ManagedBy: 'Intune', SerialNumber: 'EXAMPLE0001', EasID: 'ApplX1', DeviceRegistrationState: 'Registered' };
    const record = { time: '2026-11-20T07:00:00Z', category: 'Devices', operationName: 'Devices', properties };
    for (const document of [{ records: [record] }, record])
      expect(await onlyDevice(readJson(document, { format: 'intune' }))).toMatchObject({ id: 'applx1', managed: true, compliant: false });
  }); // prettier-ignore
});
