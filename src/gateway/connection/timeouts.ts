// Owns the one deadline of a client connection: what is waited for, and how long.
import type { Verdict } from '../../model/verdict.ts';
import type { Deadlines } from '../io/deadlines.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { HALF_CLOSE_GRACE_MS, LINGER_MS, MAX_HEARTBEAT_SECONDS } from '../settings.ts';
import type { ClientSettings } from '../settings.ts';
import type { UpstreamServer } from '../upstream/upstream-server.ts';

/** Where the deadline is kept, so that the sweep finds it without a step aside. */
export interface DeadlineHolder {
  /** Clock milliseconds. */
  deadline: number;
}

/** Sets the deadline of one connection; nobody else does. */
export class Timeouts {
  private readonly holder: DeadlineHolder;
  private readonly deadlines: Deadlines;
  private readonly client: ClientSettings;
  private readonly askingMs: number;

  /** `askingMs` = how long the answer to a question about an exchange may take. */
  constructor(holder: DeadlineHolder, deadlines: Deadlines, client: ClientSettings, askingMs: number) {
    this.holder = holder;
    this.deadlines = deadlines;
    this.client = client;
    this.askingMs = askingMs;
  }

  /** A request head has begun, or must begin: the first one, or one of which a part has come. */
  awaitHead(): void {
    this.notAfter(this.client.headTimeoutMs);
  }

  /** The next request of a connection; soon, where a handshake waits for its closing leg: nobody is known yet. */
  awaitRequest(handshaking: boolean): void {
    const { headTimeoutMs, keepAliveTimeoutMs } = this.client;
    this.after(handshaking ? Math.min(headTimeoutMs, keepAliveTimeoutMs) : keepAliveTimeoutMs);
  }

  /** More of a request body, or that the phone takes what was written to it. */
  awaitPhone(): void {
    this.after(this.client.bodyTimeoutMs);
  }

  /** What the directory or a mail server is asked about the exchange. */
  awaitAnswer(): void {
    this.after(this.askingMs);
  }

  /** A connection to the mail server to become free. */
  awaitConnection(queueTimeoutMs: number): void {
    this.after(queueTimeoutMs);
  }

  /** A connection to the mail server to be made. */
  awaitConnect(connectTimeoutMs: number): void {
    this.notAfter(connectTimeoutMs);
  }

  /** More of a response that has begun. */
  awaitMore(idleTimeoutMs: number): void {
    this.after(idleTimeoutMs);
  }

  /** The response head: the request is at its end, and its server chosen. */
  awaitResponse(exchange: Exchange, draining: boolean): void {
    const { now } = this.deadlines;
    let wait = (exchange.server as UpstreamServer).settings.responseTimeoutMs;
    const { heartbeat } = exchange;
    if (exchange.held) {
      const seconds = heartbeat > 0 ? Math.min(heartbeat, MAX_HEARTBEAT_SECONDS) : MAX_HEARTBEAT_SECONDS;
      wait = seconds * 1000 + this.client.heldPollMarginMs;
      // A decision that ends meanwhile ends the poll: nothing in the change log tells of it.
      if (exchange.verdict !== null) {
        exchange.lapsesAt = this.deadlines.lapseOf(exchange.verdict);
        wait = Math.min(wait, exchange.lapsesAt - now);
      }
    }
    const until = now + wait;
    // A drain has chosen the end already of a poll that waited for a connection, or is sent once more.
    exchange.responseDeadline =
      exchange.held && draining ? Math.min(exchange.responseDeadline, until) : until;
    this.holder.deadline = exchange.responseDeadline;
  }

  /** The end of a heartbeat that has begun: the connection to the mail server was made, or a verdict lapsed meanwhile. */
  awaitHeartbeat({ responseDeadline }: Exchange): void {
    this.holder.deadline = responseDeadline;
  }

  /** The end of the heartbeat of a poll held here, or of its verdict. */
  holdPoll(exchange: Exchange, seconds: number): void {
    exchange.responseDeadline = this.deadlines.now + seconds * 1_000;
    this.recheckPoll(exchange);
  }

  /** A poll held here is held on under another verdict. */
  recheckPoll(exchange: Exchange): void {
    if (exchange.verdict !== null) exchange.lapsesAt = this.deadlines.lapseOf(exchange.verdict);
    this.holder.deadline = Math.min(exchange.responseDeadline, exchange.lapsesAt);
  }

  /** What allows a poll at the mail server may end sooner now; nothing in the change log tells of that. */
  limitPoll(exchange: Exchange, verdict: Verdict): void {
    exchange.lapsesAt = this.deadlines.lapseOf(verdict);
    exchange.responseDeadline = Math.min(exchange.responseDeadline, exchange.lapsesAt);
    this.holder.deadline = Math.min(this.holder.deadline, exchange.responseDeadline);
  }

  /** The connection ends then, or its poll (clock milliseconds). */
  endBy(time: number): void {
    this.holder.deadline = Math.min(this.holder.deadline, time);
  }

  /** The phone closed its side, and is to get its answer soon. */
  halfClosed(): void {
    this.notAfter(HALF_CLOSE_GRACE_MS);
  }

  /** Our side is closed: what still comes is read for a moment. */
  linger(): void {
    this.after(LINGER_MS);
  }

  /** Whether a poll's heartbeat, or what it waits for, is over. */
  isOver({ responseDeadline }: Exchange): boolean {
    return responseDeadline <= this.deadlines.now;
  }

  /** Whether what allowed the exchange holds no longer. */
  isLapsed({ lapsesAt }: Exchange): boolean {
    return lapsesAt <= this.deadlines.now;
  }

  private after(ms: number): void {
    this.holder.deadline = this.deadlines.now + ms;
  }

  private notAfter(ms: number): void {
    this.holder.deadline = Math.min(this.holder.deadline, this.deadlines.now + ms);
  }
}
