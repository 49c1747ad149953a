// Owns what is kept of the directory between the deliveries to a feed: reading all of it takes seconds where there are very many
// devices, and a delivery should take milliseconds.
import { setImmediate as turn } from 'node:timers/promises';
import { monotonicNow } from '../../clock.ts';
import type { DirectoryStore } from '../../directory/store.ts';
import type { DeviceKey } from '../../identity/keys.ts';
import type { FeedLine } from '../../feeds/record.ts';
import { KnownRecords } from '../known-records.ts';
import type { KnownFor } from '../known-records.ts';

/** Longest age, milliseconds: changes by other sources are not seen until then. Names of new phones are: see {@link KnownCache.for}. */
const OLDEST_MS = 600_000;
/** Where a name is not known, the directory is read again, but not more often. */
const AGAIN_MS = 10_000;
/** It is given up after so long without a delivery: it may be large. */
const UNUSED_MS = 600_000;
/** Devices of a delivery that are read again at once. */
const READS = 200;

/** The directory as one source needs it. */
export class KnownCache {
  private readonly store: DirectoryStore;
  private readonly run: Omit<KnownFor, 'now'>;
  private kept: { readonly known: KnownRecords; readonly readAt: number } | null = null;
  private timer: NodeJS.Timeout | null = null;

  constructor(store: DirectoryStore, run: Omit<KnownFor, 'now'>) {
    this.store = store;
    this.run = run;
  }

  /** For these lines; null = for more than fit into memory: then it is read anew. */
  async for(lines: readonly FeedLine[] | null, signal: AbortSignal): Promise<KnownRecords> {
    this.timer ??= setTimeout(() => this.drop(), UNUSED_MS).unref();
    this.timer.refresh();
    const { kept } = this;
    if (kept !== null && lines !== null) {
      const age = monotonicNow() - kept.readAt;
      const isNew = age < AGAIN_MS || lines.every((line) => isJoined(line, kept.known));
      if (age < OLDEST_MS && isNew) return kept.known;
    }
    this.kept = null;
    const readAt = monotonicNow();
    const known = await KnownRecords.read(this.store, { ...this.run, now: Date.now() }, signal);
    this.kept = { known, readAt };
    return known;
  }

  /** Takes over what a delivery wrote. `devices` null = more than fit into memory, or others than devices. */
  async update(devices: ReadonlySet<DeviceKey> | null): Promise<void> {
    if (devices === null) return this.drop();
    const keys = [...devices];
    try {
      for (let at = 0; at < keys.length; at += READS) {
        if (at > 0) await turn();
        for (const entry of await this.store.getDevices(keys.slice(at, at + READS)))
          if (entry !== null) this.kept?.known.update(entry);
      }
    } catch {
      // It was written all the same.
      this.drop();
    }
  }

  drop(): void {
    this.kept = null;
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
  }
}

function isJoined(line: FeedLine, known: KnownRecords): boolean {
  return line.type !== 'device' || line.id !== null || known.joinOf(line) !== null;
}
