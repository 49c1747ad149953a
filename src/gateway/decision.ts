// Owns the decision about the request under way: from the first bytes of its body to the forwarder or a denial, and once
// more whenever a change overtakes it.
import { checkBodyStart } from '../eas/body-gate.ts';
import type { EasCommand } from '../eas/commands.ts';
import { CONTINUE, statusReply, textReply, wbxmlReply } from '../http/reply.ts';
import type { Verdict } from '../policy/model.ts';
import { askForChallenge } from './admission.ts';
import { drainReply, releaseReply } from './answers.ts';
import { Denial } from './denial.ts';
import type { WayOn } from './denial.ts';
import type { HeldPing } from './device-guard.ts';
import type { DiscoveryAnswer } from './discovery.ts';
import type { Exchange } from './exchange.ts';
import type { Forwarder, PhoneSide } from './forwarder.ts';
import type { GatewayCore } from './gateway-core.ts';
import { BUFFERED_BODY_BYTES } from './settings.ts';

/** A verdict that a change overtook is looked up again, this often in all. */
const MAX_DECISIONS = 3;
const NO_BYTES = new Uint8Array(0);

/**
 * Whether the body is to be read whole before it goes on, unless it turns out to be large: a heartbeat or a key of the
 * quarantine mailbox may stand anywhere in it. Not in mail that is sent; sogod refuses chunked bodies of any kind.
 */
function isReadWhole({ framing, contentLength, command }: Exchange): boolean {
  if (framing === 'chunked') return true;
  return contentLength <= BUFFERED_BODY_BYTES && command !== null && !SENDING.has(command);
}

const SENDING: ReadonlySet<EasCommand> = new Set<EasCommand>(['SendMail', 'SmartForward', 'SmartReply']);

/** Decides the requests of one client connection, one after the other. */
export class Decision implements HeldPing, WayOn {
  private readonly phone: PhoneSide;
  private readonly core: GatewayCore;
  private readonly forwarder: Forwarder;
  private readonly denial: Denial;

  constructor(phone: PhoneSide, forwarder: Forwarder) {
    this.phone = phone;
    this.core = phone.core;
    this.forwarder = forwarder;
    this.denial = new Denial(phone, this);
  }

  /** Goes as far as the bytes at hand allow: body start, verdict, 100 Continue, buffering of a chunked body. */
  advance(exchange: Exchange): void {
    if (exchange.discovery !== null && !exchange.challengeOnly) {
      this.discover(exchange);
      return;
    }
    if (
      !exchange.bodyChecked &&
      (!exchange.expectContinue || exchange.continued) &&
      !this.checkBody(exchange)
    )
      return;
    if (exchange.verdict === null && exchange.user !== null && exchange.device !== null) {
      const verdict = this.core.verdicts.peek(exchange.user, exchange.device);
      if (verdict === undefined) {
        void this.awaitVerdict(exchange);
        return;
      }
      exchange.verdict = verdict;
    }
    if (exchange.verdict !== null && exchange.verdict.action !== 'allow') {
      this.denial.answer(exchange);
      return;
    }
    if (exchange.bodySpent) {
      if (!this.phone.body.complete) exchange.persistent = false;
      this.comeAgain(exchange);
      return;
    }
    if (!exchange.challengeOnly) this.inviteBody(exchange);
    if (!exchange.bodyChecked && !this.checkBody(exchange)) return;
    if (exchange.challengeOnly) {
      this.forwarder.forwardChallenge(exchange);
      return;
    }
    if (!this.phone.body.complete && this.phone.body.received <= BUFFERED_BODY_BYTES && isReadWhole(exchange))
      return;
    if (this.denial.leave(exchange) || this.denial.resume(exchange)) return;
    this.denial.listen(exchange);
    this.pass(exchange);
  }

  /** Autodiscover: the body is read whole, then the answer is awaited. */
  private discover(exchange: Exchange): void {
    const { body, address } = this.phone;
    if (!body.complete) {
      this.inviteBody(exchange);
      return;
    }
    const answer = this.core.discovery?.answer(exchange, body.kept ?? NO_BYTES, address);
    if (answer instanceof Promise) void this.awaitDiscovery(exchange, answer);
    else if (answer !== undefined) this.tell(exchange, answer);
  }

  private async awaitDiscovery(exchange: Exchange, promise: Promise<DiscoveryAnswer>): Promise<void> {
    exchange.phase = 'verdict';
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

  pass(exchange: Exchange): void {
    if (this.forwarder.measureHeartbeat(exchange) && !this.hold(exchange)) return;
    this.forwarder.forward(exchange);
  }

  challenge(exchange: Exchange): void {
    exchange.challengeOnly = true;
    askForChallenge(exchange, this.core.settings.upstream.path);
    this.forwarder.forwardChallenge(exchange);
  }

  /** A poll is about to be held; false when it was answered instead. */
  hold(exchange: Exchange): boolean {
    const { user, device, authorization, command } = exchange;
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
  isExpired({ verdict }: Exchange): boolean {
    return verdict !== null && verdict.validUntil <= this.core.deadlines.now;
  }

  /** Ends a held poll as if its heartbeat had passed. */
  endHeldPoll(exchange: Exchange): void {
    const body = drainReply(exchange);
    if (body !== null) this.phone.reply(exchange, wbxmlReply(body, exchange.persistent), 200);
  }

  /** Looks at the first bytes of the body; false when more are needed or the request was refused. */
  private checkBody(exchange: Exchange): boolean {
    const outcome = checkBodyStart(
      exchange.content,
      exchange.command,
      this.phone.body.kept,
      this.phone.body.complete,
    );
    if (outcome === 'need-more') return false;
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
      verdict = await this.core.decide(exchange);
      // The client may have left meanwhile.
      if (this.phone.exchange !== exchange || exchange.phase !== 'verdict') return;
      if (!exchange.overtaken) break;
      verdict = null;
    }
    exchange.phase = 'gate';
    if (verdict === null) {
      this.phone.fail(exchange, 'EASGATE_STORE_UNAVAILABLE');
      return;
    }
    exchange.verdict = verdict;
    this.phone.socket.resume();
    this.advance(exchange);
  }

  /** The heartbeat of a poll that is held here passed. */
  expire(exchange: Exchange): void {
    this.denial.expire(exchange);
  }

  // ---------------------------------------------------------------------------------------------- changes

  /** Whether a change of these devices or users concerns the exchange under way. */
  concerns(devices: ReadonlySet<string>, users: ReadonlySet<string>): boolean {
    const exchange = this.phone.exchange;
    if (exchange === null || exchange.device === null || exchange.user === null) return false;
    return devices.has(exchange.device) || users.has(exchange.user);
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
        return true;
      default:
        return true;
    }
  }

  /** Decides the exchange under way anew; ends it when it may not go on. False when the directory does not answer. */
  async recheck(): Promise<boolean> {
    const exchange = this.phone.exchange;
    if (exchange === null || exchange.user === null || exchange.device === null) return true;
    const { user, device } = exchange;
    const verdict = this.core.verdicts.peek(user, device) ?? (await this.core.decide(exchange));
    if (this.phone.exchange !== exchange) return true;
    if (verdict === null) return false;
    if (verdict.action === 'allow') {
      if (exchange.phase === 'held') {
        exchange.error = 'EASGATE_DECISION_CHANGED';
        this.release(exchange);
      }
      if (exchange.phase === 'queued') this.forwarder.onConnectionFree();
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

  /**
   * Sends a phone on its way anew: a held poll ends with "start over", which its folders tell it then. Anything else is
   * told to come again at once; who asks is known to the mail server only, and its answer is not waited for.
   */
  private release(exchange: Exchange): void {
    const body = exchange.held ? releaseReply(exchange) : null;
    if (body !== null) {
      this.phone.reply(exchange, wbxmlReply(body, exchange.persistent), 200);
      return;
    }
    this.comeAgain(exchange);
  }

  comeAgain(exchange: Exchange): void {
    exchange.error ??= 'EASGATE_DECISION_CHANGED';
    const data = statusReply(503, exchange.persistent, 'Retry-After: 1\r\n');
    this.phone.reply(exchange, data, 503);
  }
}
