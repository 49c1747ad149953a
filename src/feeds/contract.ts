// Owns what a feed adapter is: it reads one source, and hands its records over in parts. It never writes the directory: the runner
// (app/feed-runs/run-feed.ts) does, behind the brakes.
import type { FeedLine, GroupLine } from './record.ts';

/** What the records of a feed are about. */
export type RecordKind = 'device' | 'user' | 'group';

/** A record that its source says it deleted. Only an incremental run needs them: of a full run, absence says the same. */
export interface GoneRecord {
  readonly kind: RecordKind;
  /** The id of the record at its source, as in the lines of earlier runs; of a group its name. */
  readonly sourceId: string;
}

/** Some records of a run, a few thousand at most: a source may be larger than memory. */
export interface FeedPart {
  /** `line` of a line: its place among the records of the run, from 1. */
  readonly lines: readonly FeedLine[];
  readonly gone?: readonly GoneRecord[];
  /** Further members of a group whose line came before: a group may be larger than a part. */
  readonly members?: Pick<GroupLine, 'id' | 'members'>;
  /**
   * Where the next run may begin once this part and all before it are applied; it is opaque to the runner, and kept only when
   * the run ended well. Absent = the next run is a full one, or another part has it.
   */
  readonly cursor?: string;
  /**
   * How many records the source itself says it has; taken from it independently of the list, e.g. from a count that it offers.
   * Where it disagrees with a full run, the run removes nothing.
   */
  readonly count?: Readonly<Partial<Record<RecordKind, number>>>;
}

/** How one kind of source is read. */
export interface FeedAdapter {
  /** The `kind` of the configuration: `files`, `graph`, `ldap`, `http`. */
  readonly kind: string;
  /**
   * Of which kinds a full run yields the whole set: what it does not bring is removed, within the brakes. Kinds that are not
   * named are never removed because they are absent.
   */
  readonly complete: readonly RecordKind[];
  /**
   * Reads the source. `cursor` null = a full run: every record. Else an incremental run: records that changed since the run
   * that left the cursor; of a group, all its members. A run that ends without an error is whole: an adapter that has to stop
   * early throws. Waits are bounded, and end when the signal aborts.
   * @throws FeedError
   */
  run(cursor: string | null, signal: AbortSignal): AsyncIterable<FeedPart>;
  /**
   * Calls `onChange` whenever the source may have changed, until the signal aborts; absent = nothing tells, and only the schedule
   * counts. It does not throw, and notices may be missing.
   */
  watch?(onChange: () => void, signal: AbortSignal): void;
  /** Its cursor never grows too old, and a full run reads nothing more: one is made only where there is no cursor. */
  readonly keepsCursor?: boolean;
  /**
   * Called after a run was written, with the cursor that is kept: not after a dry run, nor where a brake held it. It does not
   * throw: what it could not do it tries again after the next run.
   */
  applied?(cursor: string | null): Promise<void>;
}

/** Why a run failed. */
export type FeedErrorCode =
  /** The source cannot be reached, or answers with an error that may pass. The next try comes after a back-off. */
  | 'EASGATE_FEED_SOURCE'
  /** The source refuses the credentials, or lacks a permission. */
  | 'EASGATE_FEED_CREDENTIALS'
  /** The source answers with what is not understood: its shape may have changed. */
  | 'EASGATE_FEED_ANSWER'
  /** A file is larger than the feed may read. */
  | 'EASGATE_FEED_SIZE'
  /** The source no longer takes the cursor, e.g. another domain controller answers. A full run follows at once. */
  | 'EASGATE_FEED_CURSOR';

/** A run that failed. The message is for the operator; it never holds a secret, nor a whole answer. */
export class FeedError extends Error {
  override readonly name = 'FeedError';
  readonly code: FeedErrorCode;
  /** The source asked to wait so long, milliseconds; null = it did not say. */
  readonly retryAfter: number | null;

  constructor(
    code: FeedErrorCode,
    message: string,
    { retryAfter = null, cause }: { readonly retryAfter?: number | null; readonly cause?: unknown } = {},
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.retryAfter = retryAfter;
  }
}
