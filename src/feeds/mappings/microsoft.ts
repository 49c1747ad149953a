// Owns what Intune's reports and Graph's managedDevice share: one service, whose values have the same words. Pure.
// @see https://learn.microsoft.com/graph/api/resources/intune-devices-manageddevice
// @see https://learn.microsoft.com/mem/intune/fundamentals/reports-export-graph-available-reports
import { wordOf } from '../row.ts';
import { complianceIn, meansLeft } from '../several-columns.ts';
import { complianceOf, flagOf } from '../values.ts';
import type { Compliance } from '../words.ts';
import type { RecordReader } from '../mapping.ts';
import { meanings, names } from '../word-lists.ts';

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
  intuneeas intuneclienteas easintune google jamfpro office365mobile 2 3 4 5 8 10 11 32 64 258 2048
`,
  ],
  [false, 'eas exchangeactivesync mssense mde 1 1024'],
  [null, 'unknown 16 none other 0'],
);

/** managementState: a device whose removal was ordered counts as removed, even while the order is under way. */
const STATES = meanings<boolean | null>(
  [
    true,
    `
  managed wipecanceled retirecanceled wipecancelled retirecancelled 0 9 10 verwaltet géré administrado gestionado gestito beheerd hanterad
  zarządzane gerenciado gerido управляемое 管理対象 管理 托管 已托管 受管理 관리됨 관리 administreret administreres
  administrert behandlet spravováno spravované spravovaný felügyelt kezelt yönetilen yönetiliyor
`,
  ],
  [
    false,
    `
  retirepending retirefailed retireissued wipepending wipefailed wipeissued deletepending discovered
  retired wiped deleted removed 1 2 3 4 6 7 8 11
`,
  ],
  [null, 'unhealthy 5'],
);

/**
 * deviceRegistrationState, which the report calls "Intune registered", yes or no. `registered` alone does not make a device managed.
 */
const REGISTRATIONS = meanings<boolean | null>(
  [
    true,
    `
  registered 2 registriert inscrit enregistré registrado registrato geregistreerd zarejestrowane registrerad 登録済み
  已注册 등록됨 registreret tilmeldt registrert registrováno zaregistrováno zaregistrované regisztrálva regisztrált
  kayıtlı kaydedildi
`,
  ],
  [
    false,
    `
  notregistered revoked pending approvalpending notregisteredpendingenrollment 0 3 5 7 nichtregistriert noninscrit
  nonenregistré noregistrado nonregistrato nietgeregistreerd niezarejestrowane ejregistrerad nãoregistrado 未登録
  未注册 등록되지않음 ikkeregistreret ikketilmeldt ikkeregistrert neregistrováno nezaregistrováno nezaregistrované
  nincsregisztrálva nemregisztrált kayıtlıdeğil kaydedilmedi
`,
  ],
  [null, 'keyconflict certificatereset unknown 4 6 8'],
);

/** The result of all columns about management. */
export interface Management {
  readonly managed: boolean | null;
  /** Removed, retired, wiped, or about to be. */
  readonly hasLeft: boolean;
}

const AGENT = names('managementagentloc managementagent managementagentsloc managementagents managedby');
const STATE = names('managementstateloc managementstate devicestate');
const REGISTRATION = names('deviceregistrationstateloc deviceregistrationstate intuneregistered');

/** Names of the columns in a report, where they have others. */
interface ManagementNames {
  readonly agent?: readonly string[];
  readonly state?: readonly string[];
  readonly registration?: readonly string[];
}

/**
 * Not managed if any of the three columns denies it; else managed if agent or state confirms it. A word that is not understood may
 * deny it: "retire pending" in a language that is not known.
 */
export function management(
  reader: RecordReader,
  { agent = AGENT, state = STATE, registration = REGISTRATION }: ManagementNames = {},
): Management {
  const agentSays = say(reader, agent, AGENTS);
  const stateSays = say(reader, state, STATES, (text) => (meansLeft(text) ? false : undefined));
  const registrationSays = say(reader, registration, REGISTRATIONS, flagOf);
  if (stateSays === false) return { managed: false, hasLeft: true };
  if (agentSays === false || registrationSays === false) return { managed: false, hasLeft: false };
  const isUnclear = [agentSays, stateSays, registrationSays].includes(undefined);
  // Every device has a state, also one that only has mail: beside an agent that is not known it confirms nothing.
  const isUnmanned = agent.some((column) => reader.text(column) !== null) && agentSays === null;
  const isConfirmed = agentSays === true || (stateSays === true && !isUnmanned);
  return { managed: isConfirmed && !isUnclear ? true : null, hasLeft: false };
}

/** What columns of one thing say: a number, and a text in the language of the export. `undefined` = none of them is understood. */
function say(
  reader: RecordReader,
  columns: readonly string[],
  words: ReadonlyMap<string, boolean | null>,
  other: (text: string) => boolean | null | undefined = () => undefined,
): boolean | null | undefined {
  const written = columns.flatMap((column) => reader.text(column) ?? []);
  const said = written
    .map((text) => (words.has(wordOf(text)) ? words.get(wordOf(text)) : other(text)))
    .filter((meaning) => meaning !== undefined);
  const [first = null] = said;
  if (said.includes(false)) return false;
  if (said.length > 0 || written.length === 0) return said.includes(true) ? true : first;
  reader.problem(
    columns.find((column) => reader.text(column) !== null) ?? '',
    written[0] ?? '',
    'is not understood',
  );
  return undefined;
}

/** Whether the threat defence partner reports the device as compromised. */
export function threatCompromised(threat: string | null): boolean {
  return threat !== null && wordOf(threat) === 'compromised';
}

/** The localised text of a column of Intune's export, else its value. */
export const localized = (...names: readonly string[]): string[] =>
  names.flatMap((name) => [`${name}loc`, name]);

/**
 * The compliance in an export of Intune: a number, with a text in the language of the export beside it, or the columns of two exports
 * that somebody joined. A text in a language that is not known leaves the number. null = no column has any.
 */
export function exportedCompliance(reader: RecordReader, columns: readonly string[]): Compliance | null {
  return complianceIn(reader, columns, complianceOf, true);
}
