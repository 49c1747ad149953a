// Owns the one deadline of a client connection.
import type { Verdict } from '../../model/verdict.ts';
import type { Deadlines, Timed } from '../io/deadlines.ts';
import { MAX_HEARTBEAT_SECONDS } from '../../eas/heartbeat.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { HALF_CLOSE_GRACE_MS, LINGER_MS } from '../fixed-limits.ts';
import type { ClientSettings } from '../settings.ts';
import type { UpstreamServer } from '../upstream/upstream-server.ts';

/** What all connections have in common. */
interface TimingCore {
  readonly deadlines: Deadlines;
  readonly settings: { readonly client: ClientSettings };
  /** Longest wait for an answer about an exchange. */
  readonly askingMs: number;
}

/** Sets the deadline of one connection; the only writer. */
export class Timeouts {
  private readonly connection: Timed;
  private readonly core: TimingCore;

  constructor(connection: Timed, core: TimingCore) {
    this.connection = connection;
    this.core = core;
  }

  private get deadlines(): Deadlines {
    return this.core.deadlines;
  }

  private get client(): ClientSettings {
    return this.core.settings.client;
  }

  /** A request head: the first one, or the rest of a partial one. */
  awaitHead(): void {
    this.notAfter(this.client.headTimeoutMs);
  }

  /** The next request; soon when a handshake waits for its closing leg. */
  awaitRequest(handshaking: boolean): void {
    const { headTimeoutMs, keepAliveTimeoutMs } = this.client;
    this.after(handshaking ? Math.min(headTimeoutMs, keepAliveTimeoutMs) : keepAliveTimeoutMs);
  }

  /** More of a request body, or the phone reading its response. */
  awaitPhone(): void {
    this.after(this.client.bodyTimeoutMs);
  }

  /** An answer of the directory or a mail server. */
  awaitAnswer(): void {
    this.after(this.core.askingMs);
  }

  /** A free connection to the mail server. */
  awaitConnection(queueTimeoutMs: number): void {
    this.after(queueTimeoutMs);
  }

  /** Connecting to the mail server. */
  awaitConnect(connectTimeoutMs: number): void {
    this.notAfter(connectTimeoutMs);
  }

  /** More of a response. */
  awaitMore(idleTimeoutMs: number): void {
    this.after(idleTimeoutMs);
  }

  /** The response head: the request is complete and its server chosen. */
  awaitResponse(exchange: Exchange, draining: boolean): void {
    const { now } = this.deadlines;
    let wait = (exchange.server as UpstreamServer).settings.responseTimeoutMs;
    const { heartbeat } = exchange;
    if (exchange.held) {
      const seconds = heartbeat > 0 ? Math.min(heartbeat, MAX_HEARTBEAT_SECONDS) : MAX_HEARTBEAT_SECONDS;
      wait = seconds * 1000 + this.client.heldPollMarginMs;
      // The lapse of a verdict does not appear in the change log.
      if (exchange.verdict !== null) exchange.lapsesAt = this.deadlines.lapseOf(exchange.verdict);
    }
    const until = now + wait;
    // A drain may already have set the end of a poll that was queued or is retried.
    exchange.responseDeadline =
      exchange.held && draining ? Math.min(exchange.responseDeadline, until) : until;
    this.resumeResponseDeadline(exchange);
  }

  /** Puts the response deadline back after another one, such as that of connecting. */
  resumeResponseDeadline({ responseDeadline, lapsesAt }: Exchange): void {
    this.deadlines.setTime(this.connection, Math.min(responseDeadline, lapsesAt));
  }

  /** The lapse of its verdict is dealt with: it counts no more. */
  passLapse(exchange: Exchange): void {
    exchange.lapsesAt = Infinity;
    this.resumeResponseDeadline(exchange);
  }

  /** The end of a poll held here: its heartbeat, or the lapse of its verdict. */
  holdPoll(exchange: Exchange, seconds: number): void {
    exchange.responseDeadline = this.deadlines.now + seconds * 1_000;
    this.recheckPoll(exchange);
  }

  /** A held poll continues under another verdict. */
  recheckPoll(exchange: Exchange): void {
    if (exchange.verdict !== null) exchange.lapsesAt = this.deadlines.lapseOf(exchange.verdict);
    this.resumeResponseDeadline(exchange);
  }

  /** A poll at the mail server continues under another verdict. */
  limitPoll(exchange: Exchange, verdict: Verdict): void {
    exchange.lapsesAt = this.deadlines.lapseOf(verdict);
    this.endBy(exchange.lapsesAt);
  }

  /** Ends the connection or its poll at `time` (clock milliseconds). */
  endBy(time: number): void {
    this.deadlines.setTime(this.connection, Math.min(this.deadlines.timeOf(this.connection), time));
  }

  /** The phone closed its side; its answer is due soon. */
  halfClosed(): void {
    this.notAfter(HALF_CLOSE_GRACE_MS);
  }

  /** The write side is closed; reads on briefly. */
  linger(): void {
    this.after(LINGER_MS);
  }

  /** Whether the heartbeat of a poll, or its wait, ended. */
  isOver({ responseDeadline }: Exchange): boolean {
    return responseDeadline <= this.deadlines.now;
  }

  /** Whether the underlying verdict lapsed. */
  isLapsed({ lapsesAt }: Exchange): boolean {
    return lapsesAt <= this.deadlines.now;
  }

  private after(ms: number): void {
    this.deadlines.setTime(this.connection, this.deadlines.now + ms);
  }

  private notAfter(ms: number): void {
    this.endBy(this.deadlines.now + ms);
  }
}
