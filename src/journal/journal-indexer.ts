// Owns keeping the index of a journal in Redis: it reads the streams from where it was, and forgets what they no longer have. It only
// reads from Redis, a part at a time: those who write entries never wait for it.
import { setImmediate as turn } from 'node:timers/promises';
import type { IndexedEntry, JournalIndex } from './journal-index.ts';
import type { StreamEntries, StreamName } from './journal-store.ts';
import type { RedisJournal } from './redis-journal.ts';
import { STREAM_FORMS } from './stream-forms.ts';
import type { StreamForm } from './stream-forms.ts';

/** Entries read at once: Redis serves nobody else for about a millisecond. */
const PART = 1_000;
/** Parts that are added at once: an entry of a phone goes all over the indices, and pages that change twice are written once. */
const PARTS_ADDED = 10;

/** Keeps one index. */
export class JournalIndexer {
  private readonly redis: RedisJournal;
  private readonly index: JournalIndex;

  constructor(redis: RedisJournal, index: JournalIndex) {
    this.redis = redis;
    this.index = index;
  }

  /** Brings the index up to the streams, for so many parts at most. Returns whether it is. Rejects while Redis is away. */
  async step(maxParts = PARTS_ADDED): Promise<boolean> {
    const hasJournal = await this.take('journal', STREAM_FORMS.journal, maxParts);
    const hasAudit = await this.take('audit', STREAM_FORMS.audit, maxParts);
    return hasJournal && hasAudit;
  }

  private async take<S extends StreamName>(
    stream: S,
    form: StreamForm<StreamEntries[S]>,
    maxParts: number,
  ): Promise<boolean> {
    await this.forgetOld(stream);
    const after = this.index.loadedEnd(stream);
    const { entries, end, left } = await this.read(stream, form, after, maxParts);
    if (end === null) return true;
    if (end !== after) this.index.append(stream, entries, end);
    if (left !== 'many') while (!this.index.complete(stream)) await turn();
    return left === 'none';
  }

  /** Reads what stands behind a position. While one part is understood, Redis reads the next one. */
  private async read<S extends StreamName>(
    stream: S,
    form: StreamForm<StreamEntries[S]>,
    after: string | null,
    maxParts: number,
  ): Promise<ReadParts> {
    const entries: IndexedEntry[] = [];
    let end = after;
    let next = this.redis.read(stream, after, PART);
    for (let parts = 1; ; parts++) {
      const part = await next;
      if (part.end === null || part.end === end) return { entries, end, left: 'none' };
      ({ end } = part);
      if (parts < maxParts) {
        next = this.redis.read(stream, end, PART);
        // It is awaited later.
        next.catch(() => undefined);
      }
      for (const { position, entry } of part.entries) entries.push({ position, marks: form.marks(entry) });
      if (parts >= maxParts) return { entries, end, left: part.entries.length < PART / 2 ? 'few' : 'many' };
    }
  }

  /** Of a stream that was emptied, replaced, or lost its latest entries, everything is read anew. */
  private async forgetOld(stream: StreamName): Promise<void> {
    const end = this.index.loadedEnd(stream);
    if (end === null) return;
    const first = await this.redis.first(stream);
    const [last] = await this.redis.entriesAt(stream, [end]);
    if (first === null || last === null) {
      this.index.clear(stream);
      return;
    }
    while (this.index.trim(stream, first)) await turn();
  }
}

/** Entries behind a position, up to `end`; null = there is none. */
interface ReadParts {
  readonly entries: readonly IndexedEntry[];
  readonly end: string | null;
  /** What stands behind them; `few` = as gateways go on writing. Of a part that is not full, some entries may not be understood. */
  readonly left: 'none' | 'few' | 'many';
}
