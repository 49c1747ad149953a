// Owns the devices of a run: which device each record belongs to, which ones the source no longer has, and how many the run
// changes. Records wait in temporary files until the whole run is known.
import type { DeviceKey } from '../identity/keys.ts';
import { BULK_RECORDS } from '../directory/store.ts';
import type { DeviceLine } from '../feeds/record.ts';
import type { DeviceObservation } from '../model/device.ts';
import { MAX_LISTED } from './apply-outcome.ts';
import type { NotJoined } from './apply-outcome.ts';
import type { Touched } from './brakes.ts';
import { PrevailingRecords } from './prevailing-records.ts';
import type { KnownRecords } from './known-records.ts';
import { deviceObservation, deviceState, millis, onlyRefusals, restricts } from './line-observations.ts';
import type { Partly } from './line-observations.ts';
import { LineSpool } from './line-spool.ts';
import { SortedSpool } from './sorted-spool.ts';

/** How the lines of a run are to be understood. */
export interface DeviceRun {
  readonly source: string;
  /** When the source was read, milliseconds since the epoch. */
  readonly readAt: number;
  readonly now: number;
  /** Called for each record of which an earlier record of the device counts in its place, with its line. */
  readonly onOutdated?: ((line: number) => void) | undefined;
  /** Called for each record that belongs to no device that is known, with its line. */
  readonly onNotJoined?: ((line: number) => void) | undefined;
}

/** What a record does to its device: bits of one number. */
const CHANGES = 1;
const RETIRES = 2;
/** A phone that gets mail may lose it. */
const RESTRICTS = 4;
/** Only other sources reported the device before. */
const IS_FOREIGN = 8;

/** Devices of one run. */
export class RunDevices {
  joined = 0;
  /** Records that do not count, since another record of their device does. */
  outdated = 0;
  notJoined = 0;
  /** Of those, records that could belong to a device that is known. */
  possibleMatches = 0;
  readonly firstNotJoined: NotJoined[] = [];
  /** Devices that the source says it deleted. */
  readonly gone = new Set<DeviceKey>();
  private readonly known: KnownRecords;
  private readonly run: DeviceRun;
  private readonly observations = new SortedSpool<DeviceObservation>(({ key }) => key);
  private readonly nameless = new LineSpool<DeviceLine>();
  /** The devices that the run brought, and which record of each counts. */
  private readonly records: PrevailingRecords;
  /** What the run does to each of them. */
  private readonly effects = new DeviceEffects();
  /** Records in `observations`. */
  private kept = 0;

  constructor(known: KnownRecords, run: DeviceRun) {
    this.known = known;
    this.run = run;
    this.records = new PrevailingRecords(run.now);
  }

  /** Adds a record; returns whether it or an earlier one of its device counts, for people; null = it is the only one so far. */
  async add(line: DeviceLine): Promise<string | null> {
    if (line.id === null) {
      await this.nameless.add(line);
      return null;
    }
    let note: string | null = null;
    for (const key of [line.id, ...line.otherIds] as DeviceKey[]) note = (await this.put(line, key)) ?? note;
    return note;
  }

  /** Joins the records without an id, once all others are known. */
  async joinNameless(): Promise<void> {
    const claims = new Map<DeviceKey, number>();
    const sure = new Map<DeviceKey, number>();
    for await (const batch of this.nameless.batches(BATCH))
      for (const line of batch) {
        const join = this.known.joinOf(line);
        if (join === null) continue;
        const counts = join.isClaim ? claims : sure;
        counts.set(join.key, (counts.get(join.key) ?? 0) + 1);
      }
    for await (const batch of this.nameless.batches(BATCH))
      for (const line of batch) {
        const join = this.known.joinOf(line);
        // A record with the id, or with a surer name, speaks for the device already; of two equal ones none does.
        const isFree =
          join !== null &&
          !this.records.has(join.key) &&
          (join.isClaim ? claims.get(join.key) === 1 && !sure.has(join.key) : sure.get(join.key) === 1);
        if (!isFree) {
          this.keepAside(line);
          continue;
        }
        this.joined++;
        await this.put(join.isClaim ? onlyRefusals(line) : line, join.key);
      }
  }

  /** What the run changes. `removesAbsent`: devices that the run did not bring are removed. */
  touched(removesAbsent: boolean): Touched {
    const { effects } = this;
    const before = effects.count(IS_FOREIGN) + this.known.presentDevices;
    let removed = effects.count(RETIRES);
    const changed = effects.count(CHANGES);
    if (!this.mayRemove(removesAbsent)) return { what: 'devices', before, removed, changed };
    for (const [key, { isPresent, observedAt }] of this.known.devices) {
      if (isPresent && this.isRemoved(key, observedAt, removesAbsent)) removed++;
    }
    return { what: 'devices', before, removed, changed };
  }

  /** Restrictions to be written, in batches: what refuses, and what is removed. */
  async *restrictions(removesAbsent: boolean): AsyncGenerator<readonly DeviceObservation[]> {
    yield* this.written(true);
    if (!this.mayRemove(removesAbsent)) return;
    const { source, readAt } = this.run;
    let batch: DeviceObservation[] = [];
    for (const [key, { isPresent, observedAt }] of this.known.devices) {
      if (!isPresent || !this.isRemoved(key, observedAt, removesAbsent)) continue;
      batch.push({ key, source, observedAt: readAt, version: readAt, removed: true });
      if (batch.length < BULK_RECORDS) continue;
      yield batch;
      batch = [];
    }
    if (batch.length > 0) yield batch;
  }

  /** Everything else to be written, in batches. */
  releases(): AsyncGenerator<readonly DeviceObservation[]> {
    return this.written(false);
  }

  /** Records that count, in the order of their devices: of those that the run restricts, or of the others. */
  private async *written(restricts: boolean): AsyncGenerator<readonly DeviceObservation[]> {
    let wanted: DeviceObservation[] = [];
    const isWanted = (key: string, place: number): boolean => {
      const number = this.records.numberOf(key);
      return this.effects.has(number, RESTRICTS) === restricts && this.records.counts(number, place);
    };
    for await (const batch of this.observations.batches(BATCH, isWanted)) {
      for (const { line } of batch) wanted.push(line);
      if (wanted.length < BULK_RECORDS) continue;
      yield wanted;
      wanted = [];
    }
    if (wanted.length > 0) yield wanted;
  }

  async close(): Promise<void> {
    await Promise.all([this.observations.close(), this.nameless.close()]);
  }

  /** Whether all devices need to be looked at for those that are missing. */
  private mayRemove(removesAbsent: boolean): boolean {
    return removesAbsent || this.gone.size > 0;
  }

  /** What an old file does not have may have come since. */
  private isRemoved(key: DeviceKey, observedAt: number, removesAbsent: boolean): boolean {
    return !this.records.has(key) && observedAt <= this.run.readAt && (removesAbsent || this.gone.has(key));
  }

  private keepAside(record: DeviceLine): void {
    this.notJoined++;
    const near = this.known.possibleMatches(record);
    if (near.length > 0) this.possibleMatches++;
    this.run.onNotJoined?.(record.line);
    if (this.firstNotJoined.length === MAX_LISTED) return;
    const { line, sourceId, serialNumber, udid, imei, owner } = record;
    const name = serialNumber ?? udid ?? imei ?? sourceId ?? owner ?? '';
    this.firstNotJoined.push({ line, name, near });
  }

  private async put(line: Partly<DeviceLine>, key: DeviceKey): Promise<string | null> {
    const standing = this.records.take(line, key, this.kept);
    if (standing !== null) this.outdated++;
    if (standing?.isOutdated === true) {
      if (key === line.id) this.run.onOutdated?.(line.line);
      return standing.note;
    }
    const effect = this.effectOf(line, key);
    const number = this.records.numberOf(key);
    if (standing === null) this.effects.add(number, effect);
    else this.effects.replace(number, effect);
    await this.observations.add(deviceObservation(line, key, this.run.readAt));
    this.kept++;
    return standing?.note ?? null;
  }

  private effectOf(line: Partly<DeviceLine>, key: DeviceKey): number {
    const before = this.known.devices.get(key);
    const after = deviceState({ ...line, graceUntil: millis(line.graceUntil) }, this.run.now);
    const restricting = restricts(line, before?.own ?? null, after) ? RESTRICTS : 0;
    if (before === undefined) return restricting;
    const { own, isPresent, observedAt, effective } = before;
    if (own !== null && (millis(line.observedAt) ?? this.run.readAt) < observedAt) return restricting;
    const isOnlyOfOthers = own === null && effective !== null;
    const foreign = isOnlyOfOthers ? IS_FOREIGN : 0;
    if (line.removed) return restricting | foreign | (isPresent ? RETIRES : isOnlyOfOthers ? CHANGES : 0);
    const earlier = own ?? effective;
    const isPartly = own === null || line.unsaid !== undefined;
    const isChange =
      (own !== null && !isPresent) ||
      (earlier !== null && (isPartly ? contradicts(earlier, after) : earlier !== after));
    return restricting | foreign | (isChange ? CHANGES : 0);
  }
}

/** What a run does to each device, by its number. */
class DeviceEffects {
  private bits = new Uint8Array(BATCH);

  has(number: number, effect: number): boolean {
    return ((this.bits[number] ?? 0) & effect) !== 0;
  }

  /** How many devices have an effect. */
  count(effect: number): number {
    let count = 0;
    for (const bits of this.bits) if ((bits & effect) !== 0) count++;
    return count;
  }

  add(number: number, effects: number): void {
    this.replace(number, (this.bits[number] ?? 0) | effects);
  }

  replace(number: number, effects: number): void {
    if (number >= this.bits.length) {
      const grown = new Uint8Array(this.bits.length * 2);
      grown.set(this.bits);
      this.bits = grown;
    }
    this.bits[number] = effects;
  }
}

/** Devices that are read back at once. */
const BATCH = 500;

/** Whether a source that is new for a device says something else than the others; what it does not say changes nothing. */
function contradicts(before: string, after: string): boolean {
  for (let at = 0; at < Math.min(before.length, after.length); at++)
    if (after[at] !== '-' && before[at] !== after[at]) return true;
  return false;
}
