// Owns the deliveries to one feed: one after the other, behind the brakes, with what is remembered for `easgate feeds status`.
import { setTimeout as pause } from 'node:timers/promises';
import type { DirectoryStore } from '../../directory/store.ts';
import type { ReportOutcome } from '../../directory/device-reports.ts';
import type { FeedPart, RecordKind } from '../../feeds/contract.ts';
import type { FeedLine } from '../../feeds/record.ts';
import type { DeviceKey } from '../../identity/keys.ts';
import { applyLines } from '../apply-lines.ts';
import type { ApplyOutcome } from '../apply-outcome.ts';
import { failure } from '../feed-runs/run-feed.ts';
import { TouchedWindow, WINDOW_MS } from '../touched-window.ts';
import { stateAfter } from '../feed-runs/feed-state.ts';
import type { FeedState, FeedStates } from '../feed-runs/feed-state.ts';
import { KnownCache } from './known-cache.ts';
import type { ReceivedFeed } from './received-feeds.ts';
import { DeliveryError } from './delivery-error.ts';

/** Deliveries that wait for their turn; more are refused. */
const MOST_WAITING = 32;
/** What is remembered is written so often at most, milliseconds. */
const WRITE_MS = 1_000;

/** One delivery. */
export interface Delivery {
  /** Its records; null = more than fit into memory, see `parts`. */
  readonly lines: readonly FeedLine[] | null;
  /** Reads the records, where `lines` is null. */
  readonly parts?: () => AsyncIterable<Pick<FeedPart, 'lines'>>;
  /** How many records it should have, by kind: of these kinds it is the whole set. */
  readonly counts?: Readonly<Partial<Record<RecordKind, number>>>;
  /** The time of records that name none, milliseconds since the epoch. */
  readonly readAt: number;
  readonly dryRun?: boolean;
  readonly onOutcome?: (kind: 'device' | 'user', key: string, outcome: ReportOutcome) => void;
  /** Called for each record of which an earlier record of the device counts in its place, with its line. */
  readonly onOutdated?: (line: number) => void;
  /** Called for each record that belongs to no device that is known, with its line. */
  readonly onNotJoined?: (line: number) => void;
}

/** Who writes. */
export interface Writing {
  /** Of the leader (directory/lease.ts). */
  readonly fence: number;
  readonly signal: AbortSignal;
}

/** Carries out deliveries to one feed. */
export class Receiver {
  readonly feed: ReceivedFeed;
  private readonly store: DirectoryStore;
  private readonly states: FeedStates;
  private readonly known: KnownCache;
  private readonly window = new TouchedWindow();
  private turn: Promise<unknown> = Promise.resolve();
  private waiting = 0;
  /** What is not written yet. */
  private changed: Partial<FeedState> = {};
  private writing: Promise<void> | null = null;
  /** The end of the last write. */
  private written: Promise<unknown> = Promise.resolve();
  /** When the last delivery was held; null = it was not, undefined = not known since the start. */
  private heldAt: number | null | undefined;
  private failures = 0;

  constructor(store: DirectoryStore, states: FeedStates, feed: ReceivedFeed) {
    this.store = store;
    this.states = states;
    this.feed = feed;
    this.known = new KnownCache(store, { source: feed.name, joinBy: feed.joinBy });
  }

  /**
   * Carries a delivery out, after those before it.
   * @throws DeliveryError where a brake holds it or too many wait; or an error of the store
   */
  async apply(delivery: Delivery, writing: Writing): Promise<ApplyOutcome> {
    if (this.waiting >= MOST_WAITING)
      throw new DeliveryError('EASGATE_DELIVERY_BUSY', 'too many deliveries wait', 5);
    this.waiting++;
    const before = this.turn;
    const done = Promise.withResolvers<void>();
    this.turn = done.promise;
    try {
      await before;
      writing.signal.throwIfAborted();
      return await this.carryOut(delivery, writing);
    } finally {
      this.waiting--;
      done.resolve();
    }
  }

  /** Remembers a delivery that only starts another feed; resolves when that is on disk. */
  async noteTrigger(): Promise<void> {
    const now = Date.now();
    this.remember({ lastTriedAt: now, lastSuccessAt: now, failures: 0, error: null });
    await this.flush();
  }

  /** Remembers that a delivery was refused although its sender proved itself. */
  noteRefusal(error: unknown): void {
    this.failures++;
    this.remember({ lastTriedAt: Date.now(), failures: this.failures, error: failure(error) });
  }

  /** Resolves when the delivery under way has ended, and everything is remembered. */
  async close(): Promise<void> {
    await this.turn;
    this.known.drop();
    await this.flush().catch(() => undefined);
  }

  private async carryOut(delivery: Delivery, { fence, signal }: Writing): Promise<ApplyOutcome> {
    const { lines, counts = {}, readAt, dryRun = false } = delivery;
    const startedAt = Date.now();
    const { feed, window } = this;
    const written = new Set<DeviceKey>();
    const isConfirmed = await this.isConfirmed();
    const outcome = await applyLines(this.store, partsOf(delivery), {
      source: feed.name,
      readAt,
      now: startedAt,
      whole: kindsOf(counts),
      removesOnlyUnrefused: true,
      brakes: feed.brakes,
      confirmed: isConfirmed,
      window,
      known: await this.known.for(lines, signal),
      allowDecisions: false,
      dryRun,
      fence,
      signal,
      onOutcome: (kind, key, result) => {
        if (kind === 'device' && lines !== null) written.add(key as DeviceKey);
        delivery.onOutcome?.(kind, key, result);
      },
      onOutdated: delivery.onOutdated,
      onNotJoined: delivery.onNotJoined,
    });
    if (dryRun) return outcome;
    const { read, held } = outcome;
    if (held.length > 0) {
      this.heldAt = startedAt;
      this.remember({ lastTriedAt: startedAt, held: { at: startedAt, reasons: [...held] } });
      // It is held also where that cannot be remembered.
      await this.flush().catch(() => undefined);
      throw new DeliveryError(
        'EASGATE_HELD',
        `nothing was written: ${held.join('; ')} (the deliveries of an hour count together)`,
        feed.kind === 'webhook' ? 300 : null,
      );
    }
    if (isConfirmed) window.clear();
    const onlyDevices = lines !== null && read.user + read.group + read.decision === 0;
    await this.known.update(onlyDevices ? written : null);
    this.noteSuccess(outcome, startedAt, Object.keys(counts).length > 0);
    return outcome;
  }

  private noteSuccess(outcome: ApplyOutcome, startedAt: number, isFull: boolean): void {
    this.failures = 0;
    this.heldAt = null;
    this.remember({ lastTriedAt: startedAt, ...stateAfter(outcome, startedAt, isFull) });
  }

  /** Whether somebody confirmed what was held, in another process: `easgate feeds confirm`. It counts for an hour. */
  private async isConfirmed(): Promise<boolean> {
    if (this.heldAt === null) return false;
    const { held, confirmedAt } = await this.states.read(this.feed.name);
    this.heldAt = held?.at ?? null;
    if (held === null || confirmedAt === null) return false;
    return confirmedAt >= held.at && Math.abs(Date.now() - confirmedAt) < WINDOW_MS;
  }

  private remember(changed: Partial<FeedState>): void {
    this.changed = { ...this.changed, ...changed };
    this.writing ??= this.writeSoon();
  }

  private async writeSoon(): Promise<void> {
    await pause(WRITE_MS, undefined, { ref: false });
    await this.flush().catch(() => undefined);
  }

  /** One write after the other: each keeps what the one before it wrote. */
  private flush(): Promise<void> {
    const written = this.written.then(() => this.writeChanged());
    this.written = written.catch(() => undefined);
    return written;
  }

  /** What cannot be written is written with the next change. */
  private async writeChanged(): Promise<void> {
    const { changed } = this;
    this.changed = {};
    this.writing = null;
    if (Object.keys(changed).length === 0) return;
    try {
      const before = await this.states.read(this.feed.name);
      await this.states.write(this.feed.name, { ...before, ...changed });
    } catch (error) {
      this.changed = { ...changed, ...this.changed };
      throw error;
    }
  }
}

function kindsOf(counts: Readonly<Partial<Record<RecordKind, number>>>): RecordKind[] {
  return (['device', 'user', 'group'] as const).filter((kind) => counts[kind] !== undefined);
}

async function* partsOf({
  lines,
  parts,
  counts,
}: Delivery): AsyncGenerator<Pick<FeedPart, 'lines' | 'count'>> {
  if (lines !== null) yield { lines };
  else if (parts !== undefined) yield* parts();
  if (counts !== undefined) yield { lines: [], count: counts };
}
