// Owns entries of the journal and the audit that come from an admin API.
import type { QueryOf } from '../../api/contract/operations.ts';
import type { StreamEntries, StreamName } from '../../journal/journal-store.ts';
import type { JournalEntry } from '../../model/journal.ts';
import { ask, download, journalEventOf } from './client.ts';
import type { Context } from './contexts.ts';

/** A query of either stream, without pages. */
export type JournalQuestion = Omit<QueryOf<'queryJournal'> & QueryOf<'queryAudit'>, 'limit' | 'after'>;

/** A page of entries. */
export interface RemotePage<S extends StreamName> {
  readonly entries: readonly StreamEntries[S][];
  readonly unreadable: number;
}

const MAX_PAGE = 1_000;

/** A query of a page. */
type PageQuestion = JournalQuestion & { readonly limit: number; readonly after?: string };
/** A page of the answer. */
interface AnsweredPage<S extends StreamName> {
  readonly rows: readonly StreamEntries[S][];
  readonly next: string | null;
  readonly unreadable: number;
}

const READ: {
  readonly [S in StreamName]: (context: Context, query: PageQuestion) => Promise<AnsweredPage<S>>;
} = {
  journal: (context, query) => ask(context, 'queryJournal', { query }),
  audit: (context, query) => ask(context, 'queryAudit', { query }),
};

/** The newest entries, page by page, up to a limit. @throws RemoteError */
export async function* remoteEntries<S extends StreamName>(
  context: Context,
  stream: S,
  question: JournalQuestion,
  limit: number,
): AsyncGenerator<RemotePage<S>> {
  let left = limit;
  let after: string | null = null;
  do {
    const query: PageQuestion = {
      ...question,
      limit: Math.min(left, MAX_PAGE),
      ...(after !== null && { after }),
    };
    const { rows, next, unreadable }: AnsweredPage<S> = await READ[stream](context, query);
    yield { entries: rows, unreadable };
    left -= rows.length;
    after = next;
  } while (after !== null && left > 0);
}

/** Longest text of one event. */
const MAX_EVENT = 1_048_576;

/** Entries as they are written, until the API ends the stream; `work` = false ends it. @throws RemoteError */
export async function followRemote(
  context: Context,
  question: JournalQuestion,
  work: (entry: JournalEntry) => Promise<boolean>,
): Promise<void> {
  await download(context, 'followJournal', { query: question }, async (parts) => {
    let text = '';
    for await (const part of parts) {
      text += part;
      if (text.length > MAX_EVENT) throw new Error('an event is longer than 1 MB');
      // Events end with an empty line (HTML, server-sent events).
      for (let end = text.indexOf('\n\n'); end !== -1; end = text.indexOf('\n\n')) {
        const data = dataOf(text.slice(0, end));
        text = text.slice(end + 2);
        if (data === '') continue;
        if (!(await work(await journalEventOf(data)))) return;
      }
    }
  });
}

function dataOf(event: string): string {
  return event
    .split('\n')
    .filter((line) => line.startsWith('data:'))
    .map((line) => line.slice('data:'.length).trimStart())
    .join('\n');
}
