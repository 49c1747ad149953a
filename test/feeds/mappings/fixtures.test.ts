// Owns the promises about recorded exports: each is recognized by its content, and each record becomes what its source said.
import { describe, expect, it } from 'vitest';
import { LINE_SCHEMAS } from '../../../src/feeds/record.ts';
import { fixture, readPath } from '../read-lines.ts';

const FILES = [
  ['intune-devices-with-inventory.csv', 'intune', 3],
  ['intune-export.zip', 'intune', 3],
  ['intune-portal-german.csv', 'intune', 2],
  ['intune-portal-french-utf16.csv', 'intune', 2],
  ['graph-manageddevices-page1.json', 'graph', 2],
  ['graph-manageddevices-page2.json', 'graph', 2],
  ['graph-entra-devices.json', 'graph', 2],
  ['get-mobiledevice-export-csv-unicode.csv', 'exchange', 4],
  ['get-mobiledevice-export-csv-default-ascii.csv', 'exchange', 4],
  ['get-mobiledevicestatistics-notypeinfo.csv', 'exchange', 3],
  ['activesync-report-allowed-blocked-ids.csv', 'exchange', 7],
  ['get-mobiledevice-identity.csv', 'exchange', 4],
  ['get-mobiledevice-format-list-utf16.txt', 'exchange', 3],
  ['jamf-classic-mobiledevice.json', 'jamf', 1],
  ['jamf-v2-mobile-devices-detail.json', 'jamf', 2],
  ['jamf-webhook-mobiledevice.json', 'jamf', 1],
  ['ws1-devices-search.json', 'workspace-one', 3],
  ['ws1-devices-v2.json', 'workspace-one', 3],
  ['ws1-event-compliance.json', 'workspace-one', 1],
  ['ivanti-device-event-retired.json', 'ivanti', 1],
  ['ivanti-neurons-devices.json', 'ivanti', 2],
  ['micromdm-webhook-deviceinformation.json', 'micromdm', 1],
] as const;

describe('an export', () => {
  it.each(FILES)('%s is recognized as %s by its content, and gives %i lines', async (name, format, count) => {
    const read = await readPath(fixture(name));
    expect([read.format, read.lines.length]).toEqual([format, count]);
    for (const line of read.lines) expect(LINE_SCHEMAS[line.type].parse(line)).toEqual(line);
  });
});

describe('Intune, DevicesWithInventory', () => {
  it('gives key, states, owner and times of each device', async () => {
    const { devices } = await readPath(fixture('intune-devices-with-inventory.csv'));
    expect(devices[0]).toMatchObject({
      line: 2,
      id: 'a1b2c3d4e5f6g7h8i9j0k1l2m3',
      managed: true,
      compliant: true,
      graceUntil: null,
      encrypted: true,
      compromised: false,
      platform: 'ios',
      osVersion: '26.1',
      ownership: 'company',
      owner: 'alice@example.com',
      lastCheckIn: '2026-11-20T06:02:10Z',
      serialNumber: 'EXAMPLE0001',
      problems: [],
    });
    expect(devices[1]).toMatchObject({
      compliant: false,
      platform: 'android',
      ownership: 'personal',
      model: 'SM-A546B, "5G"',
    });
  });

  it('takes a device whose removal is pending for removed, and its grace period for nothing', async () => {
    const { devices } = await readPath(fixture('intune-devices-with-inventory.csv'));
    expect(devices[2]).toMatchObject({
      id: null,
      managed: false,
      compliant: null,
      owner: null,
      serialNumber: null,
      platform: 'windows',
    });
  });
});

describe('Intune, in other languages and packed', () => {
  it('gives the same from an archive as from the file in it', async () => {
    const [packed, plain] = await Promise.all(
      ['intune-export.zip', 'intune-devices-with-inventory.csv'].map((name) => readPath(fixture(name))),
    );
    expect(packed?.lines).toEqual(plain?.lines);
  });

  it('reads German columns and words; a state that is not understood leaves it open whether a device is managed', async () => {
    const { devices } = await readPath(fixture('intune-portal-german.csv'));
    expect(devices[0]).toMatchObject({
      id: 'a1b2c3d4e5f6g7h8i9j0k1l2m3',
      sourceId: 'aaa11111-1111-4aaa-8bbb-0000000000a1',
      serialNumber: 'EXAMPLE0001',
      managed: true,
      compliant: true,
      encrypted: true,
      compromised: false,
      platform: 'ios',
      osVersion: '17.4',
      ownership: 'company',
      owner: 'j.mueller@example.com',
      lastCheckIn: '2026-11-20T06:02:00Z',
      problems: [],
    });
    expect(devices[1]).toMatchObject({ managed: null, encrypted: false, compromised: null });
    expect(devices[1]?.problems).toEqual(['gerätestatus: "Außerbetriebnahme ausstehend" is not understood']);
  });

  it('reads French columns and words, in UTF-16', async () => {
    const { devices } = await readPath(fixture('intune-portal-french-utf16.csv'));
    expect(devices.map(({ id, managed, compliant, encrypted, lastCheckIn, problems }) => [id, managed, compliant, encrypted, lastCheckIn, problems])).toEqual([
      ['a1b2c3d4e5f6g7h8i9j0k1l2m3', true, true, true, '2026-11-20T06:02:10Z', []],
      ['sec0a1b2c3d4e5f6', true, false, false, '2026-02-03T06:02:10Z', []],
    ]); // prettier-ignore
  });
});

describe('Graph', () => {
  it('gives devices without an EAS id their second keys, and the id that an old iPhone would have', async () => {
    const { devices } = await readPath(fixture('graph-manageddevices-page2.json'));
    expect(devices[0]).toMatchObject({
      id: null,
      serialNumber: 'EXAMPLE0001',
      imei: '350000000000001',
      idFromSerial: 'applexample0001',
    });
  });

  it('takes a grace period for compliant, an unknown jailbreak for unknown, EAS alone for not managed', async () => {
    const { devices } = await readPath(fixture('graph-manageddevices-page2.json'));
    expect(devices[0]).toMatchObject({ compliant: true, compromised: null });
    expect(devices[1]).toMatchObject({ managed: false, compliant: null, compromised: false });
  });

  it('leaves what Entra does not know unknown', async () => {
    const { devices } = await readPath(fixture('graph-entra-devices.json'));
    expect(devices.map(({ managed, compliant, lastCheckIn }) => [managed, compliant, lastCheckIn])).toEqual([
      [true, true, '2026-11-19T07:45:00Z'],
      [null, null, null],
    ]);
  });
});

describe('Exchange', () => {
  it('gives the same in UTF-16 and in ASCII, but for lost letters', async () => {
    const [wide, ascii] = await Promise.all(
      ['get-mobiledevice-export-csv-unicode.csv', 'get-mobiledevice-export-csv-default-ascii.csv'].map(
        (name) => readPath(fixture(name)),
      ),
    );
    expect(wide?.devices.map(({ id }) => id)).toEqual(ascii?.devices.map(({ id }) => id));
    expect(wide?.devices[0]?.attributes['userDisplayName']).toBe('example.com/Benutzer/Müller, Jörg');
    expect(wide?.refused).toEqual([
      {
        type: 'refused',
        line: 6,
        reason: '"validate" is the id of Android\'s account set-up, not of a device',
      },
    ]);
  });

  it('reads US dates by all dates of the file', async () => {
    const { devices } = await readPath(fixture('get-mobiledevicestatistics-notypeinfo.csv'));
    expect(devices.map(({ lastCheckIn, attributes }) => [lastCheckIn, attributes['firstSync']])).toEqual([
      ['2026-11-20T05:59:00Z', '2026-03-02T08:12:01Z'],
      ['2026-09-30T20:00:00Z', '2026-05-07T13:40:11Z'],
    ]);
  });

  it('gives the id in the name of a device object, where no column has it alone', async () => {
    const { devices, decisions, refused } = await readPath(fixture('get-mobiledevice-identity.csv'));
    expect(devices.map(({ id, owner }) => [id, owner])).toEqual([
      ['applab12cd34ef56', 'alice@example.com'],
      ['sec0a1b2c3d4e5f6', null],
    ]);
    expect(decisions.map(({ device, action }) => [device, action])).toEqual([['sec0a1b2c3d4e5f6', 'block']]);
    expect(refused.map(({ line }) => line)).toEqual([4]);
  });

  it('gives personal lists as decisions: blocks are applied, allows are not', async () => {
    const { decisions, users } = await readPath(fixture('activesync-report-allowed-blocked-ids.csv'));
    expect(decisions.map(({ user, device, action, applied }) => [user, device, action, applied])).toEqual([
      ['alice@example.com', 'applab12cd34ef56', 'allow', false],
      ['alice@example.com', '0a1b2c3d4e5f60718293a4b5c6d7e8f9', 'allow', false],
      ['bob@example.com', 'sec0a1b2c3d4e5f6', 'block', true],
    ]);
    expect(users.map(({ id }) => id)).toEqual(['alice@example.com', 'bob@example.com']);
  });
});

describe('the others', () => {
  it('Jamf: no compliance of its own; an unenrolled device is not managed', async () => {
    const [device] = (await readPath(fixture('jamf-classic-mobiledevice.json'))).devices;
    expect(device).toMatchObject({
      id: 'a1b2c3d4e5f6g7h8i9j0k1l2m3',
      managed: true,
      compliant: null,
      owner: 'alice@example.com',
      ownership: 'company',
      lastCheckIn: '2026-11-20T06:02:10Z',
    });
    const [left] = (await readPath(fixture('jamf-webhook-mobiledevice.json'))).devices;
    expect(left).toMatchObject({
      id: null,
      managed: false,
      udid: '00008110-000A1B2C3D4E5F60',
      imei: '350000000000001',
      observedAt: '2026-11-27T08:00:00Z',
    });
  });

  it('Jamf, API v2: protected data is encrypted storage; the whole set has its states', async () => {
    const { devices } = await readPath(fixture('jamf-v2-mobile-devices-detail.json'));
    expect(devices.map(({ id, managed, encrypted, compromised, imei }) => [id, managed, encrypted, compromised, imei])).toEqual([
      ['a1b2c3d4e5f6g7h8i9j0k1l2m3', true, true, false, '350000000000001'],
      [null, false, false, true, null],
    ]); // prettier-ignore
  });

  it('Ivanti Neurons: a device that is registered for signing in only is not managed', async () => {
    const { devices } = await readPath(fixture('ivanti-neurons-devices.json'));
    expect(devices.map(({ id, otherIds, managed, compliant }) => [id, otherIds, managed, compliant])).toEqual(
      [
        ['a1b2c3d4e5f6g7h8i9j0k1l2m3', ['b1b2c3d4e5f6'], true, true],
        [null, [], false, true],
      ],
    );
  });

  it('Workspace ONE: several EAS ids, pending checks are unknown, unenrolled is not managed', async () => {
    const { devices } = await readPath(fixture('ws1-devices-search.json'));
    expect(
      devices.map(({ id, otherIds, managed, compliant, compromised, ownership, platform }) => [
        id,
        otherIds,
        managed,
        compliant,
        compromised,
        ownership,
        platform,
      ]),
    ).toEqual([
      ['a1b2c3d4e5f6g7h8i9j0k1l2m3', [], true, true, false, 'company', 'ios'],
      ['sec0a1b2c3d4e5f6', ['awsdk0a1b2c3d4e5f60718293a4b5c6d'], true, null, false, 'personal', 'android'],
      [null, [], false, null, true, 'unknown', 'ios'],
    ]);
    const [event] = (await readPath(fixture('ws1-event-compliance.json'))).devices;
    expect(event).toMatchObject({
      id: null,
      managed: true,
      compliant: false,
      compromised: null,
      observedAt: '2026-11-20T06:02:10.572Z',
    });
  });

  it('Ivanti: what a retired device said of its compliance is no longer so', async () => {
    const [device] = (await readPath(fixture('ivanti-device-event-retired.json'))).devices;
    expect(device).toMatchObject({
      managed: false,
      compliant: null,
      owner: 'alice@example.com',
      lastCheckIn: '2026-11-20T06:02:10.883Z',
    });
  });

  it('MicroMDM: the answer of the device names its EAS id', async () => {
    const [device] = (await readPath(fixture('micromdm-webhook-deviceinformation.json'))).devices;
    expect(device).toMatchObject({
      id: 'a1b2c3d4e5f6g7h8i9j0k1l2m3',
      managed: true,
      compliant: null,
      serialNumber: 'EXAMPLE0001',
      osVersion: '26.1',
      platform: 'ios',
    });
  });
});
