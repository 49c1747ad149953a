// Owns what becomes of a request that its verdict does not let pass: first the mail server's word on the credentials, then
// a refusal, the quarantine mailbox, or the exchange of a wipe. Also the way out of the mailbox, for phones let in again.
import type { Refusal } from '../eas/answers.ts';
import { INBOX } from '../eas/mailbox/folders.ts';
import { KeyMint } from '../eas/mailbox/keys.ts';
import { answerMailbox } from '../eas/mailbox/mailbox.ts';
import type { MailboxAnswer, MailboxRequest } from '../eas/mailbox/model.ts';
import { pingWithNews } from '../eas/mailbox/ping.ts';
import { deviceInformationOf } from '../eas/mailbox/provision.ts';
import { syncsInbox } from '../eas/mailbox/sync.ts';
import { isElement } from '../eas/wbxml/element.ts';
import type { WbxmlElement } from '../eas/wbxml/element.ts';
import { encodeWbxml } from '../eas/wbxml/encode.ts';
import { SYNC_SERVER_ERROR } from '../eas/replies.ts';
import { answerProvisionDuringWipe } from '../eas/wipe.ts';
import type { WipeAnswer } from '../eas/wipe.ts';
import type { HttpErrorCode } from '../http/errors.ts';
import { statusReply, wbxmlReply } from '../http/reply.ts';
import { headerValue } from '../http/request-head.ts';
import type { Verdict } from '../policy/model.ts';
import { refusal } from './answers.ts';
import { treeOf } from './body-tree.ts';
import { claimedDevice } from './credential-question.ts';
import type { Proof } from './credential-question.ts';
import { DeniedBody } from './denied-body.ts';
import type { Exchange } from './exchange.ts';
import type { ClientOrigin } from './forwarding.ts';
import type { GatewayCore } from './gateway-core.ts';
import { answerLeaving } from './leaving.ts';
import type { RequestBody } from './request-body.ts';

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

/** How a request goes on that a denial lets go on. */
export interface WayOn {
  /** Asks for the rest of the body where the phone waits to be asked. */
  inviteBody(exchange: Exchange): void;
  /** Passes the mail server's own challenge on. */
  challenge(exchange: Exchange): void;
  /** A poll is about to be held; false when it was answered instead. */
  hold(exchange: Exchange): boolean;
  /** Tells the phone to ask again at once. */
  comeAgain(exchange: Exchange): void;
  /** Sends the whole request to the mail server. */
  pass(exchange: Exchange): void;
}

/** A wipe that the phone reports is written down, with so many tries; a lost report would wipe it once more. */
const ACKNOWLEDGE_TRIES = 5;

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
    if (exchange.overtaken) this.phone.fail(exchange, 'EASGATE_STORE_UNAVAILABLE');
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
      if (settings.provisioning === 'server' && mayPass(command, body)) {
        exchange.passedOn = true;
        this.way.pass(exchange);
        return;
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
    this.phone.deadline = Math.min(exchange.responseDeadline, this.core.deadlines.at(verdict.validUntil));
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
      this.phone.deadline = Math.min(exchange.responseDeadline, this.core.deadlines.at(verdict.validUntil));
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
    const answer = answerLeaving(exchange, this.phone.body.kept);
    if (answer === null) return false;
    this.prove(exchange, () => this.send(exchange, answer));
    return true;
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
    const { user, device, protocolVersion } = exchange;
    if (user === null || device === null) return;
    exchange.phase = 'verdict';
    exchange.overtaken = false;
    const verdict = await this.core.verdicts.confirm(user, device);
    // A change that came while the order was read may have taken it back.
    const read = exchange.overtaken ? null : verdict;
    const stands = read?.wipe !== undefined && read.action === before.action;
    const kind = before.action === 'wipe' ? 'wipe' : 'accountWipe';
    const answer = stands ? answerProvisionDuringWipe(body, protocolVersion, kind) : null;
    if (this.hasLeft(exchange)) {
      // It need not wait for an answer before it wipes (MS-ASPROV 3.1.5.1.2); what it said counts all the same.
      if (read !== null && answer !== null) await this.acknowledge(exchange, read, answer.outcome);
      return;
    }
    exchange.phase = 'gate';
    if (read === null) {
      this.phone.fail(exchange, 'EASGATE_STORE_UNAVAILABLE');
      return;
    }
    if (!stands) {
      // Taken back or acknowledged, and the word of it not come yet.
      exchange.verdict = read;
      if (read.action === 'allow') this.way.comeAgain(exchange);
      else this.answer(exchange);
      return;
    }
    if (answer === null) {
      this.refuse(exchange, 'deviceBlocked');
      return;
    }
    exchange.wipe = answer.outcome;
    exchange.phase = 'verdict';
    const recorded = await this.acknowledge(exchange, read, answer.outcome);
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
   * Writes down what the phone says, if it says something, also when it leaves meanwhile. `overtaken` = the order waits for
   * no answer any more, `unknown` = the store stays away.
   */
  private async acknowledge(
    exchange: Exchange,
    { wipe: order }: Verdict,
    outcome: WipeAnswer['outcome'],
  ): Promise<'recorded' | 'overtaken' | 'unknown'> {
    if (outcome === 'directive') return 'recorded';
    const { user, device } = exchange;
    const status = outcome === 'acknowledged' ? 1 : 2;
    if (user === null || device === null || order === undefined) return 'overtaken';
    for (let attempt = 1; attempt <= ACKNOWLEDGE_TRIES; attempt++) {
      try {
        const stood = await this.core.verdicts.acknowledgeWipe(user, device, order, status);
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

/** Provision, and Settings that only tell of the device: nothing of the mailbox is in them. */
function mayPass(command: 'Provision' | 'Settings', body: WbxmlElement | null): boolean {
  if (command === 'Provision') return true;
  if (body === null) return false;
  return body.children.filter(isElement).every(({ name }) => name === 'DeviceInformation');
}
