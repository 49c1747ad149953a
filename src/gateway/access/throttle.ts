// Owns the throttle: request rates and concurrency per device, and the newest Ping.
import { LRUCache } from 'lru-cache';
import type { EasCommand } from '../../eas/commands.ts';
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import { KeyedHash } from '../credentials/keyed-hash.ts';
import { RepeatGuard } from './repeat-guard.ts';
import type { RepeatsOfDevice } from './repeat-guard.ts';
import type { ThrottleSettings } from '../settings.ts';

/** The use of one device, from one address with one set of credentials. */
export interface DeviceUse {
  /** Concurrent exchanges. */
  inFlight: number;
  /** By command: theoretical arrival time (GCRA, ITU-T I.371 annex A); null = no limit, or no request yet. */
  due: Map<EasCommand, number> | null;
  /** By command: repeats of the same request; null = none yet. */
  repeats: RepeatsOfDevice | null;
}

/** A held Ping that a newer one may end. */
export interface HeldPing {
  supersede(): void;
}

/**
 * Counts per (user, device, client address, credentials): somebody else who guesses a device id, even behind the same
 * address, cannot use up its limit. Likewise, only a Ping with the same credentials ends another.
 */
export class Throttle {
  private readonly burstMs: number;
  private readonly intervalMs: number;
  private readonly uses: LRUCache<string, DeviceUse>;
  /** Bounded by the open client connections. */
  private readonly pings = new Map<string, HeldPing>();
  private readonly hash = new KeyedHash();
  private readonly loops: RepeatGuard;
  /** For all devices, where nothing is limited: nobody reads its counter. Null = each device has its own. */
  private readonly unlimited: DeviceUse | null;

  /** `countsInFlight`: something limits the concurrent exchanges of a device. */
  constructor(settings: ThrottleSettings, countsInFlight = true) {
    const isUnlimited = settings.burst === 0 && !countsInFlight;
    this.unlimited = isUnlimited ? { inFlight: 0, due: null, repeats: null } : null;
    this.loops = new RepeatGuard(settings);
    this.intervalMs = 60_000 / settings.perMinute;
    this.burstMs = settings.burst * this.intervalMs;
    this.uses = new LRUCache({ max: settings.maxDevices });
  }

  /**
   * The counters of a device; a connection keeps them, so that they are looked up once. `authorization` null = the
   * connection itself was authenticated.
   */
  useOf(address: string, user: UserKey, device: DeviceKey, authorization: string | null = null): DeviceUse {
    if (this.unlimited !== null) return this.unlimited;
    const proof = authorization === null ? '' : this.proofOf(authorization);
    const name = `${address}\0${user}\0${device}\0${proof}`;
    let use = this.uses.get(name);
    if (use === undefined) {
      use = { inFlight: 0, due: null, repeats: null };
      this.uses.set(name, use);
    }
    return use;
  }

  /** Counts a request; returns 0 = allowed, else the milliseconds to wait. */
  admit(use: DeviceUse, command: EasCommand, now: number): number {
    if (this.burstMs === 0) return 0;
    const pause = use.repeats === null ? 0 : this.loops.wait(use.repeats, command, now);
    if (pause > 0) return pause;
    use.due ??= new Map();
    const due = Math.max(use.due.get(command) ?? 0, now);
    const wait = due - now - this.burstMs + this.intervalMs;
    if (wait > 0) return wait;
    use.due.set(command, due + this.intervalMs);
    return 0;
  }

  /** A counted request ended; `body` is the digest of its body. */
  noteEnd(use: DeviceUse, command: EasCommand | null, body: number, now: number): void {
    use.inFlight--;
    if (this.burstMs === 0) return;
    use.repeats ??= new Map();
    this.loops.note(use.repeats, command, body, now);
  }

  /**
   * Registers the newest Ping, and ends an older one of the same device and credentials; returns its ticket. Other
   * credentials are separate: they can neither end nor hide a Ping.
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

  /** Identifies credentials without storing them. */
  private proofOf(authorization: string): string {
    return this.hash.of(authorization).slice(0, 16);
  }
}
