// Owns walking over the whole directory in Redis, in parts: memory does not grow with it.
import type { Redis } from 'ioredis';
import type { DeviceKey } from '../../identity/keys.ts';
import type { StoredDevice, StoredUsers } from '../stored-records.ts';
import type { HashAccess } from './hash-writer.ts';
import { decodeName } from './redis-keys.ts';
import type { RedisKeys } from './redis-keys.ts';
import { storedDevice, storedUsers } from './stored-hashes.ts';

/** Keys that one SCAN looks at. */
const SCAN_COUNT = 1_000;
/** Hashes read by one script. */
const BATCH = 32;

type Read = HashAccess['read'];

/** All devices; one may come twice, while Redis resizes its table (redis.io, SCAN guarantees). */
export async function* scanDevices(
  client: Redis,
  keys: RedisKeys,
  read: Read,
): AsyncGenerator<readonly StoredDevice[]> {
  for await (const found of keysOf(client, keys, 'd')) {
    const hashes = await readAll(read, found);
    yield found.map((key, index) => storedDevice(nameIn(key) as DeviceKey, hashes[index]?.values ?? null));
  }
}

/** All users, likewise. */
export async function* scanUsers(
  client: Redis,
  keys: RedisKeys,
  read: Read,
): AsyncGenerator<readonly StoredUsers[]> {
  for await (const found of keysOf(client, keys, 'u')) {
    const hashes = await readAll(read, found);
    yield found.map((key, index) => {
      const local = decodeName(nameIn(key)) ?? nameIn(key);
      return storedUsers(local, hashes[index]?.values ?? null);
    });
  }
}

/** The name in a key of a partition. */
export function nameIn(key: string): string {
  return key.slice(key.indexOf('}:') + 4);
}

async function readAll(read: Read, keys: readonly string[]): Promise<Awaited<ReturnType<Read>>[number][]> {
  const hashes: Awaited<ReturnType<Read>>[number][] = [];
  for (let at = 0; at < keys.length; at += BATCH)
    hashes.push(...(await read(keys.slice(at, at + BATCH).map((key) => ({ key })))));
  return hashes;
}

/** The keys of hashes of devices (`d`) or users (`u`). */
export async function* keysOf(
  client: Redis,
  { prefix }: RedisKeys,
  kind: 'd' | 'u',
): AsyncGenerator<string[]> {
  const pattern = `${prefix.replace(/[\\*?[\]]/g, '\\$&')}{*}:${kind}:*`;
  let cursor = '0';
  do {
    const [next, found] = await client.scan(cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT);
    cursor = next;
    if (found.length > 0) yield [...new Set(found)];
  } while (cursor !== '0');
}
