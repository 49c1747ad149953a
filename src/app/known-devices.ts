// Owns the devices that the directory knows before a run, one row of typed arrays for each. States and reports
// of most devices are the same few texts: each text is kept once.
import type { DeviceKey } from '../identity/keys.ts';
import { NONE } from '../name-index.ts';
import { NumberedNames } from './numbered-names.ts';

/** A device that the directory knows. */
export interface KnownDevice {
  /** What the source of the run reported about it (line-observations.ts, deviceState); null = it never reported the device. */
  readonly own: string | null;
  /** The source of the run reported it, and did not remove it. */
  readonly isPresent: boolean;
  /** When the source of the run last reported it, milliseconds since the epoch. */
  readonly observedAt: number;
  /** What all sources together say; null = no source reported it. */
  readonly effective: string | null;
}

const FIRST_SIZE = 1_024;
/** In place of the number of a text. */
const NO_TEXT = -1;

/** Devices by key, and by their numbers, which count from 0. */
export class KnownDevices {
  private readonly keys = new NumberedNames();
  private own = new Int32Array(FIRST_SIZE);
  private effective = new Int32Array(FIRST_SIZE);
  private present = new Uint8Array(FIRST_SIZE);
  private observedAt = new Float64Array(FIRST_SIZE);
  private readonly texts: string[] = [];
  private readonly textNumbers = new Map<string, number>();

  get size(): number {
    return this.keys.size;
  }

  /** The number of a device; {@link NONE} = it is not known. */
  numberOf(key: DeviceKey): number {
    return this.keys.numberOf(key);
  }

  keyOf(number: number): DeviceKey | undefined {
    return number > NONE && number < this.size ? (this.keys.nameAt(number) as DeviceKey) : undefined;
  }

  has(key: DeviceKey): boolean {
    return this.numberOf(key) !== NONE;
  }

  get(key: DeviceKey): KnownDevice | undefined {
    const number = this.numberOf(key);
    return number === NONE ? undefined : this.at(number);
  }

  /** Adds or replaces a device; returns its number. */
  set(key: DeviceKey, { own, isPresent, observedAt, effective }: KnownDevice): number {
    const number = this.keys.add(key);
    if (number === this.own.length) this.grow();
    this.own[number] = this.textNumber(own);
    this.effective[number] = this.textNumber(effective);
    this.present[number] = Number(isPresent);
    this.observedAt[number] = observedAt;
    return number;
  }

  *[Symbol.iterator](): Generator<readonly [DeviceKey, KnownDevice]> {
    for (let number = 0; number < this.size; number++)
      yield [this.keys.nameAt(number) as DeviceKey, this.at(number)];
  }

  private at(number: number): KnownDevice {
    return {
      own: this.texts[this.own[number] ?? NO_TEXT] ?? null,
      isPresent: this.present[number] === 1,
      observedAt: this.observedAt[number] ?? 0,
      effective: this.texts[this.effective[number] ?? NO_TEXT] ?? null,
    };
  }

  private textNumber(text: string | null): number {
    if (text === null) return NO_TEXT;
    const known = this.textNumbers.get(text);
    if (known !== undefined) return known;
    const number = this.texts.push(text) - 1;
    this.textNumbers.set(text, number);
    return number;
  }

  private grow(): void {
    const size = this.own.length * 2;
    this.own = copied(new Int32Array(size), this.own);
    this.effective = copied(new Int32Array(size), this.effective);
    this.present = copied(new Uint8Array(size), this.present);
    this.observedAt = copied(new Float64Array(size), this.observedAt);
  }
}

function copied<Values extends Int32Array | Uint8Array | Float64Array>(to: Values, from: Values): Values {
  to.set(from);
  return to;
}
