// Owns the promises about values that can be read in two ways: none is read in favour of the phone, and each is noted.
import { describe, expect, it } from 'vitest';
import { repeatedName, repeatedNameOf } from '../../src/feeds/repeated-names.ts';
import { onlyDevice, readContent, readJson } from './read-lines.ts';

const INTUNE = 'Device ID,EAS activation ID,Compliance,Managed by';

describe('a column that stands there twice', () => {
  it('has the value that both have, or the only one', async () => {
    const text = `${INTUNE},Compliance\nx,ApplX,Compliant,Intune,compliant\ny,ApplY,Noncompliant,Intune,\n`;
    const { devices } = await readContent(text);
    expect(devices.map(({ compliant, problems }) => [compliant, problems])).toEqual([
      [true, []],
      [false, []],
    ]);
  });

  it('with different values has none, and that is noted', async () => {
    const device = await onlyDevice(
      readContent(`${INTUNE},Compliance\nx,ApplX,Compliant,Intune,Noncompliant\n`),
    );
    expect(device.compliant).toBeNull();
    expect(device.problems).toEqual(['stands there twice, with different values: Compliance']);
  });

  it('with different ids refuses the row', async () => {
    const { refused } = await readContent(
      'DeviceId,DeviceID,DeviceAccessState\nApplX,ApplY,Allowed\nApplX,applx,Allowed\n',
    );
    expect(refused.map(({ line, reason }) => [line, reason])).toEqual([
      [2, expect.stringContaining('twice, with different values: DeviceId')],
    ]);
  });
});

describe('a name that stands twice in one JSON object', () => {
  it('refuses the record, with its line', async () => {
    const { devices, refused } = await readContent(
      '{"id":"ApplX","compliant":false,"compliant":true}\n{"id":"ApplY","compliant":true}\n{"id":"ApplZ","compliant" :false,"compliant":true}\n',
    );
    expect(devices.map(({ id }) => id)).toEqual(['apply']);
    expect(refused.map(({ line, reason }) => [line, reason])).toEqual([
      [1, 'the name "compliant" stands twice in one object'],
      [3, 'the name "compliant" stands twice in one object'],
    ]);
  });

  it('in two spellings with different values has none', async () => {
    const device = await onlyDevice(
      readJson({ value: [{ easDeviceId: 'ApplX', managementAgent: 'mdm', complianceState: 'compliant', compliance_state: 'noncompliant' }] }), // prettier-ignore
    );
    expect([device.compliant, device.problems.length]).toEqual([null, 1]);
  });

  it.each([
    '{"a":1,"b":{"a":2}}',
    '{"a":"x\\":","b":[{"c":1},{"c":1}]}',
    '{"a" :1}',
    '[]',
    '7',
    '{"__proto__":1}',
  ])('is not found in %s, by either way', (text) => {
    expect([repeatedName(text), repeatedNameOf(text, JSON.parse(text))]).toEqual([null, null]);
  });
});

describe('whether a device is managed', () => {
  it.each([
    [{ managementAgent: 'mdm', managementState: 'somethingNew' }, null],
    [{ managementAgent: 'somethingNew', managementState: 'managed' }, null],
    [{ managementAgent: 'mdm', deviceRegistrationState: 'somethingNew' }, null],
    [{ managementAgent: 'mdm', managementState: 'unhealthy' }, true],
    // The number beside a text in an unknown language.
    [
      {
        managementAgent: 2,
        managementAgent_loc: 'en annan',
        managementState: 0,
        managementState_loc: 'annat',
      },
      true,
    ],
    [{ managementAgent: 2, managementState: 1, managementState_loc: 'Managed' }, false],
  ])('by %j is %s', async (fields, managed) => {
    const device = await onlyDevice(readJson({ value: [{ easDeviceId: 'ApplX', complianceState: 'compliant', ...fields }] })); // prettier-ignore
    expect(device.managed).toBe(managed);
  });
});

it.each([
  ['3/2/2027 8:00:00 AM', null],
  ['2027-03-02T08:00:00Z', true],
])('a grace period that ends at %s means compliant: %s', async (end, compliant) => {
  const text = `${INTUNE},Compliance grace period expiration\nx,ApplX,In grace period,Intune,${end}\n`;
  expect((await onlyDevice(readContent(text))).compliant).toBe(compliant);
});

it.each(['on', 'enabled', 'Aktiviert'])('"%s" says nothing of compliance', async (word) => {
  const device = await onlyDevice(readContent(`id,managed,compliant\nApplX,true,${word}\n`));
  expect([device.compliant, device.problems.length]).toEqual([null, 1]);
});

it('an OS version that is not known is no problem', async () => {
  const device = await onlyDevice(readContent('id,managed,osVersion\nApplX,true,Unknown\n'));
  expect([device.osVersion, device.problems]).toEqual([null, []]);
});

it.each([
  ['17.4.1', '17.4.1'],
  ['17.4.1 (21E236)', '17.4.1'],
  ['Android 14', '14'],
  ['10.0.22631.2861', '10.0.22631.2861'],
  ['Ubuntu 22.04.3 LTS', '22.04.3'],
  ['iOS 26.1 23B85', '26.1'],
  ['26.1 23B85', '26.1'],
  ['iOS/iPadOS 17.4', '17.4'],
  ['macOS Sonoma 14.4', '14.4'],
  ['Version 14.2 (Build 23C64)', '14.2'],
  ['v17.4', '17.4'],
  ['11 Pro', '11'],
  ['Windows 11 Pro 23H2', '11'],
  ['Android (work profile) 14', '14'],
  ['14 UP1A.231005.007', '14'],
  // A spreadsheet turns 17.4 and 17.4.1 into dates, and dates into days since 1900.
  ['17. Apr', null],
  ['Apr 17', null],
  ['Apr. 17', null],
  ['April 17 2001', null],
  ['17 Apr', null],
  ['17-Apr', null],
  ['17 avr. 2001', null],
  ['17 Apr2001', null],
  ['17 2001', null],
  ['iOS 17-Apr', null],
  ['апр 17', null],
  ['17.04.2001', null],
  ['17.04.01', null],
  ['17.04.2001 00:00:00', null],
  ['2001.04.17', null],
  ['2001-04-17', null],
  ['4/17/2001', null],
  ['17:04', null],
  ['42845', null],
  ['20010417', null],
  ['1.74E+01', null],
  // The name of a device, of a person or of a release is no version.
  ['iPhone 15', null],
  ['Pixel 8', null],
  ['Redmi Note 12', null],
  ['Alice 2', null],
  ['Sonoma', null],
])('the OS version %s is %s', async (written, version) => {
  const device = await onlyDevice(readContent(`id,managed,osVersion\nApplX,true,${written}\n`));
  expect([device.osVersion, device.problems.length]).toEqual([version, version === null ? 1 : 0]);
});

it('a header with a delimiter at its end has rows without one', async () => {
  const { devices, refused } = await readContent(`${INTUNE},\nx,ApplX,Compliant,Intune\ny,ApplY,Compliant,Intune,\nz,ApplZ,Compliant\n`); // prettier-ignore
  expect([devices.map(({ id }) => id), refused.map(({ line }) => line)]).toEqual([['applx', 'apply'], [4]]);
});

it.each(['tr\0ue', '\u0001true', 'true\u007f'])(
  '%j has a damaged character, and is no word',
  async (word) => {
    const device = await onlyDevice(readContent(`id,managed,compliant\nApplX,true,${word}\n`));
    expect([device.compliant, device.problems.length]).toEqual([null, 1]);
  },
);

it('a header in the middle of a table gives its columns to the rows below it', async () => {
  const { lines } = await readContent('id,managed,compliant\nApplX,true,true\nID,Compliant,Managed\nApplY,false,true\ncompliant,managed,osVersion,id\ntrue,false,17.4,ApplZ\n'); // prettier-ignore
  expect(lines).toMatchObject([
    { line: 2, id: 'applx', managed: true, compliant: true },
    { line: 4, id: 'apply', managed: true, compliant: false },
    { line: 6, id: 'applz', managed: false, compliant: true, osVersion: '17.4' },
  ]);
});

it('a header that stands there again is one, also with two columns of one name', async () => {
  const { devices, refused } = await readContent('id,managed,note,note\nApplX,true,a,b\nid,managed,note,note\nApplY,true,a,b\n'); // prettier-ignore
  expect([devices.map(({ id }) => id), refused]).toEqual([['applx', 'apply'], []]);
});

it('rows below what may be a header with other columns are not read', async () => {
  const { devices, refused } = await readContent('id,managed,compliant\nApplX,true,true\nid,managed,secured\nApplY,true,true\nid,compliant,managed\nApplZ,false,true\n'); // prettier-ignore
  expect(devices).toMatchObject([
    { line: 2, id: 'applx', compliant: true },
    { line: 6, id: 'applz', compliant: false },
  ]);
  expect(refused.map(({ line }) => line)).toEqual([3, 4]);
});

it('a row whose values are words of the header is a row', async () => {
  const { devices } = await readContent('Device name,EAS activation ID,Compliance,Managed by,Managed,Supervised\nSupervised,ApplX,Compliant,Intune,Managed,Supervised\n'); // prettier-ignore
  expect(devices).toMatchObject([{ id: 'applx', compliant: true, attributes: { deviceName: 'Supervised' } }]);
});

it('empty rows of a spreadsheet are no records', async () => {
  const { lines } = await readContent('id;managed;compliant\n;;\nApplX;true;true\n ; ; \n;;;;\nApplY;true\n');
  expect(lines.map(({ type, line }) => [type, line])).toEqual([['device', 3], ['refused', 6]]); // prettier-ignore
});

it('a line of a hundred thousand brackets refuses itself alone', async () => {
  const brackets = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  const { devices, refused } = await readContent(`{"id":"ApplX","managed":true}\n{"id":"ApplY","managed":true}\n${brackets}\n{"id":"ApplZ","managed":true}\n`); // prettier-ignore
  expect([devices.map(({ line }) => line), refused.map(({ line }) => line)]).toEqual([[1, 2, 4], [3]]);
});

it.each([
  ['APPLE_IOS', 'ios'],
  ['IOS_IPADOS', 'ios'],
  ['WINDOWS_10_MOBILE', 'windowsphone'],
  ['CHROME_OS', 'chromeos'],
  ['AOSP', 'android'],
  ['Microsoft HoloLens', 'windows'],
])('the platform %s is %s', async (word, platform) => {
  const device = await onlyDevice(readContent(`id,managed,platform\nApplX,true,${word}\n`));
  expect(device.platform).toBe(platform);
});

it.each([
  ['Corporate-owned, fully managed', 'company'],
  ['Corporate-owned, personally enabled', 'company'],
  ['Corporate-owned dedicated devices', 'company'],
  ['Corporate owned with work profile', 'company'],
  ['Personally-owned work profile', 'personal'],
  ['COSU', 'company'],
  ['BYOD (personal)', 'personal'],
  ['Not personal', 'unknown'],
  ['Work profile', 'unknown'],
])('the ownership "%s" is %s', async (word, ownership) => {
  const device = await onlyDevice(readContent(`id,managed,ownership\nApplX,true,"${word}"\n`));
  expect(device.ownership).toBe(ownership);
});

it.each([
  [{ value: true, Value: false }, null],
  [{ value: 'true', Value: 'false' }, null],
  [{ value: 1, Value: 'true' }, true],
  [{ value: true, Value: 'True' }, true],
])('a compliance written as %j is %s', async (compliant, expected) => {
  expect((await onlyDevice(readJson({ id: 'ApplX', managed: true, compliant }))).compliant).toBe(expected);
});

it('a sign without a width, as of a web page, is no part of an id', async () => {
  const device = await onlyDevice(readContent('id,managed,compliant\nApplX\u200b,true,\u2060true\ufeff\n'));
  expect([device.id, device.spelling, device.compliant]).toEqual(['applx', 'ApplX', true]);
});

it('$true and $false of a script are yes and no', async () => {
  const device = await onlyDevice(readContent('id,managed,compliant\nApplX,$true,$False\n'));
  expect([device.managed, device.compliant]).toEqual([true, false]);
});

it('$null of a script is no value', async () => {
  const { decisions, refused } = await readContent(
    'PrimarySmtpAddress,ActiveSyncAllowedDeviceIDs,ActiveSyncBlockedDeviceIDs\na@x.example,$null,ApplX\n',
  );
  expect([decisions.map(({ device }) => device), refused]).toEqual([['applx'], []]);
});
