// Owns the mappings of Exchange: Get-MobileDevice, Get-MobileDeviceStatistics, Get-ActiveSyncDevice, Get-CASMailbox and reports made of
// them, by Export-Csv, ConvertTo-Json, Export-Clixml or Format-List. Pure.
// Exchange lists phones and access decisions, but manages no devices: managed and compliant stay unknown. `IsManaged` and `IsCompliant` are
// false there unless Intune is connected, so they are no more than attributes.
// @see https://learn.microsoft.com/powershell/module/exchange/get-mobiledevice
// @see https://learn.microsoft.com/powershell/module/exchange/get-casmailbox (ActiveSyncAllowedDeviceIDs, ActiveSyncBlockedDeviceIDs)
import { addressName, distinct, smtpAddresses, userName } from '../identities.ts';
import { decisionLine, deviceLine } from '../mapping.ts';
import type { Mapping, RecordReader } from '../mapping.ts';
import type { DecisionLine, FeedLine, RefusedLine, UserLine } from '../record.ts';
import { wordOf } from '../row.ts';
import { pick, textOf } from '../values.ts';
import { meanings, names } from '../word-lists.ts';

const LAST_SYNC = names(
  'lastsuccesssync lastsuccesssynctime lastsuccessfulsync lastsuccessfulsynctime lastsync lastsynctime lastsyncdate',
);
const LAST_ATTEMPT = 'lastsyncattempttime';

export const exchangeDevices: Mapping = {
  format: 'exchange',
  kind: 'mobile devices of Exchange',
  sure: names(`
  deviceaccessstate deviceuseragent deviceaccessstatereason deviceaccesscontrolrule lastsuccesssync lastpolicyupdatetime
  devicewipeacktime deviceactivesyncversion devicepolicyapplied
`),
  typical: names(`
  deviceid devicetype devicemodel deviceos devicefriendlyname deviceimei firstsynctime
  clienttype clientversion userdisplayname friendlyname deviceoslanguage lastsyncattempttime
  numberoffolderssynced devicemobileoperator devicetelephonenumber
`),
  times: [...LAST_SYNC, LAST_ATTEMPT, 'firstsynctime', 'whencreated'],
  map: mapDevice,
};

export const exchangeMailboxes: Mapping = {
  format: 'exchange',
  kind: 'mailboxes of Exchange (Get-CASMailbox)',
  sure: [
    'activesyncalloweddeviceids',
    'activesyncblockeddeviceids',
    'activesyncmailboxpolicy',
    'hasactivesyncdevicepartnership',
    'activesyncenabled',
  ],
  typical: names(`
  owaenabled popenabled imapenabled mapienabled primarysmtpaddress samaccountname displayname
  emailaddresses userprincipalname ewsenabled legacyexchangedn servername
`),
  times: [...LAST_SYNC, LAST_ATTEMPT, 'firstsynctime', 'whencreated'],
  map: (reader) => (deviceIdOf(reader) === null ? mapMailbox(reader) : mapDevice(reader)),
};

/** DeviceAccessState, and its numbers as ConvertTo-Json writes enumerations. */
const STATES = meanings<'allow' | 'block' | 'quarantine'>(
  ['allow', 'allowed 1'],
  ['block', 'blocked 2'],
  ['quarantine', 'quarantined 3'],
);
/** DeviceAccessStateReason: somebody decided for this device of this user (2 = Individual). */
const INDIVIDUAL = new Set(['individual', '2']);

/** The id of the device of a row; null = none. */
function deviceIdOf(reader: RecordReader): string | null {
  const written = reader.text('deviceid', 'deviceidentity', 'easdeviceid');
  return idInIdentity(written ?? reader.text('identity', 'identityrawidentity')) ?? written;
}

/**
 * The id in the name of a device object, `contoso.com/Users/Alice/ExchangeActiveSyncDevices/iPhone§ApplXYZ`, and before Exchange 2010
 * `alice\AirSync-iPhone-ApplXYZ`: scripts export the identity in place of the id. `§` is another character where an export lost it. A space is
 * none: it may be a line end within the id. Null = it is no such name.
 */
function idInIdentity(written: string | null): string | null {
  const [, name] = written?.split(IN_MAILBOX) ?? [];
  return /[^A-Za-z0-9\s]([A-Za-z0-9]+)$/.exec(name ?? '')?.[1] ?? null;
}

const IN_MAILBOX = /[\\/](?:ExchangeActiveSync|MobileSync)Devices[\\/]|\\(?=AirSync-)/;

function mapDevice(reader: RecordReader): FeedLine[] {
  const deviceId = deviceIdOf(reader);
  if (isMailbox(reader) && deviceId === null) return mapMailbox(reader);
  const user = ownerOf(reader);
  const os = reader.text('deviceos', 'os');
  const lines: FeedLine[] = [
    deviceLine(reader, {
      easIds: [deviceId],
      sourceId: reader.text('guid', 'deviceguid'),
      imei: reader.text('deviceimei', 'imei'),
      hasLeft: isWiped(reader),
      systems: [os, reader.text('devicetype'), reader.text('devicemodel'), reader.text('deviceuseragent')],
      os,
      model: reader.text('devicemodel', 'model'),
      owners: [user, ...ownerNames(reader)],
      lastCheckIn: reader.time(...LAST_SYNC),
      attributes: reader.attributes({
        deviceName: reader.text('devicefriendlyname', 'friendlyname'),
        deviceType: reader.text('devicetype'),
        userAgent: reader.text('deviceuseragent'),
        clientType: reader.text('clienttype'),
        protocolVersion: reader.text('deviceactivesyncversion', 'clientversion'),
        userDisplayName: reader.text('userdisplayname', 'displayname'),
        accessState: wordOfNumber(reader.text('deviceaccessstate'), STATE_WORDS),
        accessReason: wordOfNumber(reader.text('deviceaccessstatereason'), REASON_WORDS),
        accessRule: reader.text('deviceaccesscontrolrule'),
        status: reader.text('status'),
        firstSync: reader.time('firstsynctime', 'whencreated'),
        lastAttempt: reader.time(LAST_ATTEMPT),
        exchangeManaged: reader.flag('ismanaged'),
        exchangeCompliant: reader.flag('iscompliant'),
      }),
    }),
  ];
  const [device] = lines;
  // A row without a usable device id is refused as a whole.
  if (device?.type !== 'device' || device.id === null)
    return [
      reader.refused(
        device?.type === 'refused' ? device.reason : 'the row has no DeviceId, and no Identity of a device',
      ),
    ];
  if (isMailbox(reader)) return [...lines, ...mapMailbox(reader)];
  return [...lines, ...individual(reader, user)];
}

/** Times of wipes. They show a wipe where an export has no column for its state. */
const WIPES = ['devicewipe', 'accountonlydevicewipe'].flatMap((wipe) =>
  ['requesttime', 'senttime', 'acktime'].map((time) => wipe + time),
);

/** A device with a finished or pending wipe counts as removed; the wipe itself stays with Exchange. */
function isWiped(reader: RecordReader): boolean {
  const status = reader.text('status', 'devicestatus', 'deviceremotewipestatus', 'remotewipestatus');
  if (status !== null)
    return /wipe(?:pending|requested|issued|sent|succeeded|ack|completed)/.test(wordOf(status));
  return WIPES.some((name) => reader.saysTime(name));
}

/** Names of the numbers that ConvertTo-Json writes: DeviceAccessState and DeviceAccessStateReason of Exchange, from 0. */
const STATE_WORDS = ['Unknown', 'Allowed', 'Blocked', 'Quarantined', 'DeviceDiscovery'];
const REASON_WORDS = ['Unknown', 'Global', 'Individual', 'DeviceRule', 'Upgrade', 'Policy'];

function wordOfNumber(text: string | null, words: readonly string[]): string | null {
  return text === null || !/^\d$/.test(text) ? text : (words[Number(text)] ?? text);
}

/** The decision in the row of a device, if somebody took one. */
function individual(reader: RecordReader, user: string | null): (DecisionLine | RefusedLine)[] {
  const action = STATES.get(wordOf(reader.text('deviceaccessstate') ?? ''));
  const device = deviceIdOf(reader);
  if (action === undefined || device === null) return [];
  if (!INDIVIDUAL.has(wordOf(reader.text('deviceaccessstatereason') ?? ''))) return [];
  const line = decisionLine(reader, { device, action, user, reason: 'DeviceAccessState Individual' });
  return line === null ? [] : [line];
}

/** Whether the record has columns of Get-CASMailbox. */
function isMailbox(reader: RecordReader): boolean {
  return reader.has('activesyncalloweddeviceids', 'activesyncblockeddeviceids');
}

const LISTS = [
  ['activesyncalloweddeviceids', 'allow', 'ActiveSyncAllowedDeviceIDs'],
  ['activesyncblockeddeviceids', 'block', 'ActiveSyncBlockedDeviceIDs'],
] as const;

function mapMailbox(reader: RecordReader): FeedLine[] {
  const names = distinct([ownerOf(reader), ...ownerNames(reader)]);
  const [id, ...aliases] = names;
  const lines: FeedLine[] = LISTS.flatMap(([column, action, reason]) =>
    reader
      .list(column)
      .flatMap((device) => decisionLine(reader, { device, action, user: id ?? null, reason }) ?? []),
  );
  const listed = new Set(
    lines.map((line) => (line.type === 'decision' ? `${line.action} ${line.device}` : '')),
  );
  // The row of a device repeats the entries of the lists.
  for (const line of individual(reader, id ?? null))
    if (line.type !== 'decision' || !listed.has(`${line.action} ${line.device}`)) lines.push(line);
  if (id === undefined)
    return lines.length > 0
      ? lines
      : [
          reader.refused(
            'the row names no mailbox: no PrimarySmtpAddress, UserPrincipalName or SamAccountName',
          ),
        ];
  const user: UserLine = {
    type: 'user',
    line: reader.row.line,
    source: reader.options.source,
    id,
    aliases,
    groups: null,
    // ActiveSync that is switched off counts as a disabled account. Switched on, it does not prove that the account is enabled.
    enabled: disabled(reader) ? false : null,
    sourceId: reader.text('externaldirectoryobjectid', 'guid'),
    attributes: reader.attributes({
      displayName: reader.text('displayname'),
      samAccountName: reader.text('samaccountname'),
      activeSyncEnabled: reader.flag('activesyncenabled'),
      activeSyncPolicy: reader.text('activesyncmailboxpolicy'),
    }),
    observedAt: null,
    problems: reader.problems,
  };
  return [user, ...lines];
}

function disabled(reader: RecordReader): boolean {
  return reader.flag('activesyncenabled') === false || reader.flag('accountdisabled') === true;
}

/** Columns that name a mailbox by an address. `Mailbox` and `User` only where they hold one. */
const ADDRESSES = names(`
  userprincipalname upn mailboxuserprincipalname primarysmtpaddress mailboxprimarysmtpaddress
  primarysmtpaddressaddress windowsliveid microsoftonlineservicesid windowsemailaddress emailaddress
  useremailaddress useremail email mail userupn mailboxupn userprimarysmtpaddress smtpaddress smtp mailboxsmtp
  mailboxemail mailboxaddress usermail
  mailbox usermailbox mailboxowner mailboxuser user owner username userid userdisplayname alias
`);
/** How many of the first ones hold nothing but addresses. */
const ADDRESS_ONLY_COUNT = ADDRESSES.indexOf('mailbox');

function ownerOf(reader: RecordReader): string | null {
  for (const name of ADDRESSES) {
    const address = addressName(pick(reader.row, [name]));
    if (address !== null) return address;
  }
  return (
    addressOfIdentity(reader.text('identity', 'identityrawidentity')) ??
    addressOfIdentity(reader.text('deviceid')) ??
    netbiosName(reader) ??
    userName(reader.text('samaccountname'))
  );
}

/** Every further name of the mailbox. */
function ownerNames(reader: RecordReader): (string | null)[] {
  return [
    ...ADDRESSES.slice(0, ADDRESS_ONLY_COUNT).map((name) => addressName(pick(reader.row, [name]))),
    ...smtpAddresses(reader.list('emailaddresses')),
    netbiosName(reader),
  ];
}

/** `DOMAIN\name` columns. A SamAccountName alone is the same in two domains, so it is no alias. */
function netbiosName(reader: RecordReader): string | null {
  for (const name of ['linkedmasteraccount', 'user', 'username', 'logonname', 'owner']) {
    const text = textOf(reader.row.get(name));
    if (text?.includes('\\') === true && !IN_MAILBOX.test(text)) return userName(text);
  }
  return null;
}

/** `alice@example.com\ExchangeActiveSyncDevices\iPhone§ApplXYZ`: Exchange Online; on premises a display name stands there. */
function addressOfIdentity(identity: string | null): string | null {
  const [mailbox] = identity?.split(IN_MAILBOX) ?? [];
  return mailbox === undefined || mailbox === identity
    ? null
    : addressName(mailbox.split(/[\\/]/).at(-1) ?? null);
}
