// Owns the search for malformed records in a whole store.
import type { DirectoryStore } from './store.ts';

/** What a walk over a store finds about one device or user. */
interface Walked {
  /** Names of malformed records; absent = none. */
  readonly unreadable?: readonly string[];
}

/** Their names, sorted. `more`: of records that those walks do not bring. */
export async function unreadableIn(
  store: Pick<DirectoryStore, 'scanDevices' | 'scanUsers'>,
  ...more: readonly AsyncIterable<readonly Walked[]>[]
): Promise<readonly string[]> {
  const found = new Set<string>();
  const walks: readonly AsyncIterable<readonly Walked[]>[] = [
    store.scanDevices(),
    store.scanUsers(),
    ...more,
  ];
  for (const walk of walks)
    for await (const entries of walk)
      for (const { unreadable = [] } of entries) for (const name of unreadable) found.add(name);
  return [...found].sort();
}
