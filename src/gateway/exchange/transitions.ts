// Owns the phases of an exchange and which may follow which. Pure; hot path.

/** Where an exchange stands. */
export type ExchangePhase =
  /** the next step waits for bytes of the body, or is taken now */
  | 'reading'
  /** suspended: the directory or a mail server is asked something about it */
  | 'asking'
  /** waits for a connection to the mail server */
  | 'queued'
  /** held by the gateway itself, for a phone in the quarantine mailbox */
  | 'held'
  /** sent to the mail server; waits for the response head */
  | 'forwarded'
  /** the response head went to the phone */
  | 'responding'
  | 'done';

/** The one table. Every exchange begins with `reading` and ends with `done`. */
export const TRANSITIONS: Readonly<Record<ExchangePhase, Readonly<Partial<Record<ExchangePhase, true>>>>> = {
  reading: { asking: true, queued: true, held: true, forwarded: true, done: true },
  // Answered, or ended by its deadline, a change or the client.
  asking: { reading: true, done: true },
  // A free connection may be taken by another exchange first: it waits again.
  queued: { queued: true, forwarded: true, done: true },
  // The message may change while it is held, and it is answered then.
  held: { done: true },
  // Sent once more, or taken back because its body must not reach the mail server.
  forwarded: { forwarded: true, queued: true, reading: true, responding: true, done: true },
  responding: { done: true },
  done: {},
};

/** Whether an exchange may go from one phase to the other. */
export function isLegal(from: ExchangePhase, to: ExchangePhase): boolean {
  return TRANSITIONS[from][to] === true;
}
