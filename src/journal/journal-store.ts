// Owns the interface of the store that keeps the journal and the audit: two streams of entries, appended and never changed.
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { AuditEntry, JournalEntry } from '../model/journal.ts';

/** The entries of each stream. */
export interface StreamEntries {
  readonly journal: JournalEntry;
  readonly audit: AuditEntry;
}

export type StreamName = keyof StreamEntries;

/** How long entries are kept. What is beyond one of the two goes, the oldest first; each stream by itself. */
export type Retention = Readonly<Record<StreamName, StreamRetention>>;

export interface StreamRetention {
  /** Oldest entry kept, in milliseconds. */
  readonly maxAgeMs: number;
  readonly maxEntries: number;
}

/** Which entries are wanted; an absent field lets all pass. */
export interface JournalFilter {
  /** Entries on names that may be one of these users (UserNames.mayBeSame). */
  readonly users?: readonly UserKey[];
  readonly device?: DeviceKey;
  /** Kinds of events; of the audit operations. */
  readonly kinds?: readonly string[];
  /** Entries of the audit have none. */
  readonly reasons?: readonly string[];
  /** Milliseconds since the epoch; both are included. */
  readonly since?: number;
  readonly until?: number;
  /** Who did it; entries of the journal have nobody. */
  readonly by?: string;
}

/** An entry, and its position in the stream. Only the store compares positions. */
export interface PositionedEntry<Entry> {
  readonly position: string;
  readonly entry: Entry;
}

/** A part of a stream, the oldest entry first. */
export interface StreamPart<Entry> {
  readonly entries: readonly PositionedEntry<Entry>[];
  /** Read on after this; null = the stream is empty. */
  readonly end: string | null;
}

/** What a query found, the newest entry first. */
export interface QueryPage<Entry> {
  readonly entries: readonly Entry[];
  /** Go on with this; null = that was all. A page may be short, even empty, and have more behind it. */
  readonly next: string | null;
  /** Entries that this version does not understand; they are left out. */
  readonly unreadable: number;
}

/** Takes entries of the journal. */
export interface JournalAppender {
  /** Rejects when the store is away. An entry may be written twice where an answer of the store was lost. */
  append(entries: readonly JournalEntry[]): Promise<void>;
  close(): Promise<void>;
}

/** All methods reject with an Error, in bounded time, when the store is away. */
export interface JournalStore extends JournalAppender {
  appendAudit(entry: AuditEntry): Promise<void>;
  /** The position of the last entry; null = there is none. */
  end(stream: StreamName): Promise<string | null>;
  /** Entries after a position, in the order in which they were written; `after` null = from the first. */
  read<S extends StreamName>(
    stream: S,
    after: string | null,
    limit: number,
  ): Promise<StreamPart<StreamEntries[S]>>;
  /** `cursor` null = from the newest. Examines a bounded number of entries at a time. */
  query<S extends StreamName>(
    stream: S,
    filter: JournalFilter,
    cursor: string | null,
    limit: number,
  ): Promise<QueryPage<StreamEntries[S]>>;
}
