// Owns detection of request loops that are too slow for the throttle: the same request once or twice a second, for
// minutes, without news. Hot path; constant time and memory per device.
import type { EasCommand } from '../../eas/commands.ts';
import type { ThrottleSettings } from '../settings.ts';

/** Commands that a mail app sends by itself. Frequent commands of a user (move, read, search, send) are no loop. */
const WATCHED: ReadonlySet<EasCommand | null> = new Set<EasCommand | null>([
  'Ping',
  'Sync',
  'FolderSync',
  'GetItemEstimate',
  'Provision',
  'Settings',
]);

/** Bodies remembered: a phone that cycles through folders repeats each request only after the others. */
const REMEMBERED = 4;
/** Octets of a body that are hashed: sync key and folder are at its beginning. */
const DIGESTED = 1_024;
const FNV_OFFSET = 0x811c9dc5;
const FNV_PRIME = 0x01000193;

/** The state of one command of one device. */
export interface Repeats {
  /** Digests of its last bodies; `next` is the oldest. */
  readonly bodies: number[];
  next: number;
  /** Theoretical arrival time in clock milliseconds (GCRA, ITU-T I.371 annex A). */
  due: number;
  /** Clock milliseconds. */
  pausedUntil: number;
}

/** By command. */
export type RepeatsOfDevice = Map<EasCommand, Repeats>;

/** A digest of a body; 0 = none, or not read. */
export function digestOf(body: Uint8Array | null): number {
  if (body === null) return 0;
  let digest = FNV_OFFSET ^ body.length;
  const end = Math.min(body.length, DIGESTED);
  for (let at = 0; at < end; at++) digest = Math.imul(digest ^ (body[at] as number), FNV_PRIME);
  return digest | 1;
}

/** Counts repeats and pauses devices with too many. */
export class RepeatGuard {
  private readonly intervalMs: number;
  private readonly toleranceMs: number;
  private readonly pauseMs: number;

  constructor({ repeats, repeatsPerMinute, pauseSeconds }: ThrottleSettings) {
    this.intervalMs = 60_000 / repeatsPerMinute;
    this.toleranceMs = repeats * this.intervalMs;
    this.pauseMs = pauseSeconds * 1_000;
  }

  /** Milliseconds that the device must wait; 0 = none. */
  wait(device: RepeatsOfDevice, command: EasCommand, now: number): number {
    const known = device.get(command);
    return known === undefined ? 0 : Math.max(0, known.pausedUntil - now);
  }

  /** A request was answered; `body` is its digest. */
  note(device: RepeatsOfDevice, command: EasCommand | null, body: number, now: number): void {
    if (command === null || !WATCHED.has(command) || !(this.toleranceMs > 0)) return;
    let known = device.get(command);
    if (known === undefined) {
      known = { bodies: [], next: 0, due: 0, pausedUntil: 0 };
      device.set(command, known);
    }
    if (!known.bodies.includes(body)) {
      known.bodies[known.next] = body;
      known.next = (known.next + 1) % REMEMBERED;
      // Another sync key means news, which is the purpose of the Pings in between.
      if (command === 'Sync') for (const one of device.values()) one.due = 0;
      return;
    }
    known.due = Math.max(known.due, now) + this.intervalMs;
    if (known.due - now <= this.toleranceMs) return;
    known.pausedUntil = now + this.pauseMs;
    // After the pause the next repeat exceeds the limit again, until the device was quiet or has news.
    known.due = known.pausedUntil + this.toleranceMs;
  }
}
