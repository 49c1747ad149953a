// Owns the entries of the journal about deliveries to feeds: at most two a minute for each feed and outcome, with the sums of the others.
// Threat: a sender of thousands of deliveries, or an unauthenticated one, fills the journal: there is room for few feeds and outcomes.
import { monotonicNow } from '../clock.ts';

/** What deliveries did: all of one outcome, and of one feed. */
export interface DeliverySums {
  accepted: number;
  unchanged: number;
  refused: number;
  notJoined: number;
}

/** One entry. */
export interface DeliverySummary {
  readonly feed: string;
  /** `applied`, `repeated`, `triggered`, `held`, or the code of the refusal. */
  readonly outcome: string;
  readonly deliveries: number;
  /** Of refused deliveries null: nothing of them was read. */
  readonly sums: Readonly<DeliverySums> | null;
  /** Why the last one was refused or held. */
  readonly text: string | null;
  /** The time in which they came, milliseconds. */
  readonly withinMs: number;
}

const MINUTE_MS = 60_000;

interface Pending {
  readonly feed: string;
  readonly outcome: string;
  deliveries: number;
  sums: DeliverySums | null;
  text: string | null;
  since: number;
}

/** Sums deliveries up. */
export class DeliverySummaries {
  /** Feeds and outcomes that have an entry of this minute already. */
  private readonly pending = new Map<string, Pending>();
  private readonly write: (summary: DeliverySummary) => void;
  private readonly now: () => number;
  private readonly timer: NodeJS.Timeout;

  constructor(write: (summary: DeliverySummary) => void, now: () => number = monotonicNow) {
    this.write = write;
    this.now = now;
    this.timer = setInterval(() => this.flush(), MINUTE_MS);
    this.timer.unref();
  }

  /** A delivery was carried out. */
  done(feed: string, outcome: string, sums: Readonly<DeliverySums>): void {
    this.add(feed, outcome, sums, null);
  }

  /** A delivery was refused, or held by a brake. */
  refused(feed: string, outcome: string, text: string): void {
    this.add(feed, outcome, null, text);
  }

  /** Writes the entries of sums that wait for their minute to end. */
  flush(): void {
    const now = this.now();
    for (const [key, waiting] of this.pending) {
      if (waiting.deliveries === 0) this.pending.delete(key);
      else this.writeOne(waiting, now);
    }
  }

  close(): void {
    clearInterval(this.timer);
    this.flush();
  }

  private add(feed: string, outcome: string, sums: Readonly<DeliverySums> | null, text: string | null): void {
    const key = `${feed} ${outcome}`;
    const known = this.pending.get(key);
    const one = known ?? { feed, outcome, deliveries: 0, sums: null, text: null, since: this.now() };
    one.deliveries++;
    one.text = text;
    if (sums !== null) one.sums = one.sums === null ? { ...sums } : sumOf(one.sums, sums);
    if (known !== undefined) return;
    // The first one after a quiet minute is seen at once.
    this.pending.set(key, one);
    this.writeOne(one, one.since);
  }

  private writeOne(one: Pending, now: number): void {
    const { feed, outcome, deliveries, sums, text, since } = one;
    this.write({ feed, outcome, deliveries, sums, text, withinMs: now - since });
    one.deliveries = 0;
    one.sums = null;
    one.since = now;
  }
}

function sumOf(one: DeliverySums, other: Readonly<DeliverySums>): DeliverySums {
  return {
    accepted: one.accepted + other.accepted,
    unchanged: one.unchanged + other.unchanged,
    refused: one.refused + other.refused,
    notJoined: one.notJoined + other.notJoined,
  };
}
