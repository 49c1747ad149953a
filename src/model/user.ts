// Owns the user record.
import type { UserKey } from '../identity/keys.ts';
import { parse, texts } from './read-json.ts';

/** A user and the other names that mean the same user. */
export interface UserRecord {
  readonly key: UserKey;
  readonly aliases: readonly UserKey[];
  readonly groups: readonly string[];
}

/** Reads a stored user record. @throws CorruptRecordError */
export function readUser(key: UserKey, stored: string): UserRecord {
  const what = `user ${key}`;
  const json = parse(stored, what);
  return { key, aliases: texts(json, 'aliases', what) as UserKey[], groups: texts(json, 'groups', what) };
}
