// Owns the phases of an exchange and the legal changes between them. Pure; hot path.

/** The phases of an exchange. */
export type ExchangePhase =
  /** reading the body, or about to take the next step */
  | 'reading'
  /** suspended for an answer of the directory or a mail server */
  | 'asking'
  /** waiting for a connection to the mail server */
  | 'queued'
  /** held by the gateway, for a phone in the quarantine mailbox */
  | 'held'
  /** sent to the mail server, waiting for the response head */
  | 'forwarded'
  /** the response head was sent to the phone */
  | 'responding'
  | 'done';

/** Legal changes. Every exchange starts with `reading` and ends with `done`. */
export const TRANSITIONS: Readonly<Record<ExchangePhase, Readonly<Partial<Record<ExchangePhase, true>>>>> = {
  reading: { asking: true, queued: true, held: true, forwarded: true, done: true },
  // Answered, or ended by its deadline, a change or the client.
  asking: { reading: true, done: true },
  // Another exchange may take the free connection first: it waits again.
  queued: { queued: true, forwarded: true, done: true },
  // A changed message ends the poll.
  held: { done: true },
  // Retried, or withdrawn because its body must not reach the mail server.
  forwarded: { forwarded: true, queued: true, reading: true, responding: true, done: true },
  responding: { done: true },
  done: {},
};

/** Whether an exchange may go from one phase to the other. */
export function isLegal(from: ExchangePhase, to: ExchangePhase): boolean {
  return TRANSITIONS[from][to] === true;
}
