// Owns the usual names of columns, for facts that let nobody in by themselves: a console or a script may have named a product's columns so. They are
// read where the product's own columns have nothing. Pure.
// Rule: none of them says that a device is managed or complies; columns that deny are in denials.ts.
import { checkedLine } from './denials.ts';
import { addressName, idsIn } from './identities.ts';
import type { DeviceFacts, Mapping, RecordReader } from './mapping.ts';
import type { DeviceLine, RefusedLine } from './record.ts';
import { namesOf } from './row.ts';
import type { Row } from './row.ts';
import { names } from './word-lists.ts';

/** Columns whose names say that they hold an Exchange ActiveSync id. Beside one of them, `id` and the like are ids of the source. */
export const EAS_IDS = names(`
  easid easdeviceid easdeviceidentifier easidentifier easactivationid activesyncid activesyncdeviceid activesyncidentifier
  exchangedeviceid exchangeid exchangeactivesyncid exchangeactivesyncdeviceid exchangeactivesyncdeviceidentifier
`);
/** What a device did last, as the middle of names such as `lastseenat`; the first of them are the surest. */
const CONTACTS = names(`
  checkin checkedin contact contacted seen sync synced synchronization synchronized successsync connected connection
  access active activity communication reported
`);
/** In all spellings: `Last Contact Time`, `last_seen_at`. `Last Check-in Time` counts before `Last Access`, which may be of the user. */
export const CHECK_INS = CONTACTS.flatMap((contact) =>
  ['', 'time', 'date', 'at'].map((end) => `last${contact}${end}`),
);
export const SERIALS = names('serialnumber serial serialno hardwareserialnumber deviceserialnumber');
const MORE_EAS_IDS = [...EAS_IDS, ...names('deviceeasid easdeviceids activesyncdeviceidentifier')];
const UDIDS = names('udid deviceudid iphoneudid iosudid');
const IMEIS = names('imei imei1 imeinumber imeimeid imeimeidesn deviceimei');
const SYSTEMS = names('platform operatingsystem os osplatform platformos deviceplatform devicetype');
const OS_VERSIONS = names(`
  osversion operatingsystemversion platformversion iosversion ipadosversion androidversion deviceosversion
`);
const MODELS = names('model devicemodel modelname modeldisplay');
const MANUFACTURERS = names('manufacturer devicemanufacturer vendor');
const OWNERSHIPS = names(
  'ownership ownershiptype deviceownership ownertype deviceownertype manageddeviceownertype',
);
/** Only addresses are taken from them: other values may be display names, which users choose. */
const OWNERS = names(`
  userprincipalname upn userupn useremail useremailaddress email emailaddress mail primaryuser assigneduser user username owneremail
  enrollmentuser enrolleduser ldapusername login
`);

/** A device line of a product: its own columns first, then those that have usual names. */
export function productLine(reader: RecordReader, facts: DeviceFacts): DeviceLine | RefusedLine {
  const text = (listed: readonly string[]): string | null => reader.text(...namesOf(reader.row, listed));
  const hasId = facts.easIds.some((id) => id !== null && id.trim() !== '');
  const hasOwner = facts.owners?.some((owner) => owner !== null) === true;
  return checkedLine(reader, {
    ...facts,
    easIds: hasId ? facts.easIds : idsIn(text(MORE_EAS_IDS)),
    serial: facts.serial ?? text(SERIALS),
    udid: facts.udid ?? text(UDIDS),
    imei: facts.imei ?? text(IMEIS),
    systems: [...facts.systems, text(SYSTEMS)],
    osVersion: facts.osVersion ?? text(OS_VERSIONS),
    model: facts.model ?? text(MODELS),
    manufacturer: facts.manufacturer ?? text(MANUFACTURERS),
    ownership: facts.ownership ?? text(OWNERSHIPS),
    owners: hasOwner
      ? facts.owners
      : namesOf(reader.row, OWNERS).map((name) => addressName(reader.text(name))),
    // A check-in that is not understood may be older than any other time.
    lastCheckIn:
      facts.lastCheckIn ?? (reader.unreadTimes > 0 ? null : reader.time(...namesOf(reader.row, CHECK_INS))),
  });
}

/**
 * The columns of a row that hold times, in which the order of day and month is looked for. Interfaces write times that have only one order, and a
 * mapping of the operator lists all of its columns.
 */
export function timesOf(row: Row, mapping: Mapping): readonly string[] {
  return row.columns === undefined || mapping.version !== undefined
    ? mapping.times
    : [...namesOf(row, mapping.times), ...namesOf(row, CHECK_INS)];
}
