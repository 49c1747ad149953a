// Owns the mapping of our own fields: what `easgate import --print` writes, as JSON lines or as columns of a table, and the names that
// people give the same things in tables of their own. Pure.
import { addressBesideName, distinct, idsIn, isGuid, userName } from '../identities.ts';
import { checkedLine } from '../denials.ts';
import { decisionLine } from '../mapping.ts';
import type { FormatName } from '../format-names.ts';
import type { Mapping, RecordReader } from '../mapping.ts';
import type { Attributes, FeedLine } from '../record.ts';
import { namesOf, wordOf } from '../row.ts';
import { complianceInWords, complianceOf, flagOf, managedOf, ownershipOf } from '../values.ts';
import { MANAGEMENT, NON_COMPLIANT, NOT_LEFT, OPEN } from '../words.ts';
import { meansLeft, saysNonCompliant } from '../several-columns.ts';
import type { Compliance } from '../words.ts';
import { CHECK_INS, EAS_IDS, SERIALS } from '../usual-names.ts';
import { meanings, names } from '../word-lists.ts';

const TIMES = [...CHECK_INS, ...names('graceuntil observedat decidedat expiresat')];
const OWNERS = names(`
  owner upn userprincipalname user username email mail emailaddress owneremail useremail primaryuser
  assigneduser login
`);
const DEVICE_IDS = names('id devicekey deviceid');
/** easgate's own name for the id. In other tables it has the name of the phone, which its user chooses. */
const DEVICE = 'device';
/** The number of a row at its source. Exchange ActiveSync ids have letters, or more digits. */
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

/**
 * The type of a record. Other tables have the kind of the phone there: `iPhone`.
 * Threat: a phone that sends `User` as its device type (MS-ASHTTP 2.2.1.1.1.1.3), so that its own row is not read as a device, or enables an account.
 */
function typeOf(reader: RecordReader): string {
  const type = wordOf(reader.text('type') ?? 'device');
  const isOther = TYPES.has(type)
    ? (type === 'decision' ? STATE_NAMES : ONLY_DEVICES).some((name) => reader.text(name) !== null)
    : OF_DEVICES.some((name) => reader.row.has(name));
  return isOther ? 'device' : type;
}

function mapDevice(reader: RecordReader): FeedLine {
  // The columns of a table are looked up once.
  const of = (listed: readonly string[]): readonly string[] => namesOf(reader.row, listed);
  const { easIds, sourceId } = idsOf(reader);
  const managed = isDenied(reader) ? false : reader.managed(...of(MANAGED));
  const left = saysLeft(reader);
  const mayHaveLeft = left === null;
  const compliance = complianceIn(reader);
  return checkedLine(reader, {
    easIds: [...easIds, ...reader.list('otherids')],
    sourceId: reader.text('sourceid') ?? sourceId,
    serial: reader.text(...of(SERIALS)),
    udid: reader.text('udid'),
    imei: reader.text('imei'),
    managed: mayHaveLeft && managed === true ? null : managed,
    hasLeft: left === true,
    compliance: {
      compliant: mayHaveLeft && compliance.compliant === true ? null : compliance.compliant,
      inGrace: compliance.inGrace || reader.saysTime('graceuntil'),
    },
    graceUntil: reader.endOfGrace('graceuntil'),
    encrypted: reader.encrypted(...of(ENCRYPTED)),
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

const SYSTEMS = names('os operatingsystem osname');
const COMPROMISED = names(`
  compromised jailbroken rooted iscompromised isjailbroken isrooted jailbrokenrooted jailbreakstatus compromisedstatus
  devicecompromised devicecompromisedstatus
`);
const ENCRYPTED = names('encrypted isencrypted encryption encryptionstatus deviceencryptionstatus');
const MANAGED = names(
  'managed ismanaged enrolled isenrolled mdmmanaged managedstatus managementstatus enrollmentstatus',
);

/** Columns of states of other products. Here they only deny; those in MANAGED also say whether the device is managed. */
const STATES = names(`
  status state devicestatus devicestate managedstatus managementstatus managementstate enrollmentstatus enrollmentstate
  registrationstatus registrationstate
`);
/** Columns that are yes or no, or have a time. */
const ENDINGS = names(`
  removed retired wiped selectivelywiped unenrolled deleted isremoved isretired iswiped isunenrolled isdeleted
  archived isarchived intrash deletedat deletedon deleteddate deleteddatetime
`);

/** Whether a column of another product says that the device left its management; null = it may say so. */
function saysLeft(reader: RecordReader): boolean | null {
  if (namesOf(reader.row, STATES).some((name) => meansLeft(reader.text(name) ?? ''))) return true;
  let left: boolean | null = false;
  for (const name of namesOf(reader.row, ENDINGS)) {
    const text = reader.text(name);
    const said = flagOf(text);
    if (said === true) return true;
    if (NOT_LEFT.test(wordOf(text ?? ''))) continue;
    // A word that is not understood, such as a date, may say that it left; `pending` and `unknown` leave it open.
    if (said === undefined ? reader.saysTime(name) : OPEN.has(wordOf(text ?? ''))) {
      reader.flag(name);
      left = null;
    }
  }
  return left;
}

/** What a source does about a device that does not comply. */
const RESTRICTED: ReadonlySet<string> = new Set(
  names('quarantined quarantine inquarantine blocked accessblocked'),
);

/** Whether a state says in so many words that the device does not comply; its no, or a number, is about something else. */
function isRestricted(reader: RecordReader): boolean {
  return namesOf(reader.row, STATES).some((name) => {
    const word = wordOf(reader.text(name) ?? '');
    return RESTRICTED.has(word) || saysNonCompliant(word);
  });
}

/** Whether any column says that the device is not in device management. */
function isDenied(reader: RecordReader): boolean {
  return (
    namesOf(reader.row, MANAGED).some((name) => managedOf(reader.text(name)) === false) ||
    namesOf(reader.row, STATES).some((name) => MANAGEMENT.get(wordOf(reader.text(name) ?? '')) === false)
  );
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
  const device = reader.text(DEVICE);
  if (EAS_IDS.some((name) => reader.row.has(name)))
    return { easIds: idsIn(reader.text(...EAS_IDS)), sourceId: written[0] ?? device };
  // Threat: a user gives a managed phone the id of another phone as its name, so that the other one counts as managed.
  if (!OTHER_NAMES.some((name) => reader.row.has(name))) return { easIds: idsIn(device), sourceId: null };
  const isOfSource = (text: string): boolean => isGuid(text) || isRowNumber(reader, text, written);
  const id = written.find((text) => !isOfSource(text));
  return { easIds: idsIn(id ?? null), sourceId: written.find(isOfSource) ?? null };
}

/** Columns beside which `device` is not the id. */
const OTHER_NAMES = [...DEVICE_IDS, ...SERIALS, 'udid', 'imei'];

/**
 * Whether a short number is that of a row, not a device id: another id is beside it, or a serial number, UDID or IMEI. Beside the latter a text
 * in JSON is still the id.
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
  const written = namesOf(reader.row, OWNERS)
    .map((name) => reader.text(name))
    .filter((name) => name !== null && propertyIn(name) === null);
  // Threat: a display name, which its user may choose, with the address of another user. Beside another name of the user it is ignored.
  const bare = written.filter((name) => addressBesideName(name) === name);
  const owners = (bare.length > 0 ? bare : written.map(addressBesideName)).filter((name) => name !== null);
  return [...owners.filter(hasDomain), ...owners.filter((name) => !hasDomain(name))];
}

function hasDomain(name: string): boolean {
  return /[@\\]/.test(name);
}

/** A column `Owner` may say whose property the device is: `Company`. A shorter word, such as `C` or `1`, may be a user. */
function propertyIn(owner: string | null): string | null {
  if (owner === null || owner.length < SHORTEST_PROPERTY || hasDomain(owner)) return null;
  return ownershipOf(owner) === 'unknown' ? null : owner;
}

const SHORTEST_PROPERTY = 4;

/** `compliant` is yes or no, so that its only numbers are 1 and 0; a state may be a number of Graph. */
function complianceIn(reader: RecordReader): Compliance {
  if (isRestricted(reader)) return NON_COMPLIANT;
  const said = reader.complianceBy(namesOf(reader.row, COMPLIANCE), (text, name) => {
    if (!YES_OR_NO.has(name) || text === '1') return complianceOf(text);
    return text === '0' ? NON_COMPLIANT : complianceInWords(text);
  });
  return reader.unlessDenied(said, namesOf(reader.row, NON_COMPLIANCE));
}

const COMPLIANCE = names(
  'compliant compliance iscompliant compliancestate compliancestatus policycompliancestate',
);
/** Columns that say the opposite, also by what the source did about it. Their no says nothing of other requirements. */
const NON_COMPLIANCE = names(`
  noncompliant notcompliant isnoncompliant outofcompliance quarantined isquarantined blocked isblocked
`);
const YES_OR_NO: ReadonlySet<string> = new Set(['compliant', 'iscompliant']);

/** Columns that records of decisions and of users do not have; those of users have no id of a device either. */
const STATE_NAMES = [...MANAGED, ...COMPLIANCE, ...SYSTEMS, ...SERIALS, 'osversion', 'platform'];
const ONLY_DEVICES = [...STATE_NAMES, ...EAS_IDS];
const OF_DEVICES = [...STATE_NAMES, ...CHECK_INS];
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
  const isNamed = EAS_IDS.some((name) => reader.row.has(name));
  const device = reader.text('spelling', ...(isNamed ? EAS_IDS : [DEVICE, 'deviceid', 'id']));
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
