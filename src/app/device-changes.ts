// Owns the devices of a run: which device each record belongs to, which ones the source no longer has, and how many the run
// changes. Records wait in temporary files until the whole run is known.
import type { DeviceKey } from '../identity/keys.ts';
import { BULK_RECORDS } from '../directory/store.ts';
import type { DeviceLine } from '../feeds/record.ts';
import type { DeviceObservation } from '../model/device.ts';
import { MAX_LISTED } from './apply-outcome.ts';
import type { NotJoined } from './apply-outcome.ts';
import type { Touched } from './brakes.ts';
import type { KnownRecords } from './known-records.ts';
import { deviceObservation, deviceState, millis, onlyRefusals, restricts } from './line-observations.ts';
import type { Partly } from './line-observations.ts';
import { LineSpool } from './line-spool.ts';
import { NameSet } from './name-index.ts';

/** How the lines of a run are to be understood. */
export interface DeviceRun {
  readonly source: string;
  /** When the source was read, milliseconds since the epoch. */
  readonly readAt: number;
  readonly now: number;
  /** Called for each record that belongs to no device that is known, with its line. */
  readonly onNotJoined?: ((line: number) => void) | undefined;
}

/** Devices of one run. */
export class RunDevices {
  joined = 0;
  notJoined = 0;
  /** Of those, records that could belong to a device that is known. */
  possibleMatches = 0;
  readonly firstNotJoined: NotJoined[] = [];
  /** Devices that the source says it deleted. */
  readonly gone = new Set<DeviceKey>();
  private readonly known: KnownRecords;
  private readonly run: DeviceRun;
  private readonly observations: LineSpool<DeviceObservation>;
  private readonly nameless: LineSpool<DeviceLine>;
  /** Devices that the run brought by their ids, and by other names. */
  private readonly named = new NameSet();
  private readonly joinedTo = new NameSet();
  private readonly changed = new NameSet();
  private readonly retired = new NameSet();
  /** Devices for which the run makes it harder: they are written first. */
  private readonly restricted = new NameSet();
  /** Devices of the run that only other sources reported before. */
  private foreign = 0;

  private constructor(
    known: KnownRecords,
    run: DeviceRun,
    observations: LineSpool<DeviceObservation>,
    nameless: LineSpool<DeviceLine>,
  ) {
    this.known = known;
    this.run = run;
    this.observations = observations;
    this.nameless = nameless;
  }

  static async open(known: KnownRecords, run: DeviceRun): Promise<RunDevices> {
    return new RunDevices(
      known,
      run,
      await LineSpool.open<DeviceObservation>(),
      await LineSpool.open<DeviceLine>(),
    );
  }

  async add(line: DeviceLine): Promise<void> {
    if (line.id === null) await this.nameless.add(line);
    else
      for (const key of [line.id, ...line.otherIds] as DeviceKey[]) {
        await this.put(line, key);
        this.named.add(key);
      }
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
          !this.named.has(join.key) &&
          (join.isClaim ? claims.get(join.key) === 1 && !sure.has(join.key) : sure.get(join.key) === 1);
        if (!isFree) {
          this.keepAside(line);
          continue;
        }
        this.joined++;
        await this.put(join.isClaim ? onlyRefusals(line) : line, join.key);
        this.joinedTo.add(join.key);
      }
  }

  /** What the run changes. `removesAbsent`: devices that the run did not bring are removed. */
  touched(removesAbsent: boolean): Touched {
    const before = this.foreign + this.known.presentDevices;
    if (!this.mayRemove(removesAbsent))
      return { what: 'devices', before, removed: this.retired.size, changed: this.changed.size };
    let removed = this.retired.size;
    for (const [key, { isPresent, observedAt }] of this.known.devices) {
      if (isPresent && this.isRemoved(key, observedAt, removesAbsent)) removed++;
    }
    return { what: 'devices', before, removed, changed: this.changed.size };
  }

  /** Restrictions to be written, in batches: what refuses, and what is removed. */
  async *restrictions(removesAbsent: boolean): AsyncGenerator<readonly DeviceObservation[]> {
    yield* this.written((key) => this.restricted.has(key));
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
    return this.written((key) => !this.restricted.has(key));
  }

  /** Records of the devices that are wanted. All of one device stay together, in their order: the last one counts. */
  private async *written(
    isWanted: (key: DeviceKey) => boolean,
  ): AsyncGenerator<readonly DeviceObservation[]> {
    let wanted: DeviceObservation[] = [];
    for await (const batch of this.observations.batches(BATCH)) {
      wanted.push(...batch.filter(({ key }) => isWanted(key)));
      if (wanted.length < BULK_RECORDS) continue;
      yield wanted;
      wanted = [];
    }
    if (wanted.length > 0) yield wanted;
  }

  async close(): Promise<void> {
    await this.observations.close();
    await this.nameless.close();
  }

  /** Whether all devices need to be looked at for those that are missing. */
  private mayRemove(removesAbsent: boolean): boolean {
    return removesAbsent || this.gone.size > 0;
  }

  /** What an old file does not have may have come since. */
  private isRemoved(key: DeviceKey, observedAt: number, removesAbsent: boolean): boolean {
    return !this.isBrought(key) && observedAt <= this.run.readAt && (removesAbsent || this.gone.has(key));
  }

  private isBrought(key: DeviceKey): boolean {
    return this.named.has(key) || this.joinedTo.has(key);
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

  private async put(line: DeviceLine, key: DeviceKey): Promise<void> {
    this.count(line, key);
    await this.observations.add(deviceObservation(line, key, this.run.readAt));
  }

  private count(line: Partly<DeviceLine>, key: DeviceKey): void {
    const before = this.known.devices.get(key);
    const after = deviceState({ ...line, graceUntil: millis(line.graceUntil) }, this.run.now);
    if (restricts(line, before?.own ?? null, after)) this.restricted.add(key);
    if (before === undefined) return;
    const { own, isPresent, observedAt, effective } = before;
    if (own !== null && (millis(line.observedAt) ?? this.run.readAt) < observedAt) return;
    if (own === null && effective !== null && !this.isBrought(key)) this.foreign++;
    if (line.removed) {
      if (isPresent) this.retired.add(key);
      else if (own === null && effective !== null) this.changed.add(key);
      return;
    }
    if (own !== null && !isPresent) this.changed.add(key);
    const earlier = own ?? effective;
    const isPartly = own === null || line.unsaid !== undefined;
    if (earlier !== null && (isPartly ? contradicts(earlier, after) : earlier !== after))
      this.changed.add(key);
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
