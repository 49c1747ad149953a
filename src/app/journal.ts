// Owns the use cases of the journal and the audit: what is asked for, the newest entries, and those that come.
import { setTimeout as pause } from 'node:timers/promises';
import type { DirectoryStore } from '../directory/store.ts';
import { ProgramError } from '../errors/program-errors.ts';
import type { UserNames } from '../identity/user-names.ts';
import type { UserKey } from '../identity/keys.ts';
import type {
  JournalFilter,
  JournalStore,
  PositionedEntry,
  StreamEntries,
  StreamName,
} from '../journal/journal-store.ts';
import { resumePosition } from '../journal/stream-position.ts';
import { STREAM_FORMS, isWanted } from '../journal/stream-forms.ts';
import type { StreamForm } from '../journal/stream-forms.ts';
import { journalEventSchema } from '../model/event.ts';
import { auditOperationSchema } from '../model/journal.ts';
import { verdictReasonSchema } from '../model/reason.ts';
import { parseDevice, parseUser } from './names.ts';

/** Kinds of events, operations and reasons that can be asked for. */
const JOURNAL_KINDS: readonly string[] = journalEventSchema.options;
const AUDIT_OPERATIONS: readonly string[] = auditOperationSchema.options;
const JOURNAL_REASONS: readonly string[] = verdictReasonSchema.options;

/** What a person asks for; absent = everything. */
export interface JournalQuestion {
  /** In any spelling. */
  readonly user?: string | undefined;
  readonly device?: string | undefined;
  /** Kinds of events; of the audit operations. */
  readonly kinds?: readonly string[] | undefined;
  readonly reasons?: readonly string[] | undefined;
  /** Milliseconds since the epoch. */
  readonly since?: number | undefined;
  readonly until?: number | undefined;
  readonly by?: string | undefined;
}

/** Reads a question. `namesOf`: other names of the same user, as the directory knows them. @throws ProgramError */
export async function journalFilter(
  stream: StreamName,
  { user, device, kinds, reasons, since, until, by }: JournalQuestion,
  namesOf: (user: UserKey) => Promise<readonly UserKey[]>,
): Promise<JournalFilter> {
  const known = stream === 'journal' ? JOURNAL_KINDS : AUDIT_OPERATIONS;
  const name = user === undefined ? null : parseUser(user);
  return {
    ...(name !== null && { users: [...new Set([name, ...(await namesOf(name))])] }),
    ...(device !== undefined && { device: parseDevice(device) }),
    ...(kinds !== undefined && { kinds: kinds.map((word) => knownWord(word, known)) }),
    ...(reasons !== undefined && { reasons: reasons.map((word) => knownWord(word, JOURNAL_REASONS)) }),
    ...(since !== undefined && { since }),
    ...(until !== undefined && { until }),
    ...(by !== undefined && { by }),
  };
}

/** All names of the user. */
export async function namesInDirectory(store: DirectoryStore, user: UserKey): Promise<readonly UserKey[]> {
  const { user: known, record } = await store.joinedUser(user);
  return [known, ...(record?.aliases ?? [])];
}

function knownWord(word: string, known: readonly string[]): string {
  const found = known.find((one) => one.toLowerCase() === word.toLowerCase());
  if (found === undefined) throw new ProgramError('EASGATE_FILTER', `${word}: none of ${known.join(', ')}`);
  return found;
}

/** Entries of one page, and how many were not understood. */
export interface FoundEntries<Entry> {
  readonly entries: readonly Entry[];
  readonly unreadable: number;
}

/** Most entries of a page. */
const PAGE = 500;

/** The wanted entries, the newest first, page by page; at most `limit`. */
export async function* newestEntries<S extends StreamName>(
  store: JournalStore,
  stream: S,
  filter: JournalFilter,
  limit: number,
): AsyncIterable<FoundEntries<StreamEntries[S]>> {
  let left = limit;
  let cursor: string | null = null;
  do {
    const page: FoundEntries<StreamEntries[S]> & { readonly next: string | null } = await store.query(
      stream,
      filter,
      cursor,
      Math.min(PAGE, left),
    );
    left -= page.entries.length;
    cursor = page.next;
    yield page;
  } while (cursor !== null && left > 0);
}

const POLL_MS = 500;

/** How new entries are followed. */
export interface FollowOptions {
  readonly names: UserNames;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Entries after this position come first; absent = from now on. A position that is none of the journal is now. */
  readonly after?: string | null;
  /** Called when the journal cannot be read, and with null when it can be again. */
  readonly onTrouble: (error: Error | null) => void;
}

/** The wanted entries that are written from now on, in their order, with their positions, until the signal. */
export async function* followEntries<S extends StreamName>(
  store: JournalStore,
  stream: S,
  filter: JournalFilter,
  { names, signal, onTrouble, after: from = null }: FollowOptions,
): AsyncIterable<PositionedEntry<StreamEntries[S]>> {
  const form: StreamForm<StreamEntries[S]> = STREAM_FORMS[stream];
  const last = await store.end(stream);
  let after = from === null ? last : resumePosition(from, last);
  let isAway = false;
  while (!signal.aborted) {
    let isMore = false;
    try {
      const { entries, end } = await store.read(stream, after, PAGE);
      isMore = end !== after;
      after = end;
      if (isAway) onTrouble(null);
      isAway = false;
      for (const positioned of entries)
        if (isWanted(form.marks(positioned.entry), filter, names)) yield positioned;
    } catch (error) {
      if (!isAway) onTrouble(error instanceof Error ? error : new Error(String(error)));
      isAway = true;
    }
    if (!isMore) await pause(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}
