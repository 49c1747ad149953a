// Owns the promises about columns that are none of a format's own: what they say against a device counts, and nothing else of them does.
import { describe, expect, it } from 'vitest';
import { onlyDevice, readContent, readJson } from './read-lines.ts';

const ID = '6f3f8a77-1111-4222-8333-444455556666';
/** A device that is managed and complies, as each product writes it. */
const GOOD = {
  Intune: {
    'Device ID': ID,
    'Managed by': 'Intune',
    Compliance: 'Compliant',
    'EAS activation ID': 'ApplX',
    'Primary user UPN': 'a@x.example',
  },
  Graph: {
    id: ID,
    easDeviceId: 'ApplX',
    managementAgent: 'mdm',
    complianceState: 'compliant',
    deviceName: 'x',
  },
  Entra: { id: ID, deviceId: ID, isManaged: true, isCompliant: true, trustType: 'Workplace' },
  'Workspace ONE': {
    DeviceFriendlyName: 'x',
    EnrollmentStatus: 'Enrolled',
    ComplianceStatus: 'Compliant',
    EasId: 'ApplX',
    LocationGroupName: 'x',
  },
  Ivanti: {
    'common.uuid': ID,
    'common.status': 'ACTIVE',
    'common.compliant': true,
    'common.platform': 'iOS',
    easDeviceId: 'ApplX',
  },
  'own records': { id: 'ApplX', managed: true, compliant: true },
};
const PRODUCTS = Object.entries(GOOD);

/** The record in JSON and as a table. */
async function bothWays(record: object): Promise<object[]> {
  const quoted = (values: readonly unknown[]): string => values.map((one) => `"${String(one)}"`).join(',');
  const table = `${quoted(Object.keys(record))}\n${quoted(Object.values(record))}\n`;
  const devices = [await onlyDevice(readJson([record])), await onlyDevice(readContent(table))];
  return devices.map(({ managed, compliant, compromised, encrypted }) => ({
    managed,
    compliant,
    compromised,
    encrypted,
  }));
}

const twice = (expected: object): object[] => [expected, expected].map((one) => expect.objectContaining(one));

describe.each(PRODUCTS)('a record of %s', (_product, good) => {
  it.each([
    [{ isEnrolled: 'false' }, { managed: false, compliant: true }],
    [{ managementStatus: 'Unmanaged' }, { managed: false }],
    [{ mdmStatus: 'Removed' }, { managed: null, compliant: null }],
    [{ isRetired: 'True' }, { managed: false, compliant: null }],
    [{ inTrash: 'true' }, { managed: false, compliant: null }],
    [{ isNonCompliant: 'true' }, { compliant: false }],
    [{ isQuarantined: 'Yes' }, { compliant: false }],
    [{ policyComplianceState: 'Noncompliant' }, { compliant: null }],
    [{ 'Compliance check': 'Failed' }, { compliant: null }],
    [{ policyViolations: '3' }, { compliant: null }],
    [{ violatedPolicies: 'Passcode' }, { compliant: null }],
    [{ 'Out of compliance reasons': 'Passcode' }, { compliant: null }],
    [{ complianceViolations: '2' }, { compliant: null }],
    [{ isJailbroken: 'Yes' }, { compromised: true }],
    [{ rooted: 'rooted' }, { compromised: true }],
    [{ securityState: 'Compromised' }, { compromised: true }],
    [{ storageEncrypted: 'No' }, { encrypted: false }],
  ])('with %j is read as %j', async (more, expected) => {
    expect(await bothWays({ ...good, ...more })).toEqual(twice(expected));
  });

  it.each([
    { isEnrolled: 'true' },
    { mdmStatus: 'something new' },
    { isRetired: 'No' },
    { isQuarantined: 'No' },
    { policyCompliance: '2' },
    { policyCompliance: '' },
    { policyViolations: '0' },
    { violatedPolicies: 'None' },
    { 'Out of compliance reasons': 'N/A' },
    { complianceViolations: '0' },
    { noncomplianceReasons: '{}' },
    { rooted: 'No' },
    { securityState: 'Ok' },
  ])('with %j stays managed and compliant', async (more) => {
    expect(await bothWays({ ...good, ...more })).toEqual(
      twice({ managed: true, compliant: true, encrypted: null }),
    );
  });
});

it('a column that denies shows in the problems of the device, which another one said to comply', async () => {
  const device = await onlyDevice(readJson([{ ...GOOD.Graph, quarantined: true, status: 'Retired' }]));
  expect([device.managed, device.compliant, device.removed, device.problems]).toEqual([
    null,
    false,
    false,
    [
      'status: "Retired" is a word for a device that left, and the device is said to be managed',
      'quarantined: "true" denies that the device complies',
    ],
  ]);
});

it('a device in a grace period may have requirements that are not met', async () => {
  const grace = { complianceState: 'inGracePeriod', complianceGracePeriodExpirationDateTime: '2099-01-01T00:00:00Z' }; // prettier-ignore
  const device = await onlyDevice(readJson([{ ...GOOD.Graph, ...grace, violatedPolicies: ['Passcode'] }]));
  expect([device.compliant, device.graceUntil]).toEqual([true, '2099-01-01T00:00:00Z']);
});

it('says nothing of compliance or management that the format does not say', async () => {
  const device = await onlyDevice(
    readJson([{ id: ID, easDeviceId: 'ApplX', deviceName: 'x', isEnrolled: true, policyCompliance: 'yes' }]),
  );
  expect([device.managed, device.compliant]).toEqual([null, null]);
});
