// Owns queries of the journal in Redis by an index that a control process keeps (journal-index.ts): the index
// says which entries match, and they are read from Redis. What is newer than the index is read from the stream; without one, everything.
import type { UserNames } from '../identity/user-names.ts';
import type { AuditEntry, JournalEntry } from '../model/journal.ts';
import { JournalIndex } from './journal-index.ts';
import type {
  JournalFilter,
  JournalStore,
  QueryPage,
  StreamEntries,
  StreamName,
  StreamPart,
} from './journal-store.ts';
import { comparePositions } from './stream-position.ts';
import { isPosition, writtenSince } from './redis-journal.ts';
import type { RedisJournal } from './redis-journal.ts';
import { STREAM_FORMS, isWanted } from './stream-forms.ts';
import type { StreamForm } from './stream-forms.ts';

/** Looks into the index for one page, at most. */
const MAX_LOOKS = 8;

/** The journal in Redis, with the index at a path. */
export class IndexedJournal implements JournalStore {
  private readonly redis: RedisJournal;
  private readonly path: string;
  private readonly names: UserNames;
  private index: JournalIndex | null = null;
  /** The last position of each stream that the index had when it was last found to be of this stream. */
  private readonly checked = new Map<StreamName, string>();

  constructor(redis: RedisJournal, path: string, names: UserNames) {
    this.redis = redis;
    this.path = path;
    this.names = names;
  }

  append(entries: readonly JournalEntry[]): Promise<void> {
    return this.redis.append(entries);
  }

  appendAudit(entry: AuditEntry): Promise<void> {
    return this.redis.appendAudit(entry);
  }

  end(stream: StreamName): Promise<string | null> {
    return this.redis.end(stream);
  }

  read<S extends StreamName>(
    stream: S,
    after: string | null,
    limit: number,
  ): Promise<StreamPart<StreamEntries[S]>> {
    return this.redis.read(stream, after, limit);
  }

  async query<S extends StreamName>(
    stream: S,
    filter: JournalFilter,
    cursor: string | null,
    limit: number,
  ): Promise<QueryPage<StreamEntries[S]>> {
    const { users, device, kinds, reasons } = filter;
    const isByTimeAlone = (users ?? device ?? kinds ?? reasons) === undefined;
    const index = isByTimeAlone ? null : await this.indexOf(stream);
    const end = index?.end(stream) ?? null;
    if (index === null || end === null) return this.redis.query(stream, filter, cursor, limit);
    if (isPosition(cursor) && comparePositions(cursor, end) <= 0)
      return this.queryIndex(index, stream, filter, cursor, limit);
    const newest = await this.redis.queryBehind(stream, filter, cursor, limit, end);
    if (newest.next !== null || newest.entries.length >= limit) return newest;
    const older = await this.queryIndex(index, stream, filter, null, limit - newest.entries.length);
    return {
      entries: [...newest.entries, ...older.entries],
      next: older.next,
      unreadable: newest.unreadable + older.unreadable,
    };
  }

  async close(): Promise<void> {
    this.forget();
    await this.redis.close();
  }

  private async queryIndex<S extends StreamName>(
    index: JournalIndex,
    stream: S,
    filter: JournalFilter,
    cursor: string | null,
    limit: number,
  ): Promise<QueryPage<StreamEntries[S]>> {
    const form: StreamForm<StreamEntries[S]> = STREAM_FORMS[stream];
    const entries: StreamEntries[S][] = [];
    let unreadable = 0;
    let next = cursor;
    for (let looks = 0; looks < MAX_LOOKS && entries.length < limit; looks++) {
      const found = index.find(stream, filter, next, writtenSince(filter), limit - entries.length);
      for (const entry of await this.redis.entriesAt(stream, found.positions)) {
        if (entry === undefined) unreadable++;
        else if (entry !== null && isWanted(form.marks(entry), filter, this.names)) entries.push(entry);
      }
      ({ next } = found);
      if (next === null) break;
    }
    return { entries, next, unreadable };
  }

  /** The index, if it is one of this stream: another Redis may have had the same name. */
  private async indexOf(stream: StreamName): Promise<JournalIndex | null> {
    if (this.index?.isSame() !== true) this.forget();
    try {
      this.index ??= JournalIndex.openToRead(this.path);
      const end = this.index?.end(stream) ?? null;
      if (this.index === null || end === null) return null;
      if (this.checked.get(stream) === end) return this.index;
      const [entry] = await this.redis.entriesAt(stream, [end]);
      if (entry === null) return null;
      this.checked.set(stream, end);
      return this.index;
    } catch {
      // Broken, or just being replaced: Redis itself answers, or says what is wrong.
      this.forget();
      return null;
    }
  }

  private forget(): void {
    this.index?.close();
    this.index = null;
    this.checked.clear();
  }
}
