// Owns the battery guard: how often one device asks, how much of it is under way, and which of its Pings counts.
import { createHmac, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { EasCommand } from '../../eas/commands.ts';
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import { RepeatGuard } from './repeat-guard.ts';
import type { RepeatsOfDevice } from './repeat-guard.ts';
import type { ThrottleSettings } from '../settings.ts';

/** What one device, as seen from one address and with one set of credentials, is doing. */
export interface DeviceUse {
  /** Exchanges under way. */
  inFlight: number;
  /** By command: the time at which a steady sender would be due next (GCRA, ITU-T I.371 annex A). */
  readonly due: Map<EasCommand, number>;
  /** By command: how often the same request was repeated. */
  readonly repeats: RepeatsOfDevice;
}

/** A held Ping that a newer one may end. */
export interface HeldPing {
  supersede(): void;
}

/**
 * Counts per (user, device, client address, credentials): a stranger who guesses a device id, elsewhere or behind the same
 * address as so many are, cannot use up its allowance. For the same reason a Ping is ended only by one with the same
 * credentials.
 */
export class DeviceGuard {
  private readonly burstMs: number;
  private readonly intervalMs: number;
  private readonly uses: LRUCache<string, DeviceUse>;
  /** Bounded by the open client connections. */
  private readonly pings = new Map<string, HeldPing>();
  private readonly key = randomBytes(32);
  private readonly loops: RepeatGuard;

  constructor(settings: ThrottleSettings) {
    this.loops = new RepeatGuard(settings);
    this.intervalMs = 60_000 / settings.perMinute;
    this.burstMs = settings.burst * this.intervalMs;
    this.uses = new LRUCache({ max: settings.maxDevices });
  }

  /**
   * The count of a device; a connection keeps it, so that this is asked once per connection. `authorization` null = the
   * connection itself was authenticated.
   */
  useOf(address: string, user: UserKey, device: DeviceKey, authorization: string | null = null): DeviceUse {
    const proof = authorization === null ? '' : this.proofOf(authorization);
    const name = `${address}\0${user}\0${device}\0${proof}`;
    let use = this.uses.get(name);
    if (use === undefined) {
      use = { inFlight: 0, due: new Map(), repeats: new Map() };
      this.uses.set(name, use);
    }
    return use;
  }

  /** Counts one request; returns 0 when it may go on, else the milliseconds to wait. */
  admit(use: DeviceUse, command: EasCommand, now: number): number {
    if (this.burstMs === 0) return 0;
    const pause = this.loops.wait(use.repeats, command, now);
    if (pause > 0) return pause;
    const due = Math.max(use.due.get(command) ?? 0, now);
    const wait = due - now - this.burstMs + this.intervalMs;
    if (wait > 0) return wait;
    use.due.set(command, due + this.intervalMs);
    return 0;
  }

  /** A request that was counted is over; `body` is the digest of its body. */
  noteEnd(use: DeviceUse, command: EasCommand | null, body: number, now: number): void {
    use.inFlight--;
    if (this.burstMs > 0) this.loops.note(use.repeats, command, body, now);
  }

  /**
   * Makes `ping` the one that counts and ends an older one of the same device and credentials; returns its ticket. Other
   * credentials have a place of their own: a stranger neither ends a Ping nor hides it from the one that should.
   */
  registerPing(user: UserKey, device: DeviceKey, authorization: string, ping: HeldPing): string {
    const ticket = `${user}\0${device}\0${this.proofOf(authorization)}`;
    const older = this.pings.get(ticket);
    if (older !== undefined && older !== ping) older.supersede();
    this.pings.set(ticket, ping);
    return ticket;
  }

  /** The Ping with this ticket ended. */
  forgetPing(ticket: string, ping: HeldPing): void {
    if (this.pings.get(ticket) === ping) this.pings.delete(ticket);
  }

  /** Tells credentials apart without keeping them. */
  private proofOf(authorization: string): string {
    return createHmac('sha256', this.key).update(authorization).digest('base64').slice(0, 16);
  }
}
