// Owns lists that come in pages: the first one at once, more on demand, and what is newer than what is shown.
import { useCallback, useEffect, useRef, useState } from 'react';
import type { AnswerOf, QueryOf } from '../../api/contract/operations.ts';
import { addressOf, call } from './call.ts';
import { ApiError, networkError } from './problem.ts';
import { useQuery } from './use-query.ts';

/** Operations that answer with pages. */
export type ListName = 'listDevices' | 'listUsers' | 'listDecisions' | 'queryJournal' | 'queryAudit';
/** A row of such a list. */
export type RowOf<Name extends ListName> = AnswerOf<Name> extends { rows: (infer Row)[] } ? Row : never;

interface Page<Row> {
  readonly rows: readonly Row[];
  readonly next: string | null;
  /** Lists of the read model have it. */
  readonly asOf?: string | null;
}

/** A list that grows. */
export interface Pages<Row> {
  readonly rows: readonly Row[];
  /** False until the first page is there. */
  readonly ready: boolean;
  readonly error: ApiError | null;
  /** Of the page after the last row. */
  readonly moreError: ApiError | null;
  readonly hasMore: boolean;
  readonly loadingMore: boolean;
  /** So many rows are kept at most. */
  readonly isFull: boolean;
  readonly asOf: string | null;
  /** Rows of the first page that are not shown. */
  readonly newer: number;
  readonly loadMore: () => void;
  /** Begins again with the first page. */
  readonly reload: () => void;
}

/** Rows in the memory of the browser. */
const MOST_ROWS = 20_000;

interface Loaded<Row> {
  readonly address: string;
  readonly rows: readonly Row[];
  readonly next: string | null;
  readonly asOf: string | null;
}

/**
 * Reads a list. Every `everyMs` the first page is read again: rows that are shown get their new values in place, and rows
 * that are not shown are counted, so that no shown row moves.
 */
export function usePages<Name extends ListName>(
  name: Name,
  query: QueryOf<Name>,
  keyOf: (row: RowOf<Name>) => string,
  everyMs = 15_000,
): Pages<RowOf<Name>> {
  type Row = RowOf<Name>;
  const address = addressOf(name, {}, query as object);
  const first = useQuery(name, { query }, { everyMs });
  const [loaded, setLoaded] = useState<Loaded<Row> | null>(null);
  const [newer, setNewer] = useState(0);
  const [loadingMore, setLoadingMore] = useState(false);
  const [moreError, setMoreError] = useState<ApiError | null>(null);
  const abort = useRef<AbortController | null>(null);
  const page = first.data as Page<Row> | null;
  const fresh = useRef(false);

  useEffect(() => {
    if (page === null) return;
    const { rows } = page;
    setLoaded((before) => {
      if (before === null || before.address !== address || fresh.current) {
        fresh.current = false;
        setNewer(0);
        return { address, rows, next: page.next, asOf: page.asOf ?? null };
      }
      const byKey = new Map(rows.map((row) => [keyOf(row), row]));
      const shown = before.rows.map((row) => {
        const key = keyOf(row);
        const now = byKey.get(key);
        byKey.delete(key);
        return now ?? row;
      });
      // A list that is not full shows what is new at once below: there is no page after it.
      setNewer(byKey.size);
      return { ...before, rows: shown, asOf: page.asOf ?? null };
    });
  }, [page, address, keyOf]);

  useEffect(() => {
    setMoreError(null);
    setLoadingMore(false);
    setNewer(0);
    return () => abort.current?.abort();
  }, [address]);

  const current = loaded?.address === address ? loaded : null;
  const next = current?.next ?? null;
  const isFull = current !== null && current.rows.length >= MOST_ROWS;

  const loadMore = useCallback(() => {
    if (next === null || isFull || loadingMore) return;
    abort.current?.abort();
    const mine = new AbortController();
    abort.current = mine;
    setLoadingMore(true);
    setMoreError(null);
    call(name, { query: { ...(query as object), after: next } as QueryOf<Name>, signal: mine.signal })
      .then((answer) => {
        const more = answer as Page<Row>;
        const { rows } = more;
        setLoaded((before) => {
          if (before === null || before.address !== address || before.next !== next) return before;
          const known = new Set(before.rows.map(keyOf));
          return {
            ...before,
            rows: [...before.rows, ...rows.filter((row) => !known.has(keyOf(row)))],
            next: more.next,
          };
        });
        setLoadingMore(false);
      })
      .catch((error: unknown) => {
        if (mine.signal.aborted) return;
        setMoreError(error instanceof ApiError ? error : networkError());
        setLoadingMore(false);
      });
    // The query is in the address.
    // oxlint-disable-next-line react-hooks/exhaustive-deps
  }, [name, address, next, isFull, loadingMore, keyOf]);

  const readFirst = first.reload;
  const reload = useCallback(() => {
    fresh.current = true;
    setNewer(0);
    readFirst();
  }, [readFirst]);

  return {
    rows: current?.rows ?? [],
    ready: current !== null,
    error: first.error,
    moreError,
    hasMore: next !== null && !isFull,
    loadingMore,
    isFull: isFull && next !== null,
    asOf: current?.asOf ?? null,
    newer,
    loadMore,
    reload,
  };
}
