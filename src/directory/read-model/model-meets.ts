// Owns the comparison of user names in queries of the read model.
import type { DatabaseSync } from 'node:sqlite';
import type { UserKey } from '../../identity/keys.ts';
import type { UserNames } from '../../identity/user-names.ts';

/** Adds the comparison of user names to a database, as the function `meets`. */
export function addMeets(database: DatabaseSync, names: UserNames): void {
  database.function('meets', { deterministic: true }, (user, wanted) =>
    typeof user === 'string' && names.meets(user as UserKey, wanted as UserKey) ? 1 : 0,
  );
}
