// Owns what differs on a Redis Cluster: the connection, and commands that concern one node. Keys in one slot share a hash tag
// (Redis Cluster specification, hash tags). The library follows MOVED, ASK and TRYAGAIN.
import type { Socket } from 'node:net';
import { Cluster } from 'ioredis';
import type { ClusterOptions, Redis } from 'ioredis';
import { crc16 } from './crc16.ts';

/** A host and its port. */
export interface RedisAddress {
  readonly host: string;
  readonly port: number;
}

/** Whether a connection is one to this server. */
export function leadsTo({ remoteAddress, remotePort }: Socket, { host, port }: RedisAddress): boolean {
  return remoteAddress === host && remotePort === port;
}

/** A connection to one server, or to all nodes of a Cluster. */
export type RedisClient = Redis | Cluster;

/** Whether a connection is to a Cluster. */
export function isCluster(client: RedisClient): client is Cluster {
  return client.isCluster;
}

/** A slot that is being moved answers TRYAGAIN until the keys of a script are together; a failover, CLUSTERDOWN. */
const TRY_AGAIN_MS = 25;
/**
 * How often the nodes are asked which slots they have. The library makes a connection for it each time. MOVED says so, too, and a
 * node that fails is a reason to ask at once.
 */
const REFRESH_MS = 30_000;
/** Longest wait for that answer. */
const REFRESH_TIMEOUT_MS = 2_000;
/** Redirections and repetitions of one command, at least; its time-out ends it as well. */
const MIN_REDIRECTIONS = 16;
/**
 * Repetitions go on for this part of the time-out, not counting the answers: a slot is moved key by key, which takes a while. All of the time-out
 * would be too much: the error about it does not name the slot.
 */
const PART_OF_TIME = 1 / 3;

/**
 * Without a node that answers, commands fail at once: the queue of the library has no bound in time. Those to a node that is just
 * being connected wait there, no longer than a command may take.
 */
class FailFastCluster extends Cluster {
  override sendCommand(command: Command, stream?: WriteableStream, node?: unknown): unknown {
    if (this.status === 'ready' || command.name === 'cluster')
      return super.sendCommand(command, stream, node);
    command.reject(new Error('no node of the Redis Cluster answers'));
    return command.promise;
  }
}

type Command = Parameters<Cluster['sendCommand']>[0];
type WriteableStream = Parameters<Cluster['sendCommand']>[1];

/** Options of the connection to each node. */
export type NodeOptions = Omit<NonNullable<ClusterOptions['redisOptions']>, 'replyMapping'>;

/** Connects to the nodes that the named ones know. A command whose connection ends is not repeated: it may have been executed. */
export function connectCluster(
  nodes: readonly RedisAddress[],
  options: NodeOptions,
  pauseBefore: (attempt: number) => number,
): Cluster {
  const cluster = new FailFastCluster([...nodes], {
    clusterRetryStrategy: pauseBefore,
    maxRedirections: Math.max(
      MIN_REDIRECTIONS,
      Math.ceil(((options.commandTimeout ?? 0) * PART_OF_TIME) / TRY_AGAIN_MS),
    ),
    retryDelayOnFailover: 0,
    retryDelayOnTryAgain: TRY_AGAIN_MS,
    retryDelayOnClusterDown: TRY_AGAIN_MS,
    slotsRefreshTimeout: REFRESH_TIMEOUT_MS,
    slotsRefreshInterval: REFRESH_MS,
    // Certificates name hosts: an address from a look-up would not be the name.
    ...(options.tls !== undefined && {
      dnsLookup: (host: string, found: (error: null, address: string) => void) => found(null, host),
    }),
    redisOptions: options,
  });
  cluster.on('+node', handleAsking);
  // A failure to ask is one of the nodes, and reported as such.
  cluster.on('node error', () => cluster.refreshSlotsCache(() => undefined));
  return cluster;
}

/**
 * The library sends ASKING before a command to the node that gets a slot, and drops its promise: where that node answers too late, the rejection
 * would be handled by nobody and end the process. The command itself fails, too, and reports it.
 */
function handleAsking(node: Redis): void {
  const ask = node.asking.bind(node);
  node.asking = (...callback) => {
    const answer = ask(...callback);
    answer.catch(() => undefined);
    return answer;
  };
}

/** `INFO replication` of the server that has a key. */
export async function replicationInfo(client: RedisClient, key: string): Promise<string> {
  if (!isCluster(client)) return client.info('replication');
  // Commands of one pipeline go to one node: that of the key.
  return textOf((await client.pipeline().exists(key).info('replication').exec())?.[1]);
}

/** Waits until a replica of the server that has a key has all that was written over this connection. Returns their number. */
export async function waitForReplica(client: RedisClient, key: string, waitMs: number): Promise<number> {
  if (!isCluster(client)) return client.wait(1, waitMs);
  return Number(textOf((await client.pipeline().exists(key).wait(1, waitMs).exec())?.[1]));
}

/** A command that reads one key. */
export interface KeyCommand {
  readonly key: string;
  readonly words: readonly [name: string, ...rest: string[]];
}

/**
 * Sends commands that read, those to one node in one piece: alone, each would cost a write to a socket, and a record of TLS. Replies
 * are in the order of the commands. Rejects with the error of one that failed alone, too, as while slots are moved.
 */
export async function readTogether(client: Cluster, commands: readonly KeyCommand[]): Promise<unknown[]> {
  const byNode = Map.groupBy(commands.entries(), ([, { key }]) => nodeOf(client, key));
  const replies: unknown[] = commands.map(() => null);
  const read = async (some: readonly (readonly [index: number, command: KeyCommand])[]): Promise<void> => {
    const pipeline = client.pipeline();
    for (const [, { words }] of some) pipeline.call(...words);
    // It is refused as a whole while no node is known, and when a slot was moved meanwhile.
    const answers = (await pipeline.exec().catch(() => null)) ?? [];
    for (const [place, [index, { words }]] of some.entries()) {
      const answer = answers[place];
      replies[index] = answer?.[0] === null ? answer[1] : await client.call(...words);
    }
  };
  await Promise.all([...byNode.values()].map(read));
  return replies;
}

/** The servers that have a key, as far as is known; '' = none. */
export function nodeOf(client: Cluster, key: string): string {
  return client.slots[slotOf(key)]?.join() ?? '';
}

/** The slot of a key (Redis Cluster specification, hash tags). */
function slotOf(key: string): number {
  const tag = hashTag(key);
  return crc16(tag === '' ? key : tag) % SLOTS;
}

const SLOTS = 16_384;

function textOf(reply: readonly [Error | null, unknown] | undefined): string {
  const [error = null, value = ''] = reply ?? [];
  if (error !== null) throw error;
  return String(value);
}

/** The hash tag in a key: keys with the same one are in one slot. '' = none. */
export function hashTag(key: string): string {
  return /\{([^}]+)\}/.exec(key)?.[1] ?? '';
}
