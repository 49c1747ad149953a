// Owns the SQL functions that queries of the read model use: whether two user names may be one user, and texts without case.
import type { DatabaseSync } from 'node:sqlite';
import type { UserKey } from '../../identity/keys.ts';
import type { UserNames } from '../../identity/user-names.ts';

/** Adds the functions `may_be_same`, of two user names (UserNames.mayBeSame), and `has_text`, of a text and a part of it in lower case. */
export function addModelFunctions(database: DatabaseSync, names: UserNames): void {
  database.function('may_be_same', { deterministic: true }, (user, wanted) =>
    typeof user === 'string' && names.mayBeSame(user as UserKey, wanted as UserKey) ? 1 : 0,
  );
  database.function('has_text', { deterministic: true }, (text, part) =>
    typeof text === 'string' && text.toLowerCase().includes(String(part)) ? 1 : 0,
  );
}
