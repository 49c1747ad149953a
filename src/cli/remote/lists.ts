// Owns lists and exports of the command line that come from an admin API.
import type { Page } from '../../app/list-pages.ts';
import type { ListOptions } from '../list-options.ts';
import { count, printList, shownRows } from '../list-options.ts';
import { outputWriter, shownLines } from '../output.ts';
import type { Column } from '../table.ts';
import { download } from './client.ts';
import type { Context } from './contexts.ts';

/** The part of a query that says which page is read. */
export interface PageQuery {
  readonly sort: string;
  readonly limit: number;
  readonly after?: string;
}

/** How the rows of a list are read, printed and sorted. */
export interface RemoteList<Row> {
  readonly read: (page: PageQuery) => Promise<Page<Row>>;
  readonly columns: readonly Column<Row>[];
  readonly none: string;
  /** The order without `--sort`, as that of the use case. */
  readonly order: string;
}

/** Prints a list, or (`format`) writes it as a file. @throws RemoteError */
export async function printRemoteList<Row>(
  context: Context,
  name: 'devices' | 'users' | 'decisions',
  filter: object,
  options: ListOptions,
  { read, columns, none, order }: RemoteList<Row>,
): Promise<void> {
  const { sort = order, limit, format } = options;
  if (format === 'ndjson') {
    const most = limit === undefined ? {} : { limit: count(limit, '--limit') };
    const query = { ...filter, sort, format, ...most };
    await download(context, 'exportRows', { params: { what: name }, query }, writeParts);
    return;
  }
  const shown = await shownRows(options, ({ limit: rows, after }) =>
    read({ sort, limit: rows, ...(after !== null && { after }) }),
  );
  const form = { columns, none, lines: () => [], total: () => null, hints: () => [] };
  await printList(shown, options, null, form);
}

/** Writes lines that come in to standard output; those of a gateway have no control characters, and no others pass. */
export async function writeParts(parts: AsyncIterable<string>): Promise<void> {
  const write = outputWriter();
  // A carriage return is part of the line end that follows it.
  let kept = '';
  for await (const part of parts) {
    const text = kept + part;
    kept = text.endsWith('\r') ? '\r' : '';
    if (!(await write(shownLines(kept === '' ? text : text.slice(0, -1))))) return;
  }
}

/** Words of a filter, as queries have them. */
export function wordsText(words: readonly string[] | undefined): string | undefined {
  return words?.join(',');
}

/** A moment of a filter as ISO text: the clock of this machine counts, as in a command without a context. */
export function momentText(at: number | undefined): string | undefined {
  return at === undefined ? undefined : new Date(at).toISOString();
}

/** A flag of a filter. */
export function flagWord(value: boolean | undefined): 'yes' | 'no' | undefined;
export function flagWord(value: boolean | null | undefined): 'yes' | 'no' | 'unknown' | undefined;
export function flagWord(value: boolean | null | undefined): 'yes' | 'no' | 'unknown' | undefined {
  if (value === undefined) return undefined;
  return value === null ? 'unknown' : value ? 'yes' : 'no';
}
