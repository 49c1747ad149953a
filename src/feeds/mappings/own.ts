// Owns the mapping of our own fields: what `easgate import --print` writes, as JSON lines or as columns of a table, and the names that
// people give the same things in tables of their own. Pure.
import { distinct, userName } from '../identities.ts';
import { decisionLine, deviceLine } from '../mapping.ts';
import type { FormatName } from '../format-names.ts';
import type { Mapping, RecordReader } from '../mapping.ts';
import type { Attributes, FeedLine } from '../record.ts';
import { wordOf } from '../row.ts';
import { complianceInWords, complianceOf } from '../values.ts';
import type { Compliance } from '../words.ts';
import { meanings, names } from '../word-lists.ts';

const TIMES = names(`
  lastcheckin lastcontact lastseen lastsync lastsuccesssync graceuntil observedat decidedat expiresat
`);
const OWNERS = names(`
  owner upn userprincipalname user username email mail emailaddress owneremail useremail primaryuser
  assigneduser login
`);
const DEVICE_IDS = names(`
  id deviceid device devicekey easid easdeviceid easdeviceidentifier activesyncid activesyncdeviceid
  exchangedeviceid easidentifier activesyncidentifier spelling
`);
/** An id of the source where one of Exchange ActiveSync should be: a GUID. */
const GUID = /^\{?[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\}?$/i;

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
  const type = wordOf(reader.text('type') ?? 'device');
  if (type === 'device') return [mapDevice(reader)];
  if (type === 'user') return [mapUser(reader)];
  if (type === 'decision') return [mapDecision(reader)];
  if (type === 'refused') return [reader.refused(reader.text('reason') ?? 'it was refused before')];
  return [reader.refused(`the type "${type.slice(0, 30)}" is none of device, user, decision`)];
}

function mapDevice(reader: RecordReader): FeedLine {
  const id = reader.text(...DEVICE_IDS);
  const isGuid = id !== null && GUID.test(id);
  const managed = reader.managed('managed', 'ismanaged', 'enrolled');
  return deviceLine(reader, {
    // The spelling is a fact; both have the same key.
    easIds: [
      isGuid ? reader.text('easid', 'easdeviceid', 'exchangedeviceid') : (reader.text('spelling') ?? id),
      ...reader.list('otherids'),
    ],
    sourceId: reader.text('sourceid') ?? (isGuid ? id : null),
    serial: reader.text('serialnumber', 'serial', 'serialno'),
    udid: reader.text('udid'),
    imei: reader.text('imei'),
    managed,
    hasLeft: reader.flag('removed') === true,
    compliance: {
      ...complianceIn(reader),
      inGrace: reader.text('graceuntil') !== null,
    },
    graceUntil: reader.endOfGrace('graceuntil'),
    encrypted: reader.encrypted('encrypted', 'isencrypted'),
    compromised: reader.compromised('compromised', 'jailbroken', 'rooted', 'iscompromised'),
    managedMailProfile: reader.flag('managedmailprofile'),
    systems: [reader.text('platform'), reader.text('os', 'operatingsystem')],
    os: reader.text('os', 'operatingsystem'),
    osVersion: reader.text('osversion'),
    model: reader.text('model', 'devicemodel'),
    manufacturer: reader.text('manufacturer', 'vendor', 'make'),
    ownership: reader.text('ownership', 'ownertype'),
    owners: [reader.text(...OWNERS), ...reader.list('ownernames')],
    lastCheckIn: reader.time('lastcheckin', 'lastcontact', 'lastseen', 'lastsync', 'lastsuccesssync'),
    unmetRequirements: phrases(reader, 'unmetrequirements'),
    attributes: attributesOf(reader),
    observedAt: reader.time('observedat'),
  });
}

/** `compliant` is yes or no, so that its only numbers are 1 and 0; a state may be a number of Graph. */
function complianceIn(reader: RecordReader): Compliance {
  return reader.complianceBy(COMPLIANCE, (text, name) => {
    if (!YES_OR_NO.has(name) || text === '1') return complianceOf(text);
    return text === '0' ? NON_COMPLIANT : complianceInWords(text);
  });
}

const COMPLIANCE = ['compliant', 'compliance', 'iscompliant', 'compliancestate', 'compliancestatus'];
const YES_OR_NO: ReadonlySet<string> = new Set(['compliant', 'iscompliant']);
const NON_COMPLIANT: Compliance = { compliant: false, inGrace: false };

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
  const device = reader.text('spelling', 'device', 'deviceid', 'id');
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
