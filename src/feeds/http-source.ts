// Owns what adapters share that ask a server by HTTP: connections, time limits, requests for tokens, and failures in words.
import { readFileSync } from 'node:fs';
import type { CustomFetch } from 'openid-client';
import { Agent, fetch } from 'undici';
import { FeedError } from './contract.ts';

/** Of one run. */
interface SourceOptions {
  readonly timeoutSeconds: number;
  /** File of authorities for TLS; absent = those of the system. */
  readonly ca?: string | undefined;
  readonly connections: number;
  /** Longest answer, in bytes. */
  readonly maxAnswerBytes: number;
}

/** The connections of one run to a server. */
export class HttpSource {
  readonly agent: Agent;
  private readonly timeoutMs: number;
  private readonly signal: AbortSignal;

  /** @throws FeedError for authorities that cannot be read */
  constructor({ timeoutSeconds, ca, connections, maxAnswerBytes }: SourceOptions, signal: AbortSignal) {
    this.timeoutMs = timeoutSeconds * 1_000;
    this.signal = signal;
    const { timeoutMs: timeout } = this;
    this.agent = new Agent({
      connect: { timeout, ...(ca !== undefined && { ca: authorities(ca) }) },
      connections,
      headersTimeout: timeout,
      bodyTimeout: timeout,
      maxResponseSize: maxAnswerBytes,
    });
  }

  /** The end of one request: its time limit, or that of the run. */
  deadline(): AbortSignal {
    return AbortSignal.any([this.signal, AbortSignal.timeout(this.timeoutMs)]);
  }

  /** Requests a token over these connections; it is a form. */
  readonly fetchToken: CustomFetch = async (url, { headers, body, redirect }) => {
    const answer = await fetch(url, {
      method: 'POST',
      headers,
      body: body instanceof URLSearchParams ? body.toString() : '',
      redirect,
      dispatcher: this.agent,
      signal: this.deadline(),
    });
    return new Response(await answer.text(), {
      status: answer.status,
      headers: Object.fromEntries(answer.headers),
    });
  };

  /** Closes all connections. */
  async close(): Promise<void> {
    await this.agent.destroy();
  }
}

function authorities(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch {
    throw new FeedError('EASGATE_FEED_CREDENTIALS', `the file ${file} (ca) cannot be read`);
  }
}

/** Why there is no answer. Never the text of the error: it may quote the answer. */
export function reasonOf(error: unknown): string {
  if (error instanceof FeedError) return error.message;
  if (error instanceof SyntaxError) return 'the answer is no JSON, or ended early';
  if (!(error instanceof Error)) return 'no answer';
  const code: unknown = Reflect.get(error, 'code');
  return typeof code === 'string' ? code : error.name;
}

/** The status of an answer, where there is one, and the reason. */
export function failureText({
  status,
  reason,
}: {
  readonly status: number | null;
  readonly reason: string;
}): string {
  return [...(status === null ? [] : [String(status)]), ...(reason === '' ? [] : [reason])].join(' ');
}
