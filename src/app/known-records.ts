// Owns what the directory knows before a run: the devices and users that its source reported, and the second names by which a
// record without an Exchange ActiveSync id is joined to a device. One short entry for each device and user.
import type { DeviceEntry, DirectoryStore } from '../directory/store.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { DeviceLine } from '../feeds/record.ts';
import type { UserReport } from '../model/user.ts';
import { deviceState, refuses } from './line-observations.ts';

/** A device that the directory knows. */
export interface KnownDevice {
  /** What the source of the run said of it (line-observations.ts, deviceState); null = it never reported the device. */
  readonly own: string | null;
  /** The source of the run reported it, and did not remove it. */
  readonly isPresent: boolean;
  /** When the source of the run last reported it, milliseconds since the epoch. */
  readonly observedAt: number;
  /** What all sources together say; null = no source reported it. */
  readonly effective: string | null;
}

/** The device of a record; `isClaim`: the join rests on what the phone says of itself. */
export interface Join {
  readonly key: DeviceKey;
  readonly isClaim: boolean;
}

/** Near misses that are shown of one record. */
const MAX_NEAR = 3;

/** A second name of several devices. */
const SEVERAL = Symbol('several');

type ByName = Map<string, DeviceKey | typeof SEVERAL>;

/** Before `NAME` of an attribute in `joinBy`. */
const ATTRIBUTE = 'attributes.';
const DEFAULT_JOINS = ['serialNumber', 'udid', 'imei', 'ownerAndModel'];
/** What phones say of themselves. */
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
  readonly devices = new Map<DeviceKey, KnownDevice>();
  /** Devices that the source of the run reported, and did not remove. */
  presentDevices = 0;
  readonly users = new Map<UserKey, UserReport>();
  /** Decisions that the source imported before, by {@link subjectText}. */
  readonly decisions = new Map<string, { device: DeviceKey; user: UserKey | null; action: string }>();
  readonly deviceOf = new Map<string, DeviceKey>();
  readonly userOf = new Map<string, UserKey>();
  private readonly bySerial: ByName = new Map();
  private readonly byUdid: ByName = new Map();
  private readonly byImei: ByName = new Map();
  private readonly byModel: ByName = new Map();
  private readonly byAttribute = new Map<string, ByName>();
  private readonly byOwner = new Map<string, DeviceKey[]>();
  private readonly source: string;
  private readonly now: number;
  private readonly joinBy: readonly string[] | null;

  private constructor({ source, now, joinBy }: KnownFor) {
    this.source = source;
    this.now = now;
    this.joinBy = joinBy;
    for (const name of joinBy ?? [])
      if (name.startsWith(ATTRIBUTE)) this.byAttribute.set(name.slice(ATTRIBUTE.length), new Map());
  }

  /** Reads the whole directory once. */
  static async read(store: DirectoryStore, run: KnownFor, signal?: AbortSignal): Promise<KnownRecords> {
    const { source } = run;
    const known = new KnownRecords(run);
    for await (const part of store.scanDevices()) {
      signal?.throwIfAborted();
      for (const entry of part) known.addDevice(entry);
    }
    for await (const part of store.scanUsers()) {
      signal?.throwIfAborted();
      for (const { key, reports } of part) {
        const own = reports.find((report) => report.source === source);
        if (own === undefined) continue;
        known.users.set(key, own);
        if (own.sourceId !== null) known.userOf.set(own.sourceId, key);
      }
    }
    return known;
  }

  /** The device that a line without an id belongs to; null = none, or not exactly one. */
  joinOf(line: DeviceLine): Join | null {
    for (const name of this.joinBy ?? DEFAULT_JOINS) {
      // What a phone says of itself lets nobody in, unless the operator trusts it.
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
        : one(this.bySerial, line.serialNumber);
    }
    if (name === 'udid') return one(this.byUdid, line.udid);
    if (name === 'imei') return one(this.byImei, line.imei);
    if (name === 'ownerAndModel') return this.deviceByModel(line);
    const attribute = name.slice(ATTRIBUTE.length);
    const value = line.attributes[attribute];
    const devices = this.byAttribute.get(attribute);
    return value === undefined || devices === undefined ? null : one(devices, String(value));
  }

  private deviceByModel({ model, ownerNames }: DeviceLine): DeviceKey | null {
    if (model === null) return null;
    const found = new Set(
      ownerNames.map((owner) => this.byModel.get(modelName(owner, model))).filter((key) => key !== undefined),
    );
    const [key] = found;
    return found.size === 1 && key !== undefined && key !== SEVERAL ? key : null;
  }

  /** Devices that a line could belong to: of its owner, or with one of its names. */
  nearMisses({ ownerNames, serialNumber, udid, imei }: DeviceLine): DeviceKey[] {
    const near = [
      one(this.bySerial, serialNumber),
      one(this.byUdid, udid),
      one(this.byImei, imei),
      ...ownerNames.flatMap((owner) => this.byOwner.get(owner) ?? []),
    ];
    return [...new Set(near.filter((key) => key !== null))].slice(0, MAX_NEAR);
  }

  /** Takes a device as it is now. Names that it no longer has still lead to it. */
  update(entry: DeviceEntry): void {
    this.addDevice(entry);
  }

  private addDevice({ key, reports, record, partnerships, imported }: DeviceEntry): void {
    const own = reports.find(({ source }) => source === this.source);
    const isPresent = own !== undefined && own.removed !== true;
    this.presentDevices += Number(isPresent) - Number(this.devices.get(key)?.isPresent ?? false);
    this.devices.set(key, {
      own: own === undefined ? null : this.stateText(deviceState(own, this.now)),
      isPresent,
      observedAt: own?.observedAt ?? 0,
      effective: record === null ? null : this.stateText(deviceState(record, this.now)),
    });
    if (own !== undefined && own.sourceId !== null) this.deviceOf.set(own.sourceId, key);
    for (const report of reports) {
      note(this.bySerial, report.serialNumber, key);
      note(this.byUdid, report.udid, key);
      note(this.byImei, report.imei, key);
      for (const [name, devices] of this.byAttribute) {
        const value = report.attributes?.[name];
        if (value !== undefined) note(devices, String(value), key);
      }
    }
    for (const { user, model, imei } of partnerships) {
      note(this.byImei, imei, key);
      if (model !== null) note(this.byModel, modelName(user, model), key);
      const devices = this.byOwner.get(user);
      if (devices === undefined) this.byOwner.set(user, [key]);
      else if (devices.length < MAX_NEAR) devices.push(key);
    }
    for (const { source, device, user, decision } of imported)
      if (source === this.source && device !== null)
        this.decisions.set(subjectText(device, user), { device, user, action: decision.action });
  }

  /** A few texts stand for all devices: each is kept once. */
  private stateText(text: string): string {
    const kept = this.texts.get(text);
    if (kept !== undefined) return kept;
    this.texts.set(text, text);
    return text;
  }

  private readonly texts = new Map<string, string>();
}

/** One text for what a decision is about. */
export function subjectText(device: DeviceKey, user: UserKey | null): string {
  return user === null ? device : `${device} ${user}`;
}

function note(names: ByName, name: string | null, key: DeviceKey): void {
  if (name === null || name === '') return;
  const text = name.toLowerCase();
  const before = names.get(text);
  if (before !== key) names.set(text, before === undefined ? key : SEVERAL);
}

function one(names: ByName, name: string | null): DeviceKey | null {
  if (name === null) return null;
  const key = names.get(name.toLowerCase());
  return key === undefined || key === SEVERAL ? null : key;
}

function modelName(owner: string, model: string): string {
  return `${owner}\n${model}`.toLowerCase();
}
