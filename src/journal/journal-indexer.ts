// Owns keeping the index of a journal in Redis: it reads the streams from where it was, and forgets what they no longer have. It only
// reads from Redis, a part at a time: those who write entries never wait for it.
import { setImmediate as turn } from 'node:timers/promises';
import type { JournalIndex } from './journal-index.ts';
import type { StreamEntries, StreamName } from './journal-store.ts';
import type { RedisJournal } from './redis-journal.ts';
import { STREAM_FORMS } from './stream-forms.ts';
import type { StreamForm } from './stream-forms.ts';

/** Entries read at once. */
const PART = 1_000;

/** Keeps one index. */
export class JournalIndexer {
  private readonly redis: RedisJournal;
  private readonly index: JournalIndex;

  constructor(redis: RedisJournal, index: JournalIndex) {
    this.redis = redis;
    this.index = index;
  }

  /** Brings the index up to the streams, for so many parts at most. Returns whether it is. Rejects while Redis is away. */
  async step(maxParts = 10): Promise<boolean> {
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
    for (let parts = 0; parts < maxParts; parts++) {
      const after = this.index.end(stream);
      const { entries, end } = await this.redis.read(stream, after, PART);
      if (end === null || end === after) return true;
      const marked = entries.map(({ position, entry }) => ({
        position,
        marks: form.marks(entry),
      }));
      this.index.append(stream, marked, end);
    }
    return false;
  }

  /** Of a stream that was emptied, replaced, or lost its latest entries, everything is read anew. */
  private async forgetOld(stream: StreamName): Promise<void> {
    const end = this.index.end(stream);
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
