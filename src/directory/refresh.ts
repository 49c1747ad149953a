// Owns look-ups of many phones at once: a change concerns thousands of held polls, and read one by one they would wait for the round trips of
// each other.
import { LookupFlight } from './lookup-flight.ts';
import type { SharedDeadline } from './deadline.ts';
import type { ChangeBatch, DirectoryStore, LogPosition, LookupResult, Pair } from './store.ts';

/** A phone to look up. */
export interface Asked extends Pair {
  /** What the request calls the device; null = unknown. */
  readonly deviceType: string | null;
}

/** Called once for each that was asked, by its number: whether the directory answered in time. */
export type OnAnswer = (at: number, isAnswered: boolean) => void;

/** What it is made of. */
export interface RefreshParts {
  readonly store: DirectoryStore;
  readonly deadline: SharedDeadline;
  /** Takes an answer that is as new as what was applied. */
  readonly keep: (flight: LookupFlight<unknown>, result: LookupResult) => void;
  readonly onLookupError: (error: unknown) => void;
}

export class Refresh {
  private readonly parts: RefreshParts;
  private readonly underWay = new Set<LookupFlight<unknown>>();

  constructor(parts: RefreshParts) {
    this.parts = parts;
  }

  /** `applied`: how far the change log was applied. One that is slow or fails does not keep the others waiting. Never rejects. */
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

  /** Changes were applied; `users` are folded local parts. */
  noteChanges(devices: ReadonlySet<string>, users: ReadonlySet<string>, batch: ChangeBatch): void {
    for (const flight of this.underWay) flight.noteChanges(devices, users, batch);
  }

  /** Whether there is an answer in time. One that is older than a change is not kept. */
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

  /** False = it had ended already. */
  private end(flight: LookupFlight<unknown>): boolean {
    flight.over = true;
    return this.underWay.delete(flight);
  }
}
