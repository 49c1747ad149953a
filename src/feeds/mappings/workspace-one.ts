// Owns the mappings of Workspace ONE UEM (AirWatch): /mdm/devices/search and /mdm/devices/{id} in both versions, exports of the device list,
// event notifications. Pure.
// @see https://developer.omnissa.com/ws1-uem-apis/ (DeviceModel: EnrollmentStatus, ComplianceStatus, CompromisedStatus, EasIds)
// @see https://docs.omnissa.com/bundle/WorkspaceONE-UEM-SystemSettings (event notifications: names as in their bodies)
import { idsIn } from '../identities.ts';
import { checkedLine } from '../denials.ts';
import type { DeviceFacts, Mapping, RecordReader } from '../mapping.ts';
import type { FeedLine } from '../record.ts';
import { wordOf } from '../row.ts';
import { meansLeft } from '../several-columns.ts';
import { productLine } from '../usual-names.ts';
import { guidOf, platformOf, textOf } from '../values.ts';
import { meanings, names } from '../word-lists.ts';

const LAST_SEEN = names(`
  lastseen lastseenon lastseendate lastseentime devicelastseen enrollmentinfolastseentimestamp lastseentimestamp
`);

export const workspaceOneDevices: Mapping = {
  format: 'workspace-one',
  kind: 'devices of Workspace ONE',
  sure: names(`
  easidseasid easids locationgroupid locationgroupname devicefriendlyname deviceenrollmentstatus dataencryptionyn
  lastcompromisedcheckon lastcompliancecheckon organizationgroupname enrollmentorganizationgroup ces
  enrollmentinfoenrollmentstatus platforminfoplatformname
`),
  typical: names(`
  udid serialnumber enrollmentstatus compliancestatus compromisedstatus ownership platform lastseen
  lastenrolledon friendlyname useremailaddress username organizationgroup operatingsystem phonenumber
  enrollmentdate easid compromised managedby groupid devicereportedname assetnumber
`),
  times: LAST_SEEN,
  map: mapDevice,
};

/** Reports of Workspace ONE Intelligence put "Device" in front, version 2 of the interface has objects in its records. */
const PLATFORM = names('platform platformidname platformname deviceplatform platforminfoplatformname');
const MODEL = names('model modelidname devicemodel platforminfomodelname');
const STATUS = names('enrollmentstatus deviceenrollmentstatus enrollmentinfoenrollmentstatus status');

/** EnrollmentStatus: a wipe or removal that was ordered counts as removed, even while it is under way. */
const ENROLLMENT = meanings<'in' | 'out' | 'unknown'>(
  ['in', 'enrolled appenrolled 4'],
  [
    'out',
    `
  unenrolled retired enterprisewipepending devicewipepending wipeinitiated wipeconfirmed enterprisewiped
  devicewiped wiped deviceunenrolled pendingunenrollment unenrollmentpending deletepending
  deleteinprogress deleted notenrolled unmanaged notmanaged blacklisted denylisted discovered devicenotfound
`,
  ],
  [
    'unknown',
    `
  unknown registered registrationactive registrationexpired enrollmentinprogress inprogress
  pendingenrollment enrollmentpending pendingagent pending allowlisted whitelisted
`,
  ],
);

/** ManagedBy: enrolled for the catalogue of apps, or registered with the Hub alone, is not in device management. */
const MANAGED_BY = meanings<boolean | null>(
  [
    true,
    'mdm uem uemmanaged managed workspaceone workspaceoneuem airwatch airwatchmdm dep androidenterprise',
  ],
  [false, 'unmanaged notmanaged none'],
  [null, 'hubregistered registered registeredmode applevel container catalog unknown offline'],
);

const MANAGERS = names('managedby devicemanagedby enrollmentinfomanagedby');

/** An unknown state may contain a word that means that the device left: `Device Wipe Initiated`. */
function enrollmentIn(text: string | null): 'in' | 'out' | 'unknown' | null | undefined {
  return text === null ? null : (ENROLLMENT.get(wordOf(text)) ?? (meansLeft(text) ? 'out' : undefined));
}

function enrollmentOf(reader: RecordReader): Pick<DeviceFacts, 'managed' | 'hasLeft'> {
  const status = reader.word(STATUS, enrollmentIn);
  if (status === 'out' || reader.isOfThePast) return { managed: false, hasLeft: true };
  const by = managedBy(reader);
  return { managed: by === true && status !== 'in' ? null : by };
}

/** An enrolled device counts as managed where the record names no manager; a word that is not understood may mean the management of an app alone. The first interface has numbers. */
function managedBy(reader: RecordReader): boolean | null {
  const text = reader.text(...MANAGERS);
  if (text === null || MDM_NUMBERS.has(text)) return true;
  const by = MANAGED_BY.get(wordOf(text));
  if (by === undefined) reader.problem('managedby', text, 'is not understood');
  return by ?? null;
}

/** Not said, and device management. */
const MDM_NUMBERS: ReadonlySet<string> = new Set(['0', '1']);

/** `Apple` is iOS, except where the model names another system. Other platforms have names of their own. */
function platformIn(reader: RecordReader): string | null {
  const platform = reader.text(...PLATFORM);
  const model = reader.text(...MODEL);
  if (wordOf(platform ?? '') !== 'apple') return platformOf(platform);
  return platformOf(reader.text('devicetype', 'platforminfodevicetype')) ?? platformOf(model) ?? 'ios';
}

function commonFacts(reader: RecordReader): Omit<DeviceFacts, 'easIds'> {
  const platform = platformIn(reader);
  const system = reader.text(
    'operatingsystem',
    'osversion',
    'deviceosversion',
    'platforminfoosversion',
    'os',
  );
  const name = reader.text(
    'username',
    'useridusername',
    'enrollmentusername',
    'enrollmentuserusername',
    'enrollmentinfousername',
    'enrollmentinfoenrollmentusername',
    'user',
  );
  const address = reader.text(
    'useremailaddress',
    'enrollmentemailaddress',
    'emailaddress',
    'useremail',
    'enrollmentuseremail',
    'deviceenrollmentuseremail',
    'deviceenrollmentemailaddress',
    'enrollmentinfouseremailaddress',
    'enrollmentinfoenrollmentuseremailaddress',
    'email',
  );
  return {
    serial: reader.text('serialnumber', 'deviceserialnumber'),
    udid: reader.text('udid', 'deviceudid'),
    imei: reader.text('imei', 'deviceimei'),
    compliance: reader.complianceInWords(
      'compliancestatus',
      'devicecompliancestatus',
      'compliance',
      'compliant',
      'enrollmentinfocompliant',
      'enrollmentinfocompliancestatus',
    ),
    compromised: reader.compromised(
      'compromisedstatus',
      'devicecompromisedstatus',
      'compromised',
      'iscompromised',
      'deviceiscompromised',
      'devicecompromised',
    ),
    platform,
    systems: [reader.text(...PLATFORM)],
    osVersion: reader.text('osversion', 'deviceosversion', 'platforminfoosversion') ?? system,
    // The API has the version alone.
    os: system !== null && /[a-z]/i.test(system) ? system : null,
    model: reader.text(...MODEL),
    manufacturer:
      reader.text('oeminfo', 'manufacturer', 'devicemanufacturername') ??
      (platform === 'ios' || platform === 'macos' ? 'Apple' : null),
    ownership: reader.text('ownership', 'ces', 'deviceownership', 'enrollmentinfoownership'),
    owners: name?.includes('@') === true ? [name, address] : [address, name],
  };
}

function mapDevice(reader: RecordReader): FeedLine[] {
  const ids = [...reader.list('easidseasid'), ...reader.list('easids')];
  const facts = commonFacts(reader);
  const unmetRequirements = unmetPolicies(reader.row.get('compliancesummarydevicecompliance'));
  return [
    productLine(reader, {
      ...facts,
      compliance: reader.unlessUnmet(facts.compliance, unmetRequirements),
      ...enrollmentOf(reader),
      easIds: [
        ...ids,
        ...idsIn(reader.text('easid', 'easdeviceid', 'easdeviceidentifier', 'exchangedeviceid')),
      ],
      sourceId: guidOf(reader.text('uuid', 'deviceuuid', 'idvalue', 'deviceid', 'id')),
      encrypted: reader.encrypted(
        'dataencryptionyn',
        'isencrypted',
        'encrypted',
        'dataprotectionenabled',
        'encryptionstatus',
        'dataencrypted',
        'deviceisencrypted',
        'devicedataencrypted',
      ),
      lastCheckIn: reader.time(...LAST_SEEN),
      unmetRequirements,
      attributes: reader.attributes({
        deviceName: reader.text('devicefriendlyname', 'friendlyname', 'devicereportedname', 'displayname'),
        organizationGroup: reader.text(
          'locationgroupname',
          'organizationgroupname',
          'organizationgroup',
          'groupid',
        ),
        supervised: reader.flag('issupervised', 'supervised'),
        patchLevel: reader.text('securitypatchdate'),
      }),
    }),
  ];
}

function unmetPolicies(policies: unknown): string[] {
  if (!Array.isArray(policies)) return [];
  return policies.flatMap((policy: unknown) => {
    if (typeof policy !== 'object' || policy === null || Reflect.get(policy, 'CompliantStatus') !== false)
      return [];
    const name = textOf(Reflect.get(policy, 'PolicyName'));
    return name === null ? [] : [name];
  });
}

export const workspaceOneEvents: Mapping = {
  format: 'workspace-one',
  kind: 'event notifications of Workspace ONE',
  sure: ['enrollmentusername', 'enrollmentemailaddress', 'enrollmentuserid'],
  typical: names(`
  eventid eventtype eventtime deviceid devicefriendlyname compromisedstatus compliancestatus deviceuuid
`),
  times: ['eventtime'],
  map: mapEvent,
};

/** Types of events that end management, in all spellings: "Delete Device", "DeviceUnenrolledEnterpriseWipe", "DeviceWipeRequested". */
const ENDINGS = /delet|unenrol|wipe|retire|remov/;
const NOT_DONE = /cancel|fail|abort|reject|declin/;

function mapEvent(reader: RecordReader): FeedLine[] {
  const type = wordOf(reader.text('eventtype') ?? '');
  const enrollment = enrollmentOf(reader);
  // A deletion comes with null in place of every state. A profile or an app that was removed leaves the device enrolled, a wipe does not.
  const hasLeft =
    enrollment.hasLeft === true ||
    (ENDINGS.test(type) && !NOT_DONE.test(type) && (enrollment.managed !== true || type.includes('wipe')));
  return [
    checkedLine(reader, {
      ...commonFacts(reader),
      managed: enrollment.managed ?? null,
      hasLeft,
      // Its DeviceId is a number of the product, no id of Exchange ActiveSync.
      easIds: [],
      sourceId: guidOf(reader.text('deviceuuid', 'deviceid')),
      observedAt: reader.time('eventtime'),
      attributes: reader.attributes({
        deviceName: reader.text('devicefriendlyname'),
        organizationGroup: reader.text('organizationgroupname'),
        event: reader.text('eventtype'),
        workspaceOneId: reader.text('deviceid'),
      }),
    }),
  ];
}
