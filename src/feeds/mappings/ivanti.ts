// Owns the mappings of Ivanti: devices of EPMM (MobileIron Core, API v2), of Neurons for MDM (MobileIron Cloud), exports of their lists,
// and device events. Pure.
// @see https://help.ivanti.com/mi/help/en_us/CORE/10.8.0.0/api2/Content/APIv2/APIv2Devices.htm (common.*, user.*, ios.*)
// @see https://help.ivanti.com/mi/help/en_us/CPS/8x/api/ServiceConnectAPI/Messages.htm (events)
// @see https://github.com/demisto/content Packs/MobileIronUEM (answers of both products)
import { idsIn } from '../identities.ts';
import type { DeviceFacts, Mapping, RecordReader } from '../mapping.ts';
import type { FeedLine } from '../record.ts';
import { wordOf } from '../row.ts';
import { meansLeft } from '../several-columns.ts';
import { productLine } from '../usual-names.ts';
import { guidOf, listOf, platformOf, textOf } from '../values.ts';
import { NO_COMPLIANCE, UNSURE } from '../words.ts';
import type { Compliance } from '../words.ts';
import { meanings, names } from '../word-lists.ts';

const LAST_CONTACT = names(`
  commonlastconnectedat lastcheckin lastcheckintime lastconnectedat lastcontact
  commonmiclientlastconnectedat lastconnected
`);

export const ivantiDevices: Mapping = {
  format: 'ivanti',
  kind: 'devices of Ivanti',
  sure: names(`
  commonuuid commonstatus commoncompliant commonlastconnectedat commonplatform easdeviceidentifiers
  policyviolationcount dmpartitionid mdmchannelid prettymodel
`),
  typical: names(`
  registrationstate platformtype commonmodel commonosversion commonowner useremailaddress useruserid devicemodel platformversion
  compliancestate quarantined jailbroken ownershiptype uid guid lastcheckin deviceuuid registrationdate
  registrationstatus securitystate devicespace noncompliancereasons lastconnectedat devicestatus userid
`),
  times: LAST_CONTACT,
  map: mapDevice,
};

/** States of both products and of their events. A removal that was ordered counts as done. */
const STATUS = meanings<'in' | 'out' | 'unknown'>(
  ['in', 'active enrolled registered lost infected ienrollcomplete'],
  [
    'out',
    `
  retired retiresent retirepending retirerequested wiped wipesent wipepending wiperequested wipecomplete
  deleted expired removed unenrolled registrationexpired retireinprogress wipeinprogress blockedandretired
  retirefailed wipefailed deregistered unmanaged
`,
  ],
  [
    'unknown',
    `
  pending verified verificationpending enrollmentpending ienrollverified ienrollinprogress registering
  registrationpending unknown blocked inactive
`,
  ],
);

const APPLE: ReadonlySet<string> = new Set(['ios', 'macos', 'tvos']);

function statusOf(
  reader: RecordReader,
  event: string,
  system: string | null,
): Pick<DeviceFacts, 'managed' | 'hasLeft'> {
  const status = reader.word(
    ['commonstatus', 'registrationstate', 'registrationstatus', 'devicestatus', 'status'],
    (text) => (text === null ? null : (STATUS.get(wordOf(text)) ?? (meansLeft(text) ? 'out' : undefined))),
  );
  const isRetired = reader.flag('commonretired') === true || reader.isOfThePast;
  const isEnding = /retire|wipe|delete|unregister|unenrol|removed/.test(event);
  if (status === 'out' || isRetired || isEnding) return { managed: false, hasLeft: true };
  // Registered for its apps, or for signing in, but not in device management (Neurons for MDM).
  if (reader.flag('mamonly') === true || reader.flag('authonly') === true) return { managed: false };
  // Apple's systems are managed by a profile of device management, or not at all.
  if (reader.flag('commonmdmmanaged', 'mdmmanaged') === false && APPLE.has(system ?? ''))
    return { managed: false };
  return { managed: status === 'in' ? true : null };
}

const EAS_IDS = names(`
  easdeviceid easid activesyncid activesyncdeviceid exchangedeviceid commoneasdeviceid
  commoneasdeviceidentifier commonactivesyncdeviceid iosexchangedeviceid ioseasdeviceidentifier
  androideasdeviceid easdeviceidentifier
`);

/** A device that is quarantined or blocked does not comply, whatever its other fields say. */
const RESTRICTED = names('commonquarantined quarantined commonblocked blocked');

function mapDevice(reader: RecordReader): FeedLine[] {
  const event = wordOf(reader.text('eventtype') ?? '');
  const violations = reader.text('policyviolationcount');
  // EPMM counts reasons against a device in its first interface: 0 complies.
  const compliance = reader.complianceInWords(
    'commoncompliant',
    'compliant',
    'compliancestate',
    'compliancestatus',
    'compliance',
    'iscompliant',
  );
  const quarantined = reader.flag('commonquarantined', 'quarantined');
  const unmetRequirements = [
    ...listOf(reader.row.get('commonnoncompliancereasons')),
    ...listOf(reader.row.get('noncompliancereasons')),
    ...violatedPolicies(reader.row.get('violatedpolicies')),
  ];
  const system = reader.text(
    'commonplatform',
    'platformtype',
    'platformname',
    'platform',
    'os',
    'commonplatformname',
  );
  return [
    productLine(reader, {
      ...statusOf(reader, event, platformOf(system)),
      easIds: [
        ...reader.list('easdeviceidentifiers'),
        ...reader.list('easdeviceids'),
        ...reader.list('appeasidentifiers'),
        ...idsIn(reader.text(...EAS_IDS)),
      ],
      sourceId: guidOf(
        reader.text('commonuuid', 'guid', 'deviceguid', 'deviceuuid', 'uuid', 'commonid', 'deviceid', 'id'),
      ),
      serial: reader.text('commonserialnumber', 'serialnumber', 'iosserialnumber', 'altserialnumber'),
      udid: reader.text(
        'iosiphoneudid',
        'iosudid',
        'udid',
        'mdmdeviceidentifier',
        'deviceudid',
        'identifier',
      ),
      imei: reader.text('commonimei', 'imei'),
      compliance: unlessAnnounced(
        reader,
        event,
        reader.unlessDenied(reader.unlessUnmet(compliance, unmetRequirements), RESTRICTED),
      ),
      encrypted: reader.encrypted(
        'commonencrypted',
        'encrypted',
        'isencrypted',
        'dataencrypted',
        'windowsencrypted',
        'commondataprotectionenabled',
        'iosdataprotection',
      ),
      compromised: reader.compromised(
        'commondeviceiscompromised',
        'jailbroken',
        'compromised',
        'devicecompromised',
        'iscompromised',
      ),
      platform: platformIn(reader, system),
      systems: [
        system,
        reader.text('commonplatformname', 'osplatform'),
        reader.text('commonmodel', 'model', 'devicemodel'),
      ],
      os: reader.text('commonplatformname', 'osplatform') ?? system,
      osVersion: reader.text('commonosversion', 'osversion', 'platformversion', 'iosiphoneversion'),
      model: reader.text('commonmodelname', 'commonmodel', 'devicemodel', 'model', 'prettymodel'),
      manufacturer: reader.text('commonmanufacturer', 'manufacturer'),
      ownership: reader.text('commonowner', 'ownershiptype', 'ownership', 'owner'),
      owners: ownersOf(reader),
      lastCheckIn: reader.time(...LAST_CONTACT),
      observedAt: event === '' ? null : reader.time('timestamp'),
      unmetRequirements,
      attributes: reader.attributes({
        deviceName: reader.text('devicename', 'iosdevicename', 'commonclientname'),
        quarantined,
        mdmManaged: reader.flag('commonmdmmanaged', 'mdmmanaged'),
        securityState: reader.text('commonsecuritystate', 'securitystate'),
        policyViolations: violations === null || !/^\d{1,6}$/.test(violations) ? null : Number(violations),
        patchLevel: reader.text('androidsecuritypatchlevel', 'androidsecuritypatch'),
        event: reader.text('eventtype'),
      }),
    }),
  ];
}

/** An event that says by its name that a device does not comply, and by its state that it does, contradicts itself. */
function unlessAnnounced(reader: RecordReader, event: string, said: Compliance): Compliance {
  if (said.compliant !== true || !/(?:non|not|outof|un)compl|violat/.test(event)) return said;
  reader.problem('eventtype', event, 'is not the event of a device that complies');
  return NO_COMPLIANCE;
}

/** Neurons lists them; a table has them in one cell. */
function violatedPolicies(value: unknown): string[] {
  const listed: readonly unknown[] =
    typeof value === 'string' ? value.split(/[;,|]/) : Array.isArray(value) ? value : [];
  return listed.flatMap((one) => textOf(one) ?? []).filter((text) => !UNSURE.has(wordOf(text)));
}

/** Neurons reports every Windows device as WINDOWS_PHONE; a second field tells desktops apart. */
function platformIn(reader: RecordReader, system: string | null): string | null {
  return wordOf(system ?? '') === 'windowsphone' && reader.text('windowsdevicetype', 'devicefamily') !== null
    ? 'windows'
    : null;
}

function ownersOf(reader: RecordReader): (string | null)[] {
  const upn = reader.text('userupn', 'userprincipalname', 'upn');
  const address = reader.text('useremailaddress', 'emailaddress', 'useremail', 'email');
  const name = reader.text('useruserid', 'usersamaccountname', 'userid', 'uid', 'username', 'user');
  return name?.includes('@') === true ? [upn, name, address] : [upn, address, name];
}

export const ivantiEvents: Mapping = {
  format: 'ivanti',
  kind: 'device events of Ivanti',
  sure: ['iosudid', 'useruuid'],
  typical: names(`
  deviceguid registrationtime lastcheckintime eventtype timestamp status identifier macaddress quarantined compromised compliant userid serialnumber
  osversion
`),
  times: LAST_CONTACT,
  map: mapDevice,
};
