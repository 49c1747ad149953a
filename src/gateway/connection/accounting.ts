// Owns the accounting of one connection's phone: its requests for the throttle, and its partnership.
import type { DeviceInformation } from '../../quarantine/provision.ts';
import type { HttpErrorCode } from '../../errors/request-errors.ts';
import { headerValue } from '../../http/header-lines.ts';
import type { ResponseHead } from '../../http/response-head.ts';
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import type { Verdict } from '../../model/verdict.ts';
import { isAuthenticated, isPage, showsAcceptance } from '../credentials/credential-proof.ts';
import type { DeviceUse } from '../access/throttle.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { GatewayCore } from '../gateway-core.ts';

/** Minimum interval between two records of the same partnership on a connection. */
const SEEN_AGAIN_MS = 10_000;

/** Placeholder for handshake credentials, which differ in each handshake and prove nothing yet. */
const HANDSHAKE = 'handshake';

/** A connection usually belongs to one phone: the last device is remembered with its counters. */
export class Accounting {
  private readonly core: GatewayCore;
  private address = '';
  private user: UserKey | null = null;
  private device: DeviceKey | null = null;
  private authorization: string | null = null;
  private use: DeviceUse | null = null;
  private seenVerdict: Verdict | null = null;
  private seenSpelling = '';
  private seenAt = 0;
  /** Device information received before its credentials were verified. */
  private information: DeviceInformation | null = null;

  constructor(core: GatewayCore) {
    this.core = core;
  }

  /** Counts the request; returns why the device must wait, or null. */
  count(exchange: Exchange, address: string): HttpErrorCode | null {
    const { user, device, command } = exchange;
    if (user === null || device === null || command === null) return null;
    const { throttle, settings, deadlines } = this.core;
    const authorization = exchange.leg === 'none' ? exchange.authorization : HANDSHAKE;
    if (
      this.use === null ||
      device !== this.device ||
      user !== this.user ||
      address !== this.address ||
      authorization !== this.authorization
    ) {
      this.address = address;
      this.user = user;
      this.device = device;
      this.authorization = authorization;
      this.use = throttle.useOf(address, user, device, authorization);
      this.seenVerdict = null;
      this.information = null;
    }
    const use = this.use;
    const { maxInFlightPerDevice } = settings.client;
    if (maxInFlightPerDevice > 0 && use.inFlight >= maxInFlightPerDevice) return 'EASGATE_DEVICE_BUSY';
    const wait = throttle.admit(use, command, deadlines.now);
    if (wait > 0) {
      exchange.retryAfterSeconds = Math.ceil(wait / 1000);
      return 'EASGATE_DEVICE_THROTTLED';
    }
    exchange.use = use;
    use.inFlight++;
    return null;
  }

  /**
   * Records the partnership if the mail server's answer shows accepted credentials. Device information in Provision is
   * kept until they are accepted in another way.
   */
  noteAnswer(exchange: Exchange, head: ResponseHead): void {
    // Device information is kept only from counted requests; the credentials of others (OPTIONS, an opening leg) prove nothing
    // about it.
    if (exchange.use === null) return;
    const { credentials } = this.core;
    if (head.status === 401 && this.authorization !== null)
      credentials.noteBad(credentials.markOf(this.authorization));
    if (!showsAcceptance(head.status) || this.isSeen(exchange)) return;
    if (isPage(headerValue(head.headerLines, 'content-type'))) return;
    const { authorization } = this;
    // A request without credentials was authenticated by its connection or certificate.
    const bound = authorization === null || exchange.leg !== 'none';
    const mark = bound ? null : (exchange.mark ?? credentials.markOf(authorization));
    if (mark === null || isAuthenticated(exchange.command) || credentials.wereGood(mark)) {
      exchange.information ??= this.information;
      this.information = null;
      if (mark !== null) credentials.noteGood(mark);
      this.noteSeen(exchange, head.status);
    } else {
      this.information = exchange.information ?? this.information;
    }
  }

  /** The mail server accepted the credentials: records the partnership, at most once per interval. */
  noteSeen(exchange: Exchange, status: number): void {
    const { device, spelling, verdict } = exchange;
    if (device === null || verdict === null || this.isSeen(exchange)) return;
    if (!this.core.recordSeen(exchange, status)) return;
    if (verdict.action !== 'allow') this.core.journal?.refused(exchange, this.address);
    this.seenVerdict = verdict;
    this.seenSpelling = spelling;
    this.seenAt = this.core.deadlines.now;
  }

  /** Whether it was recorded recently; another device or user clears seenVerdict. */
  private isSeen({ verdict, spelling, information }: Exchange): boolean {
    const { now } = this.core.deadlines;
    const isNews = information !== null || this.information !== null;
    const same = verdict === this.seenVerdict && spelling === this.seenSpelling;
    return !isNews && same && now - this.seenAt < SEEN_AGAIN_MS;
  }
}
