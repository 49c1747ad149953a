// Owns reading the newest entries of several scans of one stream: bounded work, and a cursor where to go on. Pure.
import type { QueryPage } from './journal-store.ts';

/** Where an entry stands among those ordered by time. */
export interface Position {
  readonly at: number;
  readonly id: number;
}

/** One wanted entry; another one; or one that is not understood. */
export type Found<Entry> = { readonly entry: Entry } | 'other' | 'unreadable';

/** Entries by falling positions. */
export type Scan<Entry> = Iterable<{ readonly position: Position; readonly found: Found<Entry> }>;

/** Most entries that one scan examines for one page. */
const MAX_EXAMINED = 100_000;

/** The newest `limit` entries of all scans, which have no entry in common. */
export function scanNewest<Entry>(scans: readonly Scan<Entry>[], limit: number): QueryPage<Entry> {
  const wanted: { readonly position: Position; readonly entry: Entry }[] = [];
  const unreadable: Position[] = [];
  /** What lies behind the latest of these positions was not examined by every scan. */
  let stop: Position | null = null;
  for (const scan of scans) {
    let [examined, kept] = [0, 0];
    for (const { position, found } of scan) {
      if (found === 'unreadable') unreadable.push(position);
      else if (found !== 'other') {
        wanted.push({ position, entry: found.entry });
        kept++;
      }
      if (kept < limit && ++examined < MAX_EXAMINED) continue;
      if (stop === null || isNewer(position, stop)) stop = position;
      break;
    }
  }
  wanted.sort((a, b) => (isNewer(a.position, b.position) ? -1 : 1));
  const end = stop;
  const reached = end === null ? wanted : wanted.filter(({ position }) => !isNewer(end, position));
  const page = reached.slice(0, limit);
  const last = page.length < reached.length ? (page.at(-1)?.position ?? null) : end;
  return {
    entries: page.map(({ entry }) => entry),
    next: last === null ? null : `${last.at}-${last.id}`,
    unreadable: unreadable.filter((position) => last === null || !isNewer(last, position)).length,
  };
}

function isNewer(a: Position, b: Position): boolean {
  return a.at > b.at || (a.at === b.at && a.id > b.id);
}
