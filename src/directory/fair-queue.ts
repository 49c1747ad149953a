// Owns places that holders share fairly, and the queue of those who wait for one: bounded, in turn by holder, and in the order of arrival for each holder. It
// knows no time: its owners end waits that took too long. Each step costs the same however many wait, since thousands enter, or give up, in one turn of
// the event loop.
import { FairPlaces } from './fair-places.ts';
import { List } from './linked-list.ts';

/** All who wait for places of one holder. */
class Line<Waiter> {
  readonly holder: string;
  readonly tickets = new List<Ticket<Waiter>>();
  previous: Line<Waiter> | null = null;
  next: Line<Waiter> | null = null;

  constructor(holder: string) {
    this.holder = holder;
  }
}

/** The position of one waiter in the queue. */
export class Ticket<Waiter> {
  readonly holder: string;
  readonly waiter: Waiter;
  /** Null = it waits no longer. */
  line: Line<Waiter> | null;
  previous: Ticket<Waiter> | null = null;
  next: Ticket<Waiter> | null = null;

  constructor(waiter: Waiter, line: Line<Waiter>) {
    this.holder = line.holder;
    this.waiter = waiter;
    this.line = line;
  }
}

type Admit<Waiter> = (first: Ticket<Waiter>) => boolean;

/** Most waiters that leave the queue in one call: each of them costs the event loop more than its turn here. */
const MAX_SERVED = 256;

/** Places, and a queue that serves holders in turn. */
export class FairQueue<Waiter> {
  private readonly places: FairPlaces;
  /** Places of those who wait. */
  private readonly room: FairPlaces;
  private readonly lines = new Map<string, Line<Waiter>>();
  /** The one served longest ago is first. */
  private readonly turns = new List<Line<Waiter>>();
  private closed = false;

  /** `max` places, and `maxWaiting` that wait for one. */
  constructor(max: number, maxWaiting: number) {
    this.places = new FairPlaces(max);
    this.room = new FairPlaces(maxWaiting);
  }

  /** Takes a place for `holder`, which {@link giveBack} returns; false = it may not have one now, or others wait for one as the same holder. */
  take(holder: string): boolean {
    return !this.lines.has(holder) && this.places.take(holder);
  }

  /** Waits for a place; null = the queue is full, or closed. */
  wait(holder: string, waiter: Waiter): Ticket<Waiter> | null {
    if (this.closed || !this.room.take(holder)) return null;
    const line = this.lines.get(holder) ?? this.begin(holder);
    const ticket = new Ticket(waiter, line);
    line.tickets.append(ticket);
    return ticket;
  }

  /** Ends a wait, whatever position it has; false = it had ended. */
  leave(ticket: Ticket<Waiter>): boolean {
    const { line } = ticket;
    if (line === null) return false;
    ticket.line = null;
    line.tickets.remove(ticket);
    this.room.leave(line.holder);
    if (line.tickets.first === null) {
      this.turns.remove(line);
      this.lines.delete(line.holder);
    }
    return true;
  }

  /** Whether `holder` has a place. */
  holds(holder: string): boolean {
    return this.places.heldBy(holder) > 0;
  }

  /** Returns a place. {@link serve} must follow, unless the place was taken a moment ago. */
  giveBack(holder: string): void {
    this.places.leave(holder);
  }

  /**
   * Gives places to those who wait, one holder after the other. `admit` gets the first one of a holder, who has a place then; it returns false if that one
   * waits on, after it gave the place back. It must not end other waits.
   */
  serve(admit: Admit<Waiter>): void {
    let served = 0;
    let line = this.turns.first;
    while (line !== null && served < MAX_SERVED && this.places.free > 0) {
      const { next } = line;
      const isServed = this.serveFirst(line, admit);
      if (isServed) served++;
      // A line that was served is the last one now, and the next one too if it was the last one before.
      line = next ?? (isServed ? (this.lines.get(line.holder) ?? null) : null);
    }
  }

  /** Ends all waits, and lets nobody wait from now on. */
  close(end: (waiter: Waiter) => void): void {
    this.closed = true;
    for (let line = this.turns.first; line !== null; line = this.turns.first) {
      for (let ticket = line.tickets.first; ticket !== null; ticket = line.tickets.first) {
        this.leave(ticket);
        end(ticket.waiter);
      }
    }
  }

  private begin(holder: string): Line<Waiter> {
    const line = new Line<Waiter>(holder);
    this.lines.set(holder, line);
    this.turns.append(line);
    return line;
  }

  /** Whether the first one of a line was served, which is then the last line. */
  private serveFirst(line: Line<Waiter>, admit: Admit<Waiter>): boolean {
    const { first } = line.tickets;
    if (first === null || !this.places.take(line.holder)) return false;
    if (!admit(first)) return false;
    this.leave(first);
    if (line.tickets.first === null) return true;
    this.turns.remove(line);
    this.turns.append(line);
    return true;
  }
}
