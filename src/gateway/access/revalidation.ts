// Owns new decisions for open exchanges after a change: the consequence of a verdict, and the queue of exchanges
// waiting for one, a few at a time, with retries.
// Threat: one change may affect ten thousand held polls, more than the verdict cache can look up at once. A skipped
// poll would be held to its end on an outdated decision. And no request may wait until all of them are decided: a directory that answers at once
// (SQLite) would have them decided in one turn of the event loop.
import { monotonicNow } from '../../clock.ts';
import type { Asked, OnAnswer } from '../../directory/refresh.ts';
import type { Verdict } from '../../model/verdict.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { LATE_MS, LookupWindow } from './lookup-window.ts';
import type { Begun } from './lookup-window.ts';

/** The consequence of a new verdict for an exchange that is held or at the mail server. */
export type Consequence =
  /** It continues under the new verdict. */
  | 'continue'
  /** A poll held by the gateway is answered or held on, depending on its message. */
  | 'renew'
  /** The phone gets "start over". */
  | 'startOver'
  /** A response in progress is cut off, visibly. */
  | 'cut';

/** Pure. */
export function consequenceOf(exchange: Exchange, { action }: Verdict): Consequence {
  if (exchange.phase === 'held') return action === 'quarantine' ? 'renew' : 'startOver';
  // A body written by the gateway has no access to the mailbox.
  if (action === 'allow' || (action === 'quarantine' && exchange.rewritten)) return 'continue';
  return exchange.phase === 'responding' ? 'cut' : 'startOver';
}

/** An exchange to decide again. */
export interface Revalidated {
  /** Its phone is denied: a change can only let it in, so others come first. Absent = false. */
  readonly isDenied?: boolean;
  /** A change arrived: the old verdict is invalid. Returns whether {@link revalidate} must follow. */
  onChange(): boolean;
  /** The phone to look up before {@link revalidate}; null = none, because cached facts decide, or the exchange has ended. Absent = null. */
  asks?(): Asked | null;
  /**
   * Decides again; false when the directory does not answer. Never rejects. `isMass`: the change concerns more phones than
   * may be let in at once. `isAnswered`: false = the directory has just failed to answer for it; absent = true.
   */
  revalidate(isMass: boolean, isAnswered?: boolean): Promise<boolean>;
}

/** Looks many phones up in one call. The result for a phone is cached when `onAnswer` is called with whether the directory answered for it. */
export type Refresh = (asked: readonly Asked[], onAnswer: OnAnswer) => void;

/** The directory counts as away after this many look-ups in a row without an answer; so many are then tried a second. */
const STALLED = 64;
/** Most of them that were asked about in vain before: where one part of the directory is away, the others must not wait for its deadlines. */
const MAX_AGAIN = 32;
/** Most revalidations that begin in one turn of the event loop: a millisecond or two of work, mostly the end of a poll. */
const MAX_PER_TURN = 16;
/** Pause before the retry of an unanswered look-up. */
const RETRY_MS = 1_000;

/** Exchanges to decide again; bounded by the open connections. */
export class RevalidationQueue {
  private readonly refresh: Refresh | null;
  /** Of changes that concern few phones, such as an operator's: they do not wait for a feed run. */
  private readonly few = new Set<Revalidated>();
  /** Of changes that may restrict many phones. */
  private readonly many = new Set<Revalidated>();
  /** Exchanges of denied phones, which no change can restrict, and those for which a new policy changes nothing by old facts. They are decided last. */
  private readonly later = new Set<Revalidated>();
  /** Those that the directory was asked about in vain, after a pause. */
  private readonly again = new Set<Revalidated>();
  private unanswered = new Set<Revalidated>();
  private readonly now: () => number;
  private readonly window = new LookupWindow();
  /** How many began in this turn. */
  private begun = 0;
  private isScheduled = false;
  /** Runs when look-ups that have no answer yet free their places. */
  private timer: NodeJS.Timeout | null = null;
  private massUnderWay = 0;
  private againUnderWay = 0;
  private retriedAt = 0;
  /** Look-ups in a row that had no answer. */
  private failed = 0;

  /** `refresh`: null = each is looked up by itself. */
  constructor(refresh: Refresh | null = null, now: () => number = monotonicNow) {
    this.refresh = refresh;
    this.now = now;
  }

  /** Whether exchanges are left that a mass change may restrict; releases wait for them. */
  get isBusy(): boolean {
    return this.many.size > 0 || this.again.size > 0 || this.massUnderWay > 0;
  }

  /** The directory does not answer: {@link STALLED} exchanges are tried with each retry, since all of them would take one deadline after the other. */
  private get isStalled(): boolean {
    return this.failed >= STALLED;
  }

  /** Whether exchanges wait for a retry. */
  get isWaiting(): boolean {
    return this.unanswered.size > 0 || this.isStalled;
  }

  /**
   * A change affects this connection's exchange. Returns whether it is decided again here. `isChecked`: nothing changes by cached facts, but
   * they are older than `cache.lifetimeSeconds`.
   */
  add(one: Revalidated, isMass: boolean, isChecked = false): boolean {
    const isDecided = this.put(one, isMass, isChecked);
    if (isDecided) this.run();
    return isDecided;
  }

  /** {@link add} for many exchanges: those that begin at once are looked up together. */
  addAll(all: readonly Revalidated[], isMass: boolean): void {
    for (const one of all) this.put(one, isMass, false);
    this.run();
  }

  private put(one: Revalidated, isMass: boolean, isChecked: boolean): boolean {
    if (!one.onChange()) return false;
    const { few, many, again, later } = this;
    if (!isMass) {
      for (const lane of [many, again, later]) lane.delete(one);
      few.add(one);
    } else if (isChecked || one.isDenied === true) {
      if (!few.has(one) && !many.has(one) && !again.has(one)) later.add(one);
    } else if (!few.has(one)) {
      again.delete(one);
      later.delete(one);
      many.add(one);
    }
    return true;
  }

  /** Called a few times a second. */
  sweep(now: number): void {
    if (!this.isWaiting || now - this.retriedAt < RETRY_MS) return;
    this.retriedAt = now;
    this.failed = 0;
    for (const one of this.unanswered) this.again.add(one);
    this.unanswered = new Set();
    this.run();
  }

  private run(): void {
    if (this.begun === MAX_PER_TURN || !this.hasNext()) return;
    const { window } = this;
    const now = this.now();
    let free = Math.min(window.free(now), MAX_PER_TURN - this.begun);
    if (free <= 0) {
      this.runWhenLate();
      return;
    }
    const [together, again] = [window.begin(now, false), window.begin(now, true)];
    const batch: { readonly one: Revalidated; readonly lane: Set<Revalidated>; readonly place: Begun }[] = [];
    const asked: Asked[] = [];
    for (; free > 0; free--) {
      const lane = this.nextLane();
      const [one] = lane;
      if (one === undefined) break;
      lane.delete(one);
      this.begun++;
      const place = lane === this.again ? again : together;
      window.take(place);
      this.count(lane, 1);
      const question = this.refresh === null ? null : (one.asks?.() ?? null);
      if (question === null) void this.revalidate(one, lane, place, true);
      else {
        batch.push({ one, lane, place });
        asked.push(question);
      }
    }
    this.runNextTurn();
    if (batch.length === 0) return;
    this.refresh?.(asked, (at, isAnswered) => {
      this.failed = isAnswered ? 0 : this.failed + 1;
      if (isAnswered) window.note(together, this.now());
      const begun = batch[at];
      if (begun !== undefined) void this.revalidate(begun.one, begun.lane, begun.place, isAnswered);
    });
  }

  private hasNext(): boolean {
    return this.nextLane().size > 0;
  }

  private nextLane(): Set<Revalidated> {
    if (this.few.size > 0 || this.isStalled) return this.few;
    if (this.many.size > 0) return this.many;
    return this.again.size > 0 && this.againUnderWay < MAX_AGAIN ? this.again : this.later;
  }

  private count(lane: Set<Revalidated>, by: 1 | -1): void {
    if (lane === this.many || lane === this.again) this.massUnderWay += by;
    if (lane === this.again) this.againUnderWay += by;
  }

  /** Once a turn: the exchanges that begin in it share the calls of their look-ups. */
  private runNextTurn(): void {
    if (this.isScheduled) return;
    this.isScheduled = true;
    setImmediate(this.onNextTurn);
  }

  private readonly onNextTurn = (): void => {
    this.isScheduled = false;
    this.begun = 0;
    this.run();
  };

  private runWhenLate(): void {
    if (this.timer !== null || !this.window.mayFree) return;
    this.timer = setTimeout(this.onLate, LATE_MS);
    this.timer.unref();
  }

  private readonly onLate = (): void => {
    this.timer = null;
    this.run();
  };

  private async revalidate(
    one: Revalidated,
    lane: Set<Revalidated>,
    place: Begun,
    isAnswered: boolean,
  ): Promise<void> {
    const decided = await one.revalidate(lane !== this.few, isAnswered);
    this.window.leave(place);
    this.count(lane, -1);
    if (!decided) this.unanswered.add(one);
    this.runNextTurn();
  }
}
