// Owns look-ups of many phones in one call: a change may concern thousands of held polls, and single look-ups would add up their round trips
// (decisions/0195).
import { LookupFlight } from './lookup-flight.ts';
import type { SharedDeadline } from './deadline.ts';
import type { ChangeBatch, DirectoryStore, LogPosition, LookupResult, Pair } from './store.ts';

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
  readonly keep: (flight: LookupFlight<unknown>, result: LookupResult) => void;
  readonly onLookupError: (error: unknown) => void;
}

/** The look-ups of one cache. */
export class Refresh {
  private readonly parts: RefreshParts;
  private readonly underWay = new Set<LookupFlight<unknown>>();

  constructor(parts: RefreshParts) {
    this.parts = parts;
  }

  /**
   * Looks the phones up and caches the results. `applied`: position up to which the change log was applied. A look-up that is slow or
   * fails does not delay the others. Never rejects.
   */
  async read(asked: readonly Asked[], applied: LogPosition | null, onAnswer: OnAnswer): Promise<void> {
    const { store, deadline, onLookupError } = this.parts;
    const flights = asked.map(({ user, device, deviceType }) => new LookupFlight(user, device, deviceType));
    for (const flight of flights) {
      flight.begin(applied);
      this.underWay.add(flight);
    }
    try {
      const lookups = store.lookups(asked);
      const taken = flights.map(async (flight, at) => {
        const isAnswered = await this.take(lookups[at], flight);
        if (this.end(flight)) onAnswer(at, isAnswered);
      });
      await deadline.limit(Promise.all(taken));
    } catch (error) {
      onLookupError(error);
      for (const [at, flight] of flights.entries()) if (this.end(flight)) onAnswer(at, false);
    }
  }

  /** Must be called when changes were applied; `users` are folded local parts. */
  noteChanges(devices: ReadonlySet<string>, users: ReadonlySet<string>, batch: ChangeBatch): void {
    for (const flight of this.underWay) flight.noteChanges(devices, users, batch);
  }

  /** Whether the directory answered in time. A result that is older than a change is not cached. */
  private async take(
    lookup: Promise<LookupResult> | undefined,
    flight: LookupFlight<unknown>,
  ): Promise<boolean> {
    const { store, keep, onLookupError } = this.parts;
    try {
      const result = await lookup;
      if (result === undefined || flight.over) return false;
      if (!flight.isOvertaken(result, store)) keep(flight, result);
      return true;
    } catch (error) {
      if (!flight.over) onLookupError(error);
      return false;
    }
  }

  /** Ends a look-up; false = it had ended already. */
  private end(flight: LookupFlight<unknown>): boolean {
    flight.over = true;
    return this.underWay.delete(flight);
  }
}
