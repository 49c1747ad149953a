// Owns which record of a device counts, where a run or a file has several: a phone that was enrolled again has two in every device
// management. Rows of typed arrays: a directory has half a million devices. Pure.
import type { DeviceLine } from '../feeds/record.ts';
import { isoTime } from '../feeds/times.ts';
import { millis, refuses } from './line-observations.ts';
import type { Partly } from './line-observations.ts';
import { NONE, NameIndex } from '../name-index.ts';

/** A record beside an earlier one of the same device. */
export interface Standing {
  /** The record does not count. */
  readonly isOutdated: boolean;
  /** Which of the two counts, and why, for people. */
  readonly note: string;
}

const FIRST_SIZE = 1_024;
const NEVER = -Infinity;

/**
 * The records that count so far. Of two whole records of a device the one that its source saw later counts; of two that it saw at once, or
 * that do not say it, the one with the newer check-in. One without a check-in loses against one with it. Of two equal ones the one that
 * refuses the device counts, where they have a check-in, else the last one.
 * Threat: the old record of a phone that was enrolled again, which still says that it complies.
 */
export class PrevailingRecords {
  private readonly now: number;
  private readonly numbers = new NameIndex();
  private seenAt = new Float64Array(FIRST_SIZE);
  private checkedInAt = new Float64Array(FIRST_SIZE);
  private lines = new Uint32Array(FIRST_SIZE);
  private firsts = new Uint32Array(FIRST_SIZE);
  private refusing = new Uint8Array(FIRST_SIZE);

  /** `now`: milliseconds since the epoch; a later check-in counts as one of now. */
  constructor(now: number) {
    this.now = now;
  }

  /** Whether a record of the device came. */
  has(key: string): boolean {
    return this.numbers.get(key) !== NONE;
  }

  /** The number of a device, from 0; below 0 = no record of it came. */
  numberOf(key: string): number {
    return this.numbers.get(key);
  }

  /** Whether the record of a device, by its number, at this place counts. */
  counts(number: number, place: number): boolean {
    return place >= (this.firsts[number] ?? 0);
  }

  /** Takes a record, `place`: its number among those that may count. Null = it is the first one of the device. */
  take(line: Partly<DeviceLine>, key: string, place: number): Standing | null {
    const number = this.numbers.get(key);
    if (number === NONE) {
      this.put(this.added(key), line, place);
      return null;
    }
    // A record that says a part does not stand for the device: it counts beside the others, unless it is known to be older.
    const isPart = line.unsaid !== undefined;
    const order = this.compare(line, number, isPart);
    const other = `another record of the device, on line ${this.lines[number] ?? 0} ${checkInText(this.checkedInAt[number] ?? NEVER)}`;
    if (order < 0) return { isOutdated: true, note: `${other}, counts in place of this one` };
    if (isPart) {
      this.checkedInAt[number] = Math.max(this.checkIn(line), this.checkedInAt[number] ?? NEVER);
      return null;
    }
    this.put(number, line, place);
    return { isOutdated: false, note: `counts in place of ${other}` };
  }

  /** Below 0: the record does not count. Above 0: the one before it does not. 0: the last one counts. */
  private compare(line: DeviceLine, number: number, isPart: boolean): number {
    const seen = (millis(line.observedAt) ?? Infinity) - (this.seenAt[number] ?? Infinity);
    if (!Number.isNaN(seen) && seen !== 0) return isPart ? 0 : seen;
    const [mine, other] = [this.checkIn(line), this.checkedInAt[number] ?? NEVER];
    if (mine === NEVER && (other === NEVER || isPart)) return 0;
    if (mine !== other) return mine > other ? 1 : -1;
    return this.refusing[number] === 1 && !refuses(line) && !isPart ? -1 : 0;
  }

  private checkIn({ lastCheckIn }: DeviceLine): number {
    return Math.min(millis(lastCheckIn) ?? NEVER, this.now);
  }

  private put(number: number, line: DeviceLine, first: number): void {
    this.seenAt[number] = millis(line.observedAt) ?? Infinity;
    this.checkedInAt[number] = this.checkIn(line);
    this.lines[number] = line.line;
    this.firsts[number] = first;
    this.refusing[number] = Number(refuses(line));
  }

  private added(key: string): number {
    const number = this.numbers.size;
    this.numbers.set(key, number);
    if (number === this.firsts.length) this.grow();
    return number;
  }

  private grow(): void {
    const size = this.firsts.length * 2;
    this.seenAt = copied(new Float64Array(size), this.seenAt);
    this.checkedInAt = copied(new Float64Array(size), this.checkedInAt);
    this.lines = copied(new Uint32Array(size), this.lines);
    this.firsts = copied(new Uint32Array(size), this.firsts);
    this.refusing = copied(new Uint8Array(size), this.refusing);
  }
}

function checkInText(at: number): string {
  return at === NEVER ? 'without a check-in' : `with a check-in at ${isoTime(at)}`;
}

function copied<Values extends Float64Array | Uint32Array | Uint8Array>(to: Values, from: Values): Values {
  to.set(from);
  return to;
}
