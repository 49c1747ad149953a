// Owns requests to a JSON API: sign-in, throttling, errors, redirects and bounds. Credentials go to the host of the feed only.
import {
  ClientSecretBasic,
  ClientSecretPost,
  Configuration,
  allowInsecureRequests,
  customFetch,
} from 'openid-client';
import { errors, request } from 'undici';
import { ClientCredentials } from '../client-credentials.ts';
import { FeedError } from '../contract.ts';
import { HttpSource, failureText, reasonOf } from '../http-source.ts';
import { PASSING, pauseAfter, retryAfterOf } from '../waiting.ts';
import type { Clock } from '../waiting.ts';
import { ownUrl } from './paging.ts';
import type { Page } from './paging.ts';
import type { HttpSettings } from './settings.ts';

/** What makes a request conditional (RFC 9110 13.1). */
export interface Validators {
  readonly etag: string | null;
  readonly lastModified: string | null;
}

const MAX_REDIRECTS = 5;

/** Requests of one run. */
export class HttpRequests {
  private readonly settings: HttpSettings;
  private readonly signal: AbortSignal;
  private readonly clock: Clock;
  private readonly source: HttpSource;
  private readonly signIn: ClientCredentials | null;

  constructor(settings: HttpSettings, signal: AbortSignal, clock: Clock) {
    this.settings = settings;
    this.signal = signal;
    this.clock = clock;
    const { timeoutSeconds, ca, maxPageBytes } = settings;
    this.source = new HttpSource(
      { timeoutSeconds, ca, connections: 2, maxAnswerBytes: maxPageBytes },
      signal,
    );
    this.signIn = settings.auth?.type === 'oauth' ? this.credentials(settings.auth) : null;
  }

  /** Closes all connections. */
  close(): Promise<void> {
    return this.source.close();
  }

  /** One page; null = it is as the validators say (304). @throws FeedError */
  async page(start: URL, validators: Validators | null = null): Promise<Page | null> {
    const { tries, maxWaitSeconds } = this.settings;
    let url = start;
    let redirects = 0;
    let isTokenFresh = false;
    for (let attempt = 1; ; attempt++) {
      const answer = await this.attempt(url, validators);
      const { status } = answer;
      if (status === 200) return { url, body: answer.body, header: answer.header };
      if (status === 304 && validators !== null) return null;
      if (status !== null && REDIRECTS.has(status)) {
        url = this.redirected(url, answer, ++redirects);
        attempt--;
        continue;
      }
      if (status === 401 && this.signIn !== null && !isTokenFresh) {
        // A token may end, or be revoked, in the middle of a list.
        this.signIn.forget();
        isTokenFresh = true;
        continue;
      }
      const error = failure(url, answer);
      if (status !== null && !PASSING.has(status)) throw error;
      const pause = answer.retryAfterMs ?? pauseAfter(attempt, this.clock);
      if (attempt >= tries || pause > maxWaitSeconds * 1_000) throw error;
      await this.clock.wait(pause, this.signal);
    }
  }

  /** A POST is repeated as one: 301, 302 and 303 would make a GET of it (RFC 9110 15.4). */
  private redirected(url: URL, { status, header }: Answer, count: number): URL {
    const isSame = this.settings.body === undefined || status === 307 || status === 308;
    if (count > MAX_REDIRECTS || !isSame)
      throw new FeedError(
        'EASGATE_FEED_ANSWER',
        `${url.pathname} redirects too often, or elsewhere: correct \`url\``,
      );
    return ownUrl(header('location'), url);
  }

  private async attempt(url: URL, validators: Validators | null): Promise<Answer> {
    this.signal.throwIfAborted();
    try {
      const { body } = this.settings;
      const answer = await request(url, {
        dispatcher: this.source.agent,
        signal: this.source.deadline(),
        method: body === undefined ? 'GET' : 'POST',
        ...(body !== undefined && { body }),
        headers: { ...(await this.headers()), ...conditions(validators) },
      });
      const header = (name: string): string | null => {
        const value = answer.headers[name.toLowerCase()];
        // Links may stand in several fields (RFC 9110 5.3).
        if (Array.isArray(value)) return name === 'link' ? value.join(', ') : null;
        return value ?? null;
      };
      const status = answer.statusCode;
      const retryAfterMs = retryAfterOf(answer.headers['retry-after'], this.clock);
      if (status !== 200) {
        // The text of an error may quote the request: it is not read.
        answer.body.destroy();
        answer.body.on('error', () => undefined);
        return { status, body: null, header, retryAfterMs, reason: '' };
      }
      const text = await textOf(answer.body);
      const coding = header('content-encoding');
      if (coding !== null && coding !== 'identity')
        throw new FeedError(
          'EASGATE_FEED_ANSWER',
          `the answer is compressed (${coding.slice(0, 20)}), which was not asked for`,
        );
      return { status, body: JSON.parse(text), header, retryAfterMs: null, reason: '' };
    } catch (error) {
      this.signal.throwIfAborted();
      if (error instanceof FeedError && error.code !== 'EASGATE_FEED_SOURCE') throw error;
      if (error instanceof errors.ResponseExceededMaxSizeError)
        throw new FeedError(
          'EASGATE_FEED_ANSWER',
          `the answer is larger than maxPageBytes (${this.settings.maxPageBytes}): ask for smaller pages`,
        );
      return { status: null, body: null, header: () => null, retryAfterMs: null, reason: reasonOf(error) };
    }
  }

  private async headers(): Promise<Record<string, string>> {
    const { headers, body } = this.settings;
    const authorization = await this.authorization();
    return {
      accept: 'application/json',
      'user-agent': 'easgate',
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...(authorization !== null && { authorization }),
      ...headers,
      'accept-encoding': 'identity',
    };
  }

  private async authorization(): Promise<string | null> {
    const { auth } = this.settings;
    if (this.signIn !== null) return `Bearer ${await this.signIn.accessToken()}`;
    if (auth?.type === 'bearer') return `Bearer ${auth.token}`;
    if (auth?.type === 'basic')
      return `Basic ${Buffer.from(`${auth.user}:${auth.password}`).toString('base64')}`;
    return null;
  }

  private credentials(auth: Extract<HttpSettings['auth'], { type: 'oauth' }>): ClientCredentials {
    const { tokenUrl, clientId, clientSecret, scope, audience } = auth;
    const configure = (): Configuration => {
      const method =
        auth.clientAuth === 'basic' ? ClientSecretBasic(clientSecret) : ClientSecretPost(clientSecret);
      const server = { issuer: new URL(tokenUrl).origin, token_endpoint: tokenUrl };
      const configuration = new Configuration(server, clientId, undefined, method);
      configuration.timeout = this.settings.timeoutSeconds;
      // Only to this host: settings.ts.
      if (tokenUrl.startsWith('http:')) allowInsecureRequests(configuration);
      configuration[customFetch] = this.source.fetchToken;
      return configuration;
    };
    const parameters = { ...(scope !== undefined && { scope }), ...(audience !== undefined && { audience }) };
    return new ClientCredentials({ configure, parameters, hint: 'auth', now: this.clock.now });
  }
}

const REDIRECTS = new Set([301, 302, 303, 307, 308]);

interface Answer {
  /** null = no answer, or one that ended early. */
  readonly status: number | null;
  readonly body: unknown;
  readonly header: Page['header'];
  readonly retryAfterMs: number | null;
  readonly reason: string;
}

function conditions(validators: Validators | null): Record<string, string> {
  if (validators === null) return {};
  const { etag, lastModified } = validators;
  return {
    ...(etag !== null && { 'if-none-match': etag }),
    ...(lastModified !== null && { 'if-modified-since': lastModified }),
  };
}

/** The text of a body, which the agent bounds. @throws FeedError where it is no UTF-8 (RFC 8259 8.1) */
async function textOf(body: { bytes(): Promise<Uint8Array> }): Promise<string> {
  const bytes = await body.bytes();
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    throw new FeedError('EASGATE_FEED_ANSWER', 'the answer is no UTF-8');
  }
}

function failure(url: URL, answer: Answer): FeedError {
  const { status, retryAfterMs } = answer;
  const what = `${url.pathname}: ${failureText(answer)}`;
  if (status === 401 || status === 403)
    return new FeedError(
      'EASGATE_FEED_CREDENTIALS',
      `${what}: the server refuses ${status === 401 ? 'the credentials' : 'the account this list'}; check auth and headers`,
    );
  if (status !== null && !PASSING.has(status))
    return new FeedError('EASGATE_FEED_ANSWER', `${what}: the server has no such list; check url and paging`);
  return new FeedError('EASGATE_FEED_SOURCE', what, { retryAfter: retryAfterMs });
}
