// Owns requests to Graph: token, throttling, errors, and lists page by page. The token goes to Graph's own address only.
// undici's retry handler is not used: it has no jitter, no new token after 401, and does not retry a body that ends early.
import { request } from 'undici';
import { z } from 'zod';
import { FeedError } from '../contract.ts';
import { HttpSource, failureText, reasonOf } from '../http-source.ts';
import { NameSet } from '../../name-index.ts';
import { plain } from '../../plain-text.ts';
import { PASSING, pauseAfter, retryAfterOf } from '../waiting.ts';
import type { Clock } from '../waiting.ts';
import { GraphSignIn } from './sign-in.ts';
import { CLOUDS } from './settings.ts';
import type { GraphSettings } from './settings.ts';

const pageSchema = z.object({
  value: z.array(z.record(z.string(), z.unknown())),
  '@odata.nextLink': z.string().max(16_384).optional(),
  '@odata.deltaLink': z.string().max(16_384).optional(),
  '@odata.count': z.number().int().nonnegative().optional(),
});

/** One page of a list. */
export interface Page {
  readonly records: readonly Readonly<Record<string, unknown>>[];
  /** Where changes after this list are; only on the last page of a delta. */
  readonly deltaLink: string | null;
  /** How many records the whole list has, if asked. */
  readonly count: number | null;
}

const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

/** A connection to Graph for one run. */
export class GraphRequests {
  private readonly settings: GraphSettings;
  private readonly origin: string;
  private readonly signal: AbortSignal;
  private readonly clock: Clock;
  private readonly source: HttpSource;
  private readonly signIn: GraphSignIn;

  constructor(settings: GraphSettings, signal: AbortSignal, clock: Clock) {
    this.settings = settings;
    this.origin = settings.graphUrl ?? CLOUDS[settings.cloud].graph;
    this.signal = signal;
    this.clock = clock;
    const { timeoutSeconds, ca } = settings;
    this.source = new HttpSource(
      { timeoutSeconds, ca, connections: 8, maxAnswerBytes: MAX_ANSWER_BYTES },
      signal,
    );
    this.signIn = new GraphSignIn(settings, this.source.fetchToken, clock.now);
  }

  /** Closes all connections. */
  close(): Promise<void> {
    return this.source.close();
  }

  /** One object. `path`: below the address of Graph, e.g. /v1.0/groups/1. @throws FeedError */
  read(path: string): Promise<unknown> {
    return this.send(new URL(path, this.origin));
  }

  /** One object, or null where there is none any more. @throws FeedError */
  readIfThere(path: string): Promise<unknown> {
    return this.send(new URL(path, this.origin), {}, true);
  }

  /** A list, page by page, from a path or a link of an earlier answer. @throws FeedError */
  async *pages(start: string, headers: Readonly<Record<string, string>> = {}): AsyncGenerator<Page> {
    const seen = new NameSet();
    let count = 0;
    let next: string | undefined = start;
    while (next !== undefined) {
      const url = this.ownUrl(next);
      // A circle of links would never end.
      if (seen.has(url.href))
        throw new FeedError('EASGATE_FEED_ANSWER', 'Graph answers with a page that it answered before');
      seen.add(url.href);
      const answer = pageSchema.safeParse(await this.send(url, headers));
      if (!answer.success)
        throw new FeedError(
          'EASGATE_FEED_ANSWER',
          `Graph answers ${url.pathname} with something that is no list`,
        );
      const page = answer.data;
      count += page.value.length;
      if (count > this.settings.maxRecords)
        throw new FeedError('EASGATE_FEED_ANSWER', `${url.pathname} has more records than maxRecords`);
      next = page['@odata.nextLink'];
      yield {
        records: page.value,
        deltaLink: page['@odata.deltaLink'] ?? null,
        count: page['@odata.count'] ?? null,
      };
    }
  }

  /** A link of an answer is followed as it is, but only to Graph itself: it carries the token. */
  private ownUrl(link: string): URL {
    const url = URL.canParse(link, this.origin) ? new URL(link, this.origin) : null;
    if (url?.origin !== this.origin || url.username !== '' || url.password !== '')
      throw new FeedError('EASGATE_FEED_ANSWER', 'Graph answers with a link to another address');
    return url;
  }

  private async send(
    url: URL,
    headers: Readonly<Record<string, string>> = {},
    mayBeMissing = false,
  ): Promise<unknown> {
    const { tries, maxWaitSeconds } = this.settings;
    let isTokenFresh = false;
    for (let attempt = 1; ; attempt++) {
      const answer = await this.attempt(url, headers);
      if (answer.status === 200) return answer.body;
      if (answer.status === 404 && mayBeMissing) return null;
      if (answer.status === 401 && !isTokenFresh) {
        // A token may end, or be revoked, in the middle of a list.
        this.signIn.forget();
        isTokenFresh = true;
        continue;
      }
      const error = failure(url, answer);
      if (answer.status !== null && !PASSING.has(answer.status)) throw error;
      const pause = answer.retryAfterMs ?? pauseAfter(attempt, this.clock);
      if (attempt >= tries || pause > maxWaitSeconds * 1_000) throw error;
      await this.clock.wait(pause, this.signal);
    }
  }

  private async attempt(url: URL, headers: Readonly<Record<string, string>>): Promise<Answer> {
    this.signal.throwIfAborted();
    try {
      const token = await this.signIn.accessToken();
      const answer = await request(url, {
        dispatcher: this.source.agent,
        signal: this.source.deadline(),
        headers: { ...headers, authorization: `Bearer ${token}`, accept: 'application/json' },
      });
      const text = await answer.body.text();
      const status = answer.statusCode;
      if (status === 200) return { status, body: JSON.parse(text), retryAfterMs: null, reason: '' };
      const retryAfterMs = retryAfterOf(answer.headers['retry-after'], this.clock);
      return { status, body: null, retryAfterMs, reason: graphCode(text) };
    } catch (error) {
      this.signal.throwIfAborted();
      if (error instanceof FeedError && error.code === 'EASGATE_FEED_CREDENTIALS') throw error;
      return { status: null, body: null, retryAfterMs: null, reason: reasonOf(error) };
    }
  }
}

interface Answer {
  /** null = no answer, or one that ended early. */
  readonly status: number | null;
  readonly body: unknown;
  readonly retryAfterMs: number | null;
  readonly reason: string;
}

/** The code of Graph's error: its message may quote the request. */
function graphCode(text: string): string {
  try {
    const parsed = z.object({ error: z.object({ code: z.string() }) }).safeParse(JSON.parse(text));
    return parsed.success ? plain(parsed.data.error.code, 100) : '';
  } catch {
    return '';
  }
}

function failure(url: URL, answer: Answer): FeedError {
  const { status, retryAfterMs } = answer;
  const what = `GET ${url.pathname}: ${failureText(answer)}`;
  if (status === 401) return new FeedError('EASGATE_FEED_CREDENTIALS', `${what}: Graph refuses the token`);
  if (status === 403)
    return new FeedError(
      'EASGATE_FEED_CREDENTIALS',
      `${what}: the app registration lacks a permission for this, or an administrator has not consented`,
    );
  // A delta link that is too old (410, resyncRequired).
  if (status === 410) return new FeedError('EASGATE_FEED_CURSOR', `${what}: the list must be read again`);
  return new FeedError('EASGATE_FEED_SOURCE', what, { retryAfter: retryAfterMs });
}
