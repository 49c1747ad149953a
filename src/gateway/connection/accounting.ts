// Owns what is counted of the phone behind one connection: its requests, for the battery guard, and that it was seen.
import type { HttpErrorCode } from '../../errors.ts';
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import type { Verdict } from '../../policy/model.ts';
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
   * Makes the partnership known once the mail server took the credentials, which its `status` shows. One connection is one
   * phone, so it is said once in a while.
   */
  noteSeen(exchange: Exchange, status: number): void {
    const { now } = this.core.deadlines;
    const { device, spelling, verdict, information } = exchange;
    if (device === null || verdict === null) return;
    // Another device or user clears seenVerdict.
    const same = verdict === this.seenVerdict && spelling === this.seenSpelling;
    if (information === null && same && now - this.seenAt < SEEN_AGAIN_MS) return;
    if (!this.core.recordSeen(exchange, status)) return;
    if (verdict.action !== 'allow') this.core.journal?.refused(exchange, this.address);
    this.seenVerdict = verdict;
    this.seenSpelling = spelling;
    this.seenAt = now;
  }
}
