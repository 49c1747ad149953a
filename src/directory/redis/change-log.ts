// Owns reading the change log in Redis: one stream for each partition, read together from a vector of positions.
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import { monotonicNow } from '../../clock.ts';
import { POLICY_CHANGE } from '../store.ts';
import type { Change, ChangeBatch, LogPosition } from '../store.ts';
import { ClusterStreams, READ_COUNT } from './cluster-streams.ts';
import type { Entries, NewEntries } from './cluster-streams.ts';
import { ClusterWatch } from './cluster-watch.ts';
import { BEFORE_FIRST, isEarlierId, positionOf, vectorOf } from './log-position.ts';
import type { Vector } from './log-position.ts';
import { isCluster, readTogether } from './redis-cluster.ts';
import type { RedisClient } from './redis-cluster.ts';
import { PARTITIONS, decodeName } from './redis-keys.ts';
import type { RedisKeys } from './redis-keys.ts';
import { ENDS } from './redis-scripts.ts';
import { runScript } from './run-script.ts';

/** Changes kept in the stream of a partition, approximately. */
export const MAX_CHANGES = 2_000;
/** Longest wait of one XREAD. */
const BLOCK_MS = 2_000;
/** How often the streams of a Cluster are read. */
const POLL_MS = 100;
/** Likewise, while its nodes announce changes. An announcement may be lost, and a change must reach a phone within a second. */
const WATCHED_POLL_MS = 600;
/** Least time between the beginnings of two such reads, however many changes are announced. */
const LEAST_POLL_MS = 50;
/** How often all streams are compared with the position, also those that bring nothing. */
const CHECK_MS = 2_000;

/** A part of the log. */
export interface LogBatch extends ChangeBatch {
  /** Entries that were read before are gone, and earlier ones are there: the store lost its latest writes. */
  readonly lost: boolean;
}

/** Entries after a position. */
interface News {
  readonly entries: NewEntries;
  /** A node of a Cluster did not answer, so its entries are missing. */
  readonly isPartial: boolean;
}

/** What a comparison of a position with the streams shows. */
interface Gap {
  readonly trimmed: boolean;
  readonly lost: boolean;
}

const NO_GAP: Gap = { trimmed: false, lost: false };

/** The log of one directory. */
export class ChangeLog {
  private readonly client: RedisClient;
  /**
   * A connection of its own, because XREAD blocks it. It has no short deadline as look-ups have, since no phone waits for it: changes must arrive even
   * if Redis answers look-ups too late.
   */
  private readonly reader: RedisClient;
  private readonly keys: RedisKeys;
  private checkedAt = -Infinity;
  /** Null = it is no Cluster. */
  private readonly watch: ClusterWatch | null;
  private readonly cluster: ClusterStreams | null;
  /** False = the last read failed, or a node did not answer. */
  private hasAnswered = true;
  /** A change was announced after the streams were last read. */
  private announced = false;
  /** All streams of a Cluster end at the position that was compared last. */
  private isAtEnd = false;
  /** When the streams of a Cluster were read last, monotonic. */
  private readAt = -Infinity;
  /** Ends the pause between two reads; `goesOn` false = and the wait for changes. */
  private wake: ((goesOn: boolean) => void) | null = null;

  constructor(client: RedisClient, reader: RedisClient, keys: RedisKeys) {
    this.client = isCluster(reader) ? reader : client;
    this.reader = reader;
    this.keys = keys;
    const streams = PARTITIONS.map((partition) => keys.changes(partition));
    this.watch = isCluster(reader) ? new ClusterWatch(reader, streams, () => this.noteAnnounced()) : null;
    this.cluster = isCluster(reader) ? new ClusterStreams(reader) : null;
  }

  /** The current end of the log. */
  async position(): Promise<LogPosition> {
    return positionOf(await this.ends(this.client));
  }

  /** Changes after a position; resolves when there are some, or empty after a short wait. */
  async changesAfter(position: LogPosition): Promise<LogBatch> {
    const before = vectorOf(position);
    const ids = PARTITIONS.map((partition) => before.get(partition) ?? BEFORE_FIRST);
    const streams = PARTITIONS.map((partition) => this.keys.changes(partition));
    const { entries: found, isPartial } = await this.newEntries(streams, ids);
    const after = new Map(PARTITIONS.map((partition, index) => [partition, ids[index] ?? BEFORE_FIRST]));
    const changes: Change[] = [];
    const read: number[] = [];
    for (const [name, entries] of found) {
      const partition = streams.indexOf(name);
      const last = entries.at(-1)?.[0];
      if (partition === -1 || last === undefined) continue;
      after.set(partition, last);
      read.push(partition);
      for (const [, fields] of entries) addChanges(changes, fields);
    }
    const gaps = [await this.gapAt(before, read)];
    if (!isPartial && (read.length === 0 || monotonicNow() - this.checkedAt >= CHECK_MS)) {
      if (!this.isAtEnd) gaps.push(await this.gapBehind(after));
      this.checkedAt = monotonicNow();
    }
    const trimmed = gaps.some((gap) => gap.trimmed);
    const lost = gaps.some((gap) => gap.lost);
    // A stream that was emptied, or replaced by one that ends earlier, is read on from its end. While a node is away, only streams that brought
    // something were compared: they are read on from there.
    return trimmed && !isPartial
      ? { changes: [], position: positionOf(await this.ends(this.reader)), trimmed, lost }
      : { changes: trimmed ? [] : changes, position: positionOf(after), trimmed, lost, isPartial };
  }

  /** Ends a wait for changes. */
  hurry(): void {
    this.wake?.(false);
  }

  close(): void {
    this.watch?.close();
    this.hurry();
  }

  private noteAnnounced(): void {
    this.announced = true;
    this.wake?.(true);
  }

  /** What stands behind these ids; resolves when there is something, or after a short wait. */
  private async newEntries(streams: readonly string[], ids: readonly string[]): Promise<News> {
    const { reader, watch, cluster } = this;
    if (watch !== null && cluster !== null) return this.newOnCluster(watch, cluster, streams, ids);
    const { hasAnswered } = this;
    this.hasAnswered = false;
    // After an outage, does not block for changes: the directory counts as away until the first answer.
    const entries = hasAnswered
      ? await reader.xread('COUNT', READ_COUNT, 'BLOCK', BLOCK_MS, 'STREAMS', ...streams, ...ids)
      : await reader.xread('COUNT', READ_COUNT, 'STREAMS', ...streams, ...ids);
    this.hasAnswered = true;
    return { entries: entries ?? [], isPartial: false };
  }

  /** Rejects if a node fails and the others have no entries. Each stream is in a slot of its own, and one command reads one slot. */
  private async newOnCluster(
    watch: ClusterWatch,
    cluster: ClusterStreams,
    streams: readonly string[],
    ids: readonly string[],
  ): Promise<News> {
    const until = this.hasAnswered ? monotonicNow() + BLOCK_MS : -Infinity;
    this.hasAnswered = false;
    let relied = false;
    for (;;) {
      // Before the read: what happens after it is announced.
      const isWatched = watch.isComplete();
      const wasAnnounced = this.announced;
      this.announced = false;
      this.readAt = monotonicNow();
      const { found, isAtEnd, isWaiting, failure } = await cluster.read(streams, ids);
      this.isAtEnd = isAtEnd;
      if (found.length > 0 && relied && !wasAnnounced && !this.announced) watch.doubt();
      const isPartial = isWaiting || failure !== null;
      this.hasAnswered = !isPartial;
      if (found.length > 0) return { entries: found, isPartial };
      if (failure !== null) throw failure;
      // The other nodes are asked again at once: they may have entries by now. This ends when the slow node answers or fails.
      if (isWaiting) continue;
      if (monotonicNow() >= until || !(await this.pause(isWatched ? WATCHED_POLL_MS : POLL_MS)))
        return { entries: [], isPartial: false };
      relied = isWatched;
    }
  }

  /** False = the wait for changes ends. */
  private pause(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const finish = (goesOn: boolean): void => {
        clearTimeout(timer);
        this.wake = null;
        resolve(goesOn);
      };
      const soon = (): number => Math.max(0, this.readAt + LEAST_POLL_MS - monotonicNow());
      let timer = setTimeout(finish, this.announced ? soon() : ms, true);
      this.wake = (goesOn) => {
        if (!goesOn) return finish(false);
        clearTimeout(timer);
        timer = setTimeout(finish, soon(), true);
      };
    });
  }

  private async ends(client: RedisClient): Promise<Vector> {
    const streams = PARTITIONS.map((partition) => this.keys.changes(partition));
    const ends = isCluster(client)
      ? (
          await readTogether(
            client,
            streams.map((key) => ({ key, words: ['XREVRANGE', key, '+', '-', 'COUNT', '1'] })),
          )
        ).map((entries) => lastIn(entries as Entries))
      : ((await runScript(client, ENDS, streams, [])) as string[]);
    return new Map(PARTITIONS.map((partition, index) => [partition, ends[index] ?? BEFORE_FIRST]));
  }

  /**
   * Whether the entries at a position exist in the streams that brought some. If not, later entries were trimmed as well, or it is
   * another log: a server that took over without the last entries numbers new ones by its own clock.
   */
  private async gapAt(position: Vector, partitions: readonly number[]): Promise<Gap> {
    if (partitions.length === 0) return NO_GAP;
    const gaps = await Promise.all(
      partitions.map((partition) =>
        this.gapIn(this.keys.changes(partition), position.get(partition) ?? BEFORE_FIRST),
      ),
    );
    return { trimmed: gaps.some(({ trimmed }) => trimmed), lost: gaps.some(({ lost }) => lost) };
  }

  private async gapIn(stream: string, id: string): Promise<Gap> {
    const { reader: client } = this;
    // A stream that may have been trimmed since it was empty.
    if (id === BEFORE_FIRST) return { trimmed: (await client.xlen(stream)) >= MAX_CHANGES, lost: false };
    const [here, first] = await Promise.all([
      client.xrange(stream, id, id),
      client.xrange(stream, '-', '+', 'COUNT', 1),
    ]);
    if (here.length > 0) return NO_GAP;
    const start = first[0]?.[0];
    return { trimmed: true, lost: start !== undefined && isEarlierId(start, id) };
  }

  /** Whether some stream ends before a position. */
  private async gapBehind(position: Vector): Promise<Gap> {
    let gap = NO_GAP;
    for (const [partition, end] of await this.ends(this.reader)) {
      const id = position.get(partition) ?? BEFORE_FIRST;
      if (isEarlierId(end, id)) gap = { trimmed: true, lost: gap.lost || end !== BEFORE_FIRST };
    }
    return gap;
  }
}

function lastIn(entries: readonly (readonly [string, unknown])[]): string {
  return entries[0]?.[0] ?? BEFORE_FIRST;
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
