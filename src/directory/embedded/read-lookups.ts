// Owns reading from the SQLite file what many look-ups need: a call of a statement costs more than the rows that it reads.
import type { UserNames } from '../../identity/user-names.ts';
import type { SourceOrder } from '../device-reports.ts';
import { Lookup } from '../lookup.ts';
import type { LogPosition, LookupResult, Pair } from '../store.ts';
import type { StoredRows } from './stored-rows.ts';

/** What look-ups are made of. */
export interface LookupParts {
  readonly names: UserNames;
  readonly sources: SourceOrder;
  readonly rows: StoredRows;
  /** The end of the change log. */
  readonly position: LogPosition;
  /** Of the store, for its wipes. */
  readonly epoch: number;
}

/** The answers in the order of the questions. Use within a transaction of the database. */
export function readLookups(
  { names, sources, rows, position, epoch }: LookupParts,
  pairs: readonly Pair[],
): readonly LookupResult[] {
  const lookups = pairs.map(({ user }) => new Lookup(names, sources, user));
  for (let open: readonly Lookup[] = lookups; open.length > 0;) {
    const missing = open.map(({ login }) => login.missing());
    const users = rows.usersOfEach([...new Set(missing.flat())]);
    for (const [at, { login }] of open.entries())
      for (const part of missing[at] ?? []) login.add(part, users.get(part) ?? rows.users(part));
    // Most are complete after the first round, the others have names with other local parts.
    open = open.filter((_, at) => (missing[at]?.length ?? 0) > 0);
  }
  const devices = rows.devices(pairs.map(({ device }) => device));
  const now = Date.now();
  return pairs.map(({ device }, at) =>
    (lookups[at] as Lookup).result(devices.get(device) ?? rows.device(device), position, epoch, now),
  );
}
