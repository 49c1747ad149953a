// Owns the decision about the request under way: from the first bytes of its body to the forwarder or a denial, and once
// more whenever a change overtakes it.
import { checkBodyStart } from '../../eas/body-gate.ts';
import { sendsMail } from '../../eas/commands.ts';
import { CONTINUE, answerReply, statusReply, textReply, wbxmlReply } from '../../http/reply.ts';
import { localPart } from '../../identity/user-names.ts';
import type { Verdict } from '../../policy/model.ts';
import { drainReply, startOver } from './local-replies.ts';
import type { Challenge } from '../credentials/challenge-cache.ts';
import { Denial } from './denial.ts';
import type { DecisionErrorCode, WayOn } from './denial.ts';
import type { HeldPing } from './throttle.ts';
import type { DiscoveryAnswer } from '../autodiscover/autodiscover.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { Forwarder } from '../forward/forwarder.ts';
import type { GatewayCore } from '../gateway-core.ts';
import type { PhoneSide } from '../connection/downstream.ts';
import { measureHeartbeat } from '../forward/response-deadline.ts';
import { BUFFERED_BODY_BYTES } from '../settings.ts';

/** A verdict that a change overtook is looked up again, this often in all. */
const MAX_DECISIONS = 3;
const NO_BYTES = new Uint8Array(0);

/**
 * Whether the body is read on before it goes on, 64 KB at most: a heartbeat may stand anywhere in it, and where phones are
 * shown the quarantine mailbox a key or id of it, also in a large one; neither in a new mail. sogod refuses chunked bodies of
 * any kind.
 */
function isReadAhead({ framing, content, contentLength, command }: Exchange, mailbox: boolean): boolean {
  if (framing === 'chunked') return true;
  if (mailbox) return content !== 'rfc822' && command !== 'SendMail';
  return contentLength <= BUFFERED_BODY_BYTES && command !== null && !sendsMail(command);
}

/** Decides the requests of one client connection, one after the other. */
export class Decision implements HeldPing, WayOn {
  private readonly phone: PhoneSide;
  private readonly core: GatewayCore;
  private readonly forwarder: Forwarder;
  private readonly denial: Denial;
  /** What the last change concerned; it may be over before it is decided anew. */
  private concerned: Exchange | null = null;

  constructor(phone: PhoneSide, forwarder: Forwarder) {
    this.phone = phone;
    this.core = phone.core;
    this.forwarder = forwarder;
    this.denial = new Denial(phone, this);
  }

  /** Goes as far as the bytes at hand allow: body start, verdict, 100 Continue, buffering of a chunked body. */
  advance(exchange: Exchange): void {
    if (exchange.challengeOnly) {
      this.challengeStranger(exchange);
      return;
    }
    if (exchange.discovery !== null) {
      this.discover(exchange);
      return;
    }
    if (!this.admitBody(exchange)) return;
    if (exchange.verdict === null && exchange.user !== null && exchange.device !== null) {
      const verdict = this.core.peek(exchange.user, exchange.device, exchange.spelling);
      if (verdict === undefined) {
        void this.awaitVerdict(exchange);
        return;
      }
      exchange.verdict = verdict;
    }
    // Behind the last leg of a handshake all verdicts take the same way until the mail server has judged the leg.
    const denied = exchange.verdict !== null && exchange.verdict.action !== 'allow';
    if (denied && exchange.leg !== 'closing') {
      this.denial.answer(exchange);
      return;
    }
    if (exchange.bodySpent) {
      this.comeAgain(exchange, 'EASGATE_DECISION_CHANGED');
      return;
    }
    this.inviteBody(exchange);
    if (!this.admitBody(exchange)) return;
    const { complete, received } = this.phone.body;
    const mailbox = this.core.quarantine !== null;
    if (!complete && received <= BUFFERED_BODY_BYTES && isReadAhead(exchange, mailbox)) return;
    if (denied) {
      this.forwarder.forwardDeniedLeg(exchange);
      return;
    }
    if (this.denial.leave(exchange) || this.denial.resume(exchange)) return;
    this.denial.listen(exchange);
    this.pass(exchange);
  }

  /** Who has not signed in. A new connection costs a phone more than a short body, so that is read past first. */
  private challengeStranger(exchange: Exchange): void {
    const { body } = this.phone;
    body.release();
    const { contentLength, expectContinue } = exchange;
    const short = contentLength <= BUFFERED_BODY_BYTES && body.received <= BUFFERED_BODY_BYTES;
    if (!body.complete && short && !expectContinue) return;
    // The next challenge of a handshake comes on the connection that it binds.
    if (exchange.leg === 'opening') this.forwarder.forwardOpening(exchange);
    else this.challenge(exchange);
  }

  /** Autodiscover: the body is read whole, then the answer is awaited. */
  private discover(exchange: Exchange): void {
    const { body, origin } = this.phone;
    if (!body.complete) {
      this.inviteBody(exchange);
      return;
    }
    const answer = this.core.discovery?.answer(exchange, body.kept ?? NO_BYTES, origin);
    if (answer instanceof Promise) void this.awaitDiscovery(exchange, answer);
    else if (answer !== undefined) this.tell(exchange, answer);
  }

  private async awaitDiscovery(exchange: Exchange, promise: Promise<DiscoveryAnswer>): Promise<void> {
    exchange.phase = 'verdict';
    this.phone.deadline = this.core.deadlines.now + this.core.askingMs;
    const answer = await promise;
    // The client may have left meanwhile.
    if (this.phone.exchange !== exchange || exchange.phase !== 'verdict') return;
    exchange.phase = 'gate';
    this.tell(exchange, answer);
  }

  private tell(exchange: Exchange, answer: DiscoveryAnswer): void {
    switch (answer.kind) {
      case 'challenge':
        this.challenge(exchange);
        break;
      case 'failure':
        this.phone.fail(exchange, answer.code);
        break;
      case 'reply': {
        const { status, type, body } = answer;
        this.phone.reply(exchange, textReply(status, type, body, exchange.persistent), status);
      }
    }
  }

  inviteBody(exchange: Exchange): void {
    if (!exchange.expectContinue || exchange.continued || this.phone.body.complete) return;
    exchange.continued = true;
    this.phone.socket.write(CONTINUE, 'latin1');
  }

  /** Takes a request back whose body names something of the quarantine mailbox behind what was read ahead. */
  leaveLate(exchange: Exchange): void {
    this.forwarder.abandon(exchange);
    exchange.phase = 'gate';
    this.denial.leaveLate(exchange);
  }

  pass(exchange: Exchange): void {
    if (measureHeartbeat(exchange, this.phone.body) && !this.hold(exchange)) return;
    this.forwarder.forward(exchange);
  }

  challenge(exchange: Exchange): void {
    exchange.challengeOnly = true;
    this.forwarder.leavePin(exchange);
    const { address, origin } = this.phone;
    const stranger = { routeKey: exchange.device ?? address, host: exchange.host, origin };
    const challenge = this.core.challenges.of(stranger);
    if (challenge instanceof Promise) void this.awaitChallenge(exchange, challenge);
    else this.tellChallenge(exchange, challenge);
  }

  private async awaitChallenge(exchange: Exchange, pending: Promise<Challenge>): Promise<void> {
    exchange.phase = 'verdict';
    this.phone.deadline = this.core.deadlines.now + this.core.askingMs;
    const challenge = await pending;
    // The client may have left meanwhile.
    if (this.phone.exchange !== exchange || exchange.phase !== 'verdict') return;
    exchange.phase = 'gate';
    this.tellChallenge(exchange, challenge);
  }

  private tellChallenge(exchange: Exchange, challenge: Challenge): void {
    if (typeof challenge === 'string') {
      this.phone.fail(exchange, challenge);
      return;
    }
    if (!this.phone.body.complete) exchange.persistent = false;
    const data = answerReply(challenge, exchange.persistent, exchange.method !== 'HEAD');
    this.phone.reply(exchange, data, challenge.status);
  }

  /** A poll is about to be held; false when it was answered instead. */
  hold(exchange: Exchange): boolean {
    const { user, device, authorization, command } = exchange;
    // It left while its verdict was looked up, as one does that leaves later (ClientConnection.onEnd).
    if (this.phone.clientEnded) {
      this.phone.socket.destroy();
      return false;
    }
    if (this.core.draining) {
      this.endHeldPoll(exchange);
      return false;
    }
    if (this.core.overloaded) {
      this.phone.fail(exchange, 'EASGATE_OVERLOADED');
      return false;
    }
    // The newest Ping of a device counts: an older one hangs on a connection the phone has left behind.
    if (command === 'Ping' && user !== null && device !== null && authorization !== null)
      exchange.pingTicket = this.core.guard.registerPing(user, device, authorization, this);
    return true;
  }

  /** A newer Ping took the place of the one held here. */
  supersede(): void {
    const exchange = this.phone.exchange;
    if (exchange === null || !exchange.held || exchange.phase === 'responding') return;
    exchange.error = 'EASGATE_SUPERSEDED';
    this.endHeldPoll(exchange);
  }

  /** Whether what allowed the exchange holds no longer. */
  isExpired({ lapsesAt }: Exchange): boolean {
    return lapsesAt <= this.core.deadlines.now;
  }

  /** Ends a held poll as if its heartbeat had passed. */
  endHeldPoll(exchange: Exchange): void {
    const body = drainReply(exchange);
    if (body !== null) this.phone.reply(exchange, wbxmlReply(body, exchange.persistent), 200);
  }

  /**
   * Whether the exchange may go on: the beginning of its body is what the query says, or the phone waits to be asked for it.
   * A phone that says `Expect: 100-continue` need not wait (RFC 9110 10.1.1): what it sends is looked at all the same.
   */
  admitBody(exchange: Exchange): boolean {
    if (exchange.bodyChecked) return true;
    const { kept, complete } = this.phone.body;
    const outcome = checkBodyStart(exchange.content, exchange.command, kept, complete);
    if (outcome === 'need-more') return exchange.expectContinue && !exchange.continued;
    if (outcome !== 'ok') {
      this.phone.refuse(outcome);
      return false;
    }
    exchange.bodyChecked = true;
    return true;
  }

  private async awaitVerdict(exchange: Exchange): Promise<void> {
    exchange.phase = 'verdict';
    let verdict: Verdict | null = null;
    for (let attempt = 1; attempt <= MAX_DECISIONS; attempt++) {
      exchange.overtaken = false;
      verdict = await this.core.decide(exchange, this.phone.address);
      // The client may have left meanwhile.
      if (this.phone.exchange !== exchange || exchange.phase !== 'verdict') return;
      if (!exchange.overtaken) break;
      verdict = null;
    }
    exchange.phase = 'gate';
    if (verdict === null) {
      if (exchange.overtaken) this.comeAgain(exchange, 'EASGATE_DECISION_OVERTAKEN');
      else this.phone.fail(exchange, 'EASGATE_STORE_UNAVAILABLE');
      return;
    }
    exchange.verdict = verdict;
    this.phone.socket.resume();
    this.advance(exchange);
  }

  /** The heartbeat of a poll that is held here passed, or what it is held for holds no longer. */
  expire(exchange: Exchange): void {
    if (exchange.responseDeadline > this.core.deadlines.now) void this.decideHeld(exchange);
    else this.denial.expire(exchange);
  }

  /** Nothing in the change log tells that a decision has lapsed. */
  private async decideHeld(exchange: Exchange): Promise<void> {
    this.phone.deadline = exchange.responseDeadline;
    this.concerned = exchange;
    const decided = await this.recheck();
    if (!decided && this.phone.exchange === exchange && exchange.phase === 'held') this.endHeldPoll(exchange);
  }

  // ---------------------------------------------------------------------------------------------- changes

  /** Whether a change of these devices, or of users with these local parts, concerns the exchange under way. */
  concerns(devices: ReadonlySet<string>, users: ReadonlySet<string>): boolean {
    const exchange = this.phone.exchange;
    if (exchange === null || exchange.device === null || exchange.user === null) return false;
    return devices.has(exchange.device) || (users.size > 0 && users.has(localPart(exchange.user)));
  }

  /**
   * A change concerns the exchange under way: nothing of it goes on under the verdict it has. Returns whether
   * {@link recheck} must follow; before that point the verdict is looked up anyway.
   */
  onChange(): boolean {
    const exchange = this.phone.exchange;
    if (exchange === null || exchange.user === null || exchange.device === null) return false;
    switch (exchange.phase) {
      case 'gate':
        exchange.verdict = null;
        return false;
      case 'verdict':
        exchange.overtaken = true;
        return false;
      case 'queued':
        this.forwarder.leaveQueue(exchange);
        break;
      default:
    }
    this.concerned = exchange;
    return true;
  }

  /** Decides the exchange under way anew; ends it when it may not go on. False when the directory does not answer. */
  async recheck(): Promise<boolean> {
    const exchange = this.phone.exchange;
    // The next request of the connection has a verdict from behind the change.
    if (exchange === null || exchange !== this.concerned) return true;
    const { user, device, spelling } = exchange;
    if (user === null || device === null) return true;
    const verdict =
      this.core.peek(user, device, spelling) ?? (await this.core.decide(exchange, this.phone.address));
    if (this.phone.exchange !== exchange) return true;
    if (verdict === null) return false;
    if (verdict.action === 'allow') {
      if (exchange.phase === 'held') {
        exchange.error = 'EASGATE_DECISION_CHANGED';
        this.release(exchange);
        return true;
      }
      exchange.verdict = verdict;
      if (exchange.phase === 'queued') this.forwarder.onConnectionFree();
      else if (exchange.phase === 'forwarded' && exchange.held) this.limitPoll(exchange, verdict);
      return true;
    }
    if (verdict.action === 'quarantine' && exchange.passedOn) return true;
    exchange.verdict = verdict;
    if (exchange.phase === 'held' && verdict.action === 'quarantine') {
      this.denial.renew(exchange, verdict);
      return true;
    }
    exchange.error = 'EASGATE_DECISION_CHANGED';
    if (exchange.phase === 'responding') {
      this.phone.cut();
      return true;
    }
    // What is still to come of the body must not be read as the next request.
    if (!this.phone.body.complete) exchange.persistent = false;
    this.release(exchange);
    return true;
  }

  /** What allows a held poll now may end sooner than what allowed it before; nothing in the change log tells of that. */
  private limitPoll(exchange: Exchange, verdict: Verdict): void {
    exchange.lapsesAt = this.core.deadlines.lapseOf(verdict);
    exchange.responseDeadline = Math.min(exchange.responseDeadline, exchange.lapsesAt);
    this.phone.deadline = Math.min(this.phone.deadline, exchange.responseDeadline);
  }

  /**
   * Sends a phone on its way anew: a held poll ends with "start over", which its folders tell it then. Anything else is
   * told to come again at once; who asks is known to the mail server only, and its answer is not waited for.
   */
  private release(exchange: Exchange): void {
    const body = exchange.held ? startOver(exchange.command) : null;
    if (body !== null) {
      this.phone.reply(exchange, wbxmlReply(body, exchange.persistent), 200);
      return;
    }
    this.comeAgain(exchange, 'EASGATE_DECISION_CHANGED');
  }

  comeAgain(exchange: Exchange, why: DecisionErrorCode): void {
    exchange.error = why;
    if (!this.phone.body.complete) exchange.persistent = false;
    const data = statusReply(503, exchange.persistent, 'Retry-After: 1\r\n');
    this.phone.reply(exchange, data, 503);
  }
}
