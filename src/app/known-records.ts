// Owns what the directory knows before a run: the devices and users that its source reported, and the second names by which a
// record without an Exchange ActiveSync id is joined to a device. A few bytes for each device, user and name.
import type { DeviceEntry, DirectoryStore } from '../directory/store.ts';
import type { DeviceKey } from '../identity/keys.ts';
import type { DeviceLine } from '../feeds/record.ts';
import type { UserReport } from '../model/user.ts';
import { NONE, NameIndex } from '../name-index.ts';
import { DecidedActions } from './decided-actions.ts';
import { KnownDevices } from './known-devices.ts';
import { KnownUsers } from './known-users.ts';
import { deviceState, refuses } from './line-observations.ts';
import { SourceIds } from './source-ids.ts';

/** The device of a record; `isClaim`: the join rests on what the phone reports about itself. */
export interface Join {
  readonly key: DeviceKey;
  readonly isClaim: boolean;
}

/** Possible matches that are shown of one record. */
const MAX_MATCHES = 3;
const PLACES = Array.from({ length: MAX_MATCHES }, (_, place) => place);

/** In place of the number of a device: a second name of several. */
const SEVERAL = -2;

/** Before `NAME` of an attribute in `joinBy`. */
const ATTRIBUTE = 'attributes.';
const DEFAULT_JOINS = ['serialNumber', 'udid', 'imei', 'ownerAndModel'];
/** What phones report about themselves. */
const CLAIMS: ReadonlySet<string> = new Set(['imei', 'ownerAndModel']);

/** The run that is going to be applied. */
export interface KnownFor {
  readonly source: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /**
   * Second names by which records are joined, each with all that it says: serialNumber, udid, imei, ownerAndModel, attributes.NAME. null =
   * serialNumber and udid, and imei and ownerAndModel for values that refuse.
   */
  readonly joinBy: readonly string[] | null;
}

/** The directory as it was before a run of `source`. */
export class KnownRecords {
  readonly devices = new KnownDevices();
  /** Devices that the source of the run reported, and did not remove. */
  presentDevices = 0;
  readonly users = new KnownUsers();
  /** Decisions that the source imported before. */
  readonly decisions = new DecidedActions();
  private readonly sourceIds = new SourceIds();
  private readonly bySerial = new NameIndex();
  private readonly byUdid = new NameIndex();
  private readonly byImei = new NameIndex();
  private readonly byModel = new NameIndex();
  private readonly byAttribute = new Map<string, NameIndex>();
  /** By `PLACE OWNER`: the first devices of each owner. */
  private readonly byOwner = new NameIndex();
  private readonly source: string;
  private readonly now: number;
  private readonly joinBy: readonly string[] | null;

  private constructor({ source, now, joinBy }: KnownFor) {
    this.source = source;
    this.now = now;
    this.joinBy = joinBy;
    for (const name of joinBy ?? [])
      if (name.startsWith(ATTRIBUTE)) this.byAttribute.set(name.slice(ATTRIBUTE.length), new NameIndex());
  }

  /** Reads the whole directory once. */
  static async read(store: DirectoryStore, run: KnownFor, signal?: AbortSignal): Promise<KnownRecords> {
    const { source } = run;
    const known = new KnownRecords(run);
    for await (const part of store.scanDevices()) {
      signal?.throwIfAborted();
      for (const entry of part) known.addDevice(entry);
    }
    for await (const part of userReports(store, source, signal))
      for (const report of part) known.users.set(report);
    return known;
  }

  /** The device that a line without an id belongs to; null = none, or not exactly one. */
  joinOf(line: DeviceLine): Join | null {
    for (const name of this.joinBy ?? DEFAULT_JOINS) {
      // What a phone reports about itself lets nobody in, unless the operator trusts it.
      const isClaim = this.joinBy === null && CLAIMS.has(name);
      if (isClaim && !refuses(line)) continue;
      const key = this.deviceBy(name, line);
      if (key !== null) return { key, isClaim };
    }
    return null;
  }

  private deviceBy(name: string, line: DeviceLine): DeviceKey | null {
    if (name === 'serialNumber') {
      const fromSerial = line.idFromSerial as DeviceKey | null;
      return fromSerial !== null && this.devices.has(fromSerial)
        ? fromSerial
        : this.one(this.bySerial, line.serialNumber);
    }
    if (name === 'udid') return this.one(this.byUdid, line.udid);
    if (name === 'imei') return this.one(this.byImei, line.imei);
    if (name === 'ownerAndModel') return this.deviceByModel(line);
    const attribute = name.slice(ATTRIBUTE.length);
    const value = line.attributes[attribute];
    const devices = this.byAttribute.get(attribute);
    return value === undefined || devices === undefined ? null : this.one(devices, String(value));
  }

  private deviceByModel({ model, ownerNames }: DeviceLine): DeviceKey | null {
    if (model === null) return null;
    const found = new Set(
      ownerNames
        .map((owner) => this.byModel.get(modelName(owner, model)))
        .filter((number) => number !== NONE),
    );
    const [number = NONE] = found;
    return found.size === 1 ? (this.devices.keyOf(number) ?? null) : null;
  }

  /** Devices that a line could belong to: of its owner, or with one of its names. */
  possibleMatches({ ownerNames, serialNumber, udid, imei }: DeviceLine): DeviceKey[] {
    const near = [
      this.one(this.bySerial, serialNumber),
      this.one(this.byUdid, udid),
      this.one(this.byImei, imei),
      ...ownerNames.flatMap((owner) => this.devicesOf(owner)),
    ];
    return [...new Set(near.filter((key) => key !== null))].slice(0, MAX_MATCHES);
  }

  /** The devices whose records have this id at the source: one that was enrolled again has one for each id of Exchange ActiveSync. */
  devicesWithSourceId(sourceId: string): DeviceKey[] {
    return [...this.sourceIds.of(sourceId)].flatMap((number) => this.devices.keyOf(number) ?? []);
  }

  private devicesOf(owner: string): DeviceKey[] {
    const found = PLACES.map((place) => this.devices.keyOf(this.byOwner.get(`${place} ${owner}`)) ?? null);
    // A store returns devices in any order.
    return found.filter((key) => key !== null).toSorted();
  }

  private one(names: NameIndex, name: string | null): DeviceKey | null {
    return name === null ? null : (this.devices.keyOf(names.get(name.toLowerCase())) ?? null);
  }

  /** Takes a device as it is now. Names that it no longer has still lead to it. */
  update(entry: DeviceEntry): void {
    this.addDevice(entry);
  }

  private addDevice({ key, reports, record, partnerships, imported }: DeviceEntry): void {
    const own = reports.find(({ source }) => source === this.source);
    const isPresent = own !== undefined && own.removed !== true;
    const before = this.devices.get(key);
    this.presentDevices += Number(isPresent) - Number(before?.isPresent ?? false);
    const number = this.devices.set(key, {
      own: own === undefined ? null : deviceState(own, this.now),
      isPresent,
      observedAt: own?.observedAt ?? 0,
      effective: record === null ? null : deviceState(record, this.now),
    });
    const sourceId = own?.sourceId ?? null;
    if (sourceId !== null) this.sourceIds.note(sourceId, number, before === undefined);
    for (const report of reports) {
      note(this.bySerial, report.serialNumber, number);
      note(this.byUdid, report.udid, number);
      note(this.byImei, report.imei, number);
      for (const [name, devices] of this.byAttribute) {
        const value = report.attributes?.[name];
        if (value !== undefined) note(devices, String(value), number);
      }
    }
    for (const { user, model, imei } of partnerships) {
      note(this.byImei, imei, number);
      if (model !== null) note(this.byModel, modelName(user, model), number);
      this.noteOwner(user, number);
    }
    for (const { source, device, user, decision } of imported)
      if (source === this.source && device !== null) this.decisions.set({ device, user }, decision.action);
  }

  private noteOwner(owner: string, number: number): void {
    for (const place of PLACES) {
      const name = `${place} ${owner}`;
      const before = this.byOwner.get(name);
      if (before === number) return;
      if (before !== NONE) continue;
      this.byOwner.set(name, number);
      return;
    }
  }
}

/** What a source reports of all users, in lists of limited size. */
export async function* userReports(
  store: DirectoryStore,
  source: string,
  signal?: AbortSignal,
): AsyncGenerator<readonly UserReport[]> {
  for await (const part of store.scanUsers(false)) {
    signal?.throwIfAborted();
    yield part.flatMap(({ reports }) => reports.find((report) => report.source === source) ?? []);
  }
}

function note(names: NameIndex, name: string | null, number: number): void {
  if (name === null || name === '') return;
  const text = name.toLowerCase();
  const before = names.get(text);
  if (before !== number) names.set(text, before === NONE ? number : SEVERAL);
}

function modelName(owner: string, model: string): string {
  return `${owner}\n${model}`.toLowerCase();
}
