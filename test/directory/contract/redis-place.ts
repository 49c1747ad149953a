// Owns where a record stands in Redis: what writes texts there as other tools would.
import { RedisKeys, deviceField, userField } from '../../../src/directory/redis/redis-keys.ts';
import { foldedLocalPart } from '../../../src/identity/folded-name.ts';
import type { UserKey } from '../../../src/identity/keys.ts';
import type { StoredRecord } from './fixture.ts';

const keys = new RedisKeys('easgate:');

/** Key and field of a record. */
export function redisPlaceOf(record: StoredRecord): [string, string] {
  if (record.kind === 'deviceReport') return [keys.device(record.device), deviceField.report(record.source)];
  if (record.kind === 'partnership')
    return [keys.device(record.device), deviceField.partnership(record.user)];
  if (record.kind !== 'userReport' && record.device !== null) {
    const { device, user } = record;
    const field =
      record.kind === 'decision' ? deviceField.decision(user) : deviceField.imported(record.source, user);
    return [keys.device(device), field];
  }
  const user = record.user ?? ('' as UserKey);
  const local = foldedLocalPart(user);
  if (record.kind === 'userReport') return [keys.users(local), userField.report(local, record.source, user)];
  if (record.kind === 'decision') return [keys.users(local), userField.decision(local, user)];
  return [keys.users(local), userField.imported(local, record.source, user)];
}
