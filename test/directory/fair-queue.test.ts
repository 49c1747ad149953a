// Owns the promises of the queue for places, in any order of events: as a simple model of it says, bounded, in turn, and empty in the end.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FairQueue } from '../../src/directory/fair-queue.ts';
import type { Ticket } from '../../src/directory/fair-queue.ts';

type Name = string;

/** The rules of the queue without its speed: arrays that are searched. */
class Model {
  held: Name[] = [];
  waiting: { readonly name: Name; readonly id: number }[] = [];
  /** The holder served longest ago is first. */
  turns: Name[] = [];
  private readonly max: number;
  private readonly room: number;

  constructor(max: number, room: number) {
    this.max = max;
    this.room = room;
  }

  private static may(name: Name, all: readonly Name[], max: number): boolean {
    return all.filter((other) => other === name).length < max - all.length;
  }

  /** Whether a place is free for this holder. */
  isFreeFor(name: Name): boolean {
    return Model.may(name, this.held, this.max);
  }

  /** True = has a place, null = waits, false = neither. */
  enter(name: Name, id: number): boolean | null {
    if (!this.turns.includes(name) && this.isFreeFor(name)) {
      this.held.push(name);
      return true;
    }
    const names = this.waiting.map((one) => one.name);
    if (!Model.may(name, names, this.room)) return false;
    this.waiting.push({ name, id });
    if (!this.turns.includes(name)) this.turns.push(name);
    return null;
  }

  leave(id: number): void {
    this.waiting = this.waiting.filter((one) => one.id !== id);
    this.turns = this.turns.filter((name) => this.waiting.some((one) => one.name === name));
  }

  /** Returns who gets a place, in order. */
  giveBack(name: Name): number[] {
    this.held.splice(this.held.indexOf(name), 1);
    const served: number[] = [];
    for (;;) {
      const next = this.turns.find((holder) => this.isFreeFor(holder));
      const first = this.waiting.find((one) => one.name === next);
      if (next === undefined || first === undefined) return served;
      this.held.push(next);
      served.push(first.id);
      this.turns = [...this.turns.filter((holder) => holder !== next), next];
      this.leave(first.id);
    }
  }
}

/** `who`: the holder that arrives, or which of those there are. */
interface Event {
  readonly kind: 'arrives' | 'hangs up' | 'is done';
  readonly who: number;
}

const events = fc.array(
  fc.record<Event>({
    kind: fc.constantFrom('arrives', 'arrives', 'hangs up', 'is done'),
    who: fc.nat(1_000),
  }),
  { maxLength: 150 },
);

describe('a queue for places', () => {
  it('does what its model does, in any order of arrivals and ends, and is empty in the end', () => {
    const sizes = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 12 }));
    fc.assert(
      fc.property(sizes, fc.integer({ min: 1, max: 5 }), events, ([max, room], holders, order) => {
        const queue = new FairQueue<number>(max, room);
        const model = new Model(max, room);
        const tickets: Ticket<number>[] = [];
        const ends = new Map<number, number>();
        const note = (id: number): void => void ends.set(id, (ends.get(id) ?? 0) + 1);
        const giveBack = (name: Name): void => {
          const served: number[] = [];
          queue.giveBack(name);
          queue.serve((first) => served.push(first.waiter) > 0);
          expect(served).toEqual(model.giveBack(name));
          served.forEach(note);
        };
        let id = 0;
        for (const { kind, who } of order) {
          if (kind === 'arrives') {
            const name = `h${who % holders}`;
            const expected = model.enter(name, ++id);
            const ticket = queue.take(name) ? true : (queue.wait(name, id) ?? false);
            expect(typeof ticket === 'boolean' ? ticket : null).toBe(expected);
            if (typeof ticket !== 'boolean') tickets.push(ticket);
            else note(id);
          } else if (kind === 'hangs up') {
            const ticket = tickets[who % Math.max(1, tickets.length)];
            if (ticket === undefined) continue;
            const isWaiting = model.waiting.some((one) => one.id === ticket.waiter);
            // Whoever waits no longer leaves nothing, however often.
            expect(queue.leave(ticket)).toBe(isWaiting);
            if (!isWaiting) continue;
            model.leave(ticket.waiter);
            note(ticket.waiter);
          } else if (model.held.length > 0) giveBack(model.held[who % model.held.length] ?? '');
          expect(model.held.length).toBeLessThanOrEqual(max);
          expect(model.waiting.filter(({ name }) => model.isFreeFor(name))).toEqual([]);
        }
        // Half of the time everybody gets a place, else the program stops.
        while (order.length % 2 === 0 && model.held.length > 0) giveBack(model.held[0] ?? '');
        queue.close(note);
        expect(queue.wait('late', 0)).toBeNull();
        expect([...ends.values()]).toEqual(Array<number>(id).fill(1));
        for (const name of model.held.splice(0)) queue.giveBack(name);
        const free = Array.from({ length: max }, (_, index) => queue.take(`fresh${index}`));
        expect(free).toEqual(Array<boolean>(max).fill(true));
      }),
      { numRuns: 1_000 },
    );
  });

  it('goes on with the next holders where one waits for something else', () => {
    const queue = new FairQueue<string>(4, 8);
    for (const name of ['a', 'b', 'c', 'd']) expect(queue.take(name)).toBe(true);
    for (const name of ['poor', 'rich', 'rich']) queue.wait(name, name);
    for (const name of ['a', 'b', 'c']) queue.giveBack(name);
    const served: string[] = [];
    queue.serve(({ holder }) => {
      if (holder === 'rich') return served.push(holder) > 0;
      queue.giveBack(holder);
      return false;
    });
    expect(served).toEqual(['rich', 'rich']);
  });
});
