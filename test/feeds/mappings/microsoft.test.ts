// Owns the promises about Intune's reports and Graph: every column variant and state, and no guess towards compliance.
import { describe, expect, it } from 'vitest';
import { onlyDevice, readContent, readJson } from '../read-lines.ts';

const graphDevice = (fields: object): object => ({ id: 'x', easDeviceId: 'ApplX1', managementAgent: 'mdm', lastSyncDateTime: '2026-11-20T06:02:10Z', ...fields }); // prettier-ignore

describe('a compliance state of Graph', () => {
  it.each([
    ['compliant', true],
    ['noncompliant', false],
    ['inGracePeriod', true],
    ['conflict', null],
    ['error', null],
    ['configManager', null],
    ['unknown', null],
    ['somethingNew', null],
    [null, null],
  ])('%s means %s', async (complianceState, compliant) => {
    const device = await onlyDevice(readJson({ value: [graphDevice({ complianceState })] }));
    expect(device.compliant).toBe(compliant);
    const isNoted = ['somethingNew', 'inGracePeriod'].includes(complianceState ?? '');
    expect(device.problems).toHaveLength(isNoted ? 1 : 0);
  });

  it('in a grace period has its end; other states have none', async () => {
    const end = { complianceGracePeriodExpirationDateTime: '2026-12-24T00:00:00Z' };
    const inGrace = await onlyDevice(readJson(graphDevice({ complianceState: 'inGracePeriod', ...end })));
    expect(inGrace).toMatchObject({ compliant: true, graceUntil: '2026-12-24T00:00:00Z' });
    const compliant = await onlyDevice(readJson(graphDevice({ complianceState: 'compliant', ...end })));
    expect(compliant.graceUntil).toBeNull();
  });
});

describe('management by Graph', () => {
  it.each([
    [{ managementAgent: 'mdm' }, true],
    [{ managementAgent: 'easMdm' }, true],
    [{ managementAgent: 'googleCloudDevicePolicyController' }, true],
    [{ managementAgent: 'eas' }, false],
    [{ managementAgent: 'msSense' }, false],
    [{ managementAgent: 'unknown' }, null],
    [{ managementAgent: 'mdm', deviceRegistrationState: 'revoked' }, false],
    [{ managementAgent: 'mdm', deviceRegistrationState: 'notRegistered' }, false],
    [{ managementAgent: 'mdm', deviceRegistrationState: 'keyConflict' }, true],
    [{ managementAgent: 'mdm', managementState: 'wipePending' }, false],
    [{ managementAgent: 'mdm', managementState: 'retireCanceled' }, true],
  ])('%j means %s', async (fields, managed) => {
    expect((await onlyDevice(readJson(graphDevice(fields)))).managed).toBe(managed);
  });
});

it.each([
  [{ actionName: 'retire', actionState: 'pending' }, false],
  [{ actionName: 'wipe', actionState: 'active' }, false],
  [{ ActionName: 'wipe', ActionState: 'pending' }, false],
  [{ actionName: 'wipe', actionState: 'canceled' }, true],
  [{ actionName: 'wipe', actionState: 'failed' }, true],
  // The data of the user went; the device stays in management.
  [{ actionName: 'wipe', actionState: 'done' }, true],
  [{ actionName: 'rebootNow', actionState: 'pending' }, true],
])('a device with the action %j counts as managed: %s', async (action, managed) => {
  const device = await onlyDevice(
    readJson(graphDevice({ managementAgent: 'mdm', complianceState: 'compliant', deviceActionResults: [null, action] })),
  );
  expect([device.managed, device.removed, device.compliant]).toEqual([managed, !managed, managed ? true : null]);
}); // prettier-ignore

it.each(['TimeGenerated', 'TimeGenerated [UTC]'])('rows of Azure Monitor are as old as %s says, in any order', async (column) => {
  const { devices } = await readContent(
    `${column},DeviceId,EasID,CompliantState,ManagedBy\n"11/20/2026, 6:02:10.000 AM",g1,ApplX,Noncompliant,Intune\n"11/19/2026, 6:02:10.000 AM",g1,ApplX,Compliant,Intune\n`,
  );
  expect(devices.map(({ compliant, observedAt }) => [compliant, observedAt])).toEqual([
    [false, '2026-11-20T06:02:10Z'],
    [true, '2026-11-19T06:02:10Z'],
  ]);
}); // prettier-ignore

it('columns of two exports that contradict each other make nobody compliant', async () => {
  const states = ['Compliant,noncompliant', 'Noncompliant,compliant', 'Compliant,compliant', 'Compliant,conflict', ',noncompliant'];
  const rows = states.map((pair, at) => `ApplX${at},Intune,${pair}`).join('\n');
  const { devices } = await readContent(`EAS activation ID,Managed by,Compliance,ComplianceState\n${rows}\n`);
  expect(devices.map(({ compliant, problems }) => [compliant, problems.length])).toEqual([[null, 1], [null, 1], [true, 0], [null, 1], [false, 0]]);
}); // prettier-ignore

it.each([
  ['deviceManagement/managedDevices(id,complianceState)', { complianceState: 'noncompliant' }, { type: 'device', compliant: false }],
  ["users('u1')/managedDevices", { serialNumber: 'S1EXAMPLE' }, { type: 'device', serialNumber: 'S1EXAMPLE' }],
  ['users(id,userPrincipalName)', { userPrincipalName: 'a@example.com' }, { type: 'user', id: 'a@example.com' }],
  ['devices(id,isCompliant)', { isCompliant: false }, { type: 'device', compliant: false }],
])('a page of %s with few names is known by its context', async (context, record, expected) => {
  const read = await readJson({ '@odata.context': `https://graph.microsoft.com/v1.0/$metadata#${context}`, value: [{ id: 'g1', ...record }] });
  expect([read.format, read.lines]).toMatchObject(['graph', [expected]]);
}); // prettier-ignore

it('states of a policy are no devices', async () => {
  const state = { id: 'g1', displayName: 'iOS', platformType: 'iOS', state: 'compliant', userPrincipalName: 'a@example.com' }; // prettier-ignore
  const context = 'https://graph.microsoft.com/v1.0/$metadata#deviceManagement/deviceCompliancePolicies';
  await expect(readJson({ '@odata.context': context, value: [state] })).rejects.toThrow(
    /not known for certain/,
  );
});

it('a threat defence that reports a device as compromised counts, whatever jailBroken says', async () => {
  const device = await onlyDevice(
    readJson(graphDevice({ jailBroken: 'False', partnerReportedThreatState: 'compromised' })),
  );
  expect(device.compromised).toBe(true);
});

describe("Intune's export without a language", () => {
  const HEAD =
    'DeviceId,DeviceName,ComplianceState,ComplianceState_loc,OwnerType,OwnerType_loc,LastContact,InGracePeriodUntil,UPN,OS,OS_loc,ManagementAgents,ManagementAgents_loc';
  const row = (...cells: string[]): Promise<unknown> =>
    onlyDevice(readContent(`${HEAD}\r\n${cells.join(',')}\r\n`));

  it('is read by its numbers where the texts are in an unknown language', async () => {
    expect(
      await row(
        'aaa11111-1111-4aaa-8bbb-0000000000a1',
        'x',
        '254',
        'en kegleperiode',
        '2',
        'henkilö',
        '2026-11-20 06:02:10.0000000',
        '2026-12-24 00:00:00.0000000',
        'A@Example.com',
        'iOS',
        'iOS',
        '2',
        'MDM',
      ),
    ).toMatchObject({
      compliant: true,
      graceUntil: '2026-12-24T00:00:00Z',
      ownership: 'unknown',
      owner: 'a@example.com',
      managed: true,
    });
  });

  it.each([
    ['1', 'Compliant', true],
    ['2', 'Not compliant', false],
    ['2', 'Nicht konform', false],
    ['1', 'Konform', true],
    ['4', 'Error', null],
    ['0', 'Not evaluated', null],
    ['2', 'Compliant', null],
    ['1', 'jotain muuta', true],
  ])('%s, %s means %s', async (number, text, compliant) => {
    expect(await row('aaa11111-1111-4aaa-8bbb-0000000000a1', 'x', number, text, '1', 'Company', '', '', 'a@example.com', 'iOS', 'iOS', '2', 'MDM')).toMatchObject({ compliant }); // prettier-ignore
  });
});

it('an export with other columns in another order, semicolons and Windows-1252 is read', async () => {
  const text =
    'Gerätename;Compliance;EAS activation ID;Something new;Primary user UPN;Last check-in;Managed by\r\nMüllers iPhone;Konform;A1B2C3;x;J.Müller@example.com;20.11.2026 06:02;Intune\r\n';
  const device = await onlyDevice(readContent(Buffer.from(text, 'latin1')));
  expect(device).toMatchObject({
    id: 'a1b2c3',
    compliant: true,
    managed: true,
    owner: 'j.müller@example.com',
    lastCheckIn: '2026-11-20T06:02:00Z',
  });
});

describe('users of Graph', () => {
  it('have the names that people sign in with, and no other proxy address', async () => {
    const { users, refused } = await readJson({
      value: [
        {
          id: 'u1',
          userPrincipalName: 'Alice@Contoso.com',
          mail: 'alice.b@contoso.com',
          proxyAddresses: [
            'SMTP:alice.b@contoso.com',
            'smtp:a@contoso.com',
            'x500:/o=x',
            'SIP:alice@contoso.com',
          ],
          accountEnabled: false,
          onPremisesSamAccountName: 'alice',
          onPremisesDomainName: 'contoso.com',
        },
        { id: 'u2', '@removed': { reason: 'deleted' } },
      ],
    });
    expect(users).toMatchObject([
      {
        id: 'alice@contoso.com',
        aliases: ['alice.b@contoso.com', 'a@contoso.com', String.raw`contoso.com\alice`],
        enabled: false,
        groups: null,
      },
    ]);
    expect(refused).toHaveLength(1);
  });

  it('of the admin centre have joined addresses and a blocked sign-in', async () => {
    const { users } = await readContent(
      'Block credential,Display name,Proxy addresses,User principal name\nTrue,Alice,SMTP:a+tag@contoso.com+smtp:b@contoso.com,alice@contoso.com\n',
    );
    expect(users).toMatchObject([
      { id: 'alice@contoso.com', aliases: ['a+tag@contoso.com', 'b@contoso.com'], enabled: false },
    ]);
  });
});

it('groups come with their members, or are refused', async () => {
  const { lines } = await readJson({
    value: [
      {
        id: 'g',
        displayName: 'Staff',
        securityEnabled: true,
        groupTypes: [],
        members: [{ userPrincipalName: 'Alice@Contoso.com' }],
      },
      { id: 'h', displayName: 'Board', securityEnabled: true, groupTypes: [] },
    ],
  });
  expect(lines).toMatchObject([
    { type: 'group', id: 'Staff', members: ['alice@contoso.com'] },
    { type: 'refused' },
  ]);
});

it('an export of the Graph module for PowerShell, with a type name in a column, is read', async () => {
  const text =
    '#TYPE Microsoft.Graph\r\n"Id","DeviceName","EasDeviceId","ComplianceState","ManagementAgent","LastSyncDateTime","AdditionalProperties"\r\n"1","x","A1B2","noncompliant","easMdm","11/20/2026 6:02:10 AM","System.Collections.Generic.Dictionary`2[System.String,System.Object]"\r\n';
  expect(await onlyDevice(readContent(text))).toMatchObject({
    id: 'a1b2',
    compliant: false,
    managed: true,
    lastCheckIn: '2026-11-20T06:02:10Z',
    problems: [],
  });
});

it('serial numbers and IMEIs that a spreadsheet changed are unknown, and that is said', async () => {
  const text = 'Device ID,EAS activation ID,Serial number,IMEI\nd1,A1B2C3,1.2E+11,3.5E+14\n';
  const device = await onlyDevice(readContent(text));
  expect([device.serialNumber, device.imei, device.problems.length]).toEqual([null, null, 2]);
});

it('answers of a batch of Graph are read', async () => {
  const body = { value: [graphDevice({ complianceState: 'noncompliant' })] };
  expect(
    await onlyDevice(readJson({ responses: [{ id: '1', status: 200, headers: {}, body }] })),
  ).toMatchObject({
    id: 'applx1',
    compliant: false,
  });
});

it('the view over several tenants has a state under another name', async () => {
  const device = { id: 't_1', managedDeviceId: 'g1', managedDeviceName: 'x', complianceStatus: 'Noncompliant', osDescription: 'iOS', osVersion: '17.4', lastSyncDateTime: '2026-11-20T06:02:10Z', ownerType: 'Company' };
  expect(await onlyDevice(readJson({ value: [device] }))).toMatchObject({
    sourceId: 'g1', compliant: false, managed: null, platform: 'ios', ownership: 'company', lastCheckIn: '2026-11-20T06:02:10Z',
  });
}); // prettier-ignore

it('ids and serial numbers that are JSON numbers above 2^53 are unknown, with a problem', async () => {
  const text = `{"value":[{"id":"g1","easDeviceId":35000000000000123456,"serialNumber":12345678901234567890,"complianceState":"compliant","managementAgent":"mdm"}]}`;
  const device = await onlyDevice(readContent(text));
  expect([device.id, device.serialNumber, device.problems.length]).toEqual([null, null, 2]);
});

it('a report of a script, with the names of Intune and Graph and flags of its own, is read; its columns must not contradict each other', async () => {
  const head = 'DeviceId,DeviceName,UserPrincipalName,ComplianceState,IsCompliant,LastSyncDateTime,LastCheckInTime,EnrolledDateTime,OperatingSystem,OSVersion,ManagementState,IsManaged,DeviceType,Ownership,SerialNumber';
  const row = (state: string, flag: string, management: string): string =>
    `g1,x,alice@example.com,${state},${flag},2026-11-20T06:02:10Z,2026-11-20T06:02:10Z,,iOS,17.4,${management},True,iPhone,personal,S1EXAMPLE`;
  const rows = [row('compliant', 'True', 'managed'), row('compliant', 'False', 'managed'), row('compliant', 'True', 'retirePending')];
  const { format, devices } = await readContent([head, ...rows, ''].join('\n'));
  expect([format, devices.map(({ managed, compliant, ownership, sourceId }) => [managed, compliant, ownership, sourceId])]).toEqual([
    'graph',
    [
      [true, true, 'personal', 'g1'],
      [true, null, 'personal', 'g1'],
      [false, null, 'personal', 'g1'],
    ],
  ]);
}); // prettier-ignore

it('accounts that Get-ADUser lists as disabled are disabled', async () => {
  const { users } = await readContent(
    'Enabled,SamAccountName,UserPrincipalName,mail,GivenName,Surname\nFalse,alice,alice@example.com,,,\nTrue,bob,bob@example.com,,,\n',
  );
  expect(users.map(({ id, enabled }) => [id, enabled])).toEqual([
    ['alice@example.com', false],
    ['bob@example.com', true],
  ]);
});

it('a single device may stand in value, as in the examples of Graph', async () => {
  const device = await onlyDevice(readJson({ value: graphDevice({ complianceState: 'noncompliant' }) }));
  expect([device.id, device.compliant]).toEqual(['applx1', false]);
});

it.each([
  ['Intune,Managed', true],
  ['Unknown,Managed', null],
  ['None,Managed', null],
  [',Managed', true],
])('management by %s is %s: each device has a state, also one that only has mail', async (words, managed) => {
  const text = `Device ID,EAS activation ID,Managed by,Device state\ng1,ApplX,${words}\n`;
  expect((await onlyDevice(readContent(text))).managed).toBe(managed);
}); // prettier-ignore

it.each([
  ['isDeleted,easID,complianceState,managementAgent,serialNumber', 'True,ApplX,compliant,Mdm,S1EXAMPLE'],
  ['Retired,EAS activation ID,Compliance,Managed by,Serial number', 'yes,ApplX,Compliant,Intune,S1EXAMPLE'],
])('a record that its source keeps of a device that left counts as removed: %s', async (head, row) => {
  const device = await onlyDevice(readContent(`deviceId,deviceName,${head}\ng1,x,${row}\n`));
  expect([device.managed, device.removed, device.compliant]).toEqual([false, true, null]);
}); // prettier-ignore

it('a device that is disabled in Entra is not managed', async () => {
  const device = {
    displayName: 'x',
    trustType: 'Workplace',
    deviceId: 'd1',
    isManaged: true,
    isCompliant: true,
  };
  const { devices } = await readJson([true, false].map((accountEnabled) => ({ ...device, accountEnabled })));
  expect(devices.map(({ managed }) => managed)).toEqual([true, false]);
});

it('the report of devices that do not comply has their state under another name', async () => {
  const text = 'Device name,Primary user UPN,Compliance status,OS,Ownership,Device ID,Serial number\nx,a@example.com,Noncompliant,iOS/iPadOS,Personal,g1,S1EXAMPLE\n'; // prettier-ignore
  expect(await onlyDevice(readContent(text))).toMatchObject({ compliant: false, ownership: 'personal' });
});

it('a cell may have several ids, each of them for the device', async () => {
  const text = 'Device ID,EAS activation ID,Compliance,Managed by\ng1,"ApplX, ApplY;ApplX",Compliant,Intune\n';
  expect(await onlyDevice(readContent(text))).toMatchObject({ id: 'applx', otherIds: ['apply'] });
  expect((await readJson(graphDevice({ easDeviceId: 'ApplX|ApplY' }))).devices[0]?.otherIds).toEqual(['apply']);
}); // prettier-ignore

it('a row of a table in JSON with more or fewer cells than columns is refused', async () => {
  const Schema = ['DeviceId', 'EasID', 'CompliantState', 'ManagementAgent'].map((Column) => ({ Column }));
  const Values = [['g1', 'ApplX', 'Compliant', 'MDM'], ['g2', 'ApplY', 'Compliant', 'MDM', 'x'], ['g3', 'ApplZ']];
  const { devices, refused } = await readJson({ TotalRowCount: 3, Schema, Values });
  expect([devices.map(({ id }) => id), refused.map(({ reason }) => reason)]).toEqual([
    ['applx'],
    ['the row has 5 cells, and there are 4 columns', 'the row has 2 cells, and there are 4 columns'],
  ]);
}); // prettier-ignore

it.each([
  ['deviceComplianceDeviceStatus', { deviceDisplayName: 'x', status: 'compliant', lastReportedDateTime: '2026-11-20T06:02:10Z' }],
  ['deviceComplianceSettingState', { settingName: 'Passcode', deviceId: 'd1', deviceName: 'x', state: 'compliant' }],
  ['iosUpdateDeviceStatus', { installStatus: 'available', deviceId: 'd1', osVersion: '26.1' }],
])('a record of %s is of a policy, not of a device', async (type, fields) => {
  const record = { '@odata.type': `#microsoft.graph.${type}`, id: 'p_d', complianceGracePeriodExpirationDateTime: '2026-12-01T00:00:00Z', userPrincipalName: 'a@example.com', ...fields };
  const { devices, refused } = await readJson({ value: [record, graphDevice({})] });
  expect([devices.map(({ id }) => id), refused.map(({ reason }) => reason)]).toEqual([['applx1'], [expect.stringContaining('state of a policy')]]);
}); // prettier-ignore
