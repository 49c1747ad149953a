// Owns the data of one step of `easgate demo`.
import type { PhoneEvent } from '../sample/phone/options.ts';
import type { AccountState } from '../sample/phone/screen.ts';

/** One step, as observed. */
export interface StoryStep {
  readonly title: string;
  /** When it began, ISO 8601. */
  readonly at: string;
  /** The command that the operator ran; null = none. */
  readonly operator: string | null;
  /** The output of the command. */
  readonly output: string;
  /** The gateway's verdict. */
  readonly verdict: string;
  readonly reason: string;
  /** The requests from the beginning of the step to the final state of the phone. */
  readonly requests: readonly PhoneEvent[];
  /** Duration from the beginning of the step, including the command, to the final state of the phone, milliseconds. */
  readonly milliseconds: number;
  readonly phone: ShownPhone;
}

/** The visible state of the phone. */
export interface ShownPhone {
  readonly state: AccountState;
  readonly folders: readonly string[];
  /** Subjects in the Inbox. */
  readonly subjects: readonly string[];
  /** The quarantine message as plain text; null = none. */
  readonly message: string | null;
  readonly passwordPrompts: number;
}
