// Owns the store's identity in Redis: its two keys, the beat that gateways write, and the freshness of a server.
import { setTimeout } from 'node:timers/promises';
import type { Cluster } from 'ioredis';
import { STORE_SCHEMA, StoreOutageError } from '../store-identity.ts';
import type { KnownStore, StoreIdentity } from '../store-identity.ts';
import { isCluster, readTogether } from './redis-cluster.ts';
import type { RedisClient } from './redis-cluster.ts';
import { IDENTITY_PARTITION, PARTITIONS } from './redis-keys.ts';
import type { RedisKeys } from './redis-keys.ts';
import { PULSE, REPLACE_SCHEMA, TEXTS_ELSEWHERE } from './redis-scripts.ts';
import { agreeElsewhere, runScript } from './run-script.ts';

/** An identity, and its stored text, which every script compares. */
export interface StoredIdentity {
  readonly identity: StoreIdentity | null;
  readonly text: string;
}

/** The result of a beat; with the reason if Redis refused it, null if it was written or not due. */
export interface Pulse extends StoredIdentity {
  readonly refusal: string | null;
}

/** Reads it at one moment. A malformed identity counts as none, and so does one that a part of the directory does not have. */
export async function readIdentity(client: RedisClient, keys: RedisKeys): Promise<StoredIdentity> {
  if (isCluster(client)) {
    return whenWhole(async () => {
      const [schema, beat] = await client.mget(keys.schema, keys.beat);
      return identityOf(schema ?? '', beat ?? '', await areCopies(client, keys, schema ?? ''));
    });
  }
  const [schema, beat, ...copies] = await client.mget(keys.schema, keys.beat, ...copiesIn(keys));
  return identityOf(
    schema ?? '',
    beat ?? '',
    copies.every((copy) => copy === schema),
  );
}

/** Advances the beat if this is the known store and the beat is due. */
export async function pulse(
  client: RedisClient,
  keys: RedisKeys,
  known: string,
  beat: number,
): Promise<Pulse> {
  if (!isCluster(client)) return pulseOf(client, keys, known, beat, copiesIn(keys));
  return whenWhole(async () => {
    const found = await pulseOf(client, keys, known, beat, [keys.schemaCopy(IDENTITY_PARTITION)]);
    return (await areCopies(client, keys, found.text)) ? found : { ...found, identity: null };
  });
}

async function pulseOf(
  client: RedisClient,
  keys: RedisKeys,
  known: string,
  beat: number,
  copies: readonly string[],
): Promise<Pulse> {
  const reply = await runScript(client, PULSE, [keys.schema, keys.beat, ...copies], [known, String(beat)]);
  const [schema, stored, refusal, whole] = reply as [string, string, string, number];
  return { ...identityOf(schema, stored, whole === 1), refusal: refusal === '' ? null : refusal };
}

/** On a Cluster the copies are written one after the other: another gateway may be at it. */
async function whenWhole<Found extends StoredIdentity>(read: () => Promise<Found>): Promise<Found> {
  let found = await read();
  for (let attempt = 1; attempt < MAX_READS && found.identity === null && found.text !== ''; attempt += 1) {
    await setTimeout(READ_AGAIN_MS);
    found = await read();
  }
  return found;
}

const MAX_READS = 5;
const READ_AGAIN_MS = 50;

async function areCopies(client: Cluster, keys: RedisKeys, text: string): Promise<boolean> {
  const all = copiesIn(keys);
  const agrees = await agreeElsewhere(client, TEXTS_ELSEWHERE, all, (some) => [
    text,
    ...some.map(([, key]) => key),
  ]);
  if (agrees) return true;
  const copies = await readTogether(
    client,
    all.map((key) => ({ key, words: ['GET', key] })),
  );
  return copies.every((copy) => copy === text);
}

function copiesIn(keys: RedisKeys): string[] {
  return PARTITIONS.map((partition) => keys.schemaCopy(partition));
}

/**
 * Replaces the identity with the text `before` ('' = none), in all partitions. False when it is another one. On a Cluster, one that
 * is interrupted leaves a store that counts as missing until an operator accepts it.
 */
export async function replaceIdentity(
  client: RedisClient,
  keys: RedisKeys,
  before: string,
  identity: StoreIdentity,
): Promise<boolean> {
  const { beat } = identity;
  const text = identityText(identity);
  const all = copiesIn(keys);
  const together = isCluster(client) ? [keys.schemaCopy(IDENTITY_PARTITION)] : all;
  const texts = [text, `${beat} 0`, ...together.map(() => text)];
  const isReplaced =
    (await runScript(client, REPLACE_SCHEMA, [keys.schema, keys.beat, ...together], [before, ...texts])) ===
    1;
  if (isReplaced && isCluster(client)) await Promise.all(all.map((copy) => client.set(copy, text)));
  return isReplaced;
}

/** The stored form of an identity, without its beat. */
export function identityText({ schema, id, epoch, replaces }: StoreIdentity): string {
  return JSON.stringify({ version: schema, id, epoch, replaces });
}

function identityOf(text: string, beat: string, isWhole: boolean): StoredIdentity {
  if (text === '') return { identity: null, text };
  try {
    const { version, id, epoch, replaces } = JSON.parse(text) as Record<string, unknown>;
    if (typeof version !== 'number' || typeof id !== 'string' || !Number.isSafeInteger(epoch))
      return { identity: null, text };
    // Earlier layouts have no copies.
    if (!isWhole && version >= STORE_SCHEMA) return { identity: null, text };
    const former = Array.isArray(replaces) ? replaces.filter((one) => typeof one === 'string') : [];
    const lived = Number(/^\d{1,15}/.exec(beat)?.[0] ?? 0);
    return { identity: { schema: version, id, epoch: epoch as number, beat: lived, replaces: former }, text };
  } catch {
    return { identity: null, text };
  }
}

/**
 * Whether the data of a server is current. A primary is; a replica only while its link is up and the beat advances. A
 * primary without replicas (`min-replicas-to-write`) may already have a successor.
 */
export class Freshness {
  private readonly place: string;
  private readonly boundMs: number;
  private readonly now: () => number;
  private beat = -1;
  private provenAt: number;

  constructor(place: string, boundMs: number, now: () => number) {
    this.place = place;
    this.boundMs = boundMs;
    this.now = now;
    this.provenAt = now();
  }

  /** Null = fresh. `info` is called only when Redis refused the beat. */
  async judge(
    found: Pulse,
    known: KnownStore | null,
    info: () => Promise<string>,
  ): Promise<StoreOutageError | null> {
    const { identity, refusal } = found;
    const beat = identity?.beat ?? 0;
    const moved = beat > this.beat;
    this.beat = beat;
    if (refusal === null) {
      this.provenAt = this.now();
      return null;
    }
    if (moved && known !== null) this.provenAt = this.now();
    // Without permission for INFO, the beat alone decides.
    const replication = await info().catch(() => '');
    if (/^role:master\r?$/m.test(replication) && !refusal.startsWith('NOREPLICAS')) {
      this.provenAt = this.now();
      return null;
    }
    if (isCutOff(replication)) return staleness(this.place, CUT_OFF);
    if (this.now() - this.provenAt > this.boundMs)
      return staleness(
        this.place,
        `accepts no writes (${refusal}), and no gateway has reached its primary recently`,
      );
    return null;
  }
}

const CUT_OFF = 'is a replica without a link to its primary';

/** Whether INFO is that of a replica whose link is down. */
function isCutOff(replication: string): boolean {
  return /^master_link_status:down\r?$/m.test(replication);
}

function staleness(place: string, why: string): StoreOutageError {
  return new StoreOutageError('EASGATE_STORE_STALE', `${place} ${why}: its data may be out of date`);
}

/** Likewise, for those who look once. `info`: what INFO says. Null = fresh, or not known. */
export function stalenessOf(place: string, info: string): StoreOutageError | null {
  return isCutOff(info) ? staleness(place, CUT_OFF) : null;
}
