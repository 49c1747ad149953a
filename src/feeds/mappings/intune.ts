// Owns the mapping of Intune's device reports: "Devices" and "DevicesWithInventory" as the admin centre and exportJobs write them,
// DeviceCompliance, DeviceNonCompliance, DevicesWithoutCompliancePolicy. Pure.
// @see https://learn.microsoft.com/mem/intune/fundamentals/reports-export-graph-available-reports (columns, and their names in the file)
import { deviceLine } from '../mapping.ts';
import type { Mapping, RecordReader } from '../mapping.ts';
import type { FeedLine } from '../record.ts';
import { compromisedOf, guidOf } from '../values.ts';
import { exportedCompliance, localized, management, threatCompromised } from './microsoft.ts';
import { names } from '../names.ts';

const LAST_CHECK_IN = names(`
  lastcheckin lastcontact lastcontactutc lastsyncdatetime lastcheckindate letztescheckin letztereinchecken
  dernierarchivage dernièreconnexion
`);
const GRACE = names(`
  compliancegraceperiodexpiration ingraceperioduntil ingraceperioduntilutc
  compliancegraceperiodexpirationdatetime
`);

const THREAT = localized('devicehealththreatlevel', 'partnerreportedthreatstate');
const JAILBROKEN = localized('jailbroken');
const OWNERSHIP = localized('ownership', 'ownertype');
const EXCHANGE_STATE = localized('easstatus', 'easaccessstate');
const SYSTEM = [
  ...localized('os', 'operatingsystem'),
  'platform',
  'osdescription',
  ...localized('devicetype'),
];
const COMPLIANCE = ['compliance', 'compliantstate', 'compliancestate'];

/** Columns of the reports. */
export const intuneDevices: Mapping = {
  format: 'intune',
  kind: 'device report of Intune',
  sure: names(`
  easactivationid compliancegraceperiodexpiration ingraceperioduntil intuneregistered primaryuserupn
  easaktivierungsid
`),
  typical: names(`
  deviceid devicename lastcheckin lastcontact compliance compliantstate compliancestate compliancestateloc
  managedby managementagent managementagents ownertype ownertypeloc devicestate managementstate easid
  easactivated enrollmentdate upn useremail primaryuserdisplayname microsoftentradeviceid azureaddeviceid
  aaddeviceid intunedeviceid devicehealththreatlevel osdescription skufamily jointype managementname
`),
  times: [...LAST_CHECK_IN, ...GRACE, 'enrollmentdate', 'createddate'],
  map: mapDevice,
};

function mapDevice(reader: RecordReader): FeedLine[] {
  const { managed, hasLeft } = management(reader);
  const compliance = exportedCompliance(reader, COMPLIANCE);
  const threat = reader.text(...THREAT);
  const jailBroken = reader.word(JAILBROKEN, compromisedOf);
  const system = reader.text(...SYSTEM);
  return [
    deviceLine(reader, {
      easIds: [reader.text('easactivationid', 'easid', 'easdeviceid', 'easaktivierungsid')],
      sourceId: guidOf(reader.text('intunedeviceid', 'deviceid', 'id', 'geräteid')),
      serial: reader.text('serialnumber', 'seriennummer'),
      imei: reader.text('imei'),
      managed,
      hasLeft,
      ...(compliance === null ? {} : { compliance }),
      graceUntil: reader.time(...GRACE),
      encrypted: reader.flag('encrypted', 'isencrypted', 'encryptionstatusstring', 'encryptionstatus'),
      compromised: threatCompromised(threat) ? true : jailBroken,
      systems: [system, reader.text('osdescription'), reader.text('model', 'devicemodel')],
      os: system,
      osVersion: reader.text('osversion'),
      model: reader.text('model', 'devicemodel'),
      manufacturer: reader.text('manufacturer'),
      ownership: reader.text(...OWNERSHIP),
      owners: [
        reader.text('primaryuserupn', 'upn', 'userprincipalname'),
        reader.text('primaryuseremailaddress', 'useremail', 'primaryuseremail', 'emailaddress'),
      ],
      lastCheckIn: reader.time(...LAST_CHECK_IN),
      attributes: reader.attributes({
        deviceName: reader.text('devicename', 'gerätename'),
        entraDeviceId: guidOf(
          reader.text('microsoftentradeviceid', 'azureaddeviceid', 'referenceid', 'aaddeviceid'),
        ),
        threat,
        patchLevel: reader.text('securitypatchlevel', 'androidpatchlevel'),
        category: reader.text('category', 'categoryname'),
        supervised: reader.flag('supervised', 'issupervised'),
        exchangeState: reader.text(...EXCHANGE_STATE),
      }),
    }),
  ];
}
