// Owns what is counted of the phone behind one connection: its requests, for the battery guard, and that it was seen.
import type { DeviceInformation } from '../../quarantine/provision.ts';
import type { HttpErrorCode } from '../../errors.ts';
import { headerValue } from '../../http/request-head.ts';
import type { ResponseHead } from '../../http/response-head.ts';
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import type { Verdict } from '../../model/verdict.ts';
import { isAuthenticated, isPage, showsAcceptance } from '../credentials/credential-proof.ts';
import type { DeviceUse } from '../access/throttle.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { GatewayCore } from '../gateway-core.ts';

/** How long a connection need not say again that its device was seen. */
const SEEN_AGAIN_MS = 10_000;

/** In place of credentials that are other ones in each handshake: they prove nothing yet. */
const HANDSHAKE = 'handshake';

/** One connection is one phone, unless a proxy shares it: the last device is remembered with its count. */
export class PhoneAccount {
  private readonly core: GatewayCore;
  private address = '';
  private user: UserKey | null = null;
  private device: DeviceKey | null = null;
  private authorization: string | null = null;
  private use: DeviceUse | null = null;
  private seenVerdict: Verdict | null = null;
  private seenSpelling = '';
  private seenAt = 0;
  /** What the device said of itself while nobody knew whether its credentials are good. */
  private information: DeviceInformation | null = null;

  constructor(core: GatewayCore) {
    this.core = core;
  }

  /** Counts the request with its device; returns why the device must wait, or null. */
  count(exchange: Exchange, address: string): HttpErrorCode | null {
    const { user, device, command } = exchange;
    if (user === null || device === null || command === null) return null;
    const { guard, settings, deadlines } = this.core;
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
      this.use = guard.useOf(address, user, device, authorization);
      this.seenVerdict = null;
      this.information = null;
    }
    const use = this.use;
    const { maxInFlightPerDevice } = settings.client;
    if (maxInFlightPerDevice > 0 && use.inFlight >= maxInFlightPerDevice) return 'EASGATE_DEVICE_BUSY';
    const wait = guard.admit(use, command, deadlines.now);
    if (wait > 0) {
      exchange.retryAfterSeconds = Math.ceil(wait / 1000);
      return 'EASGATE_DEVICE_THROTTLED';
    }
    exchange.use = use;
    use.inFlight++;
    return null;
  }

  /**
   * The mail server answered: makes the partnership known if that shows that it took the credentials. What a phone says of
   * itself in Provision is kept until they were taken otherwise.
   */
  noteAnswer(exchange: Exchange, head: ResponseHead): void {
    // Only a counted request brought the credentials kept here. The credentials of another one (OPTIONS, an opening leg) prove
    // nothing about them.
    if (exchange.use === null) return;
    if (head.status === 401 && this.authorization !== null) this.core.credentials.noteBad(this.authorization);
    if (!showsAcceptance(head.status) || this.isSeen(exchange)) return;
    if (isPage(headerValue(head.headerLines, 'content-type'))) return;
    const { credentials } = this.core;
    const { authorization } = this;
    // Who has no credentials of its own was authenticated with its connection, or by its certificate.
    const bound = authorization === null || exchange.leg !== 'none';
    if (bound || isAuthenticated(exchange.command) || credentials.wereGood(authorization)) {
      exchange.information ??= this.information;
      this.information = null;
      if (!bound) credentials.noteGood(authorization);
      this.noteSeen(exchange, head.status);
    } else {
      this.information = exchange.information ?? this.information;
    }
  }

  /** The mail server took the credentials: makes the partnership known. One connection is one phone, so it is said once in a while. */
  noteSeen(exchange: Exchange, status: number): void {
    const { device, spelling, verdict } = exchange;
    if (device === null || verdict === null || this.isSeen(exchange)) return;
    if (!this.core.recordSeen(exchange, status)) return;
    if (verdict.action !== 'allow') this.core.journal?.refused(exchange, this.address);
    this.seenVerdict = verdict;
    this.seenSpelling = spelling;
    this.seenAt = this.core.deadlines.now;
  }

  /** Whether it was said a moment ago; another device or user clears seenVerdict. */
  private isSeen({ verdict, spelling, information }: Exchange): boolean {
    const { now } = this.core.deadlines;
    const isNews = information !== null || this.information !== null;
    const same = verdict === this.seenVerdict && spelling === this.seenSpelling;
    return !isNews && same && now - this.seenAt < SEEN_AGAIN_MS;
  }
}
