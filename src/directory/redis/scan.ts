// Owns walking over the whole directory in Redis, in parts: memory does not grow with it.
import type { Cluster, Redis } from 'ioredis';
import type { DeviceKey } from '../../identity/keys.ts';
import type { PackedRecords, SentRecords } from '../store.ts';
import type { StoredDevice, StoredUsers } from '../stored-records.ts';
import { PageReader, command, identityCheck } from './hash-commands.ts';
import type { HashCommands } from './hash-commands.ts';
import { hashTag, isCluster } from './redis-cluster.ts';
import type { RedisClient } from './redis-cluster.ts';
import { decodeName } from './redis-keys.ts';
import type { RedisGuard } from './redis-guard.ts';
import type { RedisKeys } from './redis-keys.ts';
import type { ReplyStream } from './reply-stream.ts';
import { storedDevice, storedUsers } from './stored-hashes.ts';
import { readWhole, unpackWhole } from './whole-hashes.ts';
import type { RunScript } from './whole-hashes.ts';

/** Keys that one SCAN looks at. */
const SCAN_COUNT = 1_000;
/** Hashes of one script: Redis serves nobody else for half a millisecond. */
const HASHES_PER_SCRIPT = 128;
/** Hashes that are read while those before them are used. A look-up of a phone may wait for their scripts. */
const PART = 2 * HASHES_PER_SCRIPT;
/**
 * Keys that one SCAN looks at in a walk for threads: Redis serves nobody else for half a millisecond. Their hashes are read at once, too, but by
 * a command each, and Redis serves others after every 16 KB of commands, some 200.
 */
const KEYS_PER_PAGE = 512;
/** Pages in one list for the other threads. */
const PAGES_SENT = 2;

/** What the names of fields with devices of a user begin with (userField in redis-keys.ts). */
const DEVICES = 'd:';

/** A directory in Redis that is walked over. */
export interface Walked {
  readonly client: RedisClient;
  readonly keys: RedisKeys;
  readonly run: RunScript;
  /** Opens a connection of its own, for commands that do not compare the identity. Not on a Cluster. */
  readonly openStream: () => Promise<ReplyStream>;
  /** See RedisGuard.compared. */
  readonly compared: RedisGuard['compared'];
}

/** All devices; one may come twice, while Redis resizes its table (redis.io, SCAN guarantees) or moves slots. */
export async function* scanDevices(walked: Walked): AsyncGenerator<Iterable<StoredDevice>> {
  for await (const read of hashesOf(walked, keysOf(walked.client, walked.keys, 'd')))
    yield unpackDevices(read);
}

/** Whether there are so many devices. Walks no further than to know. */
export async function holdsDevices({ client, keys }: Walked, devices: number): Promise<boolean> {
  let found = 0;
  for await (const list of keysOf(client, keys, 'd')) {
    found += list.length;
    if (found >= devices) return true;
  }
  return found >= devices;
}

/** All users, likewise, as Redis sends them. */
export function scanPackedUsers(walked: Walked): AsyncGenerator<PackedRecords> {
  return hashesOf(walked, keysOf(walked.client, walked.keys, 'u'));
}

/** What is malformed in the keys of users. One that is no hash has no users, so that no walk over these names it. */
export async function* scanFailures(
  walked: Walked,
): AsyncGenerator<readonly { readonly unreadable: readonly string[] }[]> {
  for await (const packed of scanPackedUsers(walked))
    yield Array.from(unpackUsers(packed, false), ({ failures }) => ({ unreadable: failures }));
}

/**
 * All users, then all devices, as Redis sends them. The keys of both are looked for at once, and those of the devices are kept until
 * then: a walk over the keys costs Redis half as much as reading all hashes.
 */
export function scanPacked(walked: Walked): AsyncGenerator<SentRecords> {
  return isCluster(walked.client) ? scanByKeys(walked) : scanByPages(walked);
}

/** For a Cluster: this process runs SCAN, and scripts get the keys as KEYS. */
async function* scanByKeys(walked: Walked): AsyncGenerator<SentRecords> {
  const devices: (readonly string[])[] = [];
  for await (const packed of hashesOf(walked, usersAmong(walked, devices)))
    yield { kind: 'users', packed, ownsMemory: false };
  for await (const packed of hashesOf(walked, takenFrom(devices)))
    yield { kind: 'devices', packed, ownsMemory: false };
}

/** For a single server: what it sends is handed on as it is, since scripts take it three times as long as commands (decisions/0198). */
async function* scanByPages(walked: Walked): AsyncGenerator<SentRecords> {
  const server = await walked.openStream();
  try {
    const devices: HashCommands[] = [];
    const users = readAhead(pagesOf(walked, server, devices), (some) => readPacked(walked, server, some));
    for await (const replies of inGroups(users))
      yield { kind: 'users', packed: { replies }, ownsMemory: true };
    const read = readAhead(takenFrom(devices), (some) => readPacked(walked, server, some));
    for await (const replies of inGroups(read))
      yield { kind: 'devices', packed: { replies }, ownsMemory: true };
  } finally {
    server.close();
  }
}

/** The users on each page of a walk over the keys; the devices are added to `devices`. While one page is used, Redis looks for the next. */
async function* pagesOf(
  { keys }: Walked,
  server: ReplyStream,
  devices: HashCommands[],
): AsyncGenerator<HashCommands> {
  const scan = (cursor: string): Promise<Uint8Array> =>
    server.request(
      [command('SCAN', cursor, 'MATCH', patternOf(keys, '[du]'), 'COUNT', String(KEYS_PER_PAGE))],
      1,
    );
  const reader = new PageReader(keys);
  let next: Promise<Uint8Array> | null = scan('0');
  while (next !== null) {
    const page = reader.read(await next);
    next = page.cursor === '0' ? null : scan(page.cursor);
    // It is awaited later, unless the caller ends the walk.
    next?.catch(() => undefined);
    if (page.devices.hashes > 0) devices.push(page.devices);
    if (page.users.hashes > 0) yield page.users;
  }
}

/** Reads hashes, and behind them the identity of their partitions. */
async function readPacked(
  { compared }: Walked,
  server: ReplyStream,
  { list, header, hashes, bases }: HashCommands,
): Promise<Uint8Array> {
  return compared(async (known) => {
    const { commands, replies } = identityCheck(bases, known);
    const sent = [list.subarray(header), commands];
    const found = await server.request(sent, hashes + bases.length, list);
    const end = found.length - replies.length;
    return replies.equals(found.subarray(Math.max(end, 0))) ? found.subarray(0, end) : null;
  });
}

/** Lists of {@link PAGES_SENT} items; the last one may be shorter. */
async function* inGroups<T>(items: AsyncIterable<T>): AsyncGenerator<readonly T[]> {
  let open: T[] = [];
  for await (const item of items) {
    open.push(item);
    if (open.length < PAGES_SENT) continue;
    yield open;
    open = [];
  }
  if (open.length > 0) yield open;
}

/** The keys of users; those of devices are added to `devices`. */
async function* usersAmong(
  { client, keys }: Walked,
  devices: (readonly string[])[],
): AsyncGenerator<readonly string[]> {
  for await (const found of keysOf(client, keys, '[du]')) {
    devices.push(found.filter((key) => kindIn(key) === 'd'));
    yield found.filter((key) => kindIn(key) === 'u');
  }
}

/** Empties the list while it is walked over. */
async function* takenFrom<T>(lists: T[]): AsyncGenerator<T> {
  for (let list = lists.pop(); list !== undefined; list = lists.pop()) yield list;
}

/** Understands devices, one by one. */
export function* unpackDevices({ replies }: PackedRecords): Generator<StoredDevice> {
  for (const reply of replies)
    for (const [name, hash] of unpackWhole(reply)) yield storedDevice(name as DeviceKey, hash);
}

/** Understands users, likewise. `withDevices` false = without the devices that they were seen with. */
export function* unpackUsers({ replies }: PackedRecords, withDevices: boolean): Generator<StoredUsers> {
  for (const reply of replies)
    for (const [name, hash] of unpackWhole(reply, withDevices ? null : DEVICES))
      if (hash?.length !== 0) yield storedUsers(decodeName(name) ?? name, hash);
}

/**
 * Parts of limited size. While one is used, the next one is read, and the keys behind it are looked for: Redis works meanwhile.
 */
function hashesOf(walked: Walked, keys: AsyncGenerator<readonly string[]>): AsyncGenerator<PackedRecords> {
  return readAhead(inParts(oneAhead(keys)), (some) => readAll(walked, some));
}

/** While the result of one item is used, that of the next one is read. */
async function* readAhead<T, R>(items: AsyncIterable<T>, read: (item: T) => Promise<R>): AsyncGenerator<R> {
  let before: Promise<R> | null = null;
  for await (const item of items) {
    const reading = read(item);
    // It is awaited later, unless the caller ends the walk, or the one before fails.
    reading.catch(() => undefined);
    if (before !== null) yield await before;
    before = reading;
  }
  if (before !== null) yield await before;
}

/** Lists of {@link PART} keys; only the last one is shorter. */
async function* inParts(lists: AsyncIterable<readonly string[]>): AsyncGenerator<readonly string[]> {
  let open: string[] = [];
  for await (const list of lists) {
    for (const key of list) open.push(key);
    let at = 0;
    for (; open.length - at >= PART; at += PART) yield open.slice(at, at + PART);
    open = open.slice(at);
  }
  if (open.length > 0) yield open;
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
async function readAll({ client, run }: Walked, keys: readonly string[]): Promise<PackedRecords> {
  const lists = isCluster(client) ? [...Map.groupBy(keys, hashTag).values()] : [keys];
  const scripts = lists.flatMap((list) => chunksOf(list, HASHES_PER_SCRIPT));
  return { replies: await Promise.all(scripts.map((some) => readWhole(run, some))) };
}

function chunksOf(keys: readonly string[], size: number): readonly string[][] {
  return Array.from({ length: Math.ceil(keys.length / size) }, (_, at) =>
    keys.slice(at * size, (at + 1) * size),
  );
}

function patternOf({ prefix }: RedisKeys, kind: 'd' | 'u' | '[du]'): string {
  return `${prefix.replace(/[\\*?[\]]/g, '\\$&')}{*}:${kind}:*`;
}

/** The keys of hashes of devices (`d`), users (`u`), or both. */
export async function* keysOf(
  client: RedisClient,
  keys: RedisKeys,
  kind: 'd' | 'u' | '[du]',
): AsyncGenerator<string[]> {
  const pattern = patternOf(keys, kind);
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
/** Marks a slot that is being moved, in the answer of a node: `[93-<-NODE]` (redis.io, CLUSTER NODES). */
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
