// Owns the promises about states that a product reports in one of its interfaces under other names than in the rest.
import { describe, expect, it } from 'vitest';
import { onlyDevice, readContent, readJson } from '../read-lines.ts';

const ID = '6f3f8a77-1111-4222-8333-444455556666';
const OTHER_ID = '6f3f8a77-1111-4222-8333-444455556667';

describe('Workspace ONE: a device that enrolled', () => {
  it.each([
    ['MDM', true],
    ['HUB_REGISTERED', null],
    ['UNMANAGED', false],
  ])('is managed in version 2 of the interface with managedBy %s: %s', async (managedBy, managed) => {
    const enrollmentInfo = { enrollmentStatus: 'ENROLLED', compliant: true, managedBy };
    const device = { uuid: ID, serialNumber: 'F1EXAMPLE', platformInfo: { platformName: 'Apple' }, enrollmentInfo }; // prettier-ignore
    expect((await onlyDevice(readJson(device))).managed).toBe(managed);
  });

  it.each([
    [1, true, 0],
    ['MDM', true, 0],
    ['Workspace ONE UEM', true, 0],
    [3, null, 1],
    ['MAM only', null, 1],
    ['Not enrolled', null, 1],
    ['???', null, 1],
    ['Hub Registered', null, 0],
  ])('is managed in the first interface with ManagedBy %j: %s', async (ManagedBy, managed, problems) => {
    const device = { DeviceFriendlyName: 'x', EnrollmentStatus: 'Enrolled', SerialNumber: 'F1EXAMPLE' };
    const read = await onlyDevice(readJson({ Devices: [{ ...device, ManagedBy }] }));
    expect([read.managed, read.problems.length]).toEqual([managed, problems]);
  });

  it.each([
    ['device_managed_by', 'HUB_REGISTERED', { managed: null, compromised: null }],
    ['device_managed_by', 'MDM', { managed: true, compromised: null }],
    ['device_compromised_status', 'COMPROMISED', { managed: true, compromised: true }],
    ['device_is_encrypted', 'false', { managed: true, encrypted: false }],
  ])('has in a report of Intelligence with %s %s: %j', async (column, word, expected) => {
    const names = ['device_friendly_name', 'device_enrollment_status', 'device_serial_number', column];
    const header = names.map((name) => `airwatch.device.${name}`).join(',');
    expect(await onlyDevice(readContent(`${header}\nx,ENROLLED,F1EXAMPLE,${word}\n`))).toMatchObject(
      expected,
    );
  });
});

describe('Ivanti Neurons', () => {
  const DEVICE = { guid: ID, registrationState: 'ACTIVE', prettyModel: 'iPhone 15', platformType: 'IOS' };

  it('names the policies that a device violates', async () => {
    const violatedPolicies = ['Out of Contact', 'null', 'Passcode'];
    const device = await onlyDevice(readJson({ ...DEVICE, complianceState: false, violatedPolicies }));
    expect([device.compliant, device.unmetRequirements]).toEqual([false, ['Out of Contact', 'Passcode']]);
  });

  it.each([{ violatedPolicies: ['Out of Contact'] }, { policyViolationCount: 1 }])(
    'with %j leaves open whether a device complies that it says to comply',
    async (more) => {
      const device = await onlyDevice(readJson({ ...DEVICE, complianceState: true, ...more }));
      expect([device.compliant, device.problems.length]).toEqual([null, 1]);
    },
  );
});

it.each([
  ['DEVICE_OUT_OF_COMPLIANCE', null],
  ['DEVICE_NON_COMPLIANT', null],
  ['DEVICE_CHECK_IN', true],
])('an event %s of Ivanti of a device that complies: %s', async (eventType, compliant) => {
  const event = { eventType, deviceGuid: ID, timestamp: 1795878245000, status: 'ACTIVE', userUuid: OTHER_ID, compliant: true }; // prettier-ignore
  expect((await onlyDevice(readJson(event))).compliant).toBe(compliant);
});

it.each([
  [{ isManaged: 'Enabled', trustType: 'Workplace' }, 'Entra'],
  [{ enrollment_status: 'enabled', dep_profile_status: 'assigned' }, 'MicroMDM'],
])('%j says nothing of the management of a device of %s', async (state: object, _product: string) => {
  const device = await onlyDevice(readJson({ id: ID, udid: '270aae10800b6e61a2ee2bbc285eb967', ...state }));
  expect([device.managed, device.problems.length]).toEqual([null, 1]);
});

it('Get-AzureADDevice has devices of Entra, with names of its own', async () => {
  const header =
    '"ObjectId","DeviceId","DisplayName","AccountEnabled","IsCompliant","IsManaged","DeviceOSType","DeviceOSVersion","ApproximateLastLogonTimeStamp"';
  const row = (enabled: string): string =>
    `"${ID}","${OTHER_ID}","x","${enabled}","True","True","iOS","17.1","11/28/2026 3:04:05 PM"\n`;
  const { devices } = await readContent(`${header}\n${row('True')}${row('False')}`);
  expect(devices).toMatchObject([
    { id: null, sourceId: ID, managed: true, platform: 'ios', osVersion: '17.1', lastCheckIn: '2026-11-28T15:04:05Z' }, // prettier-ignore
    { id: null, managed: false },
  ]);
});

it.each([
  ['2026-11-01T00:00:00Z', false],
  [null, true],
  ['0001-01-01T00:00:00Z', true],
])('an account in the bin of Entra is not enabled: deletedDateTime %s means enabled: %s', async (deletedDateTime, enabled) => {
  const user = { userPrincipalName: 'a@x.example', userType: 'Member', accountEnabled: true };
  const { users } = await readJson({ value: [{ ...user, deletedDateTime }] });
  expect(users.map((one) => one.enabled)).toEqual([enabled]);
}); // prettier-ignore

it('an element of Jamf Pro that stands twice with different values is no state', async () => {
  const device = (managed: string): string =>
    `<mobile_device><general><serial_number>F1EXAMPLE</serial_number>${managed}</general></mobile_device>`;
  const twice = (other: string): string => device(`<managed>true</managed><managed>${other}</managed>`);
  expect((await onlyDevice(readContent(twice('true')))).managed).toBe(true);
  const { managed, problems } = await onlyDevice(readContent(twice('false')));
  expect([managed, problems.length]).toEqual([null, 1]);
});

it('a device that is in the trash of Jamf Pro, or deleted, left', async () => {
  const header = 'Jamf Pro ID,Serial Number,Managed,Exchange Device ID,Deleted';
  const device = await onlyDevice(readContent(`${header}\n1,F1EXAMPLE,Managed,ABCDEF0123456789,Yes\n`));
  expect([device.managed, device.removed]).toEqual([false, true]);
});
