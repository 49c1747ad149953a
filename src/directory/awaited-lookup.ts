// Owns one look-up that requests wait for: where it stands in line, its deadline and its answer. One object with one promise for all of it: with a
// function and a promise for each step, those would be a tenth of what a request without a cached verdict allocates (decisions/0206).
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { Limited } from './deadline.ts';
import { LookupFlight } from './lookup-flight.ts';
import type { LookupPlaces } from './lookup-places.ts';
import type { PlaceWait, WaitingRequest } from './place-wait.ts';

/** Where a look-up takes its place, and as whose. */
export interface Line {
  readonly places: LookupPlaces;
  readonly holder: string;
}

/** A look-up of a user with a device, from the moment when a request asks for it. */
export class AwaitedLookup<Answer> extends LookupFlight implements Limited {
  /** Look-ups for other requests with the same key wait for this one. */
  readonly key: string;
  readonly line: Line;
  /** Monotonic. */
  readonly began: number;
  /** Never rejects. */
  readonly answer: Promise<Answer>;
  /** Resolves {@link answer}. */
  readonly settle: (answer: Answer) => void;
  endsAt = 0;
  previous: Limited | null = null;
  next: Limited | null = null;
  /** It has a place in its line, and must return it. */
  hasPlace = false;
  /** Its wait for a place; null = it found one at once, or none. */
  wait: PlaceWait<boolean> | null = null;
  private readonly onLate: (late: AwaitedLookup<Answer>, error: Error) => void;

  /** `onLate`: called when its deadline has passed. */
  constructor(
    phone: { readonly user: UserKey; readonly device: DeviceKey; readonly deviceType: string | null },
    key: string,
    line: Line,
    began: number,
    onLate: (late: AwaitedLookup<Answer>, error: Error) => void,
  ) {
    super(phone.user, phone.device, phone.deviceType);
    this.key = key;
    this.line = line;
    this.began = began;
    this.onLate = onLate;
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.answer = promise;
    this.settle = resolve;
  }

  /** The request waits for the answer too. Null = somebody who never leaves. */
  join(request: WaitingRequest | null): Promise<Answer> {
    this.wait?.join(request);
    return this.answer;
  }

  expire(error: Error): void {
    this.onLate(this, error);
  }
}
