// Owns the warning of exceptions that end soon: from then on the policy decides on these phones.
import { countDecisions } from './decision-list.ts';
import type { ModelReader } from '../directory/read-model/model-reader.ts';

/** Long enough to ask the user, or to decide anew. */
const SOON_MS = 7 * 86_400_000;

/** The warning, or none. Decisions of feeds do not count: a feed makes them anew. `now`: milliseconds since the epoch. */
export function endingExceptionWarnings(reader: ModelReader, now: number): readonly string[] {
  const filter = {
    actions: ['allow'],
    states: ['active'],
    source: null,
    endsAfter: now,
    endsBefore: now + SOON_MS,
  };
  const count = countDecisions(reader, filter, now);
  if (count === 0) return [];
  const subject = count === 1 ? '1 exception ends' : `${count} exceptions end`;
  return [`${subject} within 7 days`];
}
