// Owns one evaluation: the facts, what is derived from them once, and when something looked at may change.
import type { Facts, TimedValue } from '../engine/facts.ts';
import type { Clock } from './matcher.ts';

/** Whether conditional access applies to the user. */
export type IsTargeted = (scene: Scene) => boolean;

/** The facts of one evaluation and what conditions derive from them. */
export class Scene implements Clock {
  readonly facts: Facts;
  readonly now: number;
  /** The next moment at which something that was looked at may change; Infinity = none. */
  recheckAt = Infinity;
  readonly #isTargeted: IsTargeted;
  #targeted: boolean | null = null;
  /** The variables of CEL expressions, made when the first one is evaluated. */
  variables: object | null = null;

  constructor(facts: Facts, isTargeted: IsTargeted) {
    this.facts = facts;
    this.now = facts.now;
    this.#isTargeted = isTargeted;
  }

  note(time: number): void {
    if (time > this.now && time < this.recheckAt) this.recheckAt = time;
  }

  /** Whether a moment has come; otherwise it is noted. */
  hasCome(time: number): boolean {
    if (time <= this.now) return true;
    if (time < this.recheckAt) this.recheckAt = time;
    return false;
  }

  get targeted(): boolean {
    this.#targeted ??= this.#isTargeted(this);
    return this.#targeted;
  }

  /** Compliant as reported; false once its grace has ended. */
  get compliant(): boolean | null {
    const { device } = this.facts;
    if (device === null) return null;
    if (device.compliant !== true || device.graceUntil === null) return device.compliant;
    return !this.hasCome(device.graceUntil);
  }

  /** Since when a value is not the good one; null = unknown. */
  unmetSince(value: TimedValue): number | null {
    const { device } = this.facts;
    if (device === null) return null;
    // Compliance whose grace has ended is unmet since that end.
    if (value === 'compliant' && device.compliant === true) return device.graceUntil;
    return device.unmetSince[value];
  }
}
