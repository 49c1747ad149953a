// Owns walking over the whole directory in Redis, in parts: memory does not grow with it.
import type { Cluster, Redis } from 'ioredis';
import type { DeviceKey } from '../../identity/keys.ts';
import type { PackedUsers, ScanPart, SharedPart } from '../store.ts';
import type { StoredDevice, StoredUsers } from '../stored-records.ts';
import { hashTag, isCluster } from './redis-cluster.ts';
import type { RedisClient } from './redis-cluster.ts';
import { DEVICE_PARTITIONS, decodeName } from './redis-keys.ts';
import type { RedisKeys } from './redis-keys.ts';
import { storedDevice, storedUsers } from './stored-hashes.ts';
import { readWhole, unpackWhole } from './whole-hashes.ts';
import type { RunScript } from './whole-hashes.ts';

/** Keys that one SCAN looks at. */
const SCAN_COUNT = 1_000;
/** Hashes of one script: Redis serves nobody else for half a millisecond. */
const HASHES_PER_SCRIPT = 128;
/** Hashes that are read while those before them are used. A look-up of a phone may wait for their scripts. */
const PART = 2 * HASHES_PER_SCRIPT;

/** What the names of fields with devices of a user begin with (userField in redis-keys.ts). */
const DEVICES = 'd:';

/** A directory in Redis that is walked over. */
export interface Walked {
  readonly client: RedisClient;
  readonly keys: RedisKeys;
  readonly run: RunScript;
}

/** All devices; one may come twice, while Redis resizes its table (redis.io, SCAN guarantees) or moves slots. */
export async function* scanDevices(walked: Walked, part?: ScanPart): AsyncGenerator<readonly StoredDevice[]> {
  for await (const { found, replies } of hashesOf(walked, listsOf(walked, part))) {
    const hashes = replies.flatMap((reply) => unpackWhole(reply));
    yield found.map((key, index) => storedDevice(nameIn(key) as DeviceKey, hashes[index] ?? null));
  }
}

/** The keys of the devices of a part. */
async function* listsOf({ client, keys }: Walked, part?: ScanPart): AsyncGenerator<readonly string[]> {
  if (part !== undefined && 'hashes' in part) {
    yield part.hashes;
    return;
  }
  const isIn = part === undefined ? null : partitionsOf(part);
  for await (const found of keysOf(client, keys, 'd'))
    yield isIn === null ? found : found.filter((key) => isIn.has(partitionIn(key, keys)));
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
  { client, keys }: Walked,
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

/** All users, likewise, as Redis sends them. */
export async function* scanPackedUsers(walked: Walked): AsyncGenerator<PackedUsers> {
  for await (const read of hashesOf(walked, keysOf(walked.client, walked.keys, 'u'))) yield packedUsers(read);
}

function packedUsers({ found, replies }: KeysRead): PackedUsers {
  return { locals: found.map((key) => decodeName(nameIn(key)) ?? nameIn(key)), replies };
}

/**
 * All users, and the keys of the devices of each part, from one walk over the keys. That walk costs Redis half as much as reading all
 * hashes.
 */
export async function* scanShared(walked: Walked, parts: readonly ScanPart[]): AsyncGenerator<SharedPart> {
  const partitions = parts.map(partitionsOf);
  const open = parts.map((): string[] => []);
  for await (const read of hashesOf(walked, usersAmong(walked, partitions, open)))
    yield { users: packedUsers(read), hashes: open.map((hashes) => hashes.splice(0)) };
  yield { users: { locals: [], replies: [] }, hashes: open };
}

/** The keys of users; those of devices are added to the part of their partition in `open`. */
async function* usersAmong(
  { client, keys }: Walked,
  partitions: readonly ReadonlySet<number>[],
  open: readonly string[][],
): AsyncGenerator<readonly string[]> {
  const places = new Map(partitions.flatMap((part, at) => [...part].map((partition) => [partition, at])));
  for await (const found of keysOf(client, keys, '[du]')) {
    const users: string[] = [];
    for (const key of found) {
      if (kindIn(key) === 'u') users.push(key);
      else open[places.get(partitionIn(key, keys)) ?? 0]?.push(key);
    }
    yield users;
  }
}

/** Understands them. `withDevices` false = without the devices that they were seen with. */
export function unpackUsers({ locals, replies }: PackedUsers, withDevices: boolean): readonly StoredUsers[] {
  const hashes = replies.flatMap((reply) => unpackWhole(reply, withDevices ? null : DEVICES));
  return locals.flatMap((local, index) => {
    const hash = hashes[index] ?? null;
    return hash?.length === 0 ? [] : [storedUsers(local, hash)];
  });
}

/** Keys, and what scripts return of them, in their order. */
interface KeysRead {
  readonly found: readonly string[];
  readonly replies: readonly Buffer[];
}

/**
 * Parts of limited size. While one is used, the next one is read, and the keys behind it are looked for: Redis works meanwhile.
 */
async function* hashesOf(walked: Walked, keys: AsyncGenerator<readonly string[]>): AsyncGenerator<KeysRead> {
  let before: Promise<KeysRead> | null = null;
  for await (const found of inParts(oneAhead(keys))) {
    const reading = readAll(walked, found);
    // It is awaited later, unless the caller ends the walk, or the part before fails.
    reading.catch(() => undefined);
    if (before !== null) yield await before;
    before = reading;
  }
  if (before !== null) yield await before;
}

/** Lists of {@link PART} keys; only the last one is shorter. Each is in the order of the partitions: a script looks at the identity of each. */
async function* inParts(lists: AsyncIterable<readonly string[]>): AsyncGenerator<readonly string[]> {
  let open: string[] = [];
  for await (const list of lists) {
    for (const key of list) open.push(key);
    let at = 0;
    for (; open.length - at >= PART; at += PART) yield open.slice(at, at + PART).sort();
    open = open.slice(at);
  }
  if (open.length > 0) yield open.sort();
}

/** While one list is used, the next one is read: one list is waiting at most. */
async function* oneAhead<T>(lists: AsyncGenerator<T>): AsyncGenerator<T> {
  let next = lists.next();
  try {
    for (;;) {
      const { done, value } = await next;
      if (done === true) return;
      next = lists.next();
      // It is awaited later, unless the caller ends the walk.
      next.catch(() => undefined);
      yield value;
    }
  } finally {
    await lists.return(undefined);
  }
}

/** The name in a key of a partition. */
export function nameIn(key: string): string {
  return key.slice(key.indexOf('}:') + 4);
}

/** The kind of a key: `d` = device, `u` = users. */
function kindIn(key: string): string {
  return key.charAt(key.indexOf('}:') + 2);
}

/** On a Cluster a script reads hashes of one partition: others are on other servers. */
async function readAll({ client, run }: Walked, keys: readonly string[]): Promise<KeysRead> {
  const lists = isCluster(client) ? [...Map.groupBy(keys, hashTag).values()] : [keys];
  const scripts = lists.flatMap((list) => chunksOf(list, HASHES_PER_SCRIPT));
  const replies = await Promise.all(scripts.map((some) => readWhole(run, some)));
  return { found: scripts.flat(), replies };
}

function chunksOf(keys: readonly string[], size: number): readonly string[][] {
  return Array.from({ length: Math.ceil(keys.length / size) }, (_, at) =>
    keys.slice(at * size, (at + 1) * size),
  );
}

/** The keys of hashes of devices (`d`), users (`u`), or both. */
export async function* keysOf(
  client: RedisClient,
  { prefix }: RedisKeys,
  kind: 'd' | 'u' | '[du]',
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
