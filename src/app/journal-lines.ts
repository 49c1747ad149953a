// Owns entries of the journal and the audit as documents and as lines of files: with ISO times, as JSON or CSV.
import type { StreamEntries } from '../journal/journal-store.ts';
import type { AuditEntry, JournalEntry } from '../model/journal.ts';
import type { CsvColumn } from './csv.ts';
import { exactIsoTime, safeJson, withIsoTimes } from './times.ts';

/** An entry with ISO times. */
export function entryDocument(entry: JournalEntry | AuditEntry): object {
  return { ...(withIsoTimes(entry) as object), at: exactIsoTime(entry.at) };
}

/** One line of JSON. */
export function entryLine(entry: JournalEntry | AuditEntry): string {
  return `${safeJson(entryDocument(entry))}\n`;
}

const OF_JOURNAL: readonly CsvColumn<JournalEntry>[] = [
  ['at', ({ at }) => exactIsoTime(at)],
  ['kind', ({ kind }) => kind],
  ['user', ({ user }) => user],
  ['device', ({ device }) => device],
  ['action', ({ action }) => action],
  ['reason', ({ reason }) => reason],
  ['rule', ({ rule }) => rule],
  ['count', (entry) => String(entry.count)],
  ['seconds', ({ seconds }) => (seconds === null ? null : String(seconds))],
  ['gateway', ({ gateway }) => gateway],
  ['facts', ({ facts }) => jsonCell(facts)],
];

const OF_AUDIT: readonly CsvColumn<AuditEntry>[] = [
  ['at', ({ at }) => exactIsoTime(at)],
  ['by', ({ by }) => by],
  ['via', ({ via }) => via],
  ['operation', ({ operation }) => operation],
  ['user', ({ user }) => user],
  ['device', ({ device }) => device],
  ['subject', ({ subject }) => subject],
  ['before', ({ before }) => jsonCell(before)],
  ['after', ({ after }) => jsonCell(after)],
  ['comment', ({ comment }) => comment],
];

function jsonCell(value: unknown): string | null {
  return value === null ? null : JSON.stringify(withIsoTimes(value));
}

/** Columns of CSV, of each stream. */
export const ENTRY_COLUMNS: { readonly [S in keyof StreamEntries]: readonly CsvColumn<StreamEntries[S]>[] } =
  { journal: OF_JOURNAL, audit: OF_AUDIT };
