// Owns the promise that a word which no table of words has makes no device managed, compliant, encrypted or whole: in every column of a state,
// in every format.
import { describe, expect, it } from 'vitest';
import { readContent } from './read-lines.ts';

type Field = 'managed' | 'compliant' | 'encrypted' | 'compromised';

/** Of each format: columns with the values of a good device, and which field each may turn. */
const TABLES: Readonly<Record<string, readonly (readonly [column: string, good: string, turns: Field | null])[]>> = {
  intune: [['Device ID', 'g1', null], ['EAS activation ID', 'ApplX', null], ['Compliance', 'Compliant', 'compliant'], ['Managed by', 'Intune', 'managed'], ['Device state', 'Managed', 'managed'], ['Intune registered', 'True', 'managed'], ['Encrypted', 'True', 'encrypted'], ['Jailbroken', 'False', 'compromised']],
  graph: [['id', 'g1', null], ['easDeviceId', 'ApplX', null], ['complianceState', 'compliant', 'compliant'], ['managementAgent', 'mdm', 'managed'], ['managementState', 'managed', 'managed'], ['deviceRegistrationState', 'registered', 'managed'], ['isEncrypted', 'true', 'encrypted'], ['jailBroken', 'False', 'compromised']],
  jamf: [['Exchange Device ID', 'ApplX', null], ['Managed', 'Managed', 'managed'], ['Data Protection', 'Yes', 'encrypted'], ['Jailbreak Detected', 'No', 'compromised'], ['Serial Number', 'S1EXAMPLE', null]],
  'workspace-one': [['EAS ID', 'ApplX', null], ['Organization Group', 'g', null], ['Enrollment Status', 'Enrolled', 'managed'], ['Compliance Status', 'Compliant', 'compliant'], ['Compromised', 'No', 'compromised'], ['Encryption Status', 'Encrypted', 'encrypted'], ['Device Friendly Name', 'x', null]],
  ivanti: [['GUID', 'g1', null], ['EAS Device Identifiers', 'ApplX', null], ['Registration State', 'ACTIVE', 'managed'], ['Compliance State', 'Compliant', 'compliant'], ['Quarantined', 'false', 'compliant'], ['Blocked', 'false', 'compliant'], ['Jailbroken', 'false', 'compromised'], ['Encrypted', 'true', 'encrypted']],
  csv: [['id', 'ApplX', null], ['managed', 'true', 'managed'], ['enrolled', 'yes', 'managed'], ['compliant', 'true', 'compliant'], ['Compliance Status', 'Compliant', 'compliant'], ['Out of compliance', 'no', 'compliant'], ['Quarantined', 'no', 'compliant'], ['encrypted', 'true', 'encrypted'], ['jailbroken', 'false', 'compromised'], ['rooted', 'no', 'compromised'], ['deleted', 'no', 'managed']],
}; // prettier-ignore

const WORDS = ['xyzzy', '???', 'Compliant?', 'not sure', '-1', '7', 'Compliant but', 'True*', 'yes!', 'ja nein', 'not true', 'untrue', "isn't", 'revoked', '2026-11-01', 'Managed (retire pending)', '*', '!']; // prettier-ignore
/** `Detection: disabled` is not `not jailbroken`, and an enabled account is no managed device. */
const SWITCHES: Readonly<Record<Field, readonly string[]>> = { managed: ['Enabled', 'on'], compliant: [], encrypted: [], compromised: ['disabled', 'off'] }; // prettier-ignore
const GOOD: Readonly<Record<Field, boolean>> = { managed: true, compliant: true, encrypted: true, compromised: false }; // prettier-ignore

describe.each(Object.entries(TABLES))('in a table of %s', (format, columns) => {
  const table = (rows: readonly (readonly string[])[]): string =>
    [columns.map(([name]) => name), ...rows].map((row) => row.join(',')).join('\n');
  const good = columns.map(([, value]) => value);

  it('a device is good in all its columns', async () => {
    const read = await readContent(`${table([good])}\n`);
    const fields = new Set(columns.flatMap(([, , turns]) => turns ?? []));
    expect(read.format).toBe(format);
    expect(read.devices).toMatchObject([
      Object.fromEntries([...fields].map((field) => [field, GOOD[field]])),
    ]);
  });

  it.each(columns.filter(([, , turns]) => turns !== null))('%s is not %s by an unknown word', async (column, _, turns) => {
    if (turns === null) return;
    const words = [...WORDS, ...(column === 'Intune registered' || column === 'deviceRegistrationState' || column === 'deleted' ? [] : SWITCHES[turns])];
    const { devices } = await readContent(`${table(words.map((word) => good.with(columns.findIndex(([name]) => name === column), word)))}\n`);
    const taken = devices.map((device, at) => [words[at], device[turns]]).filter(([, value]) => value === GOOD[turns]);
    expect([devices.length, taken]).toEqual([words.length, []]);
    // Either the word denies, or it is noted.
    const silent = devices.filter((device) => device[turns] === null && device.problems.length === 0);
    expect(silent.map(({ line }) => words[line - 2])).toEqual([]);
  }); // prettier-ignore
});
