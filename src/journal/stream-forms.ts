// Owns how the entries of the two streams are written, bounded and free of control characters, and what they are found by.
import { foldedLocalPart } from '../identity/folded-name.ts';
import type { UserKey } from '../identity/keys.ts';
import type { UserNames } from '../identity/user-names.ts';
import { auditText, journalText, readAuditEntry, readJournalEntry } from '../model/journal.ts';
import type { AuditEntry, JournalEntry } from '../model/journal.ts';
import { plain } from '../plain-text.ts';
import type { JournalFilter, StreamEntries, StreamName } from './journal-store.ts';

/** Texts come from phones, and may be as long as a head. */
const MAX_TEXT = 256;
/** A comment is written by a person. */
const MAX_COMMENT = 1_000;
const MAX_FACTS = 16;
/** Longest JSON of `before` and `after`; what is longer is cut. */
const MAX_STATE = 8_192;

/** What an entry is found by. */
export interface Marks {
  readonly at: number;
  /** Kind of event, or operation. */
  readonly kind: string;
  readonly user: string | null;
  readonly device: string | null;
  readonly reason: string | null;
  readonly by: string | null;
}

/** How the entries of one stream are written, read and found. */
export interface StreamForm<Entry> {
  /** @throws CorruptRecordError */
  readonly read: (text: string) => Entry;
  /** A copy with bounded texts. */
  readonly bounded: (entry: Entry) => Entry;
  readonly write: (entry: Entry) => string;
  readonly marks: (entry: Entry) => Marks;
}

export const STREAM_FORMS: { readonly [S in StreamName]: StreamForm<StreamEntries[S]> } = {
  journal: {
    read: readJournalEntry,
    bounded: boundedEvent,
    write: journalText,
    marks: ({ at, kind, user, device, reason }) => ({ at, kind, user, device, reason, by: null }),
  },
  audit: {
    read: readAuditEntry,
    bounded: boundedChange,
    write: auditText,
    marks: ({ at, operation, user, device, by }) => ({ at, kind: operation, user, device, reason: null, by }),
  },
};

/** Whether an entry is wanted. */
export function isWanted(marks: Marks, filter: JournalFilter, names: UserNames): boolean {
  const { users, device, kinds, reasons, since = -Infinity, until = Infinity, by } = filter;
  return (
    marks.at >= since &&
    marks.at <= until &&
    (device === undefined || marks.device === device) &&
    (kinds === undefined || kinds.includes(marks.kind)) &&
    (reasons === undefined || (marks.reason !== null && reasons.includes(marks.reason))) &&
    (by === undefined || marks.by?.toLowerCase() === by.toLowerCase()) &&
    (users === undefined || meetsAny(marks.user, users, names))
  );
}

function meetsAny(user: string | null, users: readonly UserKey[], names: UserNames): boolean {
  return user !== null && users.some((one) => names.mayBeSame(user as UserKey, one));
}

/** What names of one user have in common. */
export function localOf(user: string | null): string | null {
  return user === null ? null : foldedLocalPart(user);
}

function boundedEvent(entry: JournalEntry): JournalEntry {
  const facts = entry.facts === null ? null : Object.entries(entry.facts).slice(0, MAX_FACTS);
  return {
    ...entry,
    user: boundedText(entry.user),
    device: boundedText(entry.device),
    action: boundedText(entry.action),
    reason: boundedText(entry.reason),
    rule: boundedText(entry.rule),
    gateway: boundedText(entry.gateway),
    facts:
      facts === null
        ? null
        : Object.fromEntries(
            facts.map(([name, value]) => [
              plain(name, MAX_TEXT),
              typeof value === 'string' ? plain(value, MAX_TEXT) : value,
            ]),
          ),
  };
}

function boundedChange(entry: AuditEntry): AuditEntry {
  return {
    ...entry,
    by: plain(entry.by, MAX_TEXT),
    via: plain(entry.via, MAX_TEXT),
    user: boundedText(entry.user),
    device: boundedText(entry.device),
    subject: boundedText(entry.subject),
    before: boundedState(entry.before),
    after: boundedState(entry.after),
    comment: boundedText(entry.comment, MAX_COMMENT),
  };
}

/** A text as an entry has it. */
export function boundedText(text: string | null, max = MAX_TEXT): string | null {
  return text === null ? null : plain(text, max);
}

/** JSON; of a long one the beginning, as text. */
function boundedState(state: unknown): unknown {
  const json: string | undefined = JSON.stringify(state);
  if (json === undefined) return null;
  const text = json.toWellFormed();
  return text.length <= MAX_STATE ? (JSON.parse(text) as unknown) : { cut: text.slice(0, MAX_STATE) };
}

/** Whether only the beginning of a state was kept. */
export function isCut(state: unknown): boolean {
  return typeof state === 'object' && state !== null && 'cut' in state;
}
