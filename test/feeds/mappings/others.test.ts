// Owns the promises about Jamf Pro, Workspace ONE, Ivanti, MicroMDM and our own fields: the variants of their interfaces and exports.
import { describe, expect, it } from 'vitest';
import { fixture, onlyDevice, readContent, readJson, readPath } from '../read-lines.ts';

describe('Jamf Pro', () => {
  it('API v2, detail', async () => {
    const device = {
      mobileDeviceId: '5',
      deviceType: 'iOS',
      hardware: { serialNumber: 'F1EXAMPLE', model: 'iPhone 14', modelIdentifier: 'iPhone14,7' },
      general: {
        udid: '00008110-000A1B2C3D4E5F60',
        displayName: 'x',
        managed: true,
        osVersion: '17.4',
        lastInventoryUpdateDate: '2026-11-20T06:02:10.000Z',
        exchangeDeviceId: 'ABCDEF0123456789',
        deviceOwnershipType: 'Institutional',
      },
      userAndLocation: { username: 'alice', emailAddress: 'Alice@example.com' },
      security: { dataProtection: true, jailbreakStatus: 'NONE' },
      network: { imei: '35 000000 000000 1' },
    };
    expect(await onlyDevice(readJson({ totalCount: 1, results: [device] }))).toMatchObject({
      id: 'abcdef0123456789', sourceId: '5', serialNumber: 'F1EXAMPLE', imei: '350000000000001', managed: true, compliant: null, encrypted: true,
      compromised: null, platform: 'ios', osVersion: '17.4', ownership: 'company', owner: 'alice@example.com', ownerNames: ['alice@example.com', 'alice'],
      lastCheckIn: '2026-11-20T06:02:10Z',
    }); // prettier-ignore
  });

  it('Classic API, as XML', async () => {
    const device = (id: number, managed: boolean): string =>
      `<mobile_device><general><id>${id}</id><serial_number>S${id}EXAMPLE</serial_number><udid>00008110-000A1B2C3D4E5F6${id}</udid><managed>${managed}</managed><exchange_activesync_device_identifier>EAS${id}</exchange_activesync_device_identifier></general><location><username>Alice &amp; x</username><email_address>a@example.com</email_address></location><applications><application><id>9</id></application></applications></mobile_device>`; // prettier-ignore
    const read = await readContent(
      `<?xml version="1.0" encoding="UTF-8"?>\n<mobile_devices><size>2</size>\n${device(1, true)}\n${device(2, false)}</mobile_devices>`,
    );
    expect(read.format).toBe('jamf');
    expect(
      read.devices.map(({ line, id, managed, owner, sourceId }) => [line, id, managed, owner, sourceId]),
    ).toEqual([
      [3, 'eas1', true, 'a@example.com', '1'],
      [4, 'eas2', false, 'a@example.com', '2'],
    ]);
    const cut = await readContent(`<mobile_devices>${device(1, true)}<mobile_device><gen`);
    expect([cut.devices.length, cut.refused.length]).toEqual([1, 1]);
  });

  it('a search says with which column that a device is one of iOS, and in which words that it is jailbroken', async () => {
    const rows = ['Detected', 'Normal', 'Not Reported'].map((word, at) => `x,EXAMPLE000${at},Managed,26.1,${word}`);
    const { devices } = await readContent(`Display Name,Serial Number,Managed,iOS Version,Jailbreak Detected\n${rows.join('\n')}\n`, { format: 'jamf' });
    expect(devices.map(({ compromised, platform, idFromSerial }) => [compromised, platform, idFromSerial])).toEqual([
      [true, 'ios', 'applexample0000'],
      [false, 'ios', 'applexample0001'],
      [null, 'ios', 'applexample0002'],
    ]);
  }); // prettier-ignore

  it('members of a group are flat records', async () => {
    const device = { mobileDeviceId: '1', deviceId: '1', exchangeDeviceId: 'TH3YE2RI4D', managed: true, serialNumber: 'S1EXAMPLE', deviceOwnershipType: 'PersonalDeviceProfile', dataProtection: false, jailbreakStatus: 'Compromised', username: 'alice', lastInventoryUpdateDate: '2026-11-20T06:02:10Z' };
    expect(await onlyDevice(readJson({ totalCount: 1, results: [device] }))).toMatchObject({
      id: 'th3ye2ri4d', sourceId: '1', managed: true, compliant: null, encrypted: false, compromised: true, ownership: 'personal', owner: 'alice',
    });
  }); // prettier-ignore

  it('Classic API, list', async () => {
    const device = { id: 1, name: 'iPad', udid: 'ca44c88e60a311e490b812df261f2c7e', serial_number: 'DLXXPPQHPRQ1', managed: false, model_identifier: 'iPad3,1', username: 'Tina' }; // prettier-ignore
    expect(await onlyDevice(readJson({ mobile_devices: [device] }))).toMatchObject({
      id: null,
      managed: false,
      owner: 'tina',
      platform: 'ios',
      idFromSerial: 'appldlxxppqhprq1',
    });
  });

  it('an export of a search', async () => {
    const text =
      '\ufeffDisplay Name,Serial Number,UDID,Managed,Exchange Device ID,Username,Email Address,Last Inventory Update,OS Version,Model,Jailbreak Detected\niPad,DMQ123456789,00008110-000A1B2C3D4E5F60,Unmanaged,ABCDEF0123456789,Alice,,2026-11-20 06:02:10,17.4,iPad (9th gen),No\n';
    expect(await onlyDevice(readContent(text))).toMatchObject({
      id: 'abcdef0123456789',
      managed: false,
      compromised: false,
      owner: 'alice',
      lastCheckIn: '2026-11-20T06:02:10Z',
    });
  });

  it.each([
    ['MobileDeviceEnrolled', true],
    ['MobileDeviceUnEnrolled', false],
    ['MobileDeviceCheckIn', null],
    ['MobileDeviceInventoryCompleted', null],
  ])('the event %s means managed: %s', async (webhookEvent, managed) => {
    const event = { serialNumber: 'S1EXAMPLE', udid: '00008110-000A1B2C3D4E5F60', model: 'iPhone14,7' };
    const device = await onlyDevice(
      readJson({ event, webhook: { webhookEvent, eventTimestamp: 1_795_766_400_000 } }),
    );
    expect([device.managed, device.observedAt]).toEqual([managed, '2026-11-27T08:00:00Z']);
  });

  it('an event that is no device is refused', async () => {
    const { refused } = await readJson({
      event: { jssUrl: 'x' },
      webhook: { webhookEvent: 'JSSStartup', eventTimestamp: 1 },
    });
    expect(refused[0]?.reason).toContain('JSSStartup');
  });
});

describe('Workspace ONE', () => {
  const device = (fields: object): object => ({ SerialNumber: 'S1EXAMPLE', EasIds: { EasId: ['ApplX1'] }, DeviceFriendlyName: 'x', Platform: 'Apple', Model: 'iPhone', LocationGroupName: 'g', ...fields }); // prettier-ignore

  it.each([
    ['Enrolled', true],
    ['Unenrolled', false],
    ['EnterpriseWipePending', false],
    ['DeviceWipePending', false],
    ['Registered', null],
  ])('%s means managed: %s', async (EnrollmentStatus, managed) => {
    expect((await onlyDevice(readJson({ Devices: [device({ EnrollmentStatus })] }))).managed).toBe(managed);
  });

  it.each([
    ['Compliant', true],
    ['NonCompliant', false],
    ['NotAvailable', null],
    ['PendingComplianceCheck', null],
    [null, null],
  ])('%s means compliant: %s', async (ComplianceStatus, compliant) => {
    const read = await onlyDevice(
      readJson({ Devices: [device({ EnrollmentStatus: 'Enrolled', ComplianceStatus })] }),
    );
    expect([read.compliant, read.problems]).toEqual([compliant, []]);
  });

  it.each([0, 1, 2, 3, '1', '-1', '٢'])(
    'the state %j is no word, and means nothing',
    async (ComplianceStatus) => {
      const read = await onlyDevice(readJson({ Devices: [device({ ComplianceStatus })] }));
      expect([read.compliant, read.problems.length]).toEqual([null, 1]);
    },
  );

  it('version 2 of the interface has states, owner and system in objects of the record', async () => {
    const { devices } = await readPath(fixture('ws1-devices-v2.json'));
    const common = { owner: 'alice@example.com', encrypted: true, lastCheckIn: '2026-11-20T06:02:10.433Z' };
    expect(devices).toMatchObject([
      { ...common, managed: true, compliant: true, platform: 'ios', osVersion: '26.1.0', model: 'iPhone 14', ownership: 'company', idFromSerial: 'applexample0001' },
      { ...common, managed: true, compliant: false, platform: 'android', osVersion: '14.0.0', ownership: 'personal' },
      { ...common, managed: false, removed: true, compliant: null },
    ]); // prettier-ignore
  });

  it('names the policies that are not met', async () => {
    const ComplianceSummary = {
      DeviceCompliance: [
        { CompliantStatus: false, PolicyName: 'Encryption' },
        { CompliantStatus: true, PolicyName: 'PIN' },
      ],
    };
    expect((await onlyDevice(readJson(device({ ComplianceSummary })))).unmetRequirements).toEqual([
      'Encryption',
    ]);
  });

  it('an export of the device list', async () => {
    const text =
      'Last Seen,Friendly Name,Ownership,Username,Email Address,Platform,OS,Model,Serial Number,IMEI,Enrollment Status,Compliance Status,Compromised,EAS ID\n11/20/2026 6:02:10 AM,alice iPhone,Corporate - Dedicated,alice,alice@example.com,Apple iOS,17.4.0,iPhone 14,EXAMPLE0001,350000000000001,Enrolled,Non-Compliant,No,A1B2C3\n';
    expect(await onlyDevice(readContent(text))).toMatchObject({
      id: 'a1b2c3',
      managed: true,
      compliant: false,
      compromised: false,
      ownership: 'company',
      owner: 'alice@example.com',
      platform: 'ios',
      lastCheckIn: '2026-11-20T06:02:10Z',
    });
  });

  it('version 3 of the interface has names of its own, and numbers for its states', async () => {
    const common = { lastSeenTimestamp: '2026-11-20T06:02:10Z', enrollmentUserName: 'alice', enrollmentUserEmailAddress: 'alice@example.com' }; // prettier-ignore
    const { devices } = await readJson({
      devices: [
        { serialNumber: 'S1EXAMPLE', enrollmentInfo: { ...common, enrollmentStatus: 'ENROLLED', complianceStatus: 'NON_COMPLIANT' } },
        { serialNumber: 'S2EXAMPLE', enrollmentInfo: { ...common, enrollmentStatus: 1, complianceStatus: 1 } },
      ],
    });
    expect(devices.map(({ managed, compliant, owner }) => [managed, compliant, owner])).toEqual([
      [true, false, 'alice@example.com'],
      [null, null, 'alice@example.com'],
    ]);
  }); // prettier-ignore

  it.each([
    ['Device Wipe Confirmed', 'Enrolled', false],
    ['Enterprise Wipe Requested', 'Enrolled', false],
    ['Enterprise Wipe Cancelled', 'Enrolled', true],
    ['Device Wipe Failed', 'Enrolled', true],
    ['Profile Removed', 'Enrolled', true],
    ['Break MDM Confirmed', 'Unenrolled', false],
  ])('the event %s of a device that is %s means managed: %s', async (EventType, EnrollmentStatus, managed) => {
    const event = { EventId: 1, EventType, DeviceId: 77, EnrollmentUserName: 'a', SerialNumber: 'S1EXAMPLE', EnrollmentStatus, ComplianceStatus: 'Compliant' };
    const device = await onlyDevice(readJson(event));
    expect([device.managed, device.compliant]).toEqual([managed, managed ? true : null]);
  }); // prettier-ignore

  it.each([
    ['workspace-one', 'Serial Number,EAS ID,Enrollment Status,Organization Group,Compliance Status', 'S1EXAMPLE,"A1B2, SEC0A1B2",Enrolled,g,Compliant'],
    ['ivanti', 'Serial Number,EAS Device ID,Status,Device UUID,Quarantined', 'S1EXAMPLE,A1B2;SEC0A1B2,Active,u1,no'],
  ] as const)('a cell of %s may have several ids', async (format, head, row) => {
    const device = await onlyDevice(readContent(`${head}\n${row}\n`, { format }));
    expect([device.id, device.otherIds]).toEqual(['a1b2', ['sec0a1b2']]);
  }); // prettier-ignore

  it('a deletion comes with nulls, and ends management; old events have dates of ASP.NET', async () => {
    const event = { EventId: 148, EventType: 'Device Delete', DeviceId: 77, EnrollmentUserName: 'a', EventTime: '/Date(1795154530000)/', EnrollmentStatus: null, ComplianceStatus: null, CompromisedStatus: null, Udid: 'System.Byte[]', SerialNumber: 'S12345678' }; // prettier-ignore
    expect(await onlyDevice(readJson(event))).toMatchObject({
      id: null,
      managed: false,
      udid: null,
      sourceId: '77',
      observedAt: '2026-11-20T06:02:10Z',
    });
  });
});

describe('Ivanti', () => {
  it('Neurons for MDM', async () => {
    const device = { guid: 'g1', deviceModel: 'iPhone', platformType: 'IOS', platformVersion: '17.4', lastCheckin: 1_795_154_530_000, registrationState: 'ACTIVE', uid: 'a@example.com', serialNumber: 'S1EXAMPLE', ownershipType: 'COMPANY_OWNED', complianceState: true, quarantined: false, jailbroken: false, easDeviceIdentifiers: ['EASID1', 'EASID2'], groups: [{ id: 1 }] }; // prettier-ignore
    expect(await onlyDevice(readJson({ errors: null, result: { totalCount: 1, searchResults: [device] } }))).toMatchObject({
      id: 'easid1', otherIds: ['easid2'], managed: true, compliant: true, compromised: false, ownership: 'company', owner: 'a@example.com', lastCheckIn: '2026-11-20T06:02:10Z',
    }); // prettier-ignore
    const desktop = { ...device, platformType: 'WINDOWS_PHONE', windowsDeviceType: 'WINDOWS_DESKTOP' };
    expect((await onlyDevice(readJson({ result: desktop }))).platform).toBe('windows');
  });

  it('EPMM: a removal that was sent counts, and a quarantined device does not comply', async () => {
    const device = { 'common.uuid': 'u1', 'common.status': 'RETIRE_SENT', 'common.compliant': true, 'common.quarantined': false, 'common.platform': 'Android', 'common.os_version': '14', 'common.owner': 'COMPANY', 'user.user_id': 'alice', 'common.last_connected_at': '2026-11-09T07:38:22.000Z' }; // prettier-ignore
    expect(await onlyDevice(readJson({ results: [device], totalCount: 1 }))).toMatchObject({
      managed: false,
      compliant: null,
      osVersion: '14',
      owner: 'alice',
    });
    const active = { ...device, 'common.status': 'ACTIVE', 'common.quarantined': true };
    expect(await onlyDevice(readJson({ results: [active] }))).toMatchObject({
      managed: true,
      compliant: false,
    });
  });
});

it('a number is no compliance state of Ivanti', async () => {
  const device = { uuid: 'u1', registrationStatus: 'ACTIVE', platform: 'iOS', lastConnectedAt: '2026-11-20T06:02:10.000Z' }; // prettier-ignore
  const { devices } = await readJson(
    [0, 1, 2].map((compliance) => ({ ...device, compliance })),
    {
      format: 'ivanti',
    },
  );
  expect(devices.map(({ compliant, problems }) => [compliant, problems.length])).toEqual([[null, 1], [null, 1], [null, 1]]); // prettier-ignore
});

describe('MicroMDM', () => {
  const plist = (body: string): string =>
    Buffer.from(`<?xml version="1.0" encoding="UTF-8"?><!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd"><plist version="1.0"><dict>${body}</dict></plist>`).toString('base64'); // prettier-ignore
  const event = (topic: string, payload: string): object => ({ topic, event_id: 'e', created_at: '2026-11-20T06:02:10Z', checkin_event: { udid: '00008110-000A1B2C3D4E5F60', raw_payload: payload } }); // prettier-ignore

  it.each([
    ['mdm.Authenticate', null],
    ['mdm.TokenUpdate', true],
    ['mdm.CheckOut', false],
  ])('%s means managed: %s', async (topic, managed) => {
    const payload = plist('<key>SerialNumber</key><string>S1EXAMPLE</string><key>OSVersion</key><string>17.4</string><key>ProductName</key><string>iPhone14,7</string>'); // prettier-ignore
    expect(await onlyDevice(readJson(event(topic, payload)))).toMatchObject({
      managed,
      serialNumber: 'S1EXAMPLE',
      osVersion: '17.4',
      platform: 'ios',
    });
  });

  it('a message that is not understood leaves what the event says', async () => {
    const device = await onlyDevice(readJson(event('mdm.CheckOut', 'AAAA')));
    expect([device.managed, device.udid, device.problems.length]).toEqual([
      false,
      '00008110-000A1B2C3D4E5F60',
      1,
    ]);
  });

  it('storage is encrypted by hardware and a passcode', async () => {
    const security = (caps: number, hasPasscode: boolean): string =>
      plist(`<key>SecurityInfo</key><dict><key>HardwareEncryptionCaps</key><integer>${caps}</integer><key>PasscodePresent</key><${hasPasscode}/></dict>`); // prettier-ignore
    for (const [caps, passcode, encrypted] of [
      [3, true, true],
      [3, false, false],
      [1, true, false],
    ] as const)
      expect((await onlyDevice(readJson(event('mdm.Connect', security(caps, passcode))))).encrypted).toBe(
        encrypted,
      );
  });

  it('the list of devices', async () => {
    const device = { serial_number: 'C02EXAMPLE', udid: '00008110-000A1B2C3D4E5F60', enrollment_status: true, last_seen: '2026-11-20T06:02:10Z', dep_profile_status: 'assigned' }; // prettier-ignore
    expect(await onlyDevice(readJson({ devices: [device] }))).toMatchObject({
      managed: true,
      serialNumber: 'C02EXAMPLE',
      lastCheckIn: '2026-11-20T06:02:10Z',
    });
  });
});

describe('our own fields', () => {
  it('are columns of a table', async () => {
    const text = 'id;managed;compliant;owner;lastCheckIn;unmetRequirements\nApplX;yes;no;CONTOSO\\Alice;2026-11-20;minimum OS;encryption\n'; // prettier-ignore
    const { refused } = await readContent(text);
    expect(refused).toHaveLength(1);
    const quoted = text.replace('minimum OS;encryption', '"minimum OS;encryption"');
    expect(await onlyDevice(readContent(quoted))).toMatchObject({
      id: 'applx',
      managed: true,
      compliant: false,
      owner: String.raw`contoso\alice`,
      unmetRequirements: ['minimum OS', 'encryption'],
    });
  });

  it('printed once are read back as they were', async () => {
    const source = { value: [{ id: 'x', easDeviceId: 'ApplX1', managementAgent: 'mdm', complianceState: 'inGracePeriod', complianceGracePeriodExpirationDateTime: '2026-12-24T00:00:00Z', userPrincipalName: 'a@example.com', serialNumber: 'S1EXAMPLE' }] }; // prettier-ignore
    const first = await readJson(source);
    const printed = first.lines.map((line) => JSON.stringify(line)).join('\n');
    const again = await readContent(`${printed}\n${printed}`);
    expect(again.format).toBe('ndjson');
    expect(again.devices[0]).toEqual({ ...first.devices[0], source: 'ndjson' });
  });

  it('never order a wipe', async () => {
    const { refused, decisions } = await readContent(
      '{"type":"decision","device":"ApplX","action":"wipe"}\n{"type":"decision","device":"ApplX","action":"block"}\n',
    );
    expect([refused.length, decisions.length]).toEqual([1, 1]);
  });

  it('of a line that is not JSON refuse that line alone', async () => {
    const { devices, refused } = await readContent(
      '{"id":"ApplX","managed":true}\n{"bad\n{"id":"ApplY","managed":false}\n{"id":"ApplZ"',
    );
    expect([devices.map(({ line }) => line), refused.map(({ line }) => line)]).toEqual([
      [1, 3],
      [2, 4],
    ]);
  });
});

it('reports of Intune and Azure Monitor as tables in JSON are read', async () => {
  const cached = { TotalRowCount: 1, Schema: [{ Column: 'DeviceId' }, { Column: 'DeviceName' }, { Column: 'ComplianceState' }, { Column: 'UPN' }], Values: [['d1', 'x', '2', 'a@example.com']] }; // prettier-ignore
  expect(await onlyDevice(readJson(cached))).toMatchObject({
    sourceId: 'd1',
    compliant: false,
    owner: 'a@example.com',
  });
  const tables = { tables: [{ name: 'PrimaryResult', columns: [{ name: 'DeviceId', type: 'string' }, { name: 'CompliantState' }, { name: 'EasID' }, { name: 'ManagedBy' }], rows: [['d1', 'Compliant', 'ApplX1', 'Intune']] }] }; // prettier-ignore
  expect(await onlyDevice(readJson(tables))).toMatchObject({ id: 'applx1', compliant: true, managed: true });
});

it('reports of Workspace ONE Intelligence are read', async () => {
  const text =
    'airwatch.device.device_friendly_name,airwatch.device.device_serial_number,airwatch.device.device_enrollment_status,airwatch.device.device_platform,airwatch.device.device_last_seen,airwatch.device.device_enrollment_user_email\nx,S1EXAMPLE,Unenrolled,Apple iOS,2026-11-20T06:02:10.000Z,a@example.com\n';
  expect(await onlyDevice(readContent(text))).toMatchObject({
    serialNumber: 'S1EXAMPLE',
    managed: false,
    platform: 'ios',
    owner: 'a@example.com',
    lastCheckIn: '2026-11-20T06:02:10Z',
  });
});

it('devices of Jamf Pro in XML have no device id in the number of their record', async () => {
  const device = '<id>17</id><udid>00008110-000A1B2C3D4E5F60</udid><serial_number>S1EXAMPLE</serial_number><managed>true</managed>'; // prettier-ignore
  const read = await readContent(`<mobile_devices><size>1</size><mobile_device>${device}</mobile_device></mobile_devices>`); // prettier-ignore
  expect([read.format, read.lines]).toMatchObject(['jamf', [{ id: null, sourceId: '17', managed: true }]]);
});

it.each([
  ['Supervised', true],
  ['Not Supervised', false],
  ['Yes', true],
])('Jamf Pro writes %s of a supervised device: %s', async (word, supervised) => {
  const text = `Exchange Device ID,Managed,Supervised\nApplX,Managed,${word}\n`;
  const { attributes, problems } = await onlyDevice(readContent(text));
  expect([attributes['supervised'], problems]).toEqual([supervised, []]);
});

it.each([
  ['MDM', true],
  ['Hub Registered', null],
  ['Unmanaged', false],
])('a device of Workspace ONE that is enrolled and managed by %s is managed: %s', async (by, managed) => {
  const text = `Device Friendly Name,Serial Number,Enrollment Status,Managed By\nx,S1EXAMPLE,Enrolled,${by}\n`;
  expect((await onlyDevice(readContent(text))).managed).toBe(managed);
});

it.each([
  ['iOS', false, false],
  ['iOS', true, true],
  ['Android', false, true],
])('an active device of Ivanti on %s with mdm_managed %s is managed: %s', async (platform, mdm, managed) => {
  const device = { 'common.uuid': 'u1', 'common.status': 'ACTIVE', 'common.platform': platform, 'common.mdm_managed': mdm };
  expect((await onlyDevice(readJson({ results: [device] }))).managed).toBe(managed);
}); // prettier-ignore

it('a device that Ivanti blocked does not comply', async () => {
  const device = { 'common.uuid': 'u1', 'common.status': 'ACTIVE', 'common.compliant': true, 'common.blocked': true };
  expect((await onlyDevice(readJson({ results: [device] }))).compliant).toBe(false);
}); // prettier-ignore
