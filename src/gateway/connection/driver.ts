// Owns performing the steps of the current exchange (exchange/steps.ts).
import { SYNC_SERVER_ERROR } from '../../eas/replies.ts';
import { ERRORS } from '../../errors/request-errors.ts';
import { CONTINUE } from '../../http/reply.ts';
import type { WbxmlElement } from '../../eas/wbxml/element.ts';
import type { Verdict } from '../../model/verdict.ts';
import { MailboxExit, answerLate } from '../access/mailbox-exit.ts';
import { ProvenCredentials } from '../access/proven-credentials.ts';
import { QuarantineSession } from '../access/quarantine-session.ts';
import { exchangeWipe } from '../access/wipe-exchange.ts';
import type { WipeExchangeOutcome } from '../access/wipe-exchange.ts';
import type { Challenge } from '../credentials/challenge-cache.ts';
import { DeniedBody } from '../access/denied-body.ts';
import type { HeldPing } from '../access/throttle.ts';
import type { AutodiscoverAnswer } from '../autodiscover/autodiscover.ts';
import { readBodyFacts, seeRoot } from '../exchange/body-facts.ts';
import type { CredentialsState, Exchange } from '../exchange/exchange.ts';
import { ASK_CHALLENGE, failWith, nextStep, replyWith } from '../exchange/steps.ts';
import type { Step, StepInputs } from '../exchange/steps.ts';
import type { Forwarder } from '../forward/forwarder.ts';
import type { GatewayCore } from '../gateway-core.ts';
import { BUFFERED_BODY_BYTES } from '../fixed-limits.ts';
import type { Downstream } from './downstream.ts';
import { ENDED, suspend } from './suspension.ts';
import { POLL_OVER, VerdictChange } from './verdict-change.ts';

const NO_BYTES = new Uint8Array(0);
const COME_AGAIN: Step = replyWith({ kind: 'comeAgain', why: 'EASGATE_DECISION_CHANGED' });

/** A server error (MS-ASCMD 2.2.3.177.17, status 5): the phone keeps its changes and sends them later. */
const READ_PAST: Step = replyWith({ kind: 'mailbox', answer: { kind: 'ready', bytes: SYNC_SERVER_ERROR } });

/** Drives the exchanges of one client connection, one after the other. */
export class Driver implements StepInputs, HeldPing {
  readonly maxReadAhead = BUFFERED_BODY_BYTES;
  private readonly downstream: Downstream;
  private readonly core: GatewayCore;
  private readonly forwarder: Forwarder;
  private readonly exit: MailboxExit;
  /** Made for the first denied request: most phones never send one. */
  private provenCredentials: ProvenCredentials | null = null;
  private quarantineSession: QuarantineSession | null = null;
  private deniedBody: DeniedBody | null = null;
  /** What a changed verdict does to the current exchange. */
  readonly change: VerdictChange;

  constructor(downstream: Downstream, forwarder: Forwarder) {
    const { core } = downstream;
    this.downstream = downstream;
    this.core = core;
    this.forwarder = forwarder;
    this.exit = new MailboxExit(core.completedExits, core.verdicts);
    this.change = new VerdictChange(downstream, forwarder, this);
  }

  private get credentials(): ProvenCredentials {
    return (this.provenCredentials ??= new ProvenCredentials(this.core));
  }

  get quarantine(): QuarantineSession {
    return (this.quarantineSession ??= new QuarantineSession(this.core));
  }

  private get denied(): DeniedBody {
    return (this.deniedBody ??= new DeniedBody());
  }

  get bodyComplete(): boolean {
    return this.downstream.body.complete;
  }

  get bodyReceived(): number {
    return this.downstream.body.received;
  }

  get mailbox(): boolean {
    return this.core.quarantine !== null;
  }

  /** Proceeds as far as the facts allow; called at the start of a request and for every part of its body. */
  advance(exchange: Exchange): void {
    const refused = exchange.rootSeen ? null : seeRoot(exchange, this.downstream.body);
    this.run(exchange, refused === null ? nextStep(exchange, this) : failWith(refused));
  }

  /** Performs a step, and those that follow from it. */
  run(exchange: Exchange, first: Step): void {
    let step: Step | null = first;
    while (step !== null) step = this.perform(exchange, step);
  }

  /** Performs one step. Returns the next one; null = waiting, or the exchange is over. */
  private perform(exchange: Exchange, step: Step): Step | null {
    const { downstream } = this;
    switch (step.kind) {
      case 'forward':
        // The body of a handshake leg is not forwarded.
        if (step.reason === 'allowed') this.inviteBody(exchange);
        this.forwarder.forward(exchange, step);
        return null;
      case 'lookUpVerdict':
        return this.lookUpVerdict(exchange);
      case 'inspectBody':
        return this.inspectBody(exchange);
      case 'needBodyStart':
        return null;
      case 'skipBody':
        downstream.body.release();
        return null;
      case 'needBody':
        this.inviteBody(exchange);
        return null;
      case 'admitPoll':
        return this.admitPoll(exchange);
      case 'checkCredentials':
        return this.checkCredentials(exchange);
      case 'askChallenge':
        return this.askChallenge(exchange);
      case 'autodiscover':
        return this.discover(exchange);
      case 'serveQuarantine':
      case 'serveWipe':
        return this.serveDenied(exchange, step.kind === 'serveWipe');
      case 'hold':
        this.hold(exchange);
        return null;
      case 'reply':
        downstream.reply(exchange, step.reply);
        return null;
      default:
        if (ERRORS[step.code].source === 'client') downstream.refuse(step.code);
        else downstream.fail(exchange, step.code);
        return null;
    }
  }

  // ---------------------------------------------------------------------------------------------- the body

  private inviteBody(exchange: Exchange): void {
    if (!exchange.expectContinue || exchange.continued || this.downstream.body.complete) return;
    exchange.continued = true;
    this.downstream.socket.write(CONTINUE, 'latin1');
  }

  private inspectBody(exchange: Exchange): Step {
    const { body } = this.downstream;
    const found = this.mailbox ? this.exit.look(exchange, body) : null;
    if (typeof found === 'string') return failWith(found);
    exchange.inspected = true;
    exchange.exit = found;
    if (found === null) readBodyFacts(exchange, body);
    return nextStep(exchange, this);
  }

  /**
   * A key of the quarantine mailbox was found in a body that is being forwarded: the request is withdrawn before it is
   * complete.
   */
  takeBack(exchange: Exchange): void {
    this.forwarder.abandon(exchange);
    if (!this.downstream.enter(exchange, 'reading')) return;
    exchange.scan = null;
    exchange.bodySpent = true;
    exchange.exit = answerLate(exchange);
    this.denied.beginInside();
    this.advance(exchange);
  }

  // ---------------------------------------------------------------------------------------------- questions

  /**
   * Suspends the exchange for a question; then continues with the step of the answer, or with the next step. An answer
   * that `restsOnDirectory` is discarded when a change arrived meanwhile.
   */
  private ask<Answer>(
    exchange: Exchange,
    question: () => Promise<Answer>,
    settle: (answer: Answer) => Step | null,
    restsOnDirectory: boolean,
  ): void {
    void suspend(this.downstream, exchange, question).then((answer) => {
      if (answer === ENDED) return;
      if (restsOnDirectory && exchange.overtaken) {
        exchange.overtakings++;
        exchange.verdict = null;
        this.advance(exchange);
        return;
      }
      const step = settle(answer);
      if (step === null) this.advance(exchange);
      else this.run(exchange, step);
    });
  }

  private lookUpVerdict(exchange: Exchange): Step | null {
    const { user, device } = exchange;
    if (user === null || device === null) return failWith('EASGATE_NO_CLEARANCE');
    const known = this.core.peek(exchange, this.downstream);
    if (known !== undefined) {
      exchange.verdict = known;
      return nextStep(exchange, this);
    }
    const settle = (verdict: Verdict | null): Step | null => {
      exchange.verdict = verdict;
      return verdict === null ? failWith('EASGATE_STORE_UNAVAILABLE') : null;
    };
    this.ask(exchange, () => this.core.decide(exchange, this.downstream), settle, true);
    return null;
  }

  private checkCredentials(exchange: Exchange): Step | null {
    const settle = (state: CredentialsState): null => {
      exchange.credentials = state;
      if (state !== 'accepted') return null;
      this.credentials.note(exchange);
      this.downstream.noteSeen(exchange, 200);
      return null;
    };
    const state = this.credentials.check(exchange, this.downstream.origin);
    if (!(state instanceof Promise)) return settle(state) ?? nextStep(exchange, this);
    // After a change they are checked again, from memory.
    this.ask(exchange, () => state, settle, true);
    return null;
  }

  private askChallenge(exchange: Exchange): Step | null {
    exchange.challengeOnly = true;
    this.forwarder.leavePin(exchange);
    const { address, origin } = this.downstream;
    const stranger = { routeKey: exchange.device ?? address, host: exchange.host, origin };
    const challenge = this.core.challenges.of(stranger);
    if (!(challenge instanceof Promise)) return stepOfChallenge(challenge);
    this.ask(exchange, () => challenge, stepOfChallenge, false);
    return null;
  }

  private discover(exchange: Exchange): Step | null {
    const { body, origin } = this.downstream;
    const answer = this.core.autodiscover?.answer(exchange, body.kept ?? NO_BYTES, origin);
    if (answer === undefined) return failWith('EASGATE_NOT_FOUND');
    if (!(answer instanceof Promise)) return stepOfAutodiscover(answer);
    this.ask(exchange, () => answer, stepOfAutodiscover, false);
    return null;
  }

  // ---------------------------------------------------------------------------------------------- quarantine and wipe

  private serveDenied(exchange: Exchange, wipes: boolean): Step | null {
    const { body } = this.downstream;
    const request = this.denied.read(exchange, body);
    const { verdict } = exchange;
    switch (request.kind) {
      case 'more':
        this.inviteBody(exchange);
        return null;
      case 'refused':
        return failWith(request.code);
      case 'unread':
        return READ_PAST;
      default: {
        if (verdict === null) return nextStep(exchange, this);
        if (wipes) return this.serveWipe(exchange, verdict, request.root);
        const outcome = this.quarantine.serve(exchange, verdict, request.root, body);
        if (typeof outcome !== 'string') return replyWith(outcome);
        exchange.held = outcome === 'hold';
        if (exchange.held) exchange.heartbeat = this.quarantine.seconds;
        return nextStep(exchange, this);
      }
    }
  }

  private serveWipe(exchange: Exchange, ordered: Verdict, root: WbxmlElement | null): null {
    const { core, downstream } = this;
    const settle = (outcome: WipeExchangeOutcome): Step | null => {
      if (outcome === 'unknown') return failWith('EASGATE_STORE_UNAVAILABLE');
      if (outcome.kind !== 'verdict') return replyWith(outcome);
      exchange.verdict = outcome.verdict;
      return outcome.verdict.action === 'allow' ? COME_AGAIN : null;
    };
    // It checks for changes itself, since the phone's answer is one.
    const question = (): Promise<WipeExchangeOutcome> =>
      exchangeWipe(core, exchange, ordered, root, downstream.address);
    this.ask(exchange, question, settle, false);
    return null;
  }

  // ---------------------------------------------------------------------------------------------- held polls

  private admitPoll(exchange: Exchange): Step | null {
    const { user, device, authorization, command } = exchange;
    // The phone left during the look-up (compare ClientConnection.onEnd).
    if (this.downstream.clientEnded) {
      this.downstream.socket.destroy();
      return null;
    }
    if (this.core.draining) return POLL_OVER;
    if (this.core.overloaded) return failWith('EASGATE_OVERLOADED');
    // The newest Ping of a device counts; the older one is on a connection that the phone abandoned.
    if (command === 'Ping' && user !== null && device !== null && authorization !== null)
      exchange.pingTicket = this.core.throttle.registerPing(user, device, authorization, this);
    exchange.pollAdmitted = true;
    this.downstream.onHold(exchange);
    return nextStep(exchange, this);
  }

  private hold(exchange: Exchange): void {
    if (!this.downstream.enter(exchange, 'held')) return;
    exchange.forgetText();
    this.downstream.timeouts.holdPoll(exchange, this.quarantine.seconds);
  }

  /** A newer Ping replaced the held one. */
  supersede(): void {
    const { exchange } = this.downstream;
    if (exchange === null || !exchange.held || exchange.phase === 'responding') return;
    exchange.error = 'EASGATE_SUPERSEDED';
    this.run(exchange, POLL_OVER);
  }
}

function stepOfChallenge(challenge: Challenge): Step {
  return typeof challenge === 'string'
    ? failWith(challenge)
    : replyWith({ kind: 'challenge', answer: challenge });
}

function stepOfAutodiscover(answer: AutodiscoverAnswer): Step {
  switch (answer.kind) {
    case 'challenge':
      return ASK_CHALLENGE;
    case 'failure':
      return failWith(answer.code);
    default: {
      const { status, type, body } = answer;
      return replyWith({ kind: 'text', status, type, text: body });
    }
  }
}
