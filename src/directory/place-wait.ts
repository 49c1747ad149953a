// Owns one wait for a place in a queue, which several requests may share: it is given up when the last of them has ended.
// Threat: a crowd that connects, asks and hangs up fills the queue, so that others find no room in it. Rule: nobody waits for a request that has ended.

/** A request that may end before what it waits for. */
export interface WaitingRequest {
  /** Null = it waits for no place. */
  waitsFor: PlaceWait<unknown> | null;
}

/** A wait for a place. */
export class PlaceWait<Outcome> {
  /** What the wait ended with: whoever made it knows which outcomes have a place. Never rejects. */
  readonly outcome: Promise<Outcome>;
  /** The last request ended while the wait went on: no other may share it. */
  isGivenUp = false;
  private readonly giveUp: () => boolean;
  private requests = 0;

  /** `giveUp` leaves the queue; false = the wait is over already. */
  constructor(outcome: Promise<Outcome>, giveUp: () => boolean) {
    this.outcome = outcome;
    this.giveUp = giveUp;
  }

  /** One more waits for it; null = somebody who never leaves. A request counts once: a held poll may be decided anew by two changes. */
  join(request: WaitingRequest | null): void {
    if (request?.waitsFor === this) return;
    this.requests++;
    if (request !== null) request.waitsFor = this;
  }

  /** A request that waited for it has ended. */
  leave(): void {
    this.requests--;
    if (this.requests === 0) this.isGivenUp = this.giveUp();
  }
}

/** Must be called when a request ends. */
export function stopWaiting(request: WaitingRequest): void {
  const { waitsFor } = request;
  if (waitsFor === null) return;
  request.waitsFor = null;
  waitsFor.leave();
}
