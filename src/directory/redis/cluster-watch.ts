// Owns noticing at once that a key of a Redis Cluster changed. Each node announces changes of the keys that begin with given texts
// (CLIENT TRACKING in broadcasting mode, Redis 6), on a connection that carries nothing else.
import { Socket } from 'node:net';
import type { Cluster, Redis } from 'ioredis';
import { monotonicNow } from '../../clock.ts';

/** Pause before a node is asked again that ended the connection, or refused to announce. */
const AGAIN_MS = 10_000;

interface Watched {
  readonly client: Redis;
  announces: boolean;
  /** Monotonic milliseconds; null = the connection is open, or being opened. */
  endedAt: number | null;
}

/** Watches the masters of a Cluster, until closed. */
export class ClusterWatch {
  private readonly cluster: Cluster;
  private readonly command: readonly string[];
  private readonly onNews: () => void;
  private readonly watched = new Map<Redis, Watched>();

  /** `onNews` is called when a node announces a change of a key that begins with one of `prefixes`. */
  constructor(cluster: Cluster, prefixes: readonly string[], onNews: () => void) {
    this.cluster = cluster;
    this.command = ['TRACKING', 'ON', 'BCAST', ...prefixes.flatMap((prefix) => ['PREFIX', prefix])];
    this.onNews = onNews;
  }

  /** Whether every change from now on is announced. Connects to masters that are not watched yet. */
  isComplete(): boolean {
    const masters = this.cluster.nodes('master');
    for (const [node, { client }] of this.watched) {
      if (masters.includes(node)) continue;
      client.disconnect();
      this.watched.delete(node);
    }
    const now = monotonicNow();
    for (const node of masters) {
      const { endedAt = -Infinity } = this.watched.get(node) ?? {};
      if (endedAt !== null && now - endedAt >= AGAIN_MS) this.watched.set(node, this.watch(node));
    }
    return masters.length > 0 && masters.every((node) => this.watched.get(node)?.announces === true);
  }

  /** A change was not announced: connects anew. */
  doubt(): void {
    for (const { client } of this.watched.values()) client.disconnect();
  }

  close(): void {
    this.doubt();
    this.watched.clear();
  }

  private watch(node: Redis): Watched {
    const client = node.duplicate({ lazyConnect: false, retryStrategy: () => null });
    const watched: Watched = { client, announces: false, endedAt: null };
    client.on('error', () => undefined);
    client.once('ready', () => {
      client.call('CLIENT', ...this.command).then(
        () => this.listen(watched),
        () => client.disconnect(),
      );
    });
    client.once('end', () => {
      watched.announces = false;
      watched.endedAt = monotonicNow();
      // What happened meanwhile is read.
      this.onNews();
    });
    return watched;
  }

  /** The library takes announcements in, and has no event for them: all that arrives from now on are announcements. */
  private listen(watched: Watched): void {
    const stream: unknown = Reflect.get(watched.client, 'stream');
    if (!(stream instanceof Socket)) return;
    stream.on('data', this.onNews);
    watched.announces = true;
  }
}
