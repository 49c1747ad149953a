// Owns one evaluation: the facts, values derived from them, and when the result may change.
import type { Facts, TimedValue } from '../engine/facts.ts';
import type { Clock } from './matcher.ts';

/** Whether conditional access applies to the user. */
export type IsTargeted = (scene: Scene) => boolean;

/** The facts of one evaluation and what conditions derive from them. */
export class Scene implements Clock {
  readonly facts: Facts;
  readonly now: number;
  /** The next time at which a used fact may change; Infinity = never. */
  recheckAt = Infinity;
  readonly #isTargeted: IsTargeted;
  #targeted: boolean | null = null;
  #groupNames: readonly string[] | null = null;
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

  /** Whether a time has passed; if not, it is recorded. */
  hasCome(time: number): boolean {
    if (time <= this.now) return true;
    if (time < this.recheckAt) this.recheckAt = time;
    return false;
  }

  get targeted(): boolean {
    this.#targeted ??= this.#isTargeted(this);
    return this.#targeted;
  }

  /** The user's groups as written, for explanations; null = unknown. */
  get groupNames(): readonly string[] | null {
    this.#groupNames ??= this.facts.user.groups?.map(({ as }) => as) ?? null;
    return this.#groupNames;
  }

  /** Compliant as reported; false after the grace period. */
  get compliant(): boolean | null {
    const { device } = this.facts;
    if (device === null) return null;
    if (device.compliant !== true || device.graceUntil === null) return device.compliant;
    return !this.hasCome(device.graceUntil);
  }

  /** Time since which a value has not been the required one; null = unknown. */
  unmetSince(value: TimedValue): number | null {
    const { device } = this.facts;
    if (device === null) return null;
    // Compliance after its grace period has been unmet since the end of that period.
    if (value === 'compliant' && device.compliant === true) return device.graceUntil;
    return device.unmetSince[value];
  }
}
