// Owns the mapping of our own fields: what `easgate import --print` writes, as JSON lines or as columns of a table, and the names that
// people give the same things in tables of their own. Pure.
import { addressBesideName, distinct, idsIn, isGuid, userName } from '../identities.ts';
import { decisionLine, deviceLine } from '../mapping.ts';
import type { FormatName } from '../format-names.ts';
import type { Mapping, RecordReader } from '../mapping.ts';
import type { Attributes, FeedLine } from '../record.ts';
import { namesOf, wordOf } from '../row.ts';
import { complianceInWords, complianceOf, flagOf, ownershipOf } from '../values.ts';
import { YES } from '../words.ts';
import type { Compliance } from '../words.ts';
import { meanings, names } from '../word-lists.ts';

const CHECK_INS = names(`
  lastcheckin lastcontact lastseen lastsync lastsuccesssync lastcontacted lastcontactedtime lastcheckintime lastconnected
  lastsynchronization lastsynchronized lastsynctime lastaccess lastactive
`);
const TIMES = [...CHECK_INS, ...names('graceuntil observedat decidedat expiresat')];
const OWNERS = names(`
  owner upn userprincipalname user username email mail emailaddress owneremail useremail primaryuser
  assigneduser login
`);
/** Names of columns that say which id they hold. Beside one of them, the other names hold ids of the source. */
export const EAS_IDS = names(`
  easid easdeviceid easdeviceidentifier easidentifier easactivationid activesyncid activesyncdeviceid activesyncidentifier
  exchangedeviceid exchangeid exchangeactivesyncid exchangeactivesyncdeviceid exchangeactivesyncdeviceidentifier
`);
const DEVICE_IDS = names('id devicekey deviceid device');
/** A number of the row at its source. Exchange ActiveSync ids have letters, or more digits. */
const SHORT_NUMBER = /^\d{1,9}$/;

function own(format: FormatName, kind: string): Mapping {
  return {
    format,
    kind,
    sure: names(`
    managedmailprofile graceuntil unmetrequirements idfromserial ownernames otherids
  `),
    typical: names(`
    type id managed compliant device encrypted compromised platform osversion model ownership owner lastcheckin
    serialnumber action aliases enabled scope spelling sourceid observedat
  `),
    times: TIMES,
    map: mapRecord,
  };
}

export const ownTable = own('csv', 'table with the fields of easgate');
export const ownLines = own('ndjson', 'records with the fields of easgate');

function mapRecord(reader: RecordReader): FeedLine[] {
  const type = typeOf(reader);
  if (type === 'device') return [mapDevice(reader)];
  if (type === 'user') return [mapUser(reader)];
  if (type === 'decision') return [mapDecision(reader)];
  if (type === 'refused') return [reader.refused(reader.text('reason') ?? 'it was refused before')];
  return [reader.refused(`the type "${type.slice(0, 30)}" is none of device, user, decision`)];
}

/** The type of a record. Other tables have the kind of the phone there: `iPhone`. */
function typeOf(reader: RecordReader): string {
  const type = wordOf(reader.text('type') ?? 'device');
  const isOther = !TYPES.has(type) && OF_DEVICES.some((name) => reader.row.has(name));
  return isOther ? 'device' : type;
}

function mapDevice(reader: RecordReader): FeedLine {
  // Of a table the columns are found once.
  const of = (listed: readonly string[]): readonly string[] => namesOf(reader.row, listed);
  const { easIds, sourceId } = idsOf(reader);
  const managed = reader.managed(...of(MANAGED));
  const removed = reader.flag('removed');
  // A word that is not understood, such as a date, may say that it left.
  const mayHaveLeft = removed === null && flagOf(reader.text('removed')) === undefined;
  const compliance = complianceIn(reader);
  return deviceLine(reader, {
    easIds: [...easIds, ...reader.list('otherids')],
    sourceId: reader.text('sourceid') ?? sourceId,
    serial: reader.text(...of(SERIALS)),
    udid: reader.text('udid'),
    imei: reader.text('imei'),
    managed: mayHaveLeft && managed === true ? null : managed,
    hasLeft: removed === true || saysLeft(reader),
    compliance: {
      compliant: mayHaveLeft && compliance.compliant === true ? null : compliance.compliant,
      inGrace: reader.text('graceuntil') !== null,
    },
    graceUntil: reader.endOfGrace('graceuntil'),
    encrypted: reader.encrypted('encrypted', 'isencrypted', 'encryption', 'encryptionstatus'),
    compromised: reader.compromised(...of(COMPROMISED)),
    managedMailProfile: reader.flag('managedmailprofile'),
    systems: [
      reader.text('platform', 'deviceplatform', 'platformtype', 'platformname'),
      reader.text(...SYSTEMS),
      reader.text('type'),
    ],
    os: reader.text(...SYSTEMS),
    osVersion: reader.text('osversion', 'operatingsystemversion', 'platformversion'),
    model: reader.text('model', 'devicemodel', 'systemmodel'),
    manufacturer: reader.text('manufacturer', 'vendor', 'make'),
    ownership:
      reader.text('ownership', 'ownertype', 'deviceownership', 'ownedby') ?? propertyIn(reader.text('owner')),
    owners: [...ownersOf(reader), ...reader.list('ownernames')],
    lastCheckIn: reader.time(...of(CHECK_INS)),
    unmetRequirements: phrases(reader, 'unmetrequirements'),
    attributes: attributesOf(reader),
    observedAt: reader.time('observedat'),
  });
}

const SERIALS = names('serialnumber serial serialno hardwareserialnumber deviceserialnumber');
const SYSTEMS = names('os operatingsystem osname');
const COMPROMISED = names(`
  compromised jailbroken rooted iscompromised isjailbroken isrooted jailbrokenrooted jailbreakstatus compromisedstatus
`);
const MANAGED = names(
  'managed ismanaged enrolled isenrolled managedstatus managementstatus enrollmentstatus',
);

/** Columns of states, of whatever a product calls so. They only ever deny: what else they say is not known here. */
const STATES = names(`
  status state devicestatus devicestate managedstatus managementstatus managementstate enrollmentstatus enrollmentstate
  registrationstatus registrationstate
`);
/** Columns that are yes or no. */
const ENDINGS = names('retired wiped selectivelywiped unenrolled deleted');
const LEFT: ReadonlySet<string> = new Set(
  names(`
  retired retirepending retireissued retiresent wiped wipepending wipeissued wipesent wiperequested wipeinprogress
  enterprisewiped corporatewiped devicewiped selectivelywiped accountwiped accountwiping unenrolled deleted deletepending removed
  removalpending decommissioned
`),
);

/** Whether a column of another product says that the device left its management. */
function saysLeft(reader: RecordReader): boolean {
  if (namesOf(reader.row, STATES).some((name) => LEFT.has(wordOf(reader.text(name) ?? '')))) return true;
  return namesOf(reader.row, ENDINGS).some((name) => YES.has(wordOf(reader.text(name) ?? '')));
}

/** The ids of a record for Exchange ActiveSync, and its id at its source. */
function idsOf(reader: RecordReader): {
  readonly easIds: readonly string[];
  readonly sourceId: string | null;
} {
  // The spelling is a fact; both have the same key.
  const spelling = reader.text('spelling');
  if (spelling !== null) return { easIds: [spelling], sourceId: null };
  const written = namesOf(reader.row, DEVICE_IDS)
    .map((name) => reader.text(name))
    .filter((text) => text !== null);
  const eas = namesOf(reader.row, EAS_IDS);
  if (eas.some((name) => reader.row.has(name)))
    return { easIds: idsIn(reader.text(...eas)), sourceId: written[0] ?? null };
  const isOfSource = (text: string): boolean => isGuid(text) || isRowNumber(reader, text, written);
  const id = written.find((text) => !isOfSource(text));
  return { easIds: idsIn(id ?? null), sourceId: written.find(isOfSource) ?? null };
}

/**
 * Whether a short number names a row: another id stands beside it, or another name of the device where it is a cell or a number. A text in JSON
 * is what the record calls its id.
 */
function isRowNumber(reader: RecordReader, text: string, written: readonly string[]): boolean {
  if (!SHORT_NUMBER.test(text)) return false;
  const isText = reader.row.columns === undefined && typeof reader.row.get('id') === 'string';
  return (
    written.some((other) => !SHORT_NUMBER.test(other) && !isGuid(other)) ||
    (!isText && reader.text(...SERIALS, 'udid', 'imei') !== null)
  );
}

/** Names with a domain and addresses come first, then bare names. */
function ownersOf(reader: RecordReader): string[] {
  const owners = namesOf(reader.row, OWNERS)
    .map((name) => addressBesideName(reader.text(name)))
    .filter((name) => name !== null)
    .filter((name) => propertyIn(name) === null);
  return [...owners.filter(hasDomain), ...owners.filter((name) => !hasDomain(name))];
}

function hasDomain(name: string): boolean {
  return /[@\\]/.test(name);
}

/** A column `Owner` may say whose property the device is: `Company`. A letter or a digit may be a user. */
function propertyIn(owner: string | null): string | null {
  if (owner === null || owner.length < SHORTEST_PROPERTY || hasDomain(owner)) return null;
  return ownershipOf(owner) === 'unknown' ? null : owner;
}

const SHORTEST_PROPERTY = 4;

/** `compliant` is yes or no, so that its only numbers are 1 and 0; a state may be a number of Graph. */
function complianceIn(reader: RecordReader): Compliance {
  if (reader.flag(...namesOf(reader.row, NON_COMPLIANCE)) === true) return NON_COMPLIANT;
  return reader.complianceBy(namesOf(reader.row, COMPLIANCE), (text, name) => {
    if (!YES_OR_NO.has(name) || text === '1') return complianceOf(text);
    return text === '0' ? NON_COMPLIANT : complianceInWords(text);
  });
}

const COMPLIANCE = names(
  'compliant compliance iscompliant compliancestate compliancestatus policycompliancestate',
);
/** Columns that say the opposite. Their no says nothing of other requirements. */
const NON_COMPLIANCE = names('noncompliant isnoncompliant outofcompliance');
const YES_OR_NO: ReadonlySet<string> = new Set(['compliant', 'iscompliant']);
const NON_COMPLIANT: Compliance = { compliant: false, inGrace: false };

const OF_DEVICES = [...MANAGED, ...COMPLIANCE, ...CHECK_INS, ...SYSTEMS, ...SERIALS, 'osversion', 'platform'];
const TYPES: ReadonlySet<string> = new Set(names('device user group decision refused'));

/** In a table: separated by `;`, since requirements and groups may have spaces and commas. */
function phrases(reader: RecordReader, name: string): string[] {
  const value: unknown = reader.row.get(name);
  if (Array.isArray(value)) return reader.list(name);
  const text = reader.text(name);
  return text === null
    ? []
    : text
        .split(';')
        .map((one) => one.trim())
        .filter((one) => one !== '');
}

function attributesOf(reader: RecordReader): Attributes {
  const value: unknown = reader.row.get('attributes');
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return {};
  const attributes: Attributes = {};
  for (const [name, one] of Object.entries(value))
    if (typeof one === 'string' || typeof one === 'number' || typeof one === 'boolean')
      attributes[name] = one;
  return attributes;
}

function mapUser(reader: RecordReader): FeedLine {
  const names = distinct([
    userName(reader.text('id', 'user', 'name', 'upn', 'userprincipalname')),
    ...reader.list('aliases').map(userName),
  ]);
  const [id, ...aliases] = names;
  if (id === undefined) return reader.refused('the record names no user');
  return {
    type: 'user',
    line: reader.row.line,
    source: reader.options.source,
    id,
    aliases,
    groups: reader.has('groups') ? phrases(reader, 'groups') : null,
    enabled: reader.flag('enabled', 'accountenabled'),
    sourceId: reader.text('sourceid'),
    attributes: attributesOf(reader),
    observedAt: reader.time('observedat'),
    problems: reader.problems,
  };
}

const ACTIONS = meanings<'allow' | 'block' | 'quarantine'>(
  ['allow', 'allow allowed'],
  ['block', 'block blocked'],
  ['quarantine', 'quarantine quarantined'],
);

function mapDecision(reader: RecordReader): FeedLine {
  const device = reader.text('spelling', 'device', ...EAS_IDS, 'deviceid', 'id');
  const action = ACTIONS.get(wordOf(reader.text('action') ?? ''));
  // A wipe is ordered by an operator, never by a file.
  if (action === undefined) return reader.refused('the action is none of allow, block, quarantine');
  if (device === null) return reader.refused('the record names no device');
  const user = reader.text('user', 'owner', 'upn');
  const name = userName(user);
  if (user !== null && name === null) return reader.refused(`"${user.slice(0, 60)}" is no user name`);
  const line = decisionLine(reader, {
    device,
    action,
    user: name,
    reason: reader.text('reason') ?? 'imported',
  });
  if (line === null) return reader.refused('the record names no device');
  if (line.type === 'refused') return line;
  return {
    ...line,
    by: reader.text('by'),
    decidedAt: reader.time('decidedat'),
    expiresAt: reader.time('expiresat'),
    problems: reader.problems,
  };
}
