// Owns the user record.
import { z } from 'zod';
import type { UserKey } from '../identity/keys.ts';
import { texts, userKey, userKeys } from './fields.ts';
import type { Immutable } from './fields.ts';
import { parseObject, readerOf } from './read-record.ts';

/** A user, with the other names of the same user. */
export const userSchema = z.object({
  key: userKey('The user name under which records are stored'),
  aliases: userKeys('Other names of the same user'),
  groups: texts('Groups of the user'),
});

/** A user, with the other names of the same user. */
export type UserRecord = Immutable<z.infer<typeof userSchema>>;

const read = readerOf(userSchema);

/** Reads a stored user record. @throws CorruptRecordError */
export function readUser(key: UserKey, stored: string): UserRecord {
  const what = `user ${key}`;
  const json = parseObject(stored, what);
  json['key'] = key;
  return read(json, what);
}
