// Owns reading the change log in Redis: one stream for each partition, read together from a vector of positions.
import type { Redis } from 'ioredis';
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import { monotonicNow } from '../../clock.ts';
import { POLICY_CHANGE } from '../store.ts';
import type { Change, ChangeBatch, LogPosition } from '../store.ts';
import { BEFORE_FIRST, isEarlierId, positionOf, vectorOf } from './log-position.ts';
import type { Vector } from './log-position.ts';
import { PARTITIONS, decodeName } from './redis-keys.ts';
import type { RedisKeys } from './redis-keys.ts';
import { ENDS } from './redis-scripts.ts';
import { runScript } from './run-script.ts';

/** Changes kept in the stream of a partition, approximately. */
export const MAX_CHANGES = 2_000;
/** Longest wait of one XREAD. */
const BLOCK_MS = 2_000;
/** Entries of each stream that are read at once. */
const READ_COUNT = 100;
/** How often all streams are compared with the position, also those that bring nothing. */
const CHECK_MS = 2_000;

/** A part of the log. */
export interface LogBatch extends ChangeBatch {
  /** Entries that were read before are gone, and earlier ones are there: the store lost its latest writes. */
  readonly lost: boolean;
}

type Entries = readonly (readonly [id: string, fields: readonly string[]])[];

/** What a comparison of a position with the streams shows. */
interface Gap {
  readonly trimmed: boolean;
  readonly lost: boolean;
}

const NO_GAP: Gap = { trimmed: false, lost: false };

/** The log of one directory. */
export class ChangeLog {
  private readonly client: Redis;
  /** XREAD blocks its connection, so it has its own one. */
  private readonly reader: Redis;
  private readonly keys: RedisKeys;
  private checkedAt = -Infinity;

  constructor(client: Redis, reader: Redis, keys: RedisKeys) {
    this.client = client;
    this.reader = reader;
    this.keys = keys;
  }

  /** The current end of the log. */
  async position(): Promise<LogPosition> {
    return positionOf(await this.ends());
  }

  /** Changes after a position; resolves when there are some, or empty after a short wait. */
  async changesAfter(position: LogPosition): Promise<LogBatch> {
    const before = vectorOf(position);
    const ids = PARTITIONS.map((partition) => before.get(partition) ?? BEFORE_FIRST);
    const streams = PARTITIONS.map((partition) => this.keys.changes(partition));
    const reply = await this.reader.xread(
      'COUNT',
      READ_COUNT,
      'BLOCK',
      BLOCK_MS,
      'STREAMS',
      ...streams,
      ...ids,
    );
    const after = new Map(PARTITIONS.map((partition, index) => [partition, ids[index] ?? BEFORE_FIRST]));
    const changes: Change[] = [];
    const read: number[] = [];
    for (const [name, entries] of (reply ?? []) as readonly [string, Entries][]) {
      const partition = streams.indexOf(name);
      const last = entries.at(-1)?.[0];
      if (partition === -1 || last === undefined) continue;
      after.set(partition, last);
      read.push(partition);
      for (const [, fields] of entries) addChanges(changes, fields);
    }
    const gaps = [await this.gapAt(before, read)];
    if (read.length === 0 || monotonicNow() - this.checkedAt >= CHECK_MS) {
      gaps.push(await this.gapBehind(after));
      this.checkedAt = monotonicNow();
    }
    const trimmed = gaps.some((gap) => gap.trimmed);
    const lost = gaps.some((gap) => gap.lost);
    // A stream that was emptied, or replaced by one that ends earlier, is read on from its end.
    return trimmed
      ? { changes: [], position: await this.position(), trimmed, lost }
      : { changes, position: positionOf(after), trimmed, lost };
  }

  private async ends(): Promise<Vector> {
    const streams = PARTITIONS.map((partition) => this.keys.changes(partition));
    const ends = (await runScript(this.client, ENDS, streams, [])) as string[];
    return new Map(PARTITIONS.map((partition, index) => [partition, ends[index] ?? BEFORE_FIRST]));
  }

  /**
   * Whether the entries at a position exist in the streams that brought some. If not, later entries were trimmed as well, or it is
   * another log: a server that took over without the last entries numbers new ones by its own clock.
   */
  private async gapAt(position: Vector, partitions: readonly number[]): Promise<Gap> {
    if (partitions.length === 0) return NO_GAP;
    const pipeline = this.client.pipeline();
    for (const partition of partitions) {
      const id = position.get(partition) ?? BEFORE_FIRST;
      const stream = this.keys.changes(partition);
      if (id === BEFORE_FIRST) pipeline.xlen(stream);
      else pipeline.xrange(stream, id, id).xrange(stream, '-', '+', 'COUNT', 1);
    }
    const replies = (await pipeline.exec()) ?? [];
    let gap = NO_GAP;
    let at = 0;
    const next = (): unknown => {
      const [error, reply] = replies[at++] ?? [null, null];
      if (error !== null) throw error;
      return reply;
    };
    for (const partition of partitions) {
      const id = position.get(partition) ?? BEFORE_FIRST;
      if (id === BEFORE_FIRST) {
        // A stream that may have been trimmed since it was empty.
        if (Number(next()) >= MAX_CHANGES) gap = { trimmed: true, lost: gap.lost };
        continue;
      }
      const [here, first] = [next() as Entries, next() as Entries];
      if (here.length > 0) continue;
      const start = first[0]?.[0];
      gap = { trimmed: true, lost: gap.lost || (start !== undefined && isEarlierId(start, id)) };
    }
    return gap;
  }

  /** Whether some stream ends before a position. */
  private async gapBehind(position: Vector): Promise<Gap> {
    let gap = NO_GAP;
    for (const [partition, end] of await this.ends()) {
      const id = position.get(partition) ?? BEFORE_FIRST;
      if (isEarlierId(end, id)) gap = { trimmed: true, lost: gap.lost || end !== BEFORE_FIRST };
    }
    return gap;
  }
}

/**
 * Fields of an entry: `d` = devices, and partnerships as `DEVICE:USER`; `u` = users; each separated by spaces, users encoded
 * (redis-keys.ts); `y` = the policy changed.
 */
function addChanges(changes: Change[], fields: readonly string[]): void {
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const [name, words = ''] = [fields[at], fields[at + 1]];
    if (name === 'y') changes.push(POLICY_CHANGE);
    for (const word of words.split(' ')) {
      if (word === '') continue;
      if (name === 'u') changes.push({ device: null, user: userIn(word) });
      if (name !== 'd') continue;
      const colon = word.indexOf(':');
      const device = (colon === -1 ? word : word.slice(0, colon)) as DeviceKey;
      changes.push({ device, user: colon === -1 ? null : userIn(word.slice(colon + 1)) });
    }
  }
}

/** Another tool may have written a name without encoding it. */
function userIn(word: string): UserKey {
  return (decodeName(word) ?? word) as UserKey;
}
