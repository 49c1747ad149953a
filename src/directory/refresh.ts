// Owns look-ups of many phones in one call: a change may concern thousands of held polls, and single look-ups would add up their round trips
// (decisions/0195).
import { LookupFlight } from './lookup-flight.ts';
import type { Limited, SharedDeadline } from './deadline.ts';
import type { ChangeBatch, DirectoryStore, LogPosition, LookupResult, Pair } from './store.ts';
import { TransientMap } from './transient-map.ts';

/** A phone to look up. */
export interface Asked extends Pair {
  /** DeviceType of the request; null = unknown. */
  readonly deviceType: string | null;
}

/** Called once for each phone, with its index in the call: whether the directory answered in time. */
export type OnAnswer = (at: number, isAnswered: boolean) => void;

/** What {@link Refresh} needs. */
export interface RefreshParts {
  readonly store: DirectoryStore;
  readonly deadline: SharedDeadline;
  /** Caches a result that is not older than any applied change. */
  readonly keep: (flight: LookupFlight, result: LookupResult) => void;
  readonly onLookupError: (error: unknown) => void;
}

/** The look-ups of one cache. */
export class Refresh {
  private readonly parts: RefreshParts;
  private readonly underWay = new TransientMap<LookupFlight, LookupFlight>();

  constructor(parts: RefreshParts) {
    this.parts = parts;
  }

  /**
   * Looks the phones up and caches the results. `applied`: position up to which the change log was applied. A look-up that is slow or
   * fails does not delay the others. Never throws.
   */
  read(asked: readonly Asked[], applied: LogPosition | null, onAnswer: OnAnswer): void {
    const { store, deadline, onLookupError } = this.parts;
    const flights = asked.map(({ user, device, deviceType }) => new LookupFlight(user, device, deviceType));
    let open = flights.length;
    const end = (flight: LookupFlight, at: number, isAnswered: boolean): void => {
      if (flight.over) return;
      flight.over = true;
      this.underWay.delete(flight);
      open -= 1;
      if (open === 0) deadline.remove(all);
      onAnswer(at, isAnswered);
    };
    const fail = (error: unknown): void => {
      onLookupError(error);
      for (const [at, flight] of flights.entries()) end(flight, at, false);
    };
    const all: Limited = { endsAt: 0, previous: null, next: null, expire: fail };
    for (const flight of flights) {
      flight.begin(applied);
      this.underWay.set(flight, flight);
    }
    if (open > 0) deadline.add(all);
    let lookups: readonly Promise<LookupResult>[];
    try {
      lookups = store.lookups(asked);
    } catch (error) {
      fail(error);
      return;
    }
    // No function that waits for each of them: thousands are looked up at once.
    for (const [at, flight] of flights.entries())
      lookups[at]?.then(
        (result) => end(flight, at, this.take(flight, result)),
        (error: unknown) => {
          if (!flight.over) onLookupError(error);
          end(flight, at, false);
        },
      );
  }

  /** Must be called when changes were applied; `users` are folded local parts. */
  noteChanges(devices: ReadonlySet<string>, users: ReadonlySet<string>, batch: ChangeBatch): void {
    for (const flight of this.underWay.values()) flight.noteChanges(devices, users, batch);
  }

  /** Whether the directory answered in time. A result that is older than a change is not cached. */
  private take(flight: LookupFlight, result: LookupResult): boolean {
    if (flight.over) return false;
    const { store, keep, onLookupError } = this.parts;
    try {
      if (!flight.isOvertaken(result, store)) keep(flight, result);
      return true;
    } catch (error) {
      onLookupError(error);
      return false;
    }
  }
}
