// Owns walking over the whole directory in Redis, in parts: memory does not grow with it.
import type { Cluster, Redis } from 'ioredis';
import type { DeviceKey } from '../../identity/keys.ts';
import type { ScanPart } from '../store.ts';
import type { StoredDevice, StoredUsers } from '../stored-records.ts';
import type { HashAccess } from './hash-writer.ts';
import { isCluster } from './redis-cluster.ts';
import type { RedisClient } from './redis-cluster.ts';
import { DEVICE_PARTITIONS, decodeName } from './redis-keys.ts';
import type { RedisKeys } from './redis-keys.ts';
import { storedDevice, storedUsers } from './stored-hashes.ts';

/** Keys that one SCAN looks at. */
const SCAN_COUNT = 1_000;
/** Hashes read by one script. */
const BATCH = 32;

type Read = HashAccess['read'];

/** All devices; one may come twice, while Redis resizes its table (redis.io, SCAN guarantees) or moves slots. */
export async function* scanDevices(
  client: RedisClient,
  keys: RedisKeys,
  read: Read,
  part?: ScanPart,
): AsyncGenerator<readonly StoredDevice[]> {
  const isIn = part === undefined ? null : partitionsOf(part);
  const isPart = (key: string): boolean => isIn === null || isIn.has(partitionIn(key, keys));
  for await (const { found, hashes } of oneAhead(hashesOf(keysOf(client, keys, 'd'), isPart, read)))
    yield found.map((key, index) => storedDevice(nameIn(key) as DeviceKey, hashes[index]?.values ?? null));
}

function partitionsOf(part: ScanPart): ReadonlySet<number> {
  if (!('partitions' in part)) throw new TypeError('a part of another store');
  return new Set(part.partitions);
}

/** `PREFIX{PARTITION}:…`; all others are of partition 0, so that no walk misses a key. */
function partitionIn(key: string, { prefix }: RedisKeys): number {
  const partition = Number(key.slice(prefix.length + 1, key.indexOf('}', prefix.length)));
  return DEVICE_PARTITIONS.includes(partition) ? partition : 0;
}

/** Devices are spread over the partitions by a hash. Walks no further than to know that each part has enough of them. */
export async function scanParts(
  client: RedisClient,
  keys: RedisKeys,
  most: number,
  atLeast: number,
): Promise<readonly ScanPart[]> {
  let devices = 0;
  for await (const found of keysOf(client, keys, 'd')) {
    devices += found.length;
    if (devices >= most * atLeast) break;
  }
  const parts = Math.max(1, Math.min(most, DEVICE_PARTITIONS.length, Math.floor(devices / atLeast)));
  return Array.from({ length: parts }, (_, at) => ({
    partitions: DEVICE_PARTITIONS.filter((partition) => partition % parts === at),
  }));
}

/** All users, likewise. */
export async function* scanUsers(
  client: RedisClient,
  keys: RedisKeys,
  read: Read,
): AsyncGenerator<readonly StoredUsers[]> {
  const all = hashesOf(keysOf(client, keys, 'u'), () => true, read);
  for await (const { found, hashes } of oneAhead(all))
    yield found.map((key, index) => {
      const local = decodeName(nameIn(key)) ?? nameIn(key);
      return storedUsers(local, hashes[index]?.values ?? null);
    });
}

/** Some keys with what they hold. */
interface KeysRead {
  readonly found: readonly string[];
  readonly hashes: Awaited<ReturnType<Read>>;
}

async function* hashesOf(
  parts: AsyncIterable<readonly string[]>,
  isWanted: (key: string) => boolean,
  read: Read,
): AsyncGenerator<KeysRead> {
  for await (const all of parts) {
    // By partition: a script looks at the log of each partition that its keys are in.
    const found = all.filter(isWanted).sort();
    if (found.length > 0) yield { found, hashes: await readAll(read, found) };
  }
}

/** While one part is taken, the next one is read: one part is waiting at most. */
async function* oneAhead<T>(parts: AsyncGenerator<T>): AsyncGenerator<T> {
  let next = parts.next();
  try {
    for (;;) {
      const { done, value } = await next;
      if (done === true) return;
      next = parts.next();
      // It is awaited later, unless the caller ends the walk.
      next.catch(() => undefined);
      yield value;
    }
  } finally {
    await parts.return(undefined);
  }
}

/** The name in a key of a partition. */
export function nameIn(key: string): string {
  return key.slice(key.indexOf('}:') + 4);
}

/** While one batch is taken apart here, Redis reads the next one. */
async function readAll(read: Read, keys: readonly string[]): Promise<Awaited<ReturnType<Read>>> {
  const start = (at: number): ReturnType<Read> => {
    const reading = read(keys.slice(at, at + BATCH).map((key) => ({ key })));
    // It is awaited later, unless the batch before it fails.
    reading.catch(() => undefined);
    return reading;
  };
  const hashes: Awaited<ReturnType<Read>>[number][] = [];
  let next = start(0);
  for (let at = 0; at < keys.length; at += BATCH) {
    const reading = next;
    if (at + BATCH < keys.length) next = start(at + BATCH);
    hashes.push(...(await reading));
  }
  return hashes;
}

/** The keys of hashes of devices (`d`) or users (`u`). */
export async function* keysOf(
  client: RedisClient,
  { prefix }: RedisKeys,
  kind: 'd' | 'u',
): AsyncGenerator<string[]> {
  const pattern = `${prefix.replace(/[\\*?[\]]/g, '\\$&')}{*}:${kind}:*`;
  if (!isCluster(client)) {
    yield* keysOn(client, pattern);
    return;
  }
  // A slot may be moved to a node that was walked over already: then all are walked over again.
  let before = await slotsOf(client);
  for (let walk = 1; walk <= MAX_WALKS; walk += 1) {
    for (const node of client.nodes('master')) yield* keysOn(node, pattern);
    const after = await slotsOf(client);
    if (after === before && !after.includes(BEING_MOVED)) return;
    before = after;
  }
}

/** Most walks over a Cluster whose slots are being moved. */
const MAX_WALKS = 3;
/** In what a node says of a slot that is being moved: `[93-<-NODE]` (redis.io, CLUSTER NODES). */
const BEING_MOVED = '[';

/** Which slots the nodes have, each by itself. */
async function slotsOf(cluster: Cluster): Promise<string> {
  const known = await Promise.all(cluster.nodes('master').map((node) => node.cluster('NODES')));
  const own = known.map((text) => {
    const [id = '', , , , , , , , ...slots] = /^.*myself.*$/m.exec(String(text))?.[0].split(' ') ?? [];
    return `${id} ${slots.join(' ')}`;
  });
  return own.sort().join('\n');
}

async function* keysOn(server: Redis, pattern: string): AsyncGenerator<string[]> {
  let cursor = '0';
  do {
    const [next, found] = await server.scan(cursor, 'MATCH', pattern, 'COUNT', SCAN_COUNT);
    cursor = next;
    if (found.length > 0) yield [...new Set(found)];
  } while (cursor !== '0');
}
