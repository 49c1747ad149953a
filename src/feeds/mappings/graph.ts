// Owns the mappings of Microsoft Graph: managedDevice, user, group, and Entra's device, as pages, single objects, or what the Graph
// PowerShell module exports as CSV or JSON. Pure.
// @see https://learn.microsoft.com/graph/api/resources/intune-devices-manageddevice
// @see https://learn.microsoft.com/graph/api/resources/user, https://learn.microsoft.com/graph/api/resources/device
import { addressName, distinct, idsIn, smtpAddresses, userName } from '../identities.ts';
import { checkedLine } from '../denials.ts';
import type { Mapping, RecordReader } from '../mapping.ts';
import type { FeedLine } from '../record.ts';
import { fieldName, wordOf } from '../row.ts';
import { productLine } from '../usual-names.ts';
import { compromisedOf, guidOf, listOf, textOf } from '../values.ts';
import { management, threatCompromised } from './microsoft.ts';
import { names } from '../word-lists.ts';

export const graphManagedDevices: Mapping = {
  format: 'graph',
  kind: 'managed devices of Graph',
  sure: [
    'easdeviceid',
    'manageddeviceownertype',
    'easactivationdatetime',
    'compliancegraceperiodexpirationdatetime',
    'manageddevicename',
  ],
  typical: names(`
  devicename lastsyncdatetime compliancestate managementagent deviceregistrationstate deviceenrollmenttype
  azureaddeviceid enrolleddatetime jailbroken operatingsystem osversion isencrypted issupervised
  userprincipalname serialnumber easactivated exchangeaccessstate exchangeaccessstatereason
  partnerreportedthreatstate userdisplayname
`),
  times: names(`
  lastsyncdatetime compliancegraceperiodexpirationdatetime ingraceperioduntildatetime enrolleddatetime
  `),
  map: mapManagedDevice,
};

/**
 * States of one policy, setting or app on a device (deviceComplianceDeviceStatus, deviceComplianceSettingState, iosUpdateDeviceStatus …) have the end of
 * a grace period, too, and none of what a device has.
 */
const OF_POLICIES = names('lastreporteddatetime settingname installstatus');
const OF_DEVICES = names('compliancestate managementagent easdeviceid serialnumber');

function mapManagedDevice(reader: RecordReader): FeedLine[] {
  if (OF_POLICIES.some((name) => reader.row.has(name)) && !OF_DEVICES.some((name) => reader.row.has(name)))
    return [reader.refused('the record is the state of a policy or an app on a device, not of the device')];
  const { managed, hasLeft } = management(reader);
  const leaves = hasLeft || reader.isOfThePast || isLeaving(reader.row.get('deviceactionresults'));
  const threat = reader.text('partnerreportedthreatstate');
  const jailBroken = reader.word(['jailbroken'], compromisedOf);
  const system = reader.text('operatingsystem', 'osdescription');
  // emailAddress may hold several.
  const emails = (reader.text('emailaddress') ?? '').split(/[;,\s]+/);
  return [
    productLine(reader, {
      easIds: idsIn(reader.text('easdeviceid', 'easid')),
      sourceId: guidOf(reader.text('manageddeviceid', 'id', 'deviceid')),
      serial: reader.text('serialnumber'),
      udid: reader.text('udid'),
      imei: reader.text('imei'),
      managed,
      hasLeft: leaves,
      // The view over several tenants (managedTenants/managedDeviceCompliances) has names of its own.
      compliance: reader.compliance('compliancestate', 'compliancestatus', 'iscompliant'),
      graceUntil: reader.endOfGrace('compliancegraceperiodexpirationdatetime', 'ingraceperioduntildatetime'),
      encrypted: reader.encrypted('isencrypted'),
      compromised: threatCompromised(threat) ? true : jailBroken,
      systems: [system, reader.text('model')],
      os: system,
      osVersion: reader.text('osversion'),
      model: reader.text('model'),
      manufacturer: reader.text('manufacturer'),
      ownership: reader.text('manageddeviceownertype', 'ownertype', 'ownership'),
      owners: [reader.text('userprincipalname'), ...emails],
      lastCheckIn: reader.time('lastsyncdatetime'),
      unmetRequirements: unmetPolicies(reader.row.get('devicecompliancepolicystates')),
      attributes: reader.attributes({
        deviceName: reader.text('devicename', 'manageddevicename'),
        entraDeviceId: guidOf(reader.text('azureaddeviceid', 'azureactivedirectorydeviceid')),
        threat,
        patchLevel: reader.text('androidsecuritypatchlevel'),
        category: reader.text('devicecategorydisplayname'),
        supervised: reader.flag('issupervised'),
        exchangeState: reader.text('exchangeaccessstate'),
        exchangeReason: reader.text('exchangeaccessstatereason'),
      }),
    }),
  ];
}

/** Actions that end management. A device whose action is done is no longer listed, or was kept by it. */
const ENDINGS: ReadonlySet<string> = new Set(
  names('retire wipe delete factoryreset removecompanydata removedevice'),
);

/** Whether an action that was ordered, and is not done, ends the management of a device (deviceActionResult). */
function isLeaving(actions: unknown): boolean {
  return actionsIn(actions).some((action) => {
    const [name, state] = ['actionname', 'actionstate'].map((key) => textOf(field(action, key)) ?? '');
    return ENDINGS.has(wordOf(name ?? '')) && /^(?:pending|active|1|3)$/i.test(state ?? '');
  });
}

/** Also reads actions as text: ConvertTo-Json writes objects nested deeper than two levels as `@{actionName=wipe; actionState=pending}`. */
function actionsIn(actions: unknown): object[] {
  const listed: unknown[] = Array.isArray(actions) ? actions : [actions];
  const written = listed.filter((one) => typeof one === 'string').join(' ');
  const texts = [...written.matchAll(/@\{([^{}]{1,2000})\}/g)].map(([, text = '']) =>
    Object.fromEntries(text.split(';').map((pair) => pair.trim().split('=', 2))),
  );
  return [...listedObjects(actions), ...texts];
}

function listedObjects(list: unknown): object[] {
  return Array.isArray(list) ? list.filter((one) => typeof one === 'object' && one !== null) : [];
}

/** A field by its name in the form of `fieldName`: exports write `displayName`, `DisplayName` or `display_name`. */
function field(object: object, name: string): unknown {
  return Object.entries(object).find(([key]) => fieldName(key) === name)?.[1];
}

/** Names of policies with `$expand=deviceCompliancePolicyStates` that are not met. */
function unmetPolicies(states: unknown): string[] {
  return listedObjects(states).flatMap((state) => {
    const name = textOf(field(state, 'displayname'));
    return String(field(state, 'state')).toLowerCase() === 'noncompliant' && name !== null ? [name] : [];
  });
}

/** The second name is that of Get-AzureADDevice. */
const LAST_SIGN_IN = ['approximatelastsignindatetime', 'approximatelastlogontimestamp'];

export const graphEntraDevices: Mapping = {
  format: 'graph',
  kind: 'devices of Entra',
  sure: names(`
  approximatelastsignindatetime trusttype profiletype physicalids alternativesecurityids approximatelastlogontimestamp
  devicetrusttype
`),
  typical: names(`
  deviceid displayname iscompliant ismanaged operatingsystem operatingsystemversion accountenabled registrationdatetime
  enrollmenttype enrollmentprofilename managementtype isrooted deviceownership mdmappid
`),
  times: [...LAST_SIGN_IN, 'registrationdatetime'],
  map: mapEntraDevice,
};

function mapEntraDevice(reader: RecordReader): FeedLine[] {
  const system = reader.text('operatingsystem', 'deviceostype');
  const managed = reader.managed('ismanaged');
  const hasLeft =
    reader.has('removedreason') || reader.text('deleteddatetime') !== null || reader.isOfThePast;
  return [
    checkedLine(reader, {
      easIds: [],
      sourceId: guidOf(reader.text('id', 'objectid', 'deviceid')),
      // Who disabled it in the directory wants no access by it, whatever its management still says.
      managed: managed === true && reader.flag('accountenabled') === false ? false : managed,
      hasLeft,
      compliance: reader.compliance('iscompliant'),
      compromised: reader.compromised('isrooted'),
      systems: [system, reader.text('model')],
      os: system,
      osVersion: reader.text('operatingsystemversion', 'deviceosversion'),
      model: reader.text('model'),
      manufacturer: reader.text('manufacturer'),
      ownership: reader.text('deviceownership'),
      owners: [
        ...registeredOwners(reader.row.get('registeredowners')),
        ...registeredOwners(reader.row.get('usernames')),
      ],
      lastCheckIn: reader.time(...LAST_SIGN_IN),
      attributes: reader.attributes({
        deviceName: reader.text('displayname'),
        entraDeviceId: guidOf(reader.text('deviceid')),
        entraEnabled: reader.flag('accountenabled'),
        trustType: reader.text('trusttype', 'devicetrusttype'),
      }),
    }),
  ];
}

/** `$expand=registeredOwners`. */
function registeredOwners(owners: unknown): (string | null)[] {
  if (Array.isArray(owners)) return owners.map(principalName);
  // The portal's table has display names or user names there.
  return listOf(owners).map(addressName);
}

function principalName(owner: unknown): string | null {
  if (typeof owner !== 'object' || owner === null) return null;
  return userName(textOf(field(owner, 'userprincipalname')));
}

export const graphUsers: Mapping = {
  format: 'graph',
  kind: 'users of Graph',
  sure: names(`
  proxyaddresses onpremisessamaccountname onpremisesuserprincipalname usertype businessphones removedreason
  blockcredential
`),
  typical: names(`
  userprincipalname mail accountenabled givenname surname jobtitle displayname mailnickname
  preferredlanguage officelocation onpremisesdomainname othermails memberof transitivememberof
`),
  times: [],
  map: mapUser,
};

function mapUser(reader: RecordReader): FeedLine[] {
  // users/delta names a removed user by id alone.
  if (reader.has('removedreason'))
    return [reader.refused('the object was removed in Entra; the record has nothing but its id')];
  const upn = addressName(reader.text('userprincipalname', 'upn'));
  const mail = addressName(reader.text('mail', 'email', 'emailaddress'));
  const proxies = smtpAddresses(reader.list('proxyaddresses').concat(reader.list('emailaddresses')));
  const sam = reader.text('onpremisessamaccountname', 'samaccountname');
  const domain = reader.text('onpremisesnetbiosname', 'netbiosname', 'onpremisesdomainname');
  const names = distinct([
    upn,
    mail,
    ...proxies,
    addressName(reader.text('onpremisesuserprincipalname')),
    sam === null || domain === null ? null : userName(`${domain}\\${sam}`),
  ]);
  const [id, ...aliases] = names;
  if (id === undefined)
    return [reader.refused('the record names no user: no userPrincipalName, mail or proxyAddresses')];
  return [
    {
      type: 'user',
      line: reader.row.line,
      source: reader.options.source,
      id,
      aliases,
      groups: groupNames(reader.row.get('memberof') ?? reader.row.get('transitivememberof')),
      enabled: isEnabled(reader),
      sourceId: guidOf(reader.text('id', 'objectid')),
      attributes: reader.attributes({
        displayName: reader.text('displayname'),
        department: reader.text('department'),
        employeeType: reader.text('employeetype'),
        samAccountName: sam,
      }),
      observedAt: null,
      problems: reader.problems,
    },
  ];
}

/** A deleted account is in the directory's bin, with its last state. `enabled` is the column of Get-ADUser. */
function isEnabled(reader: RecordReader): boolean | null {
  if (reader.saysTime('deleteddatetime')) return false;
  return reader.flag('accountenabled', 'enabled') ?? not(reader.flag('blockcredential', 'signinblocked'));
}

function not(flag: boolean | null): boolean | null {
  return flag === null ? null : !flag;
}

/** `$expand=memberOf`: at most 20 come back, so a list of that length may be incomplete. */
function groupNames(groups: unknown): string[] | null {
  if (!Array.isArray(groups) || groups.length >= 20) return null;
  return groups.flatMap((group: unknown) => {
    if (typeof group !== 'object' || group === null) return [];
    const name = textOf(field(group, 'displayname'));
    return name === null ? [] : [name];
  });
}

export const graphGroups: Mapping = {
  format: 'graph',
  kind: 'groups of Graph',
  sure: ['grouptypes', 'securityenabled', 'mailenabled', 'membershiprule', 'securityidentifier'],
  typical: names('displayname members mailnickname description visibility transitivemembers'),
  times: [],
  map: mapGroup,
};

function mapGroup(reader: RecordReader): FeedLine[] {
  const id = reader.text('displayname', 'name');
  const members: unknown = reader.row.get('members') ?? reader.row.get('transitivemembers');
  if (id === null) return [reader.refused('the record names no group')];
  if (!Array.isArray(members))
    return [reader.refused(`the group "${id}" comes without members: export it with $expand=members`)];
  // $expand brings twenty members at most.
  if (members.length === 20)
    reader.problem('members', '20 members', 'are all that $expand brings: there may be more');
  return [
    {
      type: 'group',
      line: reader.row.line,
      source: reader.options.source,
      id,
      sourceId: guidOf(reader.text('id')),
      members: distinct(members.map(principalName)),
      problems: reader.problems,
    },
  ];
}
