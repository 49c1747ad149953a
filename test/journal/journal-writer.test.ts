// Owns the promises of the way of events into the store of the journal: bounded, in the background, and without failures.
import { afterEach, beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { JournalStore } from '../../src/journal/journal-store.ts';
import { JournalWriter } from '../../src/journal/journal-writer.ts';
import type { JournalEntry } from '../../src/model/journal.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { event } from './entries.ts';

checkLeaks();

/** A store that appends to a list, fails, or hangs. */
class ListStore {
  readonly entries: JournalEntry[] = [];
  batches = 0;
  state: 'works' | 'fails' | 'hangs' = 'works';
  async append(entries: readonly JournalEntry[]): Promise<void> {
    this.batches++;
    if (this.state === 'hangs') await new Promise(() => undefined);
    if (this.state === 'fails') throw new Error('the disk is full');
    this.entries.push(...entries);
  }
}

let store: ListStore;
let states: (string | null)[];
let writer: JournalWriter;
beforeEach(() => {
  store = new ListStore();
  states = [];
  writer = new JournalWriter(store as unknown as JournalStore, 'gw1', (error) =>
    states.push(error?.message ?? null),
  );
});
afterEach(() => writer.close());

const note = (count: number, from = 0): void => {
  for (let index = 0; index < count; index++) writer.note(event({ at: from + index }));
};
const times = (): number[] => store.entries.map(({ at }) => at);

describe('events on their way to the journal', () => {
  it('are written in their order, by themselves, without anybody waiting for it', async () => {
    note(250);
    expect(store.batches).toBe(0);
    await writer.flush();
    expect(times()).toEqual(Array.from({ length: 250 }, (_, index) => index));
    expect(states).toEqual([]);
  });

  it('wait, without an unhandled rejection, if the store throws at once', async () => {
    const append = vi.spyOn(store, 'append').mockImplementationOnce(() => {
      throw new Error('no more threads');
    });
    note(2);
    await writer.flush();
    expect([append.mock.calls.length, states, times()]).toEqual([1, ['no more threads'], []]);
    await writer.flush();
    expect([states, times()]).toEqual([
      ['no more threads', null],
      [0, 1],
    ]);
  });

  it('are written a second later, and again when that failed; without any there is no timer', async () => {
    vi.useFakeTimers();
    onTestFinished(() => {
      vi.useRealTimers();
    });
    expect(vi.getTimerCount()).toBe(0);
    store.state = 'fails';
    note(1);
    await vi.advanceTimersByTimeAsync(1_500);
    expect([store.batches, times()]).toEqual([1, []]);
    store.state = 'works';
    await vi.advanceTimersByTimeAsync(1_000);
    expect([times(), vi.getTimerCount()]).toEqual([[0], 0]);
  });

  it('are written at the end', async () => {
    note(3);
    await writer.close();
    expect(times()).toEqual([0, 1, 2]);
  });

  it('wait while the store fails, and are written once it works; that is told once each way', async () => {
    store.state = 'fails';
    note(3);
    await writer.flush();
    await writer.flush();
    note(1, 3);
    store.state = 'works';
    await writer.flush();
    await writer.flush();
    expect(times()).toEqual([0, 1, 2, 3]);
    expect(states).toEqual(['the disk is full', null]);
    expect(writer.dropped).toBe(0);
  });

  it('of more than may wait the oldest are dropped and counted, and the journal says so', async () => {
    store.state = 'fails';
    note(100_000);
    await writer.flush();
    expect(writer.dropped).toBeGreaterThanOrEqual(80_000);
    expect(writer.dropped).toBeLessThan(82_000);
    store.state = 'works';
    for (let flush = 0; flush < 20; flush++) await writer.flush();
    const [first, ...rest] = store.entries;
    expect(first).toMatchObject({ kind: 'journal_overflow', count: writer.dropped, gateway: 'gw1' });
    expect(rest.map(({ at }) => at)).toEqual(
      Array.from({ length: 100_000 - writer.dropped }, (_, index) => writer.dropped + index),
    );
  });

  it('events that are dropped during a write are not taken for written ones', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    const append = store.append.bind(store);
    store.append = async (entries) => {
      await promise;
      await append(entries);
    };
    note(150);
    const flushed = writer.flush();
    note(30_000, 150);
    resolve();
    await flushed;
    for (let flush = 0; flush < 20; flush++) await writer.flush();
    const kept = store.entries.filter(({ kind }) => kind !== 'journal_overflow').map(({ at }) => at);
    expect(new Set(kept).size).toBe(kept.length);
    expect(kept.at(-1)).toBe(30_149);
    expect(kept).toEqual(kept.toSorted((a, b) => a - b));
  });

  it('a flood is written in parts: one write never takes all of it', async () => {
    note(19_999);
    await writer.flush();
    expect(store.entries.length).toBeLessThanOrEqual(2_000);
    expect(store.batches).toBeGreaterThanOrEqual(20);
  });

  it('are written once to a store that stalls for a while', async () => {
    vi.useFakeTimers();
    onTestFinished(() => {
      vi.useRealTimers();
    });
    const append = store.append.bind(store);
    const still = Promise.withResolvers<void>();
    store.append = async (entries) => {
      await still.promise;
      await append(entries);
    };
    note(1);
    await vi.advanceTimersByTimeAsync(10_000);
    note(1, 1);
    await vi.advanceTimersByTimeAsync(10_000);
    still.resolve();
    await writer.flush();
    expect(times()).toEqual([0, 1]);
    expect(states).toEqual(['the journal did not answer in time', null]);
  });

  it('a store that hangs ends neither the worker nor its stop', async () => {
    store.state = 'hangs';
    note(3);
    await writer.close();
    expect(states).toEqual(['the journal did not answer in time']);
  });
});
