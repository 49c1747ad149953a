// Owns reading new entries of the change streams of a Redis Cluster. Each node is asked for its own streams, so that a lost or slow node does
// not delay the entries of the others (decisions/0194).
import type { Cluster } from 'ioredis';
import { withDeadline } from '../deadline.ts';
import { BEFORE_FIRST } from './log-position.ts';
import { nodeOf, readTogether } from './redis-cluster.ts';
import { ENDS_ELSEWHERE } from './redis-scripts.ts';
import { agreeElsewhere } from './run-script.ts';

/** Entries of each of the 32 streams that are read at once, and applied in one turn of the event loop. */
export const READ_COUNT = 25;
/** How long the entries of other nodes wait for a slow one, in milliseconds: a change must reach a phone within a second. */
const SLOW_MS = 400;

export type Entries = readonly (readonly [id: string, fields: readonly string[]])[];

export type NewEntries = readonly (readonly [stream: string, entries: Entries])[];

/** The answers of the nodes. */
export interface StreamsRead {
  readonly found: NewEntries;
  /** No stream has entries after the given ids; false also if a node did not answer. */
  readonly isAtEnd: boolean;
  /** Some node has not answered yet. */
  readonly isWaiting: boolean;
  /** The error of the first node that failed; null = none failed. */
  readonly failure: Error | null;
}

type Place = readonly [stream: string, id: string];

/** The streams of one Cluster. */
export class ClusterStreams {
  private readonly cluster: Cluster;
  /** Reads without an answer, by node and positions: the same read is not sent twice. */
  private readonly open = new Map<string, Promise<NewEntries | null>>();

  constructor(cluster: Cluster) {
    this.cluster = cluster;
  }

  /** Reads the entries after these ids, one id for each stream. Never rejects. */
  async read(streams: readonly string[], ids: readonly string[]): Promise<StreamsRead> {
    const places = streams.map((stream, index): Place => [stream, ids[index] ?? BEFORE_FIRST]);
    const byNode = Map.groupBy(places, ([stream]) => nodeOf(this.cluster, stream));
    let isWaiting = false;
    let isAtEnd = true;
    let failure: Error | null = null;
    const found = await Promise.all(
      [...byNode].map(async ([node, some]) => {
        const answer = this.ask(node, some);
        try {
          const entries = await withDeadline(answer.promise, SLOW_MS);
          if (entries !== null) isAtEnd = false;
          return entries ?? [];
        } catch (error) {
          isAtEnd = false;
          if (this.open.has(answer.name)) isWaiting = true;
          else failure ??= error instanceof Error ? error : new Error(String(error));
          return [];
        }
      }),
    );
    return { found: found.flat(), isAtEnd, isWaiting, failure };
  }

  private ask(
    node: string,
    places: readonly Place[],
  ): { readonly name: string; readonly promise: Promise<NewEntries | null> } {
    const name = JSON.stringify([node, places]);
    const running = this.open.get(name);
    if (running !== undefined) return { name, promise: running };
    const promise = this.newOf(places).finally(() => this.open.delete(name));
    this.open.set(name, promise);
    // It may fail after the deadline, when nobody awaits it any more.
    promise.catch(() => undefined);
    return { name, promise };
  }

  /** Entries of the streams on one node; null = no stream has entries after these ids. */
  private async newOf(places: readonly Place[]): Promise<NewEntries | null> {
    const { cluster } = this;
    const streams = places.map(([stream]) => stream);
    const idOf = (index: number): string => places[index]?.[1] ?? BEFORE_FIRST;
    const areEnds = await agreeElsewhere(cluster, ENDS_ELSEWHERE, streams, (some) =>
      some.flatMap(([index, stream]) => [stream, idOf(index)]),
    );
    if (areEnds) return null;
    const replies = await readTogether(
      cluster,
      places.map(([key, id]) => ({
        key,
        words: ['XRANGE', key, `(${id}`, '+', 'COUNT', String(READ_COUNT)],
      })),
    );
    return streams.flatMap((stream, index): NewEntries => {
      const entries = replies[index] as Entries;
      return entries.length === 0 ? [] : [[stream, entries]];
    });
  }
}
