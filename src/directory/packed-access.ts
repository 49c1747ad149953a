// Owns the form in which the verdict cache keeps the records behind a verdict: one line of short values; texts, lists and maps that
// many devices have alike are kept once. A hundred thousand of them are kept, and few are read again; as objects they would take ten
// times the memory.
import {
  decodedItems,
  decodedNumber,
  decodedText,
  encodedItem,
  encodedItems,
  encodedNumber,
  encodedText,
} from '../model/line-values.ts';
import type {
  AccessRecords,
  DeviceState,
  ImportedState,
  NamedDecision,
  OwnDevice,
  SeenState,
  UserState,
} from '../policy/access-records.ts';
import { SharedValues } from './shared-values.ts';

/** `shared`: a text that feeds or the gateway chose; `told`: one that a phone chose; `names`: a list of texts. */
type Kind = 'flag' | 'number' | 'shared' | 'told' | 'json' | 'names';
type Fields<T> = readonly (readonly [name: keyof T & string, kind: Kind])[];

/** `managed` comes first: an empty place there means that there is no record. Likewise below. */
const DEVICE_FIELDS = [
  ['managed', 'flag'],
  ['compliant', 'flag'],
  ['encrypted', 'flag'],
  ['compromised', 'flag'],
  ['managedMailProfile', 'flag'],
  ['platform', 'shared'],
  ['osVersion', 'shared'],
  ['model', 'shared'],
  ['ownership', 'shared'],
  ['os', 'shared'],
  ['manufacturer', 'shared'],
  ['lastCheckIn', 'number'],
  ['reportedSince', 'number'],
  ['attributes', 'json'],
  ['unmetRequirements', 'json'],
  ['graceUntil', 'number'],
  ['managedUnmetSince', 'number'],
  ['compliantUnmetSince', 'number'],
  ['encryptedUnmetSince', 'number'],
  ['compromisedUnmetSince', 'number'],
  ['mailProfileUnmetSince', 'number'],
] as const satisfies Fields<DeviceState>;

const SEEN_FIELDS = [
  ['firstSeen', 'number'],
  ['lastSeen', 'number'],
  ['lastAllowed', 'number'],
  ['deviceType', 'told'],
  ['lastVerdict', 'shared'],
  ['lastReason', 'shared'],
  ['model', 'told'],
  ['os', 'told'],
  ['agentChanges', 'json'],
] as const satisfies Fields<SeenState>;

const USER_FIELDS = [
  ['enabled', 'flag'],
  ['groups', 'names'],
  ['attributes', 'json'],
] as const satisfies Fields<UserState>;

/** Fields that are never null, and what they are when there is nothing in them. */
const EMPTY: Readonly<Record<string, unknown>> = {
  agentChanges: Object.freeze([]),
  unmetRequirements: Object.freeze([]),
  attributes: Object.freeze({}),
  deviceType: '',
  lastVerdict: '',
  lastReason: '',
};

/** The fields of a record, and the record in which all places are empty. */
interface Layout {
  readonly fields: readonly (readonly [name: string, kind: Kind])[];
  readonly empty: Readonly<Record<string, unknown>>;
}

function layoutOf(fields: Layout['fields']): Layout {
  return { fields, empty: Object.fromEntries(fields.map(([name]) => [name, EMPTY[name] ?? null])) };
}

const DEVICE_LAYOUT = layoutOf(DEVICE_FIELDS);
const SEEN_LAYOUT = layoutOf(SEEN_FIELDS);
const USER_LAYOUT = layoutOf(USER_FIELDS);

/** What few devices have: decisions, and records that are not understood. */
type Rare = Pick<
  AccessRecords,
  | 'deviceDecision'
  | 'partnershipDecision'
  | 'exactDecisions'
  | 'decidedFor'
  | 'namesakeDecisions'
  | 'userDecisions'
  | 'namesakeUserDecisions'
  | 'importedDecisions'
  | 'deviceWipe'
  | 'partnershipWipe'
  | 'unreadable'
>;

const SEPARATOR = '|';
const SEPARATOR_CODE = 0x7c;
/** Nothing in a place means that a value is missing, so there is no record only where this stands. */
const NO_RECORD = '-';
/** A number like the one before it; a name that the look-up itself has. */
const SAME = '=';
/** Before a text, list or map that is not shared. */
const OWN = '.';
/** Before a list of texts that are shared, while the list is not: nearly each user is in other groups. */
const LIST = '*';
/** Before the times of the device of the look-up among those of the user. No decision depends on the ids of the others. */
const OWN_DEVICE = '*';
/** The device was never allowed. */
const NEVER = '-';
/** Before what few devices have, in JSON. Lines have no control characters. */
const RARE = '\n';

const shared = new SharedValues();
/** Groups: apart, so that they have room however many models there are. */
const sharedNames = new SharedValues();
/** What phones say of themselves: apart, because anybody can make up device types, and what does not fit is never shared again. */
const sharedTold = new SharedValues();

/** A text that a phone said, as other records have it. */
export function sharedText(text: string): string {
  const number = sharedTold.ofText(text);
  return number === null ? text : (sharedTold.at(number) as string);
}

/** The look-up that the records answer. */
export interface LookedUp {
  readonly user: string;
  readonly device: string;
}

/** The records as one text. */
export function packRecords(records: AccessRecords, { user: login, device }: LookedUp): string {
  const { user, userRecord, userDevices, usersOnDevice } = records;
  const packer = new Packer();
  packer.place(user === undefined ? '' : user === login ? SAME : encodedText(user, SAME_IS_TAKEN));
  packer.record(records.device, DEVICE_FIELDS);
  packer.record(records.partnership ?? null, SEEN_FIELDS);
  packer.record(userRecord ?? null, USER_FIELDS);
  packer.place(encodedItems(userRecord?.aliases ?? [], domainOf(login)));
  packer.place(usersOnDevice === undefined ? '' : encodedNumber(usersOnDevice));
  if (userDevices !== undefined) packer.devices(userDevices, device, records.partnership ?? null);
  const rare = rareOf(records);
  const line = packer.line();
  return rare === null ? line : [line, JSON.stringify(rare)].join(RARE);
}

/** A user named so has its first character escaped. */
const SAME_IS_TAKEN: ReadonlyMap<string, string> = new Map([[SAME, '']]);

/** Reverses {@link packRecords}, but for the ids of the other devices of the user. Shared lists and maps in it are frozen. */
export function unpackRecords(text: string, { user: login, device }: LookedUp): AccessRecords {
  const end = text.indexOf(RARE);
  const rare = end === -1 ? NOTHING_RARE : (JSON.parse(text.slice(end + 1)) as Rare);
  const reader = new Unpacker(end === -1 ? text : text.slice(0, end));
  const user = reader.next();
  const deviceState = reader.record(DEVICE_LAYOUT) as DeviceState | null;
  const partnership = reader.record(SEEN_LAYOUT) as SeenState | null;
  const userValues = reader.record(USER_LAYOUT) as Omit<UserState, 'aliases'> | null;
  const aliases = reader.next();
  const usersOnDevice = reader.next();
  return {
    ...rare,
    ...(user !== '' && { user: user === SAME ? login : (decodedText(user) ?? '') }),
    device: deviceState,
    partnership,
    userRecord: userValues === null ? null : { ...userValues, aliases: itemsIn(aliases, domainOf(login)) },
    ...(reader.hasMore() && { userDevices: reader.devices(device, partnership) }),
    ...(usersOnDevice !== '' && { usersOnDevice: decodedNumber(usersOnDevice) ?? 0 }),
  };
}

function itemsIn(place: string, domain: string | null): string[] {
  return place === '' ? [] : (decodedItems(place, domain) ?? []);
}

/** What aliases mostly have in common with the login: `@` and its domain; null = it has none. */
function domainOf(login: string): string | null {
  const at = login.lastIndexOf('@');
  return at === -1 ? null : login.slice(at);
}

/** Separators by their number: most places are empty. */
const SEPARATORS = Array.from({ length: 64 }, (_, count) => SEPARATOR.repeat(count));

/** The parts of the line that is being written, and behind them parts of earlier lines. One list for all lines, since each look-up writes one. */
const parts: string[] = [];

/** Writes values one after the other, one line at a time. */
class Packer {
  /** How many {@link parts} there are: places that are not empty, and the separators before each. */
  private count = 0;
  /** Separators before the next place; the first one has none. */
  private gap = -1;
  private last = 0;

  place(text: string): void {
    this.gap += 1;
    if (text === '') return;
    this.add(separators(this.gap));
    this.add(text);
    this.gap = 0;
  }

  private add(part: string): void {
    parts[this.count] = part;
    this.count += 1;
  }

  /** One flat text: a chain of parts would take more memory than the parts. */
  line(): string {
    this.add(separators(this.gap));
    parts.length = this.count;
    return parts.join('');
  }

  record<T extends object>(record: T | null, fields: Fields<T>): void {
    if (record === null) {
      this.place(NO_RECORD);
      return;
    }
    for (const [name, kind] of fields) {
      const value = record[name] ?? null;
      this.place(value === null || isEmpty(name, value) ? '' : this.placeOf(value, kind));
    }
  }

  /**
   * Each as first seen and last allowed, where nothing stands for the number before it; that of the look-up mostly as one place, because
   * the partnership says the same.
   */
  devices(devices: readonly OwnDevice[], own: string, seen: SeenState | null): void {
    this.place(String(devices.length));
    for (const { device, firstSeen, lastAllowed } of devices) {
      if (device === own && seen?.firstSeen === firstSeen && (seen.lastAllowed ?? null) === lastAllowed) {
        this.place(SAME);
        continue;
      }
      if (device === own) this.place(OWN_DEVICE);
      this.place(shortest(this.number(firstSeen)));
      this.place(lastAllowed === null ? NEVER : shortest(this.number(lastAllowed)));
    }
  }

  private placeOf(value: unknown, kind: Kind): string {
    if (kind === 'flag') return value === true ? '1' : '0';
    if (kind === 'number') return this.number(value as number);
    if (kind === 'names') return LIST + listOf(value as readonly string[]);
    const text = kind === 'json' ? JSON.stringify(value) : (value as string);
    const number = kind === 'json' ? shared.ofJson(text) : textsOf(kind).ofText(text);
    return number === null ? OWN + encodedText(text, null) : encodedNumber(number);
  }

  /** As the difference to the one before it, which is shorter: numbers are times, mostly of the same months. */
  private number(value: number): string {
    const place = value === this.last ? SAME : differenceOf(value, this.last);
    this.last = value;
    return place;
  }
}

function shortest(number: string): string {
  return number === SAME ? '' : number;
}

/** A difference that is not exact is not used: the number itself is written, in decimal form, which no difference has. */
function differenceOf(value: number, last: number): string {
  const difference = value - last;
  const isExact =
    Number.isSafeInteger(value) && Number.isSafeInteger(last) && Number.isSafeInteger(difference);
  return isExact ? encodedNumber(difference) : `%${value}`;
}

function separators(count: number): string {
  return SEPARATORS[count] ?? SEPARATOR.repeat(count);
}

function textsOf(kind: Kind): SharedValues {
  return kind === 'told' ? sharedTold : shared;
}

/** A list of texts, each as its number, or as it is behind {@link OWN}. */
function listOf(names: readonly string[]): string {
  const items = names.map((name) => {
    const number = sharedNames.ofText(name);
    return number === null ? OWN + encodedItem(name, null) : encodedNumber(number);
  });
  return items.join(',');
}

function namesIn(list: string): readonly string[] {
  if (list === '') return [];
  return list
    .split(',')
    .map((item) =>
      item.startsWith(OWN)
        ? (decodedText(item.slice(OWN.length)) ?? '')
        : (sharedNames.at(decodedNumber(item) ?? -1) as string),
    );
}

/** Reads what {@link Packer} wrote. */
class Unpacker {
  private readonly line: string;
  /** Where the next place begins; behind the line = there is none. */
  private at = 0;
  private last = 0;

  constructor(line: string) {
    this.line = line;
  }

  /** Most places are empty: these cost no search. True = it was one. */
  private skipEmpty(): boolean {
    const isEmpty = this.line.charCodeAt(this.at) === SEPARATOR_CODE;
    if (isEmpty) this.at += 1;
    return isEmpty;
  }

  next(): string {
    if (this.skipEmpty()) return '';
    const { line, at } = this;
    const end = line.indexOf(SEPARATOR, at);
    this.at = (end === -1 ? line.length : end) + 1;
    return end === -1 ? line.slice(at) : line.slice(at, end);
  }

  hasMore(): boolean {
    return this.at <= this.line.length;
  }

  /** A copy of the empty record, in which most values stay. */
  record({ fields, empty }: Layout): object | null {
    const first = this.next();
    if (first === NO_RECORD) return null;
    const record: Record<string, unknown> = { ...empty };
    for (let index = 0; index < fields.length; index += 1) {
      if (index > 0 && this.skipEmpty()) continue;
      const place = index === 0 ? first : this.next();
      if (place === '') continue;
      const [name, kind] = fields[index] as readonly [string, Kind];
      record[name] = this.valueIn(place, kind);
    }
    return record;
  }

  devices(own: string, seen: SeenState | null): OwnDevice[] {
    const devices: OwnDevice[] = [];
    for (let left = Number(this.next()); left > 0; left -= 1) {
      const first = this.next();
      if (first === SAME) {
        const { firstSeen, lastAllowed = null } = seen as SeenState;
        devices.push({ device: own, firstSeen, lastAllowed });
        continue;
      }
      const isOwn = first === OWN_DEVICE;
      const firstSeen = this.numberAfter(isOwn ? this.next() : first);
      const last = this.next();
      const lastAllowed = last === NEVER ? null : this.numberAfter(last);
      devices.push({ device: isOwn ? own : '', firstSeen, lastAllowed });
    }
    return devices;
  }

  private valueIn(place: string, kind: Kind): unknown {
    if (kind === 'flag') return place === '1';
    if (kind === 'number') return this.number(place);
    if (place.startsWith(LIST)) return namesIn(place.slice(LIST.length));
    if (!place.startsWith(OWN)) return textsOf(kind).at(decodedNumber(place) ?? -1);
    const text = decodedText(place.slice(OWN.length)) ?? '';
    return kind === 'json' ? JSON.parse(text) : text;
  }

  private numberAfter(place: string): number {
    return place === '' ? this.last : this.number(place);
  }

  private number(place: string): number {
    if (place === SAME) return this.last;
    const number = decodedNumber(place) ?? 0;
    this.last = place.startsWith('%') ? number : this.last + number;
    return this.last;
  }
}

/** Whether reading gives the same when the value is left out. An empty list of groups is not: no groups are not unknown ones. */
function isEmpty(name: string, value: unknown): boolean {
  if (typeof value === 'boolean' || typeof value === 'number' || !(name in EMPTY)) return false;
  if (typeof value === 'string') return value === '';
  return Array.isArray(value) ? value.length === 0 : Object.keys(value as object).length === 0;
}

const NOTHING_RARE: Rare = { deviceDecision: null, partnershipDecision: null, namesakeDecisions: [] };

function rareOf(records: AccessRecords): Rare | null {
  const { deviceDecision, partnershipDecision, exactDecisions, decidedFor, namesakeDecisions } = records;
  const { userDecisions, namesakeUserDecisions, importedDecisions, deviceWipe, partnershipWipe, unreadable } =
    records;
  const lists: (readonly (NamedDecision | ImportedState | string)[] | undefined)[] = [
    exactDecisions,
    namesakeDecisions,
    userDecisions,
    namesakeUserDecisions,
    importedDecisions,
    unreadable,
  ];
  const isNone = lists.every((list) => list === undefined || list.length === 0);
  if (isNone && deviceDecision === null && partnershipDecision === null) return null;
  return {
    deviceDecision,
    partnershipDecision,
    namesakeDecisions,
    ...(exactDecisions !== undefined && { exactDecisions }),
    ...(decidedFor !== undefined && { decidedFor }),
    ...(userDecisions !== undefined && { userDecisions }),
    ...(namesakeUserDecisions !== undefined && { namesakeUserDecisions }),
    ...(importedDecisions !== undefined && { importedDecisions }),
    ...(deviceWipe !== undefined && { deviceWipe }),
    ...(partnershipWipe !== undefined && { partnershipWipe }),
    ...(unreadable !== undefined && { unreadable }),
  };
}
