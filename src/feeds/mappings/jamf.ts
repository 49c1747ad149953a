// Owns the mappings of Jamf Pro: mobile devices and computers of the Classic API and the Jamf Pro API, exports of its searches, webhooks. Pure.
// Jamf Pro has no compliance state of its own, so compliant stays unknown.
// @see https://developer.jamf.com/jamf-pro/reference/findmobiledevicesbyid, https://developer.jamf.com/jamf-pro/reference/get_v2-mobile-devices-detail
// @see https://developer.jamf.com/jamf-pro/docs/webhooks-1 (webhook, webhookEvent, event)
import { idsIn } from '../identities.ts';
import { deviceLine } from '../mapping.ts';
import type { Mapping, RecordReader } from '../mapping.ts';
import type { FeedLine } from '../record.ts';
import { wordOf } from '../row.ts';
import { productLine } from '../usual-names.ts';
import { flagOf } from '../values.ts';
import { meanings, names } from '../word-lists.ts';

const LAST_INVENTORY = names(`
  generallastinventoryupdateutc lastinventoryupdateutc generallastinventoryupdatedate
  lastinventoryupdatedate lastinventoryupdatetimestamp generallastinventoryupdateepoch
  lastinventoryupdateepoch generallastinventoryupdate lastinventoryupdate lastcheckin lastcheckintime
  generallastcontacttimeutc generallastcontacttime generallastcontacttimeepoch generalreportdate reportdateutc
  reportdateepoch reportdate
`);
const EAS_IDS = names(`
  generalexchangeactivesyncdeviceidentifier exchangeactivesyncdeviceidentifier generalexchangedeviceid
  exchangedeviceid exchangedeviceidentifier iosexchangedeviceid iosexchangeactivesyncdeviceidentifier
  easdeviceid hardwareexchangedeviceid
`);

export const jamfDevices: Mapping = {
  format: 'jamf',
  kind: 'mobile devices of Jamf Pro',
  sure: [
    ...EAS_IDS.slice(0, 6),
    'mobiledeviceid',
    'generallastinventoryupdateutc',
    'generallastinventoryupdatedate',
    'lastinventoryupdate',
    'deviceownershiplevel',
    'generaldeviceownershiplevel',
    'lastinventoryupdatetimestamp',
    'softwareupdatedeviceid',
    'jamfproid',
    'jssmobiledeviceid',
    'generalmdmprofileexpirationutc',
    // Of computers.
    'generalremotemanagementmanaged',
    'generalmdmcapablecapable',
    'reportdateutc',
    'reportdateepoch',
    'jamfprocomputerid',
    'jamfcomputerid',
    'jsscomputerid',
    'jamfbinaryversion',
  ],
  typical: names(`
  udid serialnumber managed supervised modelidentifier modeldisplay managementid username displayname
  assettag wifimacaddress osversion osbuild emailaddress realname hardwareserialnumber generaludid
  generalserialnumber userandlocationusername locationusername devicename
`),
  times: LAST_INVENTORY,
  map: mapDevice,
};

function mapDevice(reader: RecordReader): FeedLine[] {
  const text = (name: string): string | null =>
    reader.text(`general${name}`, `hardware${name}`, name, `ios${name}`);
  const managed = reader.managed(
    'generalmanaged',
    'generalismanaged',
    'generalremotemanagementmanaged',
    'managed',
    'ismanaged',
    'managementstatus',
  );
  const system = reader.text(
    'generalostype',
    'ostype',
    'devicetype',
    'operatingsystemname',
    'hardwareosname',
    'generalplatform',
    'type',
    'platform',
    'os',
    'operatingsystem',
  );
  return [
    productLine(reader, {
      easIds: idsIn(reader.text(...EAS_IDS)),
      sourceId: reader.text(
        'mobiledeviceid',
        'generalid',
        'jamfproid',
        'jssmobiledeviceid',
        'jamfprocomputerid',
        'jamfcomputerid',
        'jsscomputerid',
        'id',
      ),
      serial: text('serialnumber'),
      udid: text('udid'),
      imei: reader.text('networkimei', 'iosnetworkimei', 'imei'),
      managed,
      hasLeft: managed === false || reader.isOfThePast,
      encrypted: reader.encrypted(
        'securitydataprotected',
        'securitydataprotection',
        'iossecuritydataprotected',
        'dataprotected',
        'dataprotection',
        'dataprotectionenabled',
      ),
      compromised: reader.compromised(
        'securityjailbreakdetected',
        'securityjailbreakstatus',
        'iossecurityjailbreakdetected',
        'jailbreakdetected',
        'jailbreakstatus',
      ),
      systems: [system, text('model'), text('modelidentifier'), reader.has('iosversion') ? 'iOS' : null],
      os: system,
      osVersion: text('osversion') ?? reader.text('operatingsystemversion') ?? text('version'),
      model: text('model') ?? text('modeldisplay'),
      manufacturer: 'Apple',
      ownership: reader.text(
        'generaldeviceownershiplevel',
        'generaldeviceownershiptype',
        'deviceownershiplevel',
        'deviceownershiptype',
        'ownership',
      ),
      owners: ownersOf(reader, ['location', 'userandlocation', '']),
      lastCheckIn: reader.time(...LAST_INVENTORY),
      attributes: reader.attributes({
        deviceName: text('displayname') ?? text('devicename') ?? text('name'),
        supervised: reader.word(SUPERVISED, supervisedOf),
        modelIdentifier: text('modelidentifier'),
        managementId: reader.text('generalmanagementid', 'managementid'),
        passcodePresent: reader.flag(
          'securitypasscodepresent',
          'iossecuritypasscodepresent',
          'passcodepresent',
        ),
        passcodeCompliant: reader.flag(
          'securitypasscodecompliant',
          'iossecuritypasscodecompliant',
          'passcodecompliant',
        ),
      }),
    }),
  ];
}

/** The interfaces say yes or no, the exports of searches `Supervised` too. */
function supervisedOf(text: string | null): boolean | null | undefined {
  return SUPERVISION.get(wordOf(text ?? '')) ?? flagOf(text);
}

const SUPERVISED = names('generalsupervised supervised iossupervised');
const SUPERVISION = meanings<boolean>([true, 'supervised'], [false, 'unsupervised notsupervised']);

/** User names that are addresses come first, then the address, then the bare name. */
function ownersOf(reader: RecordReader, places: readonly string[]): (string | null)[] {
  const name = reader.text(...places.map((place) => `${place}username`));
  const address = reader.text(...places.flatMap((place) => [`${place}emailaddress`, `${place}email`]));
  return name?.includes('@') === true ? [name, address] : [address, name];
}

export const jamfWebhooks: Mapping = {
  format: 'jamf',
  kind: 'webhook events of Jamf Pro',
  sure: ['webhookwebhookevent', 'webhookeventtimestamp'],
  typical: ['eventjssid', 'eventudid', 'eventserialnumber', 'webhookname'],
  times: [],
  map: mapWebhook,
};

function mapWebhook(reader: RecordReader): FeedLine[] {
  const event = reader.text('webhookwebhookevent') ?? '';
  if (!/^(?:MobileDevice|Computer)/.test(event))
    return [reader.refused(`the event ${event} of Jamf Pro names no device`)];
  const hasLeft = /UnEnrolled|Removed|Deleted/i.test(event);
  const at = reader.time('webhookeventtimestamp');
  const isContact = /CheckIn|InventoryCompleted|Enrolled$|CommandCompleted/i.test(event) && !hasLeft;
  const isEnrolled = /[a-z]Enrolled$/.test(event) && !hasLeft;
  // A check-in of a computer has the computer within the event.
  const text = (...names: readonly string[]): string | null =>
    reader.text(...names.flatMap((name) => [`event${name}`, `eventcomputer${name}`]));
  return [
    deviceLine(reader, {
      easIds: [reader.text('eventexchangedeviceid', 'eventexchangeactivesyncdeviceidentifier')],
      sourceId: text('jssid', 'mobiledeviceid'),
      serial: text('serialnumber'),
      udid: text('udid'),
      imei: text('imei'),
      managed: isEnrolled ? true : null,
      hasLeft,
      systems: [event.startsWith('Computer') ? 'macOS' : null, text('model'), text('modeldisplay')],
      osVersion: text('osversion', 'version'),
      model: text('modeldisplay', 'model'),
      manufacturer: 'Apple',
      owners: ownersOf(reader, ['event', 'eventcomputer']),
      lastCheckIn: isContact ? at : null,
      observedAt: at,
      attributes: reader.attributes({
        deviceName: text('devicename'),
        modelIdentifier: text('model'),
        managementId: text('managementid'),
        event,
      }),
    }),
  ];
}
