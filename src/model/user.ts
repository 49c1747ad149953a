// Owns the user: what one feed reports of a user, and the record put together from the reports of all feeds.
import { z } from 'zod';
import type { UserKey } from '../identity/keys.ts';
import { localPart } from '../identity/user-names.ts';
import { attributes, flag, numberOr, text, textOr, userKey } from './fields.ts';
import type { Absentable, Immutable } from './fields.ts';
import { lineForm } from './stored-line.ts';

/** What one feed reports of a user. New fields are added at the end: the order is the order of the stored values. */
export const userReportSchema = z.object({
  key: userKey('The user, by the name that records are stored under'),
  source: textOr('unknown', 'The feed that reported it'),
  observedAt: numberOr(0, 'When the feed saw it so, milliseconds since the epoch'),
  version: numberOr(
    0,
    'Orders two observations of one source at the same moment: the lower one never overwrites',
  ),
  aliases: z.array(z.string()).nullable().meta({
    description: 'Other names of the same user; null = the source does not know names',
    default: null,
  }),
  groups: z.array(z.string()).nullable().meta({
    description: 'Groups the user is a member of; null = the source does not know groups',
    default: null,
  }),
  enabled: flag('Whether the account may sign in'),
  attributes: attributes('Further values, declared in the mapping of the feed: at most 32'),
  sourceId: text('What the source calls the user'),
  removed: flag(
    'True = the source no longer has the user: the account counts as disabled until a later observation',
  ),
});

/** What one feed reports of a user. `null` = the feed did not say. */
export type UserReport = Immutable<z.infer<typeof userReportSchema>>;

/** A report as a feed sends it: an absent field stays as it was, null = unknown. */
export type UserObservation = Pick<UserReport, 'key' | 'source' | 'observedAt'> &
  Absentable<Omit<UserReport, 'key' | 'source' | 'observedAt'>>;

/** A user as decisions see it: put together from the reports of all feeds. */
export interface UserRecord {
  readonly key: UserKey;
  /** Other names of the same user. */
  readonly aliases: readonly UserKey[];
  /** Null = no feed knows the groups. */
  readonly groups: readonly string[] | null;
  /** Null = no feed said. */
  readonly enabled: boolean | null;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
}

/** Most aliases repeat the local part of the user. */
const form = lineForm(userReportSchema, ['key', 'source'], {
  standing: { aliases: ({ key }) => localPart(key as UserKey) },
});

/** Reads what `source` reported. @throws CorruptRecordError */
export function readUserReport(key: UserKey, source: string, stored: string): UserReport {
  return form.read(stored, 'user', { key, source });
}

/** The stored form of a report. */
export function userReportText(report: UserReport): string {
  return form.write(report as z.infer<typeof userReportSchema>);
}
