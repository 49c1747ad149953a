// Owns what happens next to an exchange: one function of its facts. Pure; hot path: what it gives without a payload is shared.
import type { Refusal } from '../../eas/refusals.ts';
import { sendsMail } from '../../eas/commands.ts';
import type { FinalAnswer } from '../../quarantine/model.ts';
import type { HttpErrorCode } from '../../errors.ts';
import type { LocalAnswer } from '../../http/reply.ts';
import { Clearance } from './clearance.ts';
import type { Exchange } from './exchange.ts';

/** What the gateway answers by itself; written out by access/local-replies.ts. */
export type Reply =
  /** Of the quarantine mailbox, or in its form. */
  | { readonly kind: 'mailbox'; readonly answer: FinalAnswer }
  /** By the verdict, or `as` something else. */
  | { readonly kind: 'refusal'; readonly as: Refusal | null }
  /** The mail server's challenge. */
  | { readonly kind: 'challenge'; readonly answer: LocalAnswer }
  | { readonly kind: 'text'; readonly status: number; readonly type: string; readonly text: string }
  /** A held poll ends as if its heartbeat had passed. */
  | { readonly kind: 'pollOver' }
  /** The phone starts over with its folders, or comes again at once where its command cannot say so. */
  | { readonly kind: 'startOver' }
  | { readonly kind: 'comeAgain'; readonly why: 'EASGATE_DECISION_CHANGED' | 'EASGATE_DECISION_OVERTAKEN' };

/** One step, performed by connection/driver.ts. */
export type Step =
  /** Wait until the root element of the body is there. */
  | { readonly kind: 'needBodyStart' }
  /** Wait for the rest of a body that is not kept. */
  | { readonly kind: 'skipBody' }
  /** Ask for the body where the phone waits to be asked, and wait for more of it. */
  | { readonly kind: 'needBody' }
  | { readonly kind: 'lookUpVerdict' }
  | { readonly kind: 'checkCredentials' }
  /** Ask the mail server for its challenge. */
  | { readonly kind: 'askChallenge' }
  /** Ask what an Autodiscover request is answered. */
  | { readonly kind: 'discover' }
  /** Read the body of a quarantined phone and answer it. */
  | { readonly kind: 'serveQuarantine' }
  /** Read the body of a phone that is to be wiped, and go on with the Provision exchange of the wipe. */
  | { readonly kind: 'serveWipe' }
  /** Look through a body before it goes on. */
  | { readonly kind: 'inspectBody' }
  /** See whether a poll may be held. */
  | { readonly kind: 'admitPoll' }
  /** Send it to the mail server. */
  | Clearance
  /** Hold the poll of a quarantined phone that was served last. */
  | { readonly kind: 'hold' }
  | { readonly kind: 'reply'; readonly reply: Reply }
  /** The client is at fault where the code says so, else the gateway or the mail server. */
  | { readonly kind: 'fail'; readonly code: HttpErrorCode };

/** What a step depends on beside the exchange. */
export interface StepInputs {
  readonly bodyComplete: boolean;
  /** Octets of the body that have come. */
  readonly bodyReceived: number;
  /** Quarantined phones get the quarantine mailbox. */
  readonly mailbox: boolean;
  /** How much of a body is read before it goes on, in octets. */
  readonly maxReadAhead: number;
}

/** So often an exchange is begun anew because a change came while it was suspended. */
export const MAX_OVERTAKINGS = 3;

const NEED_BODY_START: Step = Object.freeze({ kind: 'needBodyStart' });
const SKIP_BODY: Step = Object.freeze({ kind: 'skipBody' });
const NEED_BODY: Step = Object.freeze({ kind: 'needBody' });
const LOOK_UP_VERDICT: Step = Object.freeze({ kind: 'lookUpVerdict' });
const CHECK_CREDENTIALS: Step = Object.freeze({ kind: 'checkCredentials' });
export const ASK_CHALLENGE: Step = Object.freeze({ kind: 'askChallenge' });
const DISCOVER: Step = Object.freeze({ kind: 'discover' });
const SERVE_QUARANTINE: Step = Object.freeze({ kind: 'serveQuarantine' });
const SERVE_WIPE: Step = Object.freeze({ kind: 'serveWipe' });
const INSPECT_BODY: Step = Object.freeze({ kind: 'inspectBody' });
const ADMIT_POLL: Step = Object.freeze({ kind: 'admitPoll' });
const HOLD: Step = Object.freeze({ kind: 'hold' });
const CHANGED: Step = replyWith({ kind: 'comeAgain', why: 'EASGATE_DECISION_CHANGED' });
const OVERTAKEN: Step = replyWith({ kind: 'comeAgain', why: 'EASGATE_DECISION_OVERTAKEN' });
const DENIED: Step = replyWith({ kind: 'refusal', as: null });
/** Nobody vouches for this one request: it learns that it may not pass, and nothing else. */
const DENIED_UNPROVEN: Step = replyWith({ kind: 'refusal', as: 'deviceBlocked' });

/** A step that answers. */
export function replyWith(reply: Reply): Step {
  return Object.freeze({ kind: 'reply', reply: Object.freeze(reply) });
}

/** A step that fails the exchange. */
export function failWith(code: HttpErrorCode): Step {
  return { kind: 'fail', code };
}

/** The next step of an exchange that is not suspended and not under way to the mail server. */
export function nextStep(exchange: Exchange, inputs: StepInputs): Step {
  if (exchange.overtakings > MAX_OVERTAKINGS) return OVERTAKEN;
  if (exchange.challengeOnly) return nextOfStranger(exchange, inputs);
  if (exchange.discovery !== null) return inputs.bodyComplete ? DISCOVER : NEED_BODY;
  if (!exchange.rootSeen && !awaitsInvitation(exchange)) return NEED_BODY_START;
  // OPTIONS has no body, and no verdict.
  if (exchange.command === null) return forward(exchange);
  const { verdict } = exchange;
  if (verdict === null) return LOOK_UP_VERDICT;
  if (verdict.action === 'allow') return nextOfAllowed(exchange, inputs);
  return exchange.leg === 'closing' ? nextOfDeniedLeg(exchange, inputs) : nextOfDenied(exchange, inputs);
}

/** Who has not signed in. A new connection costs a phone more than a short body, so that is read past first. */
function nextOfStranger(exchange: Exchange, { bodyComplete, bodyReceived, maxReadAhead }: StepInputs): Step {
  const short = exchange.contentLength <= maxReadAhead && bodyReceived <= maxReadAhead;
  if (!bodyComplete && short && !exchange.expectContinue) return SKIP_BODY;
  // The next challenge of a handshake comes on the connection that it binds.
  return exchange.leg === 'opening' ? forward(exchange) : ASK_CHALLENGE;
}

function nextOfAllowed(exchange: Exchange, inputs: StepInputs): Step {
  if (exchange.exit !== null)
    return credentialStep(exchange) ?? replyWith({ kind: 'mailbox', answer: exchange.exit });
  // Its verdict changed while its body was read past.
  if (exchange.bodySpent) return CHANGED;
  if (!exchange.rootSeen || needsReadAhead(exchange, inputs)) return NEED_BODY;
  if (!exchange.inspected) return INSPECT_BODY;
  if (exchange.held && !exchange.pollAdmitted) return ADMIT_POLL;
  return forward(exchange);
}

/** Behind the last leg of a handshake all verdicts take the same way until the mail server has judged the leg. */
function nextOfDeniedLeg(exchange: Exchange, inputs: StepInputs): Step {
  return !exchange.rootSeen || needsReadAhead(exchange, inputs) ? NEED_BODY : forward(exchange);
}

function nextOfDenied(exchange: Exchange, { mailbox }: StepInputs): Step {
  const unproven = credentialStep(exchange);
  if (unproven !== null) return unproven;
  const { verdict, command } = exchange;
  if (verdict?.wipe !== undefined && command === 'Provision') return SERVE_WIPE;
  // Who is to come again soon is shown nothing that would have to be taken back.
  if (verdict?.action !== 'quarantine' || !mailbox || verdict.reason === 'awaitingReport') return DENIED;
  if (exchange.rewritten) return forward(exchange);
  if (!exchange.held) return SERVE_QUARANTINE;
  return exchange.pollAdmitted ? HOLD : ADMIT_POLL;
}

/** Before the gateway itself answers: what the credentials of the request lead to; null = the mail server took them. */
function credentialStep(exchange: Exchange): Step | null {
  switch (exchange.credentials) {
    case 'unchecked':
      return CHECK_CREDENTIALS;
    case 'refused':
      return ASK_CHALLENGE;
    case 'unknown':
      return failWith('EASGATE_CREDENTIALS_UNKNOWN');
    case 'bound':
      return DENIED_UNPROVEN;
    default:
      return null;
  }
}

/** The facts that lead here give a clearance; if they do not, that is a bug, and the request goes nowhere. */
function forward(exchange: Exchange): Step {
  return Clearance.for(exchange) ?? failWith('EASGATE_NO_CLEARANCE');
}

/** The phone waits to be asked for its body: there is nothing to look at yet. */
function awaitsInvitation({ expectContinue, continued }: Exchange): boolean {
  return expectContinue && !continued;
}

/**
 * Whether more of the body is read before it goes on: a heartbeat may stand anywhere in it, and where phones are shown the
 * quarantine mailbox a key or id of it, also in a large one; neither in a new mail. sogod refuses chunked bodies of any kind.
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
