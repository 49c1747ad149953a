// Owns what Intune's reports and Graph's managedDevice share: one service, whose values have the same words. Pure.
// @see https://learn.microsoft.com/graph/api/resources/intune-devices-manageddevice
// @see https://learn.microsoft.com/mem/intune/fundamentals/reports-export-graph-available-reports
import { wordOf } from '../row.ts';
import { complianceOf, textOf } from '../values.ts';
import type { Compliance } from '../values.ts';
import type { RecordReader } from '../mapping.ts';
import { meanings } from '../names.ts';

/**
 * managementAgentType, as Graph and the reports write it, and its numbers. `eas` alone is a mail account without management;
 * `mde` and `msSense` are security settings without enrolment.
 */
const AGENTS = meanings<boolean | null>(
  [
    true,
    `
  mdm easmdm intuneclient easintuneclient configurationmanagerclient configurationmanagerclientmdm
  configurationmanagerclientmdmeas jamf googleclouddevicepolicycontroller microsoft365managedmdm
  intuneaosp intune comanaged configmgr mdmconfigmgr mdmconfigmgragent configmgragent easconfigmgr mdmeas
  intuneeas intuneclienteas easintune google 2 3 4 5 8 10 11 32 64 258 2048
`,
  ],
  [false, 'eas exchangeactivesync mssense mde 1 1024'],
  [null, 'unknown 16 none other 0'],
);

/** managementState: a device whose removal was ordered counts as removed, even while the order is under way. */
const STATES = meanings<boolean | null>(
  [true, 'managed wipecanceled retirecanceled verwaltet 0 9 10'],
  [
    false,
    `
  retirepending retirefailed retireissued wipepending wipefailed wipeissued deletepending discovered
  retired wiped deleted removed 1 2 3 4 6 7 8 11
`,
  ],
  [null, 'unhealthy unknown 5'],
);

/** deviceRegistrationState, which the report calls "Intune registered". `registered` alone does not make a device managed. */
const REGISTRATIONS = meanings<boolean | null>(
  [true, 'registered true yes ja oui 2'],
  [
    false,
    `
  notregistered false no nein non revoked approvalpending notregisteredpendingenrollment 0 3 5 7
`,
  ],
  [null, 'keyconflict certificatereset unknown 4 6 8'],
);

const look = (words: ReadonlyMap<string, boolean | null>) => (text: string | null) =>
  text === null ? null : words.get(wordOf(text));

/** The result of all columns about management. */
export interface Management {
  readonly managed: boolean | null;
  /** Removed, retired, wiped, or about to be. */
  readonly hasLeft: boolean;
}

/** Not managed if any of the three columns denies it; else managed if agent or state confirms it. */
export function management(reader: RecordReader): Management {
  const agent = reader.word(
    ['managementagentloc', 'managementagent', 'managementagentsloc', 'managementagents', 'managedby'],
    look(AGENTS),
  );
  const state = reader.word(['managementstateloc', 'managementstate', 'devicestate'], look(STATES));
  const registration = reader.word(
    ['deviceregistrationstateloc', 'deviceregistrationstate', 'intuneregistered'],
    look(REGISTRATIONS),
  );
  if (state === false) return { managed: false, hasLeft: true };
  if (agent === false || registration === false) return { managed: false, hasLeft: false };
  return { managed: agent === true || state === true ? true : null, hasLeft: false };
}

/** Whether the threat defence partner reports the device as compromised. */
export function threatCompromised(threat: string | null): boolean {
  return threat !== null && wordOf(threat) === 'compromised';
}

/** The localised text of a column of Intune's export, else its value. */
export const localized = (...names: readonly string[]): string[] =>
  names.flatMap((name) => [`${name}loc`, name]);

/**
 * The compliance in an export of Intune: a number, with a text in the language of the export beside it. A text in a language that is
 * not known leaves the number. Where both are known and differ, nobody is compliant.
 */
export function exportedCompliance(reader: RecordReader, columns: readonly string[]): Compliance | null {
  for (const column of columns) {
    const [text, number] = [`${column}loc`, column].map((name) => textOf(reader.row.get(name)));
    if ((text ?? number ?? null) === null) continue;
    const said = [text ?? null, number ?? null]
      .filter((one) => one !== null)
      .map((one) => complianceOf(one))
      .filter((one) => one !== undefined);
    const [first, second] = said;
    if (first === undefined) reader.problem(column, text ?? number ?? '', 'is not understood');
    else if (second === undefined || second.compliant === first.compliant) return first;
    else reader.problem(column, `${number ?? ''}, ${text ?? ''}`, 'contradict each other');
    return { compliant: null, inGrace: false };
  }
  return null;
}
