// Owns the identity of the directory in Redis: its two keys, the beat that gateways write, and whether a server is fresh.
import type { Redis } from 'ioredis';
import { StoreOutageError } from '../store-identity.ts';
import type { KnownStore, StoreIdentity } from '../store-identity.ts';
import type { RedisKeys } from './redis-keys.ts';
import { PULSE, REPLACE_SCHEMA } from './redis-scripts.ts';

/** What was found, and its text as it is stored; every script compares that. */
export interface StoredIdentity {
  readonly identity: StoreIdentity | null;
  readonly text: string;
}

/** What a beat brought: also why Redis did not take it; null = it did, or it was not time. */
export interface Pulse extends StoredIdentity {
  readonly refusal: string | null;
}

/** Reads both keys at one moment. Anything that is no identity counts as none. */
export async function readIdentity(client: Redis, keys: RedisKeys): Promise<StoredIdentity> {
  const [schema, beat] = await client.mget(keys.schema, keys.beat);
  return identityOf(schema ?? '', beat ?? '');
}

/** Advances the beat if this is the known store and it is time. */
export async function pulse(client: Redis, keys: RedisKeys, known: string, beat: number): Promise<Pulse> {
  const reply = await client.eval(PULSE.text, 0, keys.prefix, known, String(beat));
  const [schema = '', stored = '', refusal = ''] = reply as string[];
  return { ...identityOf(schema, stored), refusal: refusal === '' ? null : refusal };
}

/** Writes another identity in the place of `before` (its text; '' = none). False when it is another one by now. */
export async function replaceIdentity(
  client: Redis,
  keys: RedisKeys,
  before: string,
  { schema, id, epoch, beat, replaces }: StoreIdentity,
): Promise<boolean> {
  const text = JSON.stringify({ version: schema, id, epoch, replaces });
  return (await client.eval(REPLACE_SCHEMA.text, 0, keys.prefix, before, text, String(beat))) === 1;
}

function identityOf(text: string, beat: string): StoredIdentity {
  if (text === '') return { identity: null, text };
  try {
    const { version, id, epoch, replaces } = JSON.parse(text) as Record<string, unknown>;
    if (typeof version !== 'number' || typeof id !== 'string' || !Number.isSafeInteger(epoch))
      return { identity: null, text };
    const former = Array.isArray(replaces) ? replaces.filter((one) => typeof one === 'string') : [];
    const lived = Number(/^\d{1,15}/.exec(beat)?.[0] ?? 0);
    return { identity: { schema: version, id, epoch: epoch as number, beat: lived, replaces: former }, text };
  } catch {
    return { identity: null, text };
  }
}

/**
 * Whether what a server says is of today. A primary is; a replica only while its link is up and the beat goes on. A primary
 * that lost its replicas (`min-replicas-to-write`) may have a successor already.
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

  /** Null = fresh. `info` is asked for only when Redis refused the beat. */
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
    // An account without the right to INFO: the beat alone decides.
    const replication = await info().catch(() => '');
    if (/^role:master\r?$/m.test(replication) && !refusal.startsWith('NOREPLICAS')) {
      this.provenAt = this.now();
      return null;
    }
    if (/^master_link_status:down\r?$/m.test(replication))
      return this.stale('is a replica without a link to its primary');
    if (this.now() - this.provenAt > this.boundMs)
      return this.stale(`takes no writes (${refusal}), and no gateway reached its primary lately`);
    return null;
  }

  private stale(why: string): StoreOutageError {
    return new StoreOutageError(
      'EASGATE_STORE_STALE',
      `${this.place} ${why}: what it holds may be out of date`,
    );
  }
}
