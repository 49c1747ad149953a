// Owns the promises of look-ups that requests wait for, in any order of arrivals, ends, answers, failures and late answers: as many at once as there are
// places, one answer for each request, and every place free in the end.
import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { AwaitedLookup } from '../../src/directory/awaited-lookup.ts';
import { AwaitedLookups } from '../../src/directory/awaited-lookups.ts';
import type { Found } from '../../src/directory/awaited-lookups.ts';
import { CachedAccess } from '../../src/directory/cached-access.ts';
import type { Limited, SharedDeadline } from '../../src/directory/deadline.ts';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { stopWaiting } from '../../src/directory/place-wait.ts';
import type { WaitingRequest } from '../../src/directory/place-wait.ts';
import type { DirectoryStore, LookupResult } from '../../src/directory/store.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { readAccess } from '../../src/policy/access-facts.ts';
import { stopTimers } from '../support/checks/test-clock.ts';
import { alice, phone } from '../support/servers/directory-records.ts';

const PLACES = 3;
const PHONES = 8;
const ADDRESSES = 2;
/** The longest wait for a place. */
const WAIT_MS = 60_000;

/** Deadlines that pass when the test says so. */
class HandDeadline implements Pick<SharedDeadline, 'add' | 'remove'> {
  private readonly limited = new Set<Limited>();

  add(one: Limited): void {
    this.limited.add(one);
  }

  remove(one: Limited): void {
    this.limited.delete(one);
  }

  /** Devices of the look-ups that have a place. */
  devices(): string[] {
    return [...this.limited].map((one) => (one instanceof AwaitedLookup ? one.device : ''));
  }

  pass(which: number): void {
    const one = chosen([...this.limited], which);
    if (one === undefined) return;
    this.limited.delete(one);
    one.expire(new Error('late'));
  }
}

interface Ask {
  readonly device: string;
  readonly address: string;
  readonly request: WaitingRequest;
  hasLeft: boolean;
  found: Found | null;
}

/** A directory that answers when the test says so. */
class Directory {
  readonly asks: Ask[] = [];
  readonly deadline = new HandDeadline();
  readonly lookups: AwaitedLookups;
  private readonly questions: PromiseWithResolvers<LookupResult>[] = [];
  private readonly result: LookupResult;

  constructor(inner: EmbeddedStore, result: LookupResult) {
    this.result = result;
    const lookup = (): Promise<LookupResult> => {
      const answer = Promise.withResolvers<LookupResult>();
      this.questions.push(answer);
      return answer.promise;
    };
    const names = { user: alice, canonical: alice, device: phone, deviceType: null };
    const known = new CachedAccess(readAccess(result, names, 0), names, 0);
    this.lookups = new AwaitedLookups({
      store: Object.create(inner, { lookup: { value: lookup } }) as DirectoryStore,
      deadline: this.deadline,
      limits: { maxConcurrentLookups: PLACES, lookupTimeoutMs: WAIT_MS },
      now: () => 0,
      applied: () => null,
      isAway: () => false,
      keep: () => known,
      lastKnown: () => null,
      onLookupError: () => undefined,
    });
  }

  ask(device: string, address: string, request: WaitingRequest = { waitsFor: null }): void {
    const ask: Ask = { device, address, request, hasLeft: false, found: null };
    this.asks.push(ask);
    const asker = { address, proven: false, request };
    void this.lookups
      .find('alice' as UserKey, device as DeviceKey, asker, false)
      .then((found) => void (ask.found = found));
  }

  leave(which: number): void {
    const ask = chosen(
      this.asks.filter(({ found, hasLeft }) => found === null && !hasLeft),
      which,
    );
    if (ask === undefined) return;
    ask.hasLeft = true;
    stopWaiting(ask.request);
  }

  /** Answers a question, whose look-up may have been late, or fails it. */
  answer(which: number, isGood: boolean): void {
    const question = chosen(this.questions, which);
    if (question === undefined) return;
    this.questions.splice(this.questions.indexOf(question), 1);
    if (isGood) question.resolve(this.result);
    else question.reject(new Error('away'));
  }

  /** Those who wait though an address may have as many places as are free beside its own. */
  idle(): Ask[] {
    const underWay = this.deadline.devices();
    const free = PLACES - underWay.length;
    const own = (address: string): number =>
      underWay.filter((device) => addressOf(device) === address).length;
    return this.asks.filter(
      ({ device, address, hasLeft, found }) =>
        !hasLeft && found === null && !underWay.includes(device) && own(address) < free,
    );
  }

  async answerAll(): Promise<void> {
    while (this.questions.length > 0) {
      this.answer(0, true);
      await settled();
    }
  }
}

function chosen<T>(all: readonly T[], which: number): T | undefined {
  return all[which % Math.max(1, all.length)];
}

/** A phone stays at its address. */
function addressOf(device: string): string {
  return `192.0.2.${Number(device.slice('phone'.length)) % ADDRESSES}`;
}

async function settled(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
}

type Kind = 'asks' | 'leaves' | 'is answered' | 'fails' | 'is late' | 'waits too long';

const events = fc.array(
  fc.record({
    kind: fc.constantFrom<Kind>(
      'asks',
      'asks',
      'asks',
      'leaves',
      'leaves',
      'is answered',
      'fails',
      'is late',
      'waits too long',
    ),
    which: fc.nat(1_000),
    /** The next event comes in the same turn of the event loop. */
    isTogether: fc.boolean(),
  }),
  { minLength: 20, maxLength: 100, size: 'max' },
);

describe('look-ups that requests wait for', () => {
  it('keep their bounds, leave no place idle, answer each request once, and return all places', async () => {
    stopTimers();
    const inner = new EmbeddedStore(':memory:');
    const result = await inner.lookup(alice, phone);
    await fc.assert(
      fc.asyncProperty(events, fc.boolean(), async (order, stops) => {
        const directory = new Directory(inner, result);
        for (const { kind, which, isTogether } of order) {
          const device = `phone${which % PHONES}`;
          if (kind === 'asks') directory.ask(device, addressOf(device));
          else if (kind === 'leaves') directory.leave(which);
          else if (kind === 'is late') directory.deadline.pass(which);
          else if (kind === 'waits too long') vi.advanceTimersByTime(WAIT_MS);
          else directory.answer(which, kind === 'is answered');
          if (isTogether) continue;
          await settled();
          const underWay = directory.deadline.devices();
          expect(underWay.length).toBeLessThanOrEqual(PLACES);
          // No phone is looked up twice at once.
          expect(new Set(underWay).size).toBe(underWay.length);
          expect(directory.idle()).toEqual([]);
        }
        if (stops) directory.lookups.close();
        await settled();
        await directory.answerAll();
        const { asks } = directory;
        expect(asks.filter(({ found }) => found === null)).toEqual([]);
        expect(asks.filter(({ found, hasLeft }) => found?.source === 'givenUp' && !hasLeft)).toEqual([]);
        // All places are free: as many phones at as many addresses have one at once.
        expect(directory.deadline.devices()).toEqual([]);
        for (let index = 0; index < PLACES; index++) directory.ask(`phone${index}`, `198.51.100.${index}`);
        expect(directory.deadline.devices()).toHaveLength(PLACES);
        await directory.answerAll();
        directory.lookups.close();
      }),
      { numRuns: 300 },
    );
    await inner.close();
  });

  it('are given up by a request that asked twice, as a held poll does that two changes concern', async () => {
    stopTimers();
    const inner = new EmbeddedStore(':memory:');
    const directory = new Directory(inner, await inner.lookup(alice, phone));
    const poll = { waitsFor: null };
    // An address may have two of three places.
    for (const device of ['phone1', 'phone3']) directory.ask(device, addressOf(device));
    for (const device of ['phone5', 'phone5']) directory.ask(device, addressOf(device), poll);
    stopWaiting(poll);
    await settled();
    expect(directory.asks.map(({ found }) => found?.source ?? null)).toEqual([
      null,
      null,
      'givenUp',
      'givenUp',
    ]);
    await directory.answerAll();
    await inner.close();
  });
});
