// Threat: a value of an export that says "not compliant" to people, by a sign, a stroke or words far behind, and reads as "compliant"; a
// number that reads as another one; an action or a column name that is none.
import { expect, it } from 'vitest';
import { complianceOf, encryptedOf, flagOf, managedOf } from '../../src/feeds/values.ts';
import { ObjectRow } from '../../src/feeds/row.ts';
import { onlyDevice, readContent, readJson } from '../feeds/read-lines.ts';

const HEADER = 'Device ID,EAS activation ID,Compliance,Managed by';
const FAR = ' '.repeat(250);

it.each([
  '!compliant',
  '! yes',
  '¬compliant',
  '≠ compliant',
  '~compliant',
  'compliant?',
  'Compliant ❌',
  '✗ compliant',
  'c\u0336o\u0336m\u0336p\u0336l\u0336i\u0336a\u0336n\u0336t\u0336',
  `Compliant${FAR}no longer`,
  'Compliant …',
  '-yes',
  '– compliant',
  '\u22121',
  '-1',
  '+1',
  '1%',
  '(1)',
  '.1',
  '1.',
  'AirWatch.Device.Compliant',
])('"%s" does not mean that a device complies', (text) => {
  expect(complianceOf(text)?.compliant ?? null).toBeNull();
});

it.each(['!managed', 'enrolled?', '\u22121', '1%'])('"%s" does not mean that a device is managed', (text) => {
  expect(managedOf(text) ?? null).toBeNull();
});

it.each(['!encrypted', '≠ yes', '(1)'])('"%s" does not mean that a device is encrypted', (text) => {
  expect(encryptedOf(text) ?? null).toBeNull();
});

it('words keep their meaning with spaces, hyphens, brackets, capitals and points', () => {
  expect(['Compliant', 'Non-Compliant', 'not compliant', '(Not) compliant.', 'UYUMLU DEĞİL', ' 1 '].map((text) => complianceOf(text)?.compliant)).toEqual([true, false, false, false, false, true]); // prettier-ignore
  expect(['Yes', 'nein', '1', '0'].map(flagOf)).toEqual([true, false, true, false]);
});

// managementAgent: 1 = eas, which is no management; 10 is jamf.
it.each(['1.0', '1,0', '1\u00a00'])('the number %s is not 10', async (agent) => {
  const device = await onlyDevice(readContent(`${HEADER}\nx,ApplX,Compliant,"${agent}"\n`));
  expect(device.managed).toBeNull();
});

it('a column name that is long counts with its end', async () => {
  const text = `EAS activation ID,Managed by,Device ID,Compliance${' '.repeat(200)}of others\nApplX,Intune,x,Compliant\n`;
  expect((await onlyDevice(readContent(text))).compliant).toBeNull();
});

it('a name that every object of JavaScript has is no action', async () => {
  const { decisions, refused } = await readContent(
    '{"type":"decision","device":"ApplX","action":"constructor"}\n{"type":"decision","device":"ApplX","action":"block"}\n',
  );
  expect(decisions.map(({ action }) => action)).toEqual(['block']);
  expect(refused.map(({ line }) => line)).toEqual([1]);
  const states = await readContent(
    'DeviceId,DeviceAccessState,DeviceAccessStateReason,UserDisplayName\nApplX,Constructor,Individual,x\nApplY,Blocked,Individual,x\n',
  );
  expect(states.decisions.map(({ action }) => action)).toEqual(['block']);
});

it.each([
  { complianceState: ['compliant'], compliance_state: 'noncompliant' },
  { complianceState: { value: 'compliant' }, compliance_state: 'noncompliant' },
  { complianceState: 'compliant', compliance_state: ['noncompliant'] },
  { complianceState: 'noncompliant', compliance_state: 'compliant', ComplianceState: 'compliant' },
])('two spellings of one name with different values have none: %j', async (state) => {
  const device = await onlyDevice(
    readJson({ value: [{ easDeviceId: 'ApplX', managementAgent: 'mdm', ...state }] }),
  );
  expect([device.compliant, device.problems.length]).toEqual([null, 1]);
});

it.each([null, ''])('a spelling with %j leaves the value of another one', async (nothing) => {
  const row = new ObjectRow(1, { compromised: nothing, Compromised: true, COMPROMISED: nothing });
  expect([row.get('compromised'), row.contradictions.size]).toEqual([true, 0]);
});

it('two columns of one name in a table as JSON, with different values, have none', async () => {
  const Schema = ['DeviceId', 'EASDeviceId', 'ManagementAgents', 'ComplianceState', 'ComplianceState'].map((Column) => ({ Column })); // prettier-ignore
  const read = (...states: number[]) =>
    onlyDevice(readJson({ TotalRowCount: 1, Schema, Values: [['x', 'ApplX', 2, ...states]] }));
  expect((await read(2, 1)).compliant).toBeNull();
  expect((await read(1, 1)).compliant).toBe(true);
});
