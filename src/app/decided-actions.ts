// Owns the decisions that the source of a run imported before, packed: some 20 bytes and the length of its names for each.
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { AccessDecision } from '../model/decision.ts';
import { NONE } from '../name-index.ts';
import { NumberColumn } from '../number-lists.ts';
import { NumberedNames } from './numbered-names.ts';

/** What a decision is about: the user null = every user of the device. */
export interface Subject {
  readonly device: DeviceKey;
  readonly user: UserKey | null;
}

type Action = AccessDecision['action'];

/** By their numbers. */
const ACTIONS: readonly Action[] = ['allow', 'quarantine', 'block'];

/** Actions by subject; a subject has a number, from 0, by {@link subjectText}. */
export class DecidedActions {
  private readonly subjects = new NumberedNames();
  private readonly actions = new NumberColumn();

  get size(): number {
    return this.subjects.size;
  }

  /** Adds or replaces an action; returns the number of the subject. */
  set(subject: Subject, action: Action): number {
    const number = this.subjects.add(subjectText(subject));
    this.actions.set(number, ACTIONS.indexOf(action));
    return number;
  }

  /** The number of a subject; {@link NONE} = nothing was decided about it. */
  numberOf(subject: Subject): number {
    return this.subjects.numberOf(subjectText(subject));
  }

  /** What was decided about a subject; null = nothing. */
  actionOf(subject: Subject): Action | null {
    const number = this.numberOf(subject);
    return number === NONE ? null : (ACTIONS[this.actions.get(number)] ?? null);
  }

  *[Symbol.iterator](): Generator<Subject & { readonly action: Action }> {
    for (let number = 0; number < this.size; number++) {
      const [device = '', ...user] = this.subjects.nameAt(number).split(' ');
      yield {
        device: device as DeviceKey,
        user: user.length === 0 ? null : (user.join(' ') as UserKey),
        action: ACTIONS[this.actions.get(number)] ?? 'block',
      };
    }
  }
}

/** One text for what a decision is about. The id of a device has no spaces. */
function subjectText({ device, user }: Subject): string {
  return user === null ? device : `${device} ${user}`;
}
