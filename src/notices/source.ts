// Owns the shape of the message texts, built in or written by an operator.
import type { MessageReason } from './reasons.ts';

/** The text of one reason. Every value is a template; each becomes one line or paragraph. */
export interface MessageSource {
  readonly subject: string;
  /** What happened, in a sentence or two. */
  readonly happened: string;
  /** What the reader can do, one step each, in order. */
  readonly steps: readonly string[];
  /** Label of the link to the enrolment page; empty = no link. */
  readonly link: string;
  /** What happens at {{nextStep}}; left out where no date is known. Absent or empty = the message has no such sentence. */
  readonly next?: string;
  /** When mail comes back. */
  readonly returns: string;
  /** Whom to ask. */
  readonly contact: string;
}

/** All texts of one language. */
export interface LanguageSource {
  readonly headings: {
    /** Heading of the steps. */
    readonly steps: string;
    /** Heading of the details. */
    readonly details: string;
  };
  /** The reason in a few words, for the variable `reason`; plain text. */
  readonly reasons: Readonly<Record<MessageReason, string>>;
  readonly messages: Readonly<Record<MessageReason, MessageSource>>;
  /** Facts for the help desk at the end of every message, one line each. */
  readonly details: readonly string[];
  /** Last line of every message. */
  readonly footer: string;
}
