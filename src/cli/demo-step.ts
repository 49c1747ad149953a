// Owns what one step of the story of `easgate demo` shows.
import type { PhoneEvent } from '../sample/phone/options.ts';
import type { AccountState } from '../sample/phone/screen.ts';

/** One step as it was seen. */
export interface StoryStep {
  readonly title: string;
  /** When it began, ISO 8601. */
  readonly at: string;
  /** The command that the operator ran; null = nothing. */
  readonly operator: string | null;
  /** What the command printed. */
  readonly output: string;
  /** The gateway's own. */
  readonly verdict: string;
  readonly reason: string;
  /** The requests that led from the step's beginning to what the phone shows. */
  readonly requests: readonly PhoneEvent[];
  /** From the step's beginning, the command included, to what the phone shows, milliseconds. */
  readonly milliseconds: number;
  readonly phone: ShownPhone;
}

/** What the user sees. */
export interface ShownPhone {
  readonly state: AccountState;
  readonly folders: readonly string[];
  /** Subjects in the Inbox. */
  readonly subjects: readonly string[];
  /** The message of the gateway as plain text; null = there is none. */
  readonly message: string | null;
  readonly passwordPrompts: number;
}
