// Owns the routes of the journal and the audit: queries in pages, and the stream of what happens.
import { entryDocument } from '../../app/journal-lines.ts';
import { followEntries, journalFilter, namesInDirectory } from '../../app/journal.ts';
import { parseMomentPast } from '../../app/times.ts';
import { UserNames } from '../../identity/user-names.ts';
import type { UserKey } from '../../identity/keys.ts';
import type { JournalFilter, StreamName } from '../../journal/journal-store.ts';
import type { StreamEvent } from '../event-streams.ts';
import type { InputOf } from '../contract/operations.ts';
import type { ApiParts } from '../api-parts.ts';
import { wordsOf } from './filters.ts';
import { eventRoute, route } from './route.ts';
import type { Route, StreamRoute } from './route.ts';

/** Query of both streams. */
type Question = Partial<InputOf<'queryJournal'>['query'] & InputOf<'queryAudit'>['query']>;

/** The routes. */
export function journalRoutes(parts: ApiParts): Route[] {
  const query = async (stream: StreamName, question: Question, now: number): Promise<object> => {
    const journal = await parts.journal();
    const { limit = 50, after = null } = question;
    const filter = await journalFilterOf(parts, stream, question, now);
    const { entries, next, unreadable } = await journal.query(stream, filter, after, limit);
    return { rows: entries.map(entryDocument), next, unreadable };
  };
  return [
    route('queryJournal', (input, { now }) => query('journal', input.query, now)),
    route('queryAudit', (input, { now }) => query('audit', input.query, now)),
  ];
}

/** The stream of the journal. */
export function journalStream(parts: ApiParts): StreamRoute {
  return eventRoute('followJournal', async ({ query }, { now, lastEventId }) => {
    const journal = await parts.journal();
    const filter = await journalFilterOf(parts, 'journal', query, now);
    const names = new UserNames(parts.config.identity.domains);
    return async function* follow(signal): AsyncIterable<StreamEvent> {
      const ending = new AbortController();
      const options = {
        names,
        after: lastEventId,
        signal: AbortSignal.any([signal, ending.signal]),
        // The client connects again, and goes on where it was.
        onTrouble: (error: Error | null) => {
          if (error !== null) ending.abort();
        },
      };
      for await (const { position, entry } of followEntries(journal, 'journal', filter, options))
        yield { id: position, data: entryDocument(entry) };
    };
  });
}

/** The filter of a query. The journal answers while the directory is away. @throws ProgramError */
export async function journalFilterOf(
  parts: ApiParts,
  stream: StreamName,
  { user, device, kind, operation, reason, since, until, by }: Question,
  now: number,
): Promise<JournalFilter> {
  const namesOf = async (name: UserKey): Promise<readonly UserKey[]> => {
    try {
      return await namesInDirectory(parts.store(), name);
    } catch {
      return [];
    }
  };
  return journalFilter(
    stream,
    {
      user,
      device,
      by,
      kinds: wordsOf(stream === 'journal' ? kind : operation),
      reasons: wordsOf(reason),
      since: since === undefined ? undefined : parseMomentPast(since, 'since', now),
      until: until === undefined ? undefined : parseMomentPast(until, 'until', now),
    },
    namesOf,
  );
}
