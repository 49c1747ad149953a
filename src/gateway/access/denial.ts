// Owns what becomes of a request that its verdict does not let pass: first the mail server's word on the credentials, then
// a refusal, the quarantine mailbox, or the exchange of a wipe. Also the way out of the mailbox, for phones let in again.
import type { Refusal } from '../../eas/refusals.ts';
import { INBOX } from '../../quarantine/folders.ts';
import { KeyMint } from '../../quarantine/keys.ts';
import { answerMailbox } from '../../quarantine/mailbox.ts';
import type { MailboxAnswer, MailboxRequest } from '../../quarantine/model.ts';
import { pingWithNews } from '../../quarantine/ping.ts';
import { rewritePassable } from '../../quarantine/passable.ts';
import { PROVISION_MALFORMED, deviceInformationOf } from '../../quarantine/provision.ts';
import { syncsInbox } from '../../quarantine/sync.ts';
import type { WbxmlElement } from '../../eas/wbxml/element.ts';
import { encodeWbxml } from '../../eas/wbxml/encode.ts';
import { SYNC_SERVER_ERROR } from '../../eas/replies.ts';
import { answerProvisionDuringWipe } from '../../eas/wipe.ts';
import type { WipeAnswer } from '../../eas/wipe.ts';
import type { HttpErrorCode } from '../../errors.ts';
import { statusReply, wbxmlReply } from '../../http/reply.ts';
import { headerValue, withoutHeaders } from '../../http/request-head.ts';
import type { Verdict, WipeOrder } from '../../policy/model.ts';
import { refusal } from './local-replies.ts';
import { treeOf } from './body-tree.ts';
import { claimedDevice } from '../credential-question.ts';
import type { Proof } from '../credential-question.ts';
import { DeniedBody } from './denied-body.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { ClientOrigin } from '../upstream/client-origin.ts';
import type { GatewayCore } from '../gateway-core.ts';
import { answerLate, answerLeaving } from './leaving.ts';
import type { RequestBody } from '../connection/request-body.ts';

/** What a denial needs of the client connection it belongs to. */
export interface DeniedPhone {
  readonly core: GatewayCore;
  readonly body: RequestBody;
  readonly address: string;
  /** Whose request is under way, as the mail server is told. */
  readonly origin: ClientOrigin;
  /** The exchange under way. */
  readonly exchange: Exchange | null;
  deadline: number;
  reply(exchange: Exchange, data: string, status: number): void;
  fail(exchange: Exchange, code: HttpErrorCode): void;
  refuse(code: HttpErrorCode): void;
  /** The mail server took the credentials: the partnership becomes known. */
  noteSeen(exchange: Exchange, status: number): void;
  resumeBody(): void;
}

/** Why a request must be decided anew. */
export type DecisionErrorCode = 'EASGATE_DECISION_CHANGED' | 'EASGATE_DECISION_OVERTAKEN';

/** How a request goes on that a denial lets go on. */
export interface WayOn {
  /** Looks at the beginning of the body, as far as it has come; false when more is needed first, or it was refused. */
  admitBody(exchange: Exchange): boolean;
  /** Asks for the rest of the body where the phone waits to be asked. */
  inviteBody(exchange: Exchange): void;
  /** Passes the mail server's own challenge on. */
  challenge(exchange: Exchange): void;
  /** A poll is about to be held; false when it was answered instead. */
  hold(exchange: Exchange): boolean;
  /** Tells the phone to ask again at once, and logs why. */
  comeAgain(exchange: Exchange, why: DecisionErrorCode): void;
  /** Sends the whole request to the mail server. */
  pass(exchange: Exchange): void;
}

/** How far a wipe has come is written down, with so many tries; a lost report would wipe the phone once more. */
const RECORD_TRIES = 5;

/** What the last poll held here was asked, to be answered anew when the message changes. */
interface Held {
  readonly request: MailboxRequest;
  readonly expired: MailboxAnswer;
  readonly acceptLanguage: string | null;
}

/** Denials of one client connection, one at a time. */
export class Denial {
  private readonly phone: DeniedPhone;
  private readonly way: WayOn;
  private readonly core: GatewayCore;
  private readonly body = new DeniedBody();
  /** Credentials of this connection that the mail server took, and until when that counts. */
  private proven: string | null = null;
  private provenUntil = 0;
  private held: Held | null = null;
  /** The last verdict under which the phone was seen to have arrived. */
  private arrivedUnder: Verdict | null = null;

  constructor(phone: DeniedPhone, way: WayOn) {
    this.phone = phone;
    this.way = way;
    this.core = phone.core;
  }

  /** Answers, or goes on when the mail server has spoken or the rest of the body is there: then it is called again. */
  answer(exchange: Exchange): void {
    this.prove(exchange, () => this.act(exchange));
  }

  /** Goes on when the mail server takes the credentials; tells nothing else before. */
  private prove(exchange: Exchange, goOn: () => void): void {
    const proof = this.proofOf(exchange);
    if (typeof proof === 'string') this.settle(exchange, proof, goOn);
    else void this.await(exchange, proof, goOn);
  }

  private proofOf(exchange: Exchange): Proof | 'bound' | 'proven' | Promise<Proof> {
    const { authorization, user, device } = exchange;
    // A connection or certificate was authenticated before; the leg that would do it now cannot be tried elsewhere.
    if (authorization === null || user === null || device === null || exchange.leg !== 'none') return 'bound';
    if (authorization === this.proven && this.provenUntil > this.core.deadlines.now) return 'proven';
    return this.core.credentials.check({
      user,
      routeKey: device,
      authorization,
      origin: this.phone.origin,
      device: claimedDevice(exchange.query),
    });
  }

  private async await(exchange: Exchange, pending: Promise<Proof>, goOn: () => void): Promise<void> {
    exchange.phase = 'verdict';
    exchange.overtaken = false;
    this.phone.deadline = this.core.deadlines.now + this.core.askingMs;
    const proof = await pending;
    if (this.hasLeft(exchange)) return;
    exchange.phase = 'gate';
    this.phone.deadline = this.core.deadlines.now + this.core.settings.client.bodyTimeoutMs;
    this.phone.resumeBody();
    if (exchange.overtaken) this.way.comeAgain(exchange, 'EASGATE_DECISION_OVERTAKEN');
    else this.settle(exchange, proof, goOn);
  }

  private settle(exchange: Exchange, proof: Proof | 'bound' | 'proven', goOn: () => void): void {
    switch (proof) {
      case 'refused':
        this.way.challenge(exchange);
        break;
      case 'unknown':
        this.phone.fail(exchange, 'EASGATE_CREDENTIALS_UNKNOWN');
        break;
      case 'bound':
        // Nobody vouches for this one request: it learns that it may not pass, and nothing else.
        this.refuse(exchange, 'deviceBlocked');
        break;
      case 'accepted':
        this.proven = exchange.authorization;
        this.provenUntil = this.core.deadlines.now + PROVEN_MS;
        this.phone.noteSeen(exchange, 200);
        goOn();
        break;
      case 'proven':
        this.phone.noteSeen(exchange, 200);
        goOn();
    }
  }

  private act(exchange: Exchange): void {
    const { verdict, command } = exchange;
    const { quarantine } = this.core;
    const wipes = verdict?.wipe !== undefined && command === 'Provision';
    if (!wipes && (verdict?.action !== 'quarantine' || quarantine === null)) {
      this.refuse(exchange);
      return;
    }
    // More of the body may have come while the mail server was asked.
    if (!this.way.admitBody(exchange)) return;
    const request = this.body.read(exchange, this.phone.body);
    switch (request.kind) {
      case 'more':
        this.way.inviteBody(exchange);
        break;
      case 'refused':
        this.phone.refuse(request.code);
        break;
      case 'unread':
        this.send(exchange, READ_PAST);
        break;
      case 'request':
        if (wipes) void this.wipe(exchange, verdict, request.root);
        else this.quarantine(exchange, verdict, request.root);
    }
  }

  // ------------------------------------------------------------------------------------------------- the mailbox

  private quarantine(exchange: Exchange, verdict: Verdict, body: WbxmlElement | null): void {
    const { command, user, device } = exchange;
    const settings = this.core.quarantine;
    if (settings === null || command === null || user === null || device === null) {
      this.refuse(exchange);
      return;
    }
    if (command === 'Provision' || command === 'Settings') {
      exchange.information = deviceInformationOf(body);
      this.core.noteInformation(exchange);
      if (settings.provisioning === 'server' && body !== null) {
        const anew = rewritePassable(command, body);
        if (anew !== null) {
          this.passAnew(exchange, anew);
          return;
        }
        if (command === 'Provision') {
          // Not the gateway's own policy: the mail server's is in force on this phone.
          this.send(exchange, PROVISION_MALFORMED);
          return;
        }
      }
    }
    const acceptLanguage = headerValue(exchange.upstreamHead ?? '', 'accept-language');
    const notice = this.core.notice(verdict, {
      user,
      device,
      deviceType: exchange.deviceType,
      acceptLanguage,
    });
    if (notice === null) {
      this.refuse(exchange);
      return;
    }
    const request: MailboxRequest = {
      command,
      version: exchange.protocolVersion ?? '2.5',
      body,
      notice,
      keys: new KeyMint(settings.keySecret, user, device),
    };
    const answer = answerMailbox(request);
    if (command === 'Sync' && syncsInbox(body)) this.core.isNews(verdict, user, device);
    if (answer.kind !== 'hold') {
      this.send(exchange, answer);
      return;
    }
    if (command === 'Ping' && this.core.isNews(verdict, user, device)) {
      this.send(exchange, pingWithNews(INBOX));
      return;
    }
    exchange.held = true;
    exchange.heartbeat = answer.seconds;
    if (!this.way.hold(exchange)) return;
    exchange.phase = 'held';
    this.held = { request, expired: answer.expired, acceptLanguage };
    exchange.responseDeadline = this.core.deadlines.now + answer.seconds * 1_000;
    exchange.lapsesAt = this.core.deadlines.lapseOf(verdict);
    this.phone.deadline = Math.min(exchange.responseDeadline, exchange.lapsesAt);
  }

  /** Sends `request` to the mail server in place of the body that the phone sent, uncoded and in one piece. */
  private passAnew(exchange: Exchange, request: WbxmlElement): void {
    const bytes = encodeWbxml(request);
    this.phone.body.replace(bytes);
    exchange.content = 'wbxml';
    exchange.framing = 'length';
    exchange.contentLength = bytes.length;
    exchange.upstreamHead = withoutHeaders(exchange.upstreamHead ?? '', ['content-encoding']);
    exchange.passedOn = true;
    this.way.pass(exchange);
  }

  /** The heartbeat of a poll held here has passed. */
  expire(exchange: Exchange): void {
    const { held } = this;
    this.held = null;
    this.send(exchange, held?.expired ?? { kind: 'empty' });
  }

  /** The verdict of a poll held here is another one, but still quarantine: it ends if the message changed. */
  renew(exchange: Exchange, verdict: Verdict): void {
    const { held } = this;
    const { user, device, command } = exchange;
    if (held === null || user === null || device === null) return;
    const { acceptLanguage } = held;
    const notice = this.core.notice(verdict, {
      user,
      device,
      deviceType: exchange.deviceType,
      acceptLanguage,
    });
    if (notice === null) {
      this.refuse(exchange);
      return;
    }
    if (notice.fingerprint === held.request.notice.fingerprint) {
      exchange.lapsesAt = this.core.deadlines.lapseOf(verdict);
      this.phone.deadline = Math.min(exchange.responseDeadline, exchange.lapsesAt);
      return;
    }
    this.held = null;
    this.send(
      exchange,
      command === 'Ping' ? pingWithNews(INBOX) : answerMailbox({ ...held.request, notice }),
    );
  }

  /**
   * A request of an allowed phone: answered here when it still carries keys or ids of the quarantine mailbox. Returns
   * whether it was.
   */
  leave(exchange: Exchange): boolean {
    const { quarantine } = this.core;
    const { authorization, leg } = exchange;
    // Who is known by connection or certificate alone was shown no mailbox.
    if (quarantine === null || authorization === null || leg !== 'none') return false;
    const answer = answerLeaving(exchange, this.phone.body);
    if (answer === null) return false;
    if (typeof answer === 'string') this.phone.refuse(answer);
    else this.prove(exchange, () => this.send(exchange, answer));
    return true;
  }

  /** The body that is on its way to the mail server has something of the quarantine mailbox: it does not get there whole. */
  leaveLate(exchange: Exchange): void {
    exchange.scan = null;
    this.prove(exchange, () => this.send(exchange, answerLate(exchange)));
  }

  /** A poll of an allowed phone that does not tell which mailbox it shows ({@link Arrivals}): whether it was answered. */
  resume(exchange: Exchange): boolean {
    const { verdict, command } = exchange;
    if (verdict === this.arrivedUnder || verdict === null || this.core.quarantine === null) return false;
    if (command !== 'Ping' && command !== 'Sync') return false;
    const found = this.core.arrivals.look(exchange, verdict, command, this.phone.body);
    if (found === 'arrived') this.arrivedUnder = verdict;
    else if (found === 'arrives') exchange.arrivesUnder = verdict;
    if (typeof found === 'string') return false;
    if (exchange.authorization === null || exchange.leg !== 'none') return false;
    this.prove(exchange, () => this.send(exchange, found));
    return true;
  }

  /**
   * What a phone that may pass says of itself on the way; nothing of the request changes. It is written down when the mail
   * server has taken the credentials.
   */
  listen(exchange: Exchange): void {
    if (exchange.command !== 'Provision' && exchange.command !== 'Settings') return;
    const { kept, complete } = this.phone.body;
    if (complete) exchange.information = deviceInformationOf(treeOf(kept, exchange.content) ?? null);
  }

  // --------------------------------------------------------------------------------------------------- the wipe

  /** The Provision exchange of a wipe. Nothing is wiped but on the word of the store, read now (MS-ASPROV 3.2.5.1.2). */
  private async wipe(exchange: Exchange, before: Verdict, body: WbxmlElement | null): Promise<void> {
    const { user, device, spelling, protocolVersion } = exchange;
    if (user === null || device === null) return;
    exchange.phase = 'verdict';
    exchange.overtaken = false;
    const verdict = await this.core.confirm(user, device, spelling);
    // A change that came while the order was read may have taken it back.
    const read = exchange.overtaken ? null : verdict;
    const order = read?.action === before.action ? read.wipe : undefined;
    const kind = before.action === 'wipe' ? 'wipe' : 'accountWipe';
    const answer =
      order === undefined ? null : answerProvisionDuringWipe(body, protocolVersion, kind, order.told);
    if (this.hasLeft(exchange)) {
      // It need not wait for an answer before it wipes (MS-ASPROV 3.1.5.1.2); what it said counts all the same.
      if (order !== undefined && answer !== null && answer.outcome !== 'directive')
        await this.record(exchange, order, answer.outcome);
      return;
    }
    exchange.phase = 'gate';
    if (read === null) {
      if (exchange.overtaken) this.way.comeAgain(exchange, 'EASGATE_DECISION_OVERTAKEN');
      else this.phone.fail(exchange, 'EASGATE_STORE_UNAVAILABLE');
      return;
    }
    if (order === undefined) {
      // Taken back or acknowledged, and the word of it not come yet.
      exchange.verdict = read;
      if (read.action === 'allow') this.way.comeAgain(exchange, 'EASGATE_DECISION_CHANGED');
      else this.answer(exchange);
      return;
    }
    if (answer === null) {
      this.refuse(exchange, 'deviceBlocked');
      return;
    }
    exchange.wipe = answer.outcome;
    exchange.phase = 'verdict';
    const recorded = await this.record(exchange, order, answer.outcome);
    if (this.hasLeft(exchange)) return;
    exchange.phase = 'gate';
    if (recorded === 'unknown') {
      this.phone.fail(exchange, 'EASGATE_STORE_UNAVAILABLE');
      return;
    }
    if (recorded === 'overtaken') {
      // The answer to a failure orders the wipe once more: not by an order that no longer stands.
      exchange.wipe = null;
      void this.wipe(exchange, read, body);
      return;
    }
    this.send(exchange, { kind: 'body', root: answer.reply });
  }

  /** The client may have left while something was awaited. */
  private hasLeft(exchange: Exchange): boolean {
    return this.phone.exchange !== exchange || exchange.phase !== 'verdict';
  }

  /**
   * Writes down that the order is about to be sent, or what the phone says to it, also when it leaves meanwhile. Another
   * worker, and this one after a restart, take its answer for one only by that. `overtaken` = the order waits for no answer
   * any more, `unknown` = the store stays away.
   */
  private async record(
    exchange: Exchange,
    order: WipeOrder,
    outcome: WipeAnswer['outcome'],
  ): Promise<'recorded' | 'overtaken' | 'unknown'> {
    const { device } = exchange;
    if (device === null) return 'overtaken';
    if (outcome === 'directive' && order.told) return 'recorded';
    for (let attempt = 1; attempt <= RECORD_TRIES; attempt++) {
      try {
        if (outcome === 'directive')
          return (await this.core.verdicts.noteWipeTold(device, order)) ? 'recorded' : 'overtaken';
        const status = outcome === 'acknowledged' ? 1 : 2;
        const stood = await this.core.verdicts.acknowledgeWipe(device, order, status);
        this.core.journal?.wipeAnswered(exchange, this.phone.address, status, stood);
        return stood ? 'recorded' : 'overtaken';
      } catch (error) {
        this.core.onTrouble('EASGATE_WIPE_NOT_RECORDED', { device, attempt, cause: String(error) });
      }
    }
    return 'unknown';
  }

  // -------------------------------------------------------------------------------------------------- answers

  private send(exchange: Exchange, answer: MailboxAnswer): void {
    if (!this.phone.body.complete) exchange.persistent = false;
    switch (answer.kind) {
      case 'body':
        this.write(exchange, encodeWbxml(answer.root));
        break;
      case 'ready':
        this.write(exchange, answer.bytes);
        break;
      case 'empty':
        this.write(exchange, Buffer.alloc(0));
        break;
      case 'http':
        this.phone.reply(exchange, statusReply(answer.status, exchange.persistent), answer.status);
        break;
      case 'hold':
        // Only a request that was just read is held.
        this.send(exchange, answer.expired);
    }
  }

  private write(exchange: Exchange, body: Buffer): void {
    this.phone.reply(exchange, wbxmlReply(body, exchange.persistent), 200);
  }

  /** Tells the phone that it may not pass; `as` in place of what its verdict says. */
  private refuse(exchange: Exchange, as?: Refusal): void {
    if (!this.phone.body.complete) exchange.persistent = false;
    const { data, status } = refusal(exchange, this.core.settings.retryAfterSeconds, as);
    this.phone.reply(exchange, data, status);
  }
}

/** A server error (MS-ASCMD 2.2.3.177.17, status 5): what the phone wants to store it keeps, and tries later. */
const READ_PAST: MailboxAnswer = { kind: 'ready', bytes: SYNC_SERVER_ERROR };

/**
 * How long an acceptance counts on its connection without a look at the shared memory; from that look on, not from the last
 * request, so that a password that was changed ends also for a phone that never falls silent.
 */
const PROVEN_MS = 30_000;
