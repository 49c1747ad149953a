// Owns the search for malformed records in a whole store.
import type { DirectoryStore } from './store.ts';

/** Their names, sorted. */
export async function unreadableIn(
  store: Pick<DirectoryStore, 'scanDevices' | 'scanUsers'>,
): Promise<readonly string[]> {
  const found = new Set<string>();
  for (const scan of [store.scanDevices(), store.scanUsers()])
    for await (const entries of scan)
      for (const { unreadable = [] } of entries) for (const name of unreadable) found.add(name);
  return [...found].sort();
}
