// Owns reading the records for many look-ups from the SQLite file with few statements: calling a statement costs more than the rows that it reads.
import type { UserNames } from '../../identity/user-names.ts';
import type { SourceOrder } from '../device-reports.ts';
import { Lookup } from '../lookup.ts';
import type { LogPosition, LookupResult, Pair } from '../store.ts';
import type { StoredRows } from './stored-rows.ts';

/** The inputs of all look-ups of one call. */
export interface LookupParts {
  readonly names: UserNames;
  readonly sources: SourceOrder;
  readonly rows: StoredRows;
  /** The end of the change log. */
  readonly position: LogPosition;
  /** Epoch of the store: wipes of another epoch are suspended. */
  readonly epoch: number;
}

/** Returns the results in the order of `pairs`. Use within a transaction of the database. */
export function readLookups(
  { names, sources, rows, position, epoch }: LookupParts,
  pairs: readonly Pair[],
): readonly LookupResult[] {
  const all = pairs.map(({ user, device }) => ({ device, lookup: new Lookup(names, sources, user) }));
  // Most users are complete after the first round; the others have names with further local parts.
  for (let open = missingIn(all); open.length > 0; open = missingIn(all)) {
    const users = rows.usersOfEach([...new Set(open.flatMap(({ missing }) => missing))]);
    for (const { lookup, missing } of open)
      for (const part of missing) lookup.login.add(part, users.get(part) ?? rows.users(part));
  }
  const devices = rows.devices(pairs.map(({ device }) => device));
  const now = Date.now();
  return all.map(({ device, lookup }) =>
    lookup.result(devices.get(device) ?? rows.device(device), position, epoch, now),
  );
}

/** The look-ups that need further local parts. */
function missingIn(
  all: readonly { readonly lookup: Lookup }[],
): { readonly lookup: Lookup; readonly missing: readonly string[] }[] {
  return all.flatMap(({ lookup }) => {
    const missing = lookup.login.missing();
    return missing.length === 0 ? [] : [{ lookup, missing }];
  });
}
