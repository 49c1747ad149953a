// Owns what a mapping is, and the reading of one record by it: values by name, with a note of each that was not understood. Pure.
import {
  MAX_TEXT,
  complianceInWords,
  complianceOf,
  compromisedOf,
  encryptedOf,
  flagOf,
  imeiOf,
  isTypeName,
  listOf,
  managedOf,
  osVersionOf,
  ownershipOf,
  pick,
  platformOf,
  serialOf,
  textOf,
  udidOf,
  versionIn,
  withoutEllipsis,
} from './values.ts';
import { distinct, easId, idFromSerial, isRoundedNumber, userName } from './identities.ts';
import { plain } from '../plain-text.ts';
import { complianceIn, hasLeftSource, isDeniedBy, worstOf } from './several-columns.ts';
import type { FormatName } from './format-names.ts';
import { isoTime, readTime } from './times.ts';
import type { DayOrder } from './times.ts';
import type { Attributes, DecisionLine, DeviceLine, FeedLine, RefusedLine } from './record.ts';
import type { Row } from './row.ts';
import { NON_COMPLIANT, NO_COMPLIANCE } from './words.ts';
import type { Compliance } from './words.ts';

/** How records of one kind become lines. */
export interface Mapping {
  readonly format: FormatName;
  /** What the records are, for people: `device report`. */
  readonly kind: string;
  /** Names that only this kind has. */
  readonly sure: readonly string[];
  /** Names that it usually has: a few of them are enough (formats.ts). */
  readonly typical: readonly string[];
  /** Names whose values are times. */
  readonly times: readonly string[];
  /** Of a mapping of the operator: another text where it reads records otherwise. */
  readonly version?: string;
  map(reader: RecordReader): FeedLine[];
}

/** How the values of a file are read. */
export interface ReadOptions {
  readonly source: string;
  /** The IANA time zone of times that name none. */
  readonly zone: string;
  /** The order of day and month in a column; null = not known. */
  order(name: string): DayOrder | null;
}

/** Texts that are no news as an attribute. */
const NOTHING = new Set(['', 'unknown', 'none']);
const MAX_PROBLEMS = 8;
const MAX_SHOWN = 60;

/** One record being read. */
export class RecordReader {
  readonly row: Row;
  readonly options: ReadOptions;
  readonly problems: string[] = [];
  /** The end of a grace period is there, and was not understood. */
  isEndUnread = false;
  /** Times that are there, and were not understood. */
  unreadTimes = 0;

  constructor(row: Row, options: ReadOptions) {
    this.row = row;
    this.options = options;
  }

  /** Whether its source keeps the record of a device that left: the data warehouse of Intune does, with `isDeleted`. A date says it, too. */
  get isOfThePast(): boolean {
    return hasLeftSource(this) === true;
  }

  /** The first of the names that has a text. */
  text(...names: readonly string[]): string | null {
    return pick(this.row, names);
  }

  /** Whether any of the names has a value of its own, even an empty one. */
  has(...names: readonly string[]): boolean {
    return names.some((name) => this.row.get(name) !== undefined && this.row.get(name) !== null);
  }

  /** A list; the values of an unjoined PowerShell list are lost, which is noted. */
  list(name: string): string[] {
    const value = this.row.get(name);
    if (typeof value === 'string' && isTypeName(value.trim()))
      this.problem(
        name,
        value,
        'is the name of a type: the values are lost; join them in the export command',
      );
    if (typeof value === 'string' && /\.\.\.[})]?$|…|^\{[^}]*$/.test(value.trim()))
      this.problem(name, value, 'is cut off; join the values in the export command');
    // What is cut off is no id.
    return listOf(typeof value === 'string' ? withoutEllipsis(value.trim()) : value).filter(
      (one) => !/(?:\.{2,}|…)$/.test(one),
    );
  }

  flag(...names: readonly string[]): boolean | null {
    return this.word(names, flagOf);
  }

  /** Of several columns one that says yes counts, and one that is not understood may say it. */
  compromised(...names: readonly string[]): boolean | null {
    return worstOf(this, names, compromisedOf, true);
  }

  compliance(...names: readonly string[]): Compliance {
    return this.complianceBy(names, complianceOf);
  }

  /** As {@link complianceInWords} reads it. */
  complianceInWords(...names: readonly string[]): Compliance {
    return this.complianceBy(names, complianceInWords);
  }

  /** As {@link complianceIn} (several-columns.ts) reads it, each column by a meaning of its own. */
  complianceBy(
    names: readonly string[],
    meaning: (text: string, name: string) => Compliance | undefined,
  ): Compliance {
    return complianceIn(this, names, meaning) ?? NO_COMPLIANCE;
  }

  /** A compliance beside columns that can only deny it: quarantined, out of compliance. */
  unlessDenied(said: Compliance, names: readonly string[]): Compliance {
    const isDenied = isDeniedBy(this, names);
    if (isDenied === true) return NON_COMPLIANT;
    return isDenied === null && said.compliant === true ? NO_COMPLIANCE : said;
  }

  /** A compliance beside a list of requirements that are not met: a record that says both contradicts itself. */
  unlessUnmet(said: Compliance | undefined, unmet: readonly string[]): Compliance {
    if (said === undefined) return NO_COMPLIANCE;
    if (said.compliant !== true || said.inGrace || unmet.length === 0) return said;
    this.problem('compliance', unmet.join(', '), 'is not met, and the device is said to comply');
    return NO_COMPLIANCE;
  }

  /** Of several columns one that says no counts, and one that is not understood may say it. */
  encrypted(...names: readonly string[]): boolean | null {
    return worstOf(this, names, encryptedOf, false);
  }

  /** Of several columns one that says no counts, and one that is not understood may say it. */
  managed(...names: readonly string[]): boolean | null {
    return worstOf(this, names, managedOf, false);
  }

  /** The end of a grace period. One that is not understood ends nothing: then nobody knows how long the device complies. */
  endOfGrace(...names: readonly string[]): string | null {
    const before = this.unreadTimes;
    const time = this.time(...names);
    this.isEndUnread = this.unreadTimes > before;
    return time;
  }

  /** A time of the first of the names that has one; null = none, never, or not understood. */
  time(...names: readonly string[]): string | null {
    for (const name of names) {
      // Another column may have a time that is fresher than both.
      if (this.isContradicted(name)) {
        this.unreadTimes++;
        return null;
      }
      const value = this.row.get(name);
      // A rounded number of nanoseconds is exact enough.
      const text = typeof value === 'number' ? String(value) : textOf(value);
      if (text === null) continue;
      const time = readTime(text, { order: this.options.order(name), zone: this.options.zone });
      if (time === 'never') continue;
      if (typeof time === 'object') return isoTime(time.at);
      this.unreadTimes++;
      this.problem(
        name,
        text,
        time === 'ambiguous'
          ? 'could be either of two days (`dates` says whether the day comes first)'
          : 'is not understood as a time',
      );
      return null;
    }
    return null;
  }

  /** Whether columns of this name differ; asking for the value notes it. */
  private isContradicted(name: string): boolean {
    return this.row.differing(name).length > 0 && this.row.get(name) === null;
  }

  /** Whether the field has a time, even one that is not understood. False for an empty field and for dates that mean never. */
  saysTime(name: string): boolean {
    const text = textOf(this.row.get(name));
    return text !== null && readTime(text, { order: 'dayFirst', zone: 'UTC' }) !== 'never';
  }

  /** Looks a word up; one that is not known is noted, and counts as not said. */
  word<T>(names: readonly string[], meaning: (text: string | null) => T | undefined): T | null {
    for (const name of names) {
      if (this.isContradicted(name)) return null;
      const text = textOf(this.row.get(name));
      if (text === null) continue;
      const found = meaning(text);
      if (found !== undefined) return found;
      this.problem(name, text, 'is not understood');
      return null;
    }
    return null;
  }

  problem(name: string, value: string, what: string): void {
    this.note(`${name}: "${plain(value, MAX_SHOWN)}" ${what}`);
  }

  /** Notes what of the record is not known. */
  note(problem: string): void {
    if (this.problems.length < MAX_PROBLEMS && !this.problems.includes(problem)) this.problems.push(problem);
  }

  refused(reason: string): RefusedLine {
    return { type: 'refused', line: this.row.line, reason };
  }

  /** Attributes that have a value. */
  attributes(given: Readonly<Record<string, string | number | boolean | null>>): Attributes {
    const attributes: Attributes = {};
    for (const [name, value] of Object.entries(given))
      if (value !== null && !NOTHING.has(String(value).toLowerCase())) attributes[name] = value;
    return attributes;
  }
}

/** Facts about a device that a mapping read; absent = unknown. */
export interface DeviceFacts {
  readonly easIds: readonly (string | null)[];
  readonly sourceId?: string | null;
  readonly serial?: string | null;
  readonly udid?: string | null;
  readonly imei?: string | null;
  readonly managed?: boolean | null;
  /** It left device management: the compliance that its source reported last no longer counts. */
  readonly hasLeft?: boolean;
  readonly compliance?: Compliance;
  readonly graceUntil?: string | null;
  readonly encrypted?: boolean | null;
  readonly compromised?: boolean | null;
  readonly managedMailProfile?: boolean | null;
  /** Texts that name the platform, the surest first. */
  readonly systems: readonly (string | null)[];
  readonly platform?: string | null;
  readonly osVersion?: string | null;
  readonly os?: string | null;
  readonly model?: string | null;
  readonly manufacturer?: string | null;
  readonly ownership?: string | null;
  /** User names of the owner, the surest first. */
  readonly owners?: readonly (string | null)[];
  readonly lastCheckIn?: string | null;
  readonly unmetRequirements?: readonly string[];
  readonly attributes?: Attributes;
  readonly observedAt?: string | null;
}

/**
 * Ids of the mail apps of one device: each becomes a device of the directory, with all that the record says.
 * Threat: a cell with the ids of many phones, which one record would make managed and compliant.
 */
const MAX_IDS = 8;

/** A device line; a refused one where the record names no device. */
export function deviceLine(reader: RecordReader, facts: DeviceFacts): DeviceLine | RefusedLine {
  const read = facts.easIds.map((written) => easId(written));
  const wrong = read.find((one) => typeof one === 'string');
  const ids = read.filter((one) => one !== null && typeof one === 'object');
  const [first] = ids;
  for (const [name, value] of [
    ['serial number', facts.serial],
    ['IMEI', facts.imei],
  ] as const)
    if (value !== undefined && value !== null && isRoundedNumber(value))
      reader.problem(name, value, 'is a rounded number: a spreadsheet or JSON shortened it');
  const serialNumber = serialOf(facts.serial ?? null);
  const udid = udidOf(facts.udid ?? null);
  const imei = imeiOf(facts.imei ?? null);
  const sourceId = facts.sourceId ?? null;
  if (first === undefined && (serialNumber ?? udid ?? imei ?? sourceId) === null)
    return reader.refused(wrong ?? 'the record names no device: no device id, serial number, UDID or IMEI');
  const count = ids.length > MAX_IDS ? new Set(ids.map(({ key }) => key)).size : ids.length;
  if (count > MAX_IDS)
    return reader.refused(`the record has ${count} device ids; a device has ${MAX_IDS} at most`);
  if (wrong !== undefined) reader.note(wrong);
  const platform = facts.platform ?? firstOf(facts.systems, platformOf);
  const owners = distinct((facts.owners ?? []).map(userName));
  const hasLeft = facts.hasLeft === true;
  const compliance = facts.compliance ?? NO_COMPLIANCE;
  const graceUntil = facts.graceUntil ?? null;
  const isGood = facts.managed === true || compliance.compliant === true;
  const mayHaveLeft = isGood && hasLeftSource(reader) === null;
  const isOutdated = hasLeft || mayHaveLeft || (compliance.inGrace && reader.isEndUnread);
  const compliant = isOutdated && compliance.compliant === true ? null : compliance.compliant;
  // The source lets the device in for now (Graph: inGracePeriod), until its next word.
  if (compliance.inGrace && compliant === true && graceUntil === null)
    reader.note('the end of the grace period is unknown');
  const osVersion = osVersionOf(facts.osVersion ?? null);
  if (osVersion === undefined) reader.problem('OS version', facts.osVersion ?? '', 'is no version');
  return {
    type: 'device',
    line: reader.row.line,
    source: reader.options.source,
    id: first?.key ?? null,
    spelling: first?.spelling ?? null,
    otherIds: distinct(ids.slice(1).map(({ key }) => key)).filter((key) => key !== first?.key),
    idFromSerial: first === undefined ? idFromSerial(serialNumber, platform) : null,
    sourceId,
    serialNumber,
    udid,
    imei,
    managed: hasLeft ? false : mayHaveLeft && facts.managed === true ? null : (facts.managed ?? null),
    removed: hasLeft,
    compliant,
    graceUntil: compliance.inGrace && compliant === true ? graceUntil : null,
    encrypted: facts.encrypted ?? null,
    compromised: facts.compromised ?? null,
    managedMailProfile: facts.managedMailProfile ?? null,
    platform,
    osVersion: osVersion === null ? firstOf([facts.os ?? null], versionIn) : (osVersion ?? null),
    os: facts.os ?? null,
    model: facts.model ?? null,
    manufacturer: facts.manufacturer ?? null,
    ownership: ownershipOf(facts.ownership ?? null),
    owner: owners[0] ?? null,
    ownerNames: owners,
    lastCheckIn: facts.lastCheckIn ?? null,
    unmetRequirements: [...(facts.unmetRequirements ?? [])].slice(0, 10).map((text) => plain(text, 64)),
    attributes: bounded(facts.attributes ?? {}),
    observedAt: facts.observedAt ?? null,
    problems: reader.problems,
  };
}

function firstOf(
  texts: readonly (string | null)[],
  read: (text: string | null) => string | null,
): string | null {
  for (const text of texts) {
    const found = read(text);
    if (found !== null) return found;
  }
  return null;
}

const MAX_ATTRIBUTES = 32;

function bounded(attributes: Attributes): Attributes {
  const kept: Attributes = {};
  for (const [name, value] of Object.entries(attributes).slice(0, MAX_ATTRIBUTES))
    kept[plain(name, 64)] = typeof value === 'string' ? plain(value, MAX_TEXT) : value;
  return kept;
}

/** A decision of somebody at the source. An allow is listed and not applied. */
export function decisionLine(
  reader: RecordReader,
  given: Pick<DecisionLine, 'action' | 'reason' | 'user'> & { readonly device: string },
): DecisionLine | RefusedLine | null {
  const id = easId(given.device);
  if (id === null) return null;
  if (typeof id === 'string') return reader.refused(`${given.reason}: ${id}`);
  return {
    type: 'decision',
    line: reader.row.line,
    source: reader.options.source,
    scope: given.user === null ? 'device' : 'partnership',
    device: id.key,
    spelling: id.spelling,
    user: given.user,
    action: given.action,
    reason: given.reason,
    by: null,
    decidedAt: null,
    expiresAt: null,
    applied: given.action !== 'allow',
    problems: [],
  };
}
