// Owns the journal and the audit in Redis: two capped streams. They hold no record of the directory: losing them changes nothing.
import { isCluster } from '../directory/redis/redis-cluster.ts';
import type { RedisClient } from '../directory/redis/redis-cluster.ts';
import { connect, ready } from '../directory/redis/redis-connection.ts';
import type { RedisStoreOptions } from '../directory/redis/redis-connection.ts';
import { named } from '../directory/redis/redis-scripts.ts';
import { runScript } from '../directory/redis/run-script.ts';
import { SentinelWatch, followPrimary } from '../directory/redis/sentinel-watch.ts';
import { NO_GROUPS } from '../identity/user-names.ts';
import type { UserNames } from '../identity/user-names.ts';
import type { AuditEntry, JournalEntry } from '../model/journal.ts';
import type {
  JournalFilter,
  JournalStore,
  PositionedEntry,
  QueryPage,
  Retention,
  StreamEntries,
  StreamName,
  StreamPart,
} from './journal-store.ts';
import { partsOf } from './stream-position.ts';
import { STREAM_FORMS, isWanted } from './stream-forms.ts';
import type { StreamForm } from './stream-forms.ts';

/** The one field of an entry. */
const FIELD = 'e';
/** Entries of one answer. */
const CHUNK = 1_000;
/** Most entries that are examined for one page. */
const MAX_EXAMINED = 20_000;
/** How far the clocks of gateways and Redis may be apart. */
const SKEW_MS = 300_000;
/** Redis removes whole nodes of a stream, about 100 entries: an exact cap costs much more (redis.io/commands/xadd). */
const ABOUT = '~';

/** KEYS: a stream. Removes what is none. Another gateway may have begun it anew since: its entries stay. */
const REMOVE_OTHER = named(`
local length = redis.pcall('XLEN', KEYS[1])
if type(length) ~= 'table' or not string.find(length.err or '', 'WRONGTYPE', 1, true) then return 0 end
return redis.call('DEL', KEYS[1])
`);

/** Connects at once, in the background. */
export class RedisJournal implements JournalStore {
  private readonly client: RedisClient;
  private readonly options: RedisStoreOptions;
  private readonly retention: Retention;
  private readonly names: UserNames;
  /** Follows the primary: entries written to a former primary are lost when it rejoins as a replica. */
  private readonly watch: SentinelWatch | null;

  constructor(options: RedisStoreOptions, retention: Retention, names: UserNames = NO_GROUPS) {
    this.options = options;
    this.retention = retention;
    this.names = names;
    this.client = connect(options, options.commandTimeoutMs);
    const { client } = this;
    this.watch =
      options.sentinel === undefined || isCluster(client)
        ? null
        : new SentinelWatch(options, options.sentinel, (primary) => followPrimary(client, primary));
  }

  async append(entries: readonly JournalEntry[]): Promise<void> {
    await this.write('journal', entries);
  }

  async appendAudit(entry: AuditEntry): Promise<void> {
    await ready(this.client, this.options);
    await this.write('audit', [entry]);
  }

  async end(stream: StreamName): Promise<string | null> {
    await ready(this.client, this.options);
    const [last] = await this.client.xrevrange(this.key(stream), '+', '-', 'COUNT', 1);
    return last?.[0] ?? null;
  }

  async read<S extends StreamName>(
    stream: S,
    after: string | null,
    limit: number,
  ): Promise<StreamPart<StreamEntries[S]>> {
    await ready(this.client, this.options);
    const form: StreamForm<StreamEntries[S]> = STREAM_FORMS[stream];
    const from = after === null ? '-' : `(${after}`;
    const rows = await this.client.xrange(this.key(stream), from, '+', 'COUNT', limit);
    return {
      entries: rows.flatMap((row): PositionedEntry<StreamEntries[S]>[] => {
        const entry = entryOf(form, row);
        return entry === null ? [] : [{ position: row[0], entry }];
      }),
      end: rows.at(-1)?.[0] ?? after,
    };
  }

  /** In the order in which entries were written: those of several gateways may be out of time by seconds. */
  query<S extends StreamName>(
    stream: S,
    filter: JournalFilter,
    cursor: string | null,
    limit: number,
  ): Promise<QueryPage<StreamEntries[S]>> {
    return this.queryBehind(stream, filter, cursor, limit, null);
  }

  /** Likewise, but nothing at or before the position `end`; null = there is no such bound. */
  async queryBehind<S extends StreamName>(
    stream: S,
    filter: JournalFilter,
    cursor: string | null,
    limit: number,
    end: string | null,
  ): Promise<QueryPage<StreamEntries[S]>> {
    await ready(this.client, this.options);
    const form: StreamForm<StreamEntries[S]> = STREAM_FORMS[stream];
    const entries: StreamEntries[S][] = [];
    let unreadable = 0;
    let next = isPosition(cursor) ? cursor : null;
    const since = writtenSince(filter);
    const first = end !== null && partsOf(end)[0] >= since ? `(${end}` : since === 0 ? '-' : String(since);
    for (let examined = 0; examined < MAX_EXAMINED;) {
      const from = next === null ? '+' : `(${next}`;
      const rows = await this.client.xrevrange(this.key(stream), from, first, 'COUNT', CHUNK);
      for (const row of rows) {
        [next] = row;
        examined++;
        const entry = entryOf(form, row);
        if (entry === null) unreadable++;
        else if (isWanted(form.marks(entry), filter, this.names)) entries.push(entry);
        if (entries.length >= limit) return { entries, next, unreadable };
      }
      if (rows.length < CHUNK) return { entries, next: null, unreadable };
    }
    return { entries, next, unreadable };
  }

  /** The position of the first entry; null = there is none. */
  async first(stream: StreamName): Promise<string | null> {
    await ready(this.client, this.options);
    const [first] = await this.client.xrange(this.key(stream), '-', '+', 'COUNT', 1);
    return first?.[0] ?? null;
  }

  /** The entries at some positions, in their order. `null` = it is gone; `undefined` = it is not understood. */
  async entriesAt<S extends StreamName>(
    stream: S,
    positions: readonly string[],
  ): Promise<(StreamEntries[S] | null | undefined)[]> {
    if (positions.length === 0) return [];
    await ready(this.client, this.options);
    const form: StreamForm<StreamEntries[S]> = STREAM_FORMS[stream];
    const pipeline = this.client.pipeline();
    for (const position of positions) pipeline.xrange(this.key(stream), position, position);
    return ((await pipeline.exec()) ?? []).map(([error, rows]) => {
      if (error) throw error;
      const [row] = rows as [string, string[]][];
      return row === undefined ? null : (entryOf(form, row) ?? undefined);
    });
  }

  async close(): Promise<void> {
    this.watch?.close();
    this.client.disconnect();
  }

  private async write<S extends StreamName>(
    stream: S,
    entries: readonly StreamEntries[S][],
    isRetry = false,
  ): Promise<void> {
    const form: StreamForm<StreamEntries[S]> = STREAM_FORMS[stream];
    const { maxAgeMs, maxEntries } = this.retention[stream];
    const key = this.key(stream);
    const pipeline = this.client.pipeline();
    for (const entry of entries)
      pipeline.xadd(key, 'MAXLEN', ABOUT, maxEntries, '*', FIELD, form.write(form.bounded(entry)));
    const answers = (await pipeline.exec()) ?? [];
    const error = answers.find(([failure]) => failure !== null)?.[0];
    if (!error) {
      await this.trim(key, String(answers.at(-1)?.[1]), maxAgeMs);
      return;
    }
    // Another program gave the key another type: it is deleted. None of these entries was written yet.
    if (!isRetry && error.message.startsWith('WRONGTYPE')) {
      await runScript(this.client, REMOVE_OTHER, [key], []);
      return this.write(stream, entries, true);
    }
    throw error;
  }

  /**
   * Removes old entries, by the time of Redis, which is in the id of the entry that was just written.
   * Threat: one gateway with a wrong clock removes the journal and the audit of the fleet.
   */
  private async trim(key: string, written: string, maxAgeMs: number): Promise<void> {
    const oldest = Math.max(0, Math.floor(partsOf(written)[0] - maxAgeMs));
    // The entry is written; the next one trims again.
    await this.client.xtrim(key, 'MINID', ABOUT, oldest).catch(() => undefined);
  }

  private key(stream: StreamName): string {
    return `${this.options.keyPrefix}${stream}`;
  }
}

function entryOf<Entry>({ read }: StreamForm<Entry>, [, fields]: [string, string[]]): Entry | null {
  const at = fields.indexOf(FIELD);
  try {
    return read(fields[at + 1] ?? '');
  } catch {
    return null;
  }
}

/** Since when entries were written that happened within a filter's time, milliseconds since the epoch; 0 = at any time. */
export function writtenSince({ since }: JournalFilter): number {
  return since === undefined ? 0 : Math.max(0, Math.floor(since - SKEW_MS));
}

/** A cursor that is not one of this store is the beginning. */
export function isPosition(cursor: string | null): cursor is string {
  return cursor !== null && /^\d{1,20}-\d{1,20}$/.test(cursor);
}
