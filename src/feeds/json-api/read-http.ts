// Owns the feed of kind `http`: one run over the pages of a JSON API. A list is whole only when its last page was read.
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { FeedError } from '../contract.ts';
import type { FeedAdapter, FeedPart, RecordKind } from '../contract.ts';
import { mappingFor, mappingsOf } from '../formats.ts';
import { RecordReader } from '../mapping.ts';
import type { Mapping, ReadOptions } from '../mapping.ts';
import type { FeedLine } from '../record.ts';
import { NameSet } from '../../name-index.ts';
import { ObjectRow } from '../row.ts';
import { SYSTEM_CLOCK } from '../waiting.ts';
import type { Clock } from '../waiting.ts';
import { countOf, firstUrl, nextUrl, recordsOf } from './paging.ts';
import type { Page } from './paging.ts';
import { HttpRequests } from './requests.ts';
import type { Validators } from './requests.ts';
import type { HttpSettings } from './settings.ts';

/** How the records of the list are read. */
export interface HttpReading {
  readonly source: string;
  readonly settings: HttpSettings;
  /** null = by the format of the settings. */
  readonly mapping: Mapping | null;
}

/** A list that had one page: whether it changed can be asked (RFC 9110 8.8). */
const cursorSchema = z.object({
  settings: z.string(),
  etag: z.string().nullable(),
  lastModified: z.string().nullable(),
});

/** A feed that polls a JSON API. */
export function httpFeed(reading: HttpReading, clock: Clock = SYSTEM_CLOCK): FeedAdapter {
  const { settings } = reading;
  return {
    kind: 'http',
    complete: settings.whole ? ['device', 'user', 'group'] : [],
    async *run(cursor, signal) {
      const requests = new HttpRequests(settings, signal, clock);
      try {
        if (cursor === null) yield* new HttpRun(reading, requests).parts();
        else yield await unchanged(reading, requests, cursor);
      } finally {
        await requests.close();
      }
    },
  };
}

/** @throws FeedError EASGATE_FEED_CURSOR where the list changed: it is read as a whole then */
async function unchanged(reading: HttpReading, requests: HttpRequests, cursor: string): Promise<FeedPart> {
  const before = cursorSchema.safeParse(parsed(cursor));
  if (before.success && before.data.settings === versionOf(reading)) {
    const page = await requests.page(firstUrl(reading.settings), before.data);
    if (page === null) return { lines: [], cursor };
  }
  throw new FeedError('EASGATE_FEED_CURSOR', 'the list changed');
}

class HttpRun {
  private readonly reading: HttpReading;
  private readonly requests: HttpRequests;
  private readonly mappings: readonly Mapping[];
  private readonly options: ReadOptions;
  private records = 0;
  private refused = 0;
  private readonly lines = { device: 0, user: 0 };

  constructor(reading: HttpReading, requests: HttpRequests) {
    const { source, settings, mapping } = reading;
    this.reading = reading;
    this.requests = requests;
    this.mappings =
      mapping === null ? (settings.format === undefined ? [] : mappingsOf(settings.format)) : [mapping];
    this.options = { source, zone: 'UTC', order: () => null };
  }

  async *parts(): AsyncGenerator<FeedPart> {
    const { settings } = this.reading;
    const seen = new NameSet();
    const counts = new Set<number>();
    let before = '';
    let validators: Validators | null = null;
    let pages = 0;
    for (let url: URL | null = firstUrl(settings); url !== null;) {
      if (++pages > settings.maxPages) throw tooMany('pages than maxPages');
      const page = await this.page(url, seen);
      const records = recordsOf(page, settings.list);
      const text = digest(records);
      // A server that does not know the parameter answers with the first page again and again.
      if (records.length > 0 && text === before)
        throw new FeedError('EASGATE_FEED_ANSWER', 'two pages are the same: check paging');
      before = text;
      const count = countOf(page, settings);
      if (count !== null) counts.add(count);
      validators = pages === 1 ? validatorsOf(page) : null;
      const begin = this.records;
      this.records += records.length;
      if (this.records > settings.maxRecords) throw tooMany('records than maxRecords');
      yield { lines: records.flatMap((record, index) => this.linesOf(record, begin + index + 1, page)) };
      url = nextUrl(page, settings, { pages, records: this.records, last: records.length, count });
    }
    yield { lines: [], ...this.count(counts), ...this.cursor(validators) };
  }

  private async page(url: URL, seen: NameSet): Promise<Page> {
    // A circle of links would never end.
    if (seen.has(url.href))
      throw new FeedError(
        'EASGATE_FEED_ANSWER',
        'the list leads to a page that was read before: check paging',
      );
    seen.add(url.href);
    const page = await this.requests.page(url);
    if (page === null)
      throw new FeedError('EASGATE_FEED_ANSWER', 'the server answers 304 to a request without a condition');
    return page;
  }

  private linesOf(record: unknown, line: number, { body }: Page): FeedLine[] {
    if (typeof record !== 'object' || record === null || Array.isArray(record)) {
      this.refused++;
      return [{ type: 'refused', line, reason: 'not an object' }];
    }
    const row = new ObjectRow(line, record, around(body));
    const mapping = this.reading.mapping ?? mappingFor(row, this.mappings);
    const lines: FeedLine[] =
      mapping === null
        ? [
            {
              type: 'refused',
              line,
              reason: `the record has no fields of ${this.reading.settings.format ?? ''}`,
            },
          ]
        : mapping.map(new RecordReader(row, this.options));
    for (const { type } of lines) {
      if (type === 'refused') this.refused++;
      else if (type === 'device' || type === 'user') this.lines[type]++;
    }
    return lines;
  }

  /**
   * The count of the source, less the records that were left out by `where`. A count that changed while the list was read is none of
   * those that fit: nothing is removed then.
   */
  private count(counts: ReadonlySet<number>): Pick<FeedPart, 'count'> {
    const stated = [...counts].find((count) => count !== this.records) ?? [...counts][0];
    if (stated === undefined) return {};
    const kind: RecordKind = this.lines.user > this.lines.device ? 'user' : 'device';
    const leftOut = this.records - this.lines[kind] - this.refused;
    return { count: { [kind]: Math.max(0, stated - leftOut) } };
  }

  private cursor(validators: Validators | null): Pick<FeedPart, 'cursor'> {
    if (validators === null) return {};
    return { cursor: JSON.stringify({ settings: versionOf(this.reading), ...validators }) };
  }
}

const MAX_VALIDATOR = 1_000;

/** null = the server gives none. A weak one says enough (RFC 9110 8.8.1): the content is the same in meaning. */
function validatorsOf({ header }: Page): Validators | null {
  const short = (name: string): string | null => {
    const value = header(name);
    return value === null || value.length > MAX_VALIDATOR ? null : value;
  };
  const [etag, lastModified] = [short('etag'), short('last-modified')];
  return etag === null && lastModified === null ? null : { etag, lastModified };
}

/** Plain values beside the list. */
function around(body: unknown): Record<string, unknown> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) return {};
  return Object.fromEntries(
    Object.entries(body)
      .filter(([, value]) => typeof value !== 'object')
      .slice(0, 100),
  );
}

/** Other settings read other records. Secrets are no part of it: a digest of a password can be guessed. */
function versionOf({ settings, mapping }: HttpReading): string {
  const { auth: _auth, headers: _headers, ...others } = settings;
  return digest([others, mapping?.version ?? null]);
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('base64url');
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function tooMany(what: string): FeedError {
  return new FeedError('EASGATE_FEED_ANSWER', `the list has more ${what}`);
}
