// Owns the look-ups that requests wait for: one for each phone at a time (where the client is unknown, for each phone and address), bounded in number and
// time, with places that strangers cannot take from known phones, and compared with changes that are applied meanwhile. A look-up without a place ends when
// all its requests have ended.
import { clientBlock } from '../identity/client-address.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import { AwaitedLookup } from './awaited-lookup.ts';
import type { CachedAccess } from './cached-access.ts';
import type { SharedDeadline } from './deadline.ts';
import type { LookupFlight } from './lookup-flight.ts';
import { LookupPlaces } from './lookup-places.ts';
import type { WaitingRequest } from './place-wait.ts';
import type { ChangeBatch, DirectoryStore, LogPosition, LookupResult } from './store.ts';
import { TransientMap } from './transient-map.ts';

/** The origin of a request, for fairness between look-ups. */
export interface Asker {
  /** The client's address. */
  readonly address: string;
  /** The mail server accepted the credentials of this request before. */
  readonly proven: boolean;
  /** What the request calls the device. Absent = unknown. */
  readonly deviceType?: string;
  /** The request, which may end before its answer. Absent = the answer is wanted in any case. */
  readonly request?: WaitingRequest;
}

/** The entry that answers, and its source; null = nothing usable is known, or nobody waits for the answer any more. */
export interface Found {
  readonly known: CachedAccess | null;
  readonly source: 'store' | 'stale' | 'none' | 'givenUp';
}

/** What {@link AwaitedLookups} needs. */
export interface AwaitedLookupsParts {
  readonly store: DirectoryStore;
  readonly deadline: Pick<SharedDeadline, 'add' | 'remove'>;
  readonly limits: { readonly maxConcurrentLookups: number; readonly lookupTimeoutMs: number };
  /** Monotonic milliseconds. */
  readonly now: () => number;
  /** Position up to which the change log was applied; null = nothing was applied yet. */
  readonly applied: () => LogPosition | null;
  /** Whether the directory is known to be away. */
  readonly isAway: () => boolean;
  /** Caches a result that is not older than any applied change. */
  readonly keep: (flight: LookupFlight, result: LookupResult) => CachedAccess;
  /** What was known of a phone last, however old; null = nothing. */
  readonly lastKnown: (user: UserKey, device: DeviceKey) => CachedAccess | null;
  readonly onLookupError: (error: unknown) => void;
  /** Called at the end of every look-up that was not given up, with its time, milliseconds, and whether it failed. */
  readonly onLookup?: ((ms: number, failed: boolean) => void) | undefined;
}

const GIVEN_UP: Found = { known: null, source: 'givenUp' };

type Waited = AwaitedLookup<Found>;

/** A verdict that changes repeatedly during its look-up is not known: the phone comes again. */
const MAX_ATTEMPTS = 3;

/**
 * Most look-ups of each class that wait for a place; one address may have half of them: all phones of a large site come at once after a restart. That costs
 * less than their connections.
 */
const MAX_WAITING = 32_768;
/** Longest wait in such a crowd, milliseconds. Mail apps wait about half a minute for an answer, and their passwords may have to be checked. */
const CROWD_MS = 10_000;

/** The look-ups of one cache. */
export class AwaitedLookups {
  /** How many were begun. */
  begun = 0;
  private readonly parts: AwaitedLookupsParts;
  private readonly flights = new TransientMap<string, Waited>();
  /** Places of known phones are separate from those of unknown ones, which cannot occupy them. */
  private readonly knownPlaces: LookupPlaces;
  private readonly strangerPlaces: LookupPlaces;

  constructor(parts: AwaitedLookupsParts) {
    const { maxConcurrentLookups } = parts.limits;
    this.parts = parts;
    this.knownPlaces = new LookupPlaces(maxConcurrentLookups, MAX_WAITING);
    this.strangerPlaces = new LookupPlaces(maxConcurrentLookups, MAX_WAITING);
  }

  /**
   * Begins a look-up, or joins the one that is under way. `isKnown`: the mail server accepted the credentials, or this user with this device, before.
   * Never rejects.
   */
  find(user: UserKey, device: DeviceKey, asker: Asker, isKnown: boolean): Promise<Found> {
    // Known phones may share one address. Unknown clients can invent devices, but not addresses.
    const line = isKnown
      ? { places: this.knownPlaces, holder: device }
      : { places: this.strangerPlaces, holder: clientBlock(asker.address) };
    // The look-up of an unknown client must delay nobody else who asks for the same phone: neither a known one nor one at another address, whose line is shorter.
    const key = `${isKnown ? 'k' : 's'}\0${isKnown ? '' : line.holder}\0${device}\0${user}`;
    const running = this.flights.get(key);
    const request = asker.request ?? null;
    // One that was given up is still here when the next request of its phone comes in the same turn of the event loop.
    if (running !== undefined && running.wait?.isGivenUp !== true) return running.join(request);
    this.begun++;
    const phone = { user, device, deviceType: asker.deviceType ?? null };
    const one = new AwaitedLookup<Found>(phone, key, line, this.parts.now(), this.onLate);
    this.flights.set(key, one);
    const entered = line.places.enter(line.holder, this.waitFor(user, device));
    if (typeof entered === 'boolean') {
      this.enter(one, entered);
      return one.answer;
    }
    one.wait = entered;
    void entered.outcome.then((hasPlace) => this.enter(one, hasPlace));
    return one.join(request);
  }

  /** Must be called when changes were applied; `users` are folded local parts. */
  noteChanges(devices: ReadonlySet<string>, users: ReadonlySet<string>, batch: ChangeBatch): void {
    for (const flight of this.flights.values()) flight.noteChanges(devices, users, batch);
  }

  /** Ends the waits for places. */
  close(): void {
    this.knownPlaces.close();
    this.strangerPlaces.close();
  }

  /** Longest wait for a place. It is longer than that for an answer where nothing else is known that could be used. */
  private waitFor(user: UserKey, device: DeviceKey): number {
    const { limits, isAway, lastKnown } = this.parts;
    const { lookupTimeoutMs } = limits;
    // While the directory is away, a longer wait brings no answer.
    const isShort = isAway() || lastKnown(user, device) !== null;
    return isShort ? lookupTimeoutMs : Math.max(lookupTimeoutMs, CROWD_MS);
  }

  /** Asks the store for a look-up that has a place; one that got none in time ends with what was last known. */
  private enter(one: Waited, hasPlace: boolean): void {
    if (one.wait?.isGivenUp === true) {
      this.giveUp(one);
      return;
    }
    one.hasPlace = hasPlace;
    if (!hasPlace) {
      this.end(one, this.lastFound(one), true);
      return;
    }
    this.parts.deadline.add(one);
    void this.lookUp(one);
  }

  /** Ends a look-up by asking the store; again, if the answer is older than a change that was applied meanwhile. */
  private async lookUp(one: Waited): Promise<void> {
    const { store, applied, keep } = this.parts;
    try {
      for (let attempt = 1; attempt <= MAX_ATTEMPTS; attempt++) {
        one.begin(applied());
        const result = await store.lookup(one.user, one.device);
        // Its deadline passed: nobody waits for it, and changes of this time were not compared with it.
        if (one.over) return;
        if (one.isOvertaken(result, store)) continue;
        this.end(one, { known: keep(one, result), source: 'store' }, false);
        return;
      }
      throw new Error('the directory changed faster than it could be read');
    } catch (error) {
      this.fail(one, error);
    }
  }

  private readonly onLate = (one: Waited, error: Error): void => this.fail(one, error);

  /** Ends a look-up that got no answer with what was last known. */
  private fail(one: Waited, error: unknown): void {
    if (one.over) return;
    this.parts.onLookupError(error);
    this.end(one, this.lastFound(one), true);
  }

  /** Ends a look-up that no request waits for, and that had no place. It counts as none, since the store was not asked. */
  private giveUp(one: Waited): void {
    one.over = true;
    if (this.flights.get(one.key) === one) this.flights.delete(one.key);
    one.settle(GIVEN_UP);
  }

  private lastFound({ user, device }: Waited): Found {
    const known = this.parts.lastKnown(user, device);
    return known === null ? { known, source: 'none' } : { known, source: 'stale' };
  }

  private end(one: Waited, found: Found, failed: boolean): void {
    const { deadline, onLookup, now } = this.parts;
    one.over = true;
    this.flights.delete(one.key);
    if (one.hasPlace) {
      deadline.remove(one);
      one.line.places.leave(one.line.holder);
    }
    one.settle(found);
    onLookup?.(now() - one.began, failed);
  }
}
