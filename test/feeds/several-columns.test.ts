// Owns the promises about records that say one thing in several columns: the worse word counts, and one that is not understood may be the
// worse one.
import { describe, expect, it } from 'vitest';
import { onlyDevice, readContent, readJson } from './read-lines.ts';

const GRAPH = { id: 'g1', easDeviceId: 'ApplX', managementAgent: 'mdm', complianceState: 'compliant' };

describe('a second column of compliance', () => {
  it.each([
    ['Device ID,EAS activation ID,Managed by,Compliance,Compliance state', 'Under review', null, 1],
    ['Device ID,EAS activation ID,Managed by,Compliance,Compliance status', 'Noncompliant', null, 1],
    ['Device ID,EAS activation ID,Managed by,Compliance,Compliance status', '', true, 0],
    ['sourceId,id,managed,compliant,complianceState', 'under review', null, 1],
    ['sourceId,id,managed,compliant,complianceState', 'unknown', null, 1],
    ['sourceId,id,managed,compliant,complianceState', 'noncompliant', null, 1],
    ['sourceId,id,managed,compliant,complianceState', 'compliant', true, 0],
    ['sourceId,id,managed,compliant,complianceState', '', true, 0],
    ['Friendly Name,EAS ID,Organization Group,Compliance Status,Compliant', 'perhaps', null, 1],
  ])('of %s, with the word "%s", leaves a compliant device %s', async (head, word, compliant, problems) => {
    const device = await onlyDevice(
      readContent(
        `${head}\nx,ApplX,${head.includes('EAS activation') ? 'Intune' : 'yes'},Compliant,${word}\n`,
      ),
    );
    expect([device.id, device.compliant, device.problems.length]).toEqual(['applx', compliant, problems]);
  });

  it.each([
    [{ isCompliant: 'perhaps' }, null, 1],
    [{ isCompliant: null }, true, 0],
    [{ isCompliant: true }, true, 0],
    [{ complianceState: ['compliant', 'noncompliant'] }, null, 1],
    [{ complianceState: 'noncompliant', isCompliant: 'perhaps' }, false, 1],
  ])('in JSON: %j means compliant: %s', async (more, compliant, problems) => {
    const device = await onlyDevice(readJson({ value: [{ ...GRAPH, ...more }] }));
    expect([device.compliant, device.problems.length]).toEqual([compliant, problems]);
  });

  it.each([
    ['Noncompliant', null],
    ['Out of compliance', null],
    ['Compliant', true],
    ['No', true],
    ['2', true],
    ['', true],
  ])('with a name that is not known, and the word "%s", leaves a compliant device %s', async (word, compliant) => {
    const head = 'id,managed,compliant,Compliance (security team)';
    const own = await onlyDevice(readContent(`${head}\nApplX,true,true,${word}\n`));
    const intune = 'EAS activation ID,Managed by,Compliance,Device compliance check';
    const product = await onlyDevice(readContent(`${intune}\nApplX,Intune,Compliant,${word}\n`));
    expect([own.compliant, product.compliant]).toEqual([compliant, compliant]);
  }); // prettier-ignore

  it('in a language that is not known leaves the number beside it', async () => {
    const text =
      'DeviceId,EasID,ManagementAgent,CompliantState,CompliantState_loc\ng1,ApplX,2,1,jotain muuta\n';
    const device = await onlyDevice(readContent(text));
    expect([device.compliant, device.problems]).toEqual([true, []]);
  });
});

it.each([
  ['id,managed,enrolled', 'true,perhaps', { managed: null }],
  ['id,managed,enrolled', 'true,no', { managed: false }],
  ['id,managed,mdmManaged', 'true,no', { managed: false }],
  ['id,managed,status', 'true,VERIFICATION_PENDING', { managed: false }],
  ['id,managed,encrypted,encryptionStatus', 'true,true,Not encrypted', { encrypted: false }],
  ['id,managed,encrypted,encryptionStatus', 'true,true,perhaps', { encrypted: null }],
  ['Exchange Device ID,Jailbreak Detected,Jailbreak Status', 'No,Rooted', { compromised: true }],
  ['Exchange Device ID,Jailbreak Detected,Jailbreak Status', 'No,perhaps', { compromised: null }],
  ['Exchange Device ID,Managed,Management Status', 'Managed,Unmanaged', { managed: false }],
])('%s with %s: the worse one counts', async (head, cells, expected) => {
  expect(await onlyDevice(readContent(`${head}\nApplX,${cells}\n`))).toMatchObject(expected);
});

describe('a device that is said to comply', () => {
  it.each([
    ['Workspace ONE', { EasIds: { EasId: ['ApplX'] }, EnrollmentStatus: 'Enrolled', ComplianceStatus: 'Compliant', ComplianceSummary: { DeviceCompliance: [{ CompliantStatus: false, PolicyName: 'Passcode' }] } }],
    ['Ivanti', { 'common.uuid': 'u1', 'common.status': 'ACTIVE', 'common.compliant': true, 'common.noncompliance_reasons': ['Passcode'], easDeviceId: 'ApplX' }],
  ])('beside a requirement of %s that is not met is not taken for compliant', async (_, record) => {
    const device = await onlyDevice(readJson([record]));
    expect([device.id, device.compliant, device.unmetRequirements, device.problems.length]).toEqual(['applx', null, ['Passcode'], 1]);
  }); // prettier-ignore

  it.each(['Quarantined', 'Is Blocked', 'Not compliant'])('and has yes in a column "%s" does not', async (column) => {
    const { devices } = await readContent(`id,managed,compliant,${column}\nApplX,true,true,yes\nApplY,true,true,no\n`);
    expect(devices.map(({ compliant }) => compliant)).toEqual([false, true]);
  }); // prettier-ignore
});

describe('a grace period without an end', () => {
  it.each(['', '9999-12-31T23:59:59Z'])('("%s") is compliant, and that its end is unknown is noted', async (end) => {
    const state = { complianceState: 'inGracePeriod', complianceGracePeriodExpirationDateTime: end };
    const table = `id,managed,compliance,graceUntil\nApplX,true,in grace period,${end}\n`;
    for (const read of [readJson({ value: [{ ...GRAPH, ...state }] }), readContent(table)])
      expect(await onlyDevice(read)).toMatchObject({
        compliant: true,
        graceUntil: null,
        problems: ['the end of the grace period is unknown'],
      });
  }); // prettier-ignore

  it('is none where a date that means never stands beside a device that complies', async () => {
    const text = 'id,managed,compliant,graceUntil\nApplX,true,true,9999-12-31T23:59:59Z\n';
    expect(await onlyDevice(readContent(text))).toMatchObject({ compliant: true, problems: [] });
  });
});
