// Owns the entries of the journal (something happened) and of the audit (somebody changed something), and their stored form.
import { z } from 'zod';
import { OPERATION_MEANINGS } from './operation-names.ts';
import { journalEventSchema } from './event.ts';
import { attributes, number, numberOr, text, textOr, word } from './fields.ts';
import type { Immutable } from './fields.ts';
import { storedForm } from './stored-array.ts';

/** Something that happened. New fields are added at the end: the order is that of the stored values. */
export const journalEntrySchema = z.object({
  at: z.number().describe('When it happened, milliseconds since the epoch, by the clock of the gateway'),
  kind: journalEventSchema,
  user: text('The user; null = it concerns no user'),
  device: text('The device; null = it concerns no device'),
  action: text('The verdict; null = none'),
  reason: text('The reason of the verdict, or of the event'),
  rule: text('What decided; null = not known'),
  count: numberOr(1, 'How often it happened since the entry before it of the same device, kind and reason'),
  gateway: text('The host that wrote it'),
  seconds: number('The time in which it happened so often, or how long it took; null = not measured'),
  facts: attributes('Further facts, each a text, a number, true or false'),
});

/** What an operator changed. */
export const auditOperationSchema = word(OPERATION_MEANINGS, 'What was changed');

/** A change by an operator. New fields are added at the end. */
export const auditEntrySchema = z.object({
  at: z.number().describe('When it was done, milliseconds since the epoch'),
  by: textOr('unknown', 'Who did it'),
  via: textOr('', 'From where: `cli` or `api`'),
  operation: auditOperationSchema,
  user: text('The user that it concerns; null = none, or all users of the device'),
  device: text('The device that it concerns; null = none, or all devices of the user'),
  subject: text('What else it concerns, as a version of the policy or the place of a store'),
  before: z.unknown().meta({ description: 'What was there before; null = nothing', default: null }),
  after: z.unknown().meta({ description: 'What is there now; null = nothing', default: null }),
  comment: text('Why, in the words of who did it'),
});

/** Something that happened. */
export type JournalEntry = Immutable<z.infer<typeof journalEntrySchema>>;
/** What an operator changed. */
export type AuditOperation = z.infer<typeof auditOperationSchema>;
/** A change by an operator. */
export type AuditEntry = Immutable<Omit<z.infer<typeof auditEntrySchema>, 'before' | 'after'>> & {
  readonly before: unknown;
  readonly after: unknown;
};

const journalForm = storedForm(journalEntrySchema, []);
const auditForm = storedForm(auditEntrySchema, []);

/** Reads a stored entry of the journal. @throws CorruptRecordError */
export function readJournalEntry(stored: string): JournalEntry {
  return journalForm.read(stored, 'journal entry', {});
}

/** Reads a stored entry of the audit. @throws CorruptRecordError */
export function readAuditEntry(stored: string): AuditEntry {
  const { before, after, ...entry } = auditForm.read(stored, 'audit entry', {});
  return { ...entry, before: before ?? null, after: after ?? null };
}

/** The stored form of an entry of the journal. */
export function journalText(entry: JournalEntry): string {
  return journalForm.write(entry);
}

/** The stored form of an entry of the audit. */
export function auditText(entry: AuditEntry): string {
  return auditForm.write({ ...entry });
}
