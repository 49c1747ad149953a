// Owns the comparisons in queries of the read model that SQL has no words for: user names, and texts without case.
import type { DatabaseSync } from 'node:sqlite';
import type { UserKey } from '../../identity/keys.ts';
import type { UserNames } from '../../identity/user-names.ts';

/** Adds the functions `meets`, of two user names, and `holds`, of a text and a part of it in lower case. */
export function addMeets(database: DatabaseSync, names: UserNames): void {
  database.function('meets', { deterministic: true }, (user, wanted) =>
    typeof user === 'string' && names.meets(user as UserKey, wanted as UserKey) ? 1 : 0,
  );
  database.function('holds', { deterministic: true }, (text, part) =>
    typeof text === 'string' && text.toLowerCase().includes(String(part)) ? 1 : 0,
  );
}
