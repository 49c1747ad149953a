// Owns the mapping of Intune's device reports: "Devices" and "DevicesWithInventory" as the admin centre and exportJobs write them,
// DeviceCompliance, DeviceNonCompliance, DevicesWithoutCompliancePolicy. Pure.
// @see https://learn.microsoft.com/mem/intune/fundamentals/reports-export-graph-available-reports (columns, and their names in the file)
import { idsIn } from '../identities.ts';
import type { Mapping, RecordReader } from '../mapping.ts';
import type { FeedLine } from '../record.ts';
import { namesOf } from '../row.ts';
import { productLine } from '../usual-names.ts';
import { compromisedOf, guidOf } from '../values.ts';
import * as columns from './intune-columns.ts';
import { exportedCompliance, localized, management, threatCompromised } from './microsoft.ts';
import { names } from '../word-lists.ts';

/** Azure Monitor has a row for each device and day; the portal adds the zone. */
const GENERATED = ['timegenerated', 'timegeneratedutc'];
const THREAT = localized('devicehealththreatlevel', 'partnerreportedthreatstate');
const EXCHANGE_STATE = localized('easstatus', 'easaccessstate');
/** Names that other products have too. */
const SHARED: ReadonlySet<string> = new Set(
  names(`
  easid easdeviceid upn userprincipalname benutzerprinzipalname nomdutilisateurprincipal nombreprincipaldeusuario
  nomeentitàutente
`),
);
const isOwn = (name: string): boolean => !SHARED.has(name);

/** Columns of the reports. */
export const intuneDevices: Mapping = {
  format: 'intune',
  kind: 'device report of Intune',
  sure: [
    ...columns.EAS_ID.filter(isOwn),
    ...columns.OWNER.filter(isOwn),
    ...names('compliancegraceperiodexpiration ingraceperioduntil ingraceperioduntilutc intuneregistered'),
  ],
  typical: names(`
  deviceid devicename lastcheckin lastcontact compliance compliantstate compliancestate compliancestateloc
  managedby managementagent managementagents ownertype ownertypeloc devicestate managementstate easid
  easactivated enrollmentdate upn useremail primaryuserdisplayname microsoftentradeviceid azureaddeviceid
  aaddeviceid intunedeviceid devicehealththreatlevel osdescription skufamily jointype managementname
`),
  times: [...columns.LAST_CHECK_IN, ...columns.GRACE, ...GENERATED, 'enrollmentdate', 'createddate'],
  map: mapDevice,
};

/** Columns of reports with one row for each setting or policy on a device: the state in such a row is not that of the device. */
const OF_SETTINGS = names('settingname settingnm settingid settingstatus policystatus');

function mapDevice(reader: RecordReader): FeedLine[] {
  if (OF_SETTINGS.some((name) => reader.row.has(name)))
    return [reader.refused('the row is the state of a setting or a policy on a device, not of the device')];
  // The lists have the names of many languages, the table those of one.
  const of = (names: readonly string[]): readonly string[] => namesOf(reader.row, names);
  const { agent, state, registration } = columns.MANAGEMENT;
  const { managed, hasLeft } = management(reader, {
    agent: of(agent),
    state: of(state),
    registration: of(registration),
  });
  const compliance = exportedCompliance(reader, of(columns.COMPLIANCE));
  const threat = reader.text(...THREAT);
  const jailBroken = reader.word(of(columns.JAILBROKEN), compromisedOf);
  const system = reader.text(...of(columns.SYSTEM));
  const model = reader.text(...of(columns.MODEL));
  return [
    productLine(reader, {
      easIds: idsIn(reader.text(...of(columns.EAS_ID))),
      sourceId: guidOf(reader.text(...of(columns.DEVICE_ID))),
      serial: reader.text(...of(columns.SERIAL_NUMBER)),
      imei: reader.text('imei'),
      managed,
      hasLeft: hasLeft || reader.isOfThePast,
      ...(compliance === null ? {} : { compliance }),
      graceUntil: reader.endOfGrace(...of(columns.GRACE)),
      encrypted: reader.encrypted(...of(columns.ENCRYPTED)),
      compromised: threatCompromised(threat) ? true : jailBroken,
      systems: [system, reader.text('osdescription'), model],
      os: system,
      osVersion: reader.text(...of(columns.OS_VERSION)),
      model,
      manufacturer: reader.text(...of(columns.MANUFACTURER)),
      ownership: reader.text(...of(columns.OWNERSHIP)),
      owners: [reader.text(...of(columns.OWNER)), reader.text(...of(columns.OWNER_MAIL))],
      lastCheckIn: reader.time(...of(columns.LAST_CHECK_IN)),
      observedAt: reader.time(...GENERATED),
      attributes: reader.attributes({
        deviceName: reader.text(...of(columns.DEVICE_NAME)),
        entraDeviceId: guidOf(
          reader.text('microsoftentradeviceid', 'azureaddeviceid', 'referenceid', 'aaddeviceid'),
        ),
        threat,
        patchLevel: reader.text('securitypatchlevel', 'androidpatchlevel'),
        category: reader.text('category', 'categoryname'),
        supervised: reader.flag(...of(columns.SUPERVISED)),
        exchangeState: reader.text(...EXCHANGE_STATE),
      }),
    }),
  ];
}
