// Owns the next step of an exchange, as a pure function of its facts. Hot path: steps without data are shared objects.
import type { Refusal } from '../../eas/refusals.ts';
import { sendsMail } from '../../eas/commands.ts';
import type { FinalAnswer } from '../../quarantine/mailbox-types.ts';
import type { HttpErrorCode } from '../../errors/request-errors.ts';
import type { LocalAnswer } from '../../http/reply.ts';
import { Clearance } from './clearance.ts';
import type { Exchange } from './exchange.ts';

/** A reply of the gateway; access/local-replies.ts writes it. */
export type Reply =
  /** An answer of the quarantine mailbox, or in its form. */
  | { readonly kind: 'mailbox'; readonly answer: FinalAnswer }
  /** The refusal for the verdict, or `as` another one. */
  | { readonly kind: 'refusal'; readonly as: Refusal | null }
  /** The mail server's challenge. */
  | { readonly kind: 'challenge'; readonly answer: LocalAnswer }
  | { readonly kind: 'text'; readonly status: number; readonly type: string; readonly text: string }
  /** Ends a held poll as if its heartbeat had passed. */
  | { readonly kind: 'pollOver' }
  /** Sends the phone back to FolderSync, or asks it to retry if its command has no such status. */
  | { readonly kind: 'startOver' }
  | { readonly kind: 'comeAgain'; readonly why: 'EASGATE_DECISION_CHANGED' | 'EASGATE_DECISION_OVERTAKEN' };

/** A step, performed by connection/driver.ts. */
export type Step =
  /** Wait for the root element of the body. */
  | { readonly kind: 'needBodyStart' }
  /** Read and drop the rest of the body. */
  | { readonly kind: 'skipBody' }
  /** Send 100 Continue if the phone waits for it, and read more of the body. */
  | { readonly kind: 'needBody' }
  | { readonly kind: 'lookUpVerdict' }
  | { readonly kind: 'checkCredentials' }
  /** Get the mail server's challenge. */
  | { readonly kind: 'askChallenge' }
  /** Get the answer to an Autodiscover request. */
  | { readonly kind: 'autodiscover' }
  /** Answer a quarantined phone, once its body is read. */
  | { readonly kind: 'serveQuarantine' }
  /** Continue the Provision exchange of a wipe, once the body is read. */
  | { readonly kind: 'serveWipe' }
  /** Scan the body before it is forwarded. */
  | { readonly kind: 'inspectBody' }
  /** Check whether the poll may be held. */
  | { readonly kind: 'admitPoll' }
  /** Forward to the mail server. */
  | Clearance
  /** Hold the poll of a quarantined phone. */
  | { readonly kind: 'hold' }
  | { readonly kind: 'reply'; readonly reply: Reply }
  /** Fail: the table of errors says whether the client, the gateway or the mail server caused it. */
  | { readonly kind: 'fail'; readonly code: HttpErrorCode };

/** Inputs besides the exchange. */
export interface StepInputs {
  readonly bodyComplete: boolean;
  /** Octets of the body received so far. */
  readonly bodyReceived: number;
  /** Quarantined phones get the quarantine mailbox. */
  readonly mailbox: boolean;
  /** Most octets of a body that are read before forwarding. */
  readonly maxReadAhead: number;
}

/** Restarts of an exchange because a change arrived during a suspension. */
export const MAX_OVERTAKINGS = 3;

const NEED_BODY_START: Step = Object.freeze({ kind: 'needBodyStart' });
const SKIP_BODY: Step = Object.freeze({ kind: 'skipBody' });
const NEED_BODY: Step = Object.freeze({ kind: 'needBody' });
const LOOK_UP_VERDICT: Step = Object.freeze({ kind: 'lookUpVerdict' });
const CHECK_CREDENTIALS: Step = Object.freeze({ kind: 'checkCredentials' });
export const ASK_CHALLENGE: Step = Object.freeze({ kind: 'askChallenge' });
const AUTODISCOVER: Step = Object.freeze({ kind: 'autodiscover' });
const SERVE_QUARANTINE: Step = Object.freeze({ kind: 'serveQuarantine' });
const SERVE_WIPE: Step = Object.freeze({ kind: 'serveWipe' });
const INSPECT_BODY: Step = Object.freeze({ kind: 'inspectBody' });
const ADMIT_POLL: Step = Object.freeze({ kind: 'admitPoll' });
const HOLD: Step = Object.freeze({ kind: 'hold' });
const CHANGED: Step = replyWith({ kind: 'comeAgain', why: 'EASGATE_DECISION_CHANGED' });
const OVERTAKEN: Step = replyWith({ kind: 'comeAgain', why: 'EASGATE_DECISION_OVERTAKEN' });
const DENIED: Step = replyWith({ kind: 'refusal', as: null });
/** The credentials cannot be verified: the refusal must not reveal details of the verdict. */
const DENIED_UNPROVEN: Step = replyWith({ kind: 'refusal', as: 'deviceBlocked' });

/** A step that replies. */
export function replyWith(reply: Reply): Step {
  return Object.freeze({ kind: 'reply', reply: Object.freeze(reply) });
}

/** A step that fails the exchange. */
export function failWith(code: HttpErrorCode): Step {
  return { kind: 'fail', code };
}

/** The next step of an exchange that is neither suspended nor at the mail server. */
export function nextStep(exchange: Exchange, inputs: StepInputs): Step {
  if (exchange.overtakings > MAX_OVERTAKINGS) return OVERTAKEN;
  if (exchange.challengeOnly) return nextOfStranger(exchange, inputs);
  if (exchange.autodiscover !== null) return inputs.bodyComplete ? AUTODISCOVER : NEED_BODY;
  if (!exchange.rootSeen && !awaitsInvitation(exchange)) return NEED_BODY_START;
  // OPTIONS has no body and needs no verdict.
  if (exchange.command === null) return forward(exchange);
  const { verdict } = exchange;
  if (verdict === null) return LOOK_UP_VERDICT;
  if (verdict.action === 'allow') return nextOfAllowed(exchange, inputs);
  return exchange.leg === 'closing' ? nextOfDeniedLeg(exchange, inputs) : nextOfDenied(exchange, inputs);
}

/** A request without usable credentials. Reading a short body is cheaper for a phone than a new connection. */
function nextOfStranger(exchange: Exchange, { bodyComplete, bodyReceived, maxReadAhead }: StepInputs): Step {
  const short = exchange.contentLength <= maxReadAhead && bodyReceived <= maxReadAhead;
  if (!bodyComplete && short && !exchange.expectContinue) return SKIP_BODY;
  // The next challenge of a handshake arrives on the connection that it authenticates.
  return exchange.leg === 'opening' ? forward(exchange) : ASK_CHALLENGE;
}

function nextOfAllowed(exchange: Exchange, inputs: StepInputs): Step {
  if (exchange.exit !== null)
    return credentialStep(exchange) ?? replyWith({ kind: 'mailbox', answer: exchange.exit });
  // The verdict changed while the body was being dropped.
  if (exchange.bodySpent) return CHANGED;
  if (!exchange.rootSeen || needsReadAhead(exchange, inputs)) return NEED_BODY;
  if (!exchange.inspected) return INSPECT_BODY;
  if (exchange.held && !exchange.pollAdmitted) return ADMIT_POLL;
  return forward(exchange);
}

/** The closing leg of a denied request: the mail server must verify it first. */
function nextOfDeniedLeg(exchange: Exchange, inputs: StepInputs): Step {
  return !exchange.rootSeen || needsReadAhead(exchange, inputs) ? NEED_BODY : forward(exchange);
}

function nextOfDenied(exchange: Exchange, { mailbox }: StepInputs): Step {
  const unproven = credentialStep(exchange);
  if (unproven !== null) return unproven;
  const { verdict, command } = exchange;
  if (verdict?.wipe !== undefined && command === 'Provision') return SERVE_WIPE;
  // A phone that waits for a report may be allowed soon, so it gets no mailbox that it would have to leave again.
  if (verdict?.action !== 'quarantine' || !mailbox || verdict.reason === 'awaitingReport') return DENIED;
  if (exchange.rewritten) return forward(exchange);
  if (!exchange.held) return SERVE_QUARANTINE;
  return exchange.pollAdmitted ? HOLD : ADMIT_POLL;
}

/** The step that the state of the credentials requires before a local reply; null = they were accepted. */
function credentialStep(exchange: Exchange): Step | null {
  switch (exchange.credentials) {
    case 'unchecked':
      return CHECK_CREDENTIALS;
    case 'refused':
      return ASK_CHALLENGE;
    case 'unknown':
      return failWith('EASGATE_CREDENTIALS_UNKNOWN');
    case 'EASGATE_CREDENTIALS_BUSY':
    case 'EASGATE_CREDENTIALS_LIMITED':
      return failWith(exchange.credentials);
    case 'bound':
      return DENIED_UNPROVEN;
    default:
      return null;
  }
}

/** The facts must give a clearance here; otherwise it is a bug, and the request is not forwarded. */
function forward(exchange: Exchange): Step {
  return Clearance.for(exchange) ?? failWith('EASGATE_NO_CLEARANCE');
}

/** The phone waits for 100 Continue: there is no body to check yet. */
function awaitsInvitation({ expectContinue, continued }: Exchange): boolean {
  return expectContinue && !continued;
}

/**
 * Whether more of the body must be read before forwarding: it may contain a heartbeat anywhere, and keys of the
 * quarantine mailbox where that is used; a new mail contains neither. sogod refuses chunked bodies.
 */
function needsReadAhead(
  { framing, content, contentLength, command }: Exchange,
  { bodyComplete, bodyReceived, mailbox, maxReadAhead }: StepInputs,
): boolean {
  if (bodyComplete || bodyReceived > maxReadAhead) return false;
  if (framing === 'chunked') return true;
  if (mailbox) return content !== 'rfc822' && command !== 'SendMail';
  return contentLength <= maxReadAhead && command !== null && !sendsMail(command);
}
