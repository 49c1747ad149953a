// Owns server-sent events (WHATWG HTML 9.2): how many streams there are, heartbeats, slow readers, the end of the session.
import type { ServerResponse } from 'node:http';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Principal } from './auth/principal.ts';
import { ApiError } from './problems.ts';

/** One event. */
export interface StreamEvent {
  /** The client sends it back as Last-Event-ID when it goes on; absent = it cannot. */
  readonly id?: string;
  /** Becomes JSON. */
  readonly data: object;
}

/** Events until the signal. */
export type Follow = (signal: AbortSignal) => AsyncIterable<StreamEvent>;

const MOST = 200;
const MOST_OF_ONE = 10;
/** Proxies end a connection without traffic after a minute or less. */
const HEARTBEAT_MS = 15_000;
/** Between two looks whether the session or token is still in force: what is revoked ends within a second. */
const CHECK_MS = 1_000;
/** A reader that takes nothing for so long is cut off. */
const SLOW_MS = 30_000;
/** How long a client waits before it connects again. */
const RETRY_MS = 3_000;

/** Timing of streams and files, for tests; milliseconds. */
export interface StreamTimes {
  readonly heartbeatMs: number;
  readonly checkMs: number;
  readonly slowMs: number;
}

/** The usual times. */
export const STREAM_TIMES: StreamTimes = { heartbeatMs: HEARTBEAT_MS, checkMs: CHECK_MS, slowMs: SLOW_MS };

/** The open streams of one server. */
export class EventStreams {
  private readonly stillAdmits: (request: FastifyRequest) => boolean;
  readonly times: StreamTimes;
  private readonly open = new Map<string, number>();
  private count = 0;

  /** `stillAdmits`: whether the session or token of a request is still in force. */
  constructor(stillAdmits: (request: FastifyRequest) => boolean, times: StreamTimes = STREAM_TIMES) {
    this.stillAdmits = stillAdmits;
    this.times = times;
  }

  /** Serves a stream until the client, the session or the events end. @throws ApiError when there are too many */
  async serve(
    request: FastifyRequest,
    reply: FastifyReply,
    { id, name }: Principal,
    follow: Follow,
  ): Promise<FastifyReply> {
    const own = this.open.get(id) ?? 0;
    if (own >= MOST_OF_ONE || this.count >= MOST)
      throw new ApiError(
        'EASGATE_API_STREAMS',
        own >= MOST_OF_ONE
          ? `${name} has ${MOST_OF_ONE} open streams: close one`
          : 'too many streams are open: try again later',
        10,
      );
    this.open.set(id, own + 1);
    this.count++;
    try {
      await this.run(request, reply, follow);
    } finally {
      this.count--;
      const left = (this.open.get(id) ?? 1) - 1;
      if (left === 0) this.open.delete(id);
      else this.open.set(id, left);
    }
    return reply;
  }

  private async run(request: FastifyRequest, reply: FastifyReply, follow: Follow): Promise<void> {
    const ending = new AbortController();
    const { signal } = ending;
    const end = (): void => ending.abort();
    reply.hijack();
    const { raw } = reply;
    raw.on('close', end);
    raw.on('error', end);
    raw.writeHead(200, {
      ...(reply.getHeaders() as Record<string, string>),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      // nginx collects answers otherwise.
      'x-accel-buffering': 'no',
    });
    const timers = [
      setInterval(() => {
        if (!raw.writableNeedDrain) raw.write(': \n\n');
      }, this.times.heartbeatMs),
      setInterval(() => {
        if (!this.stillAdmits(request)) end();
      }, this.times.checkMs),
    ];
    for (const timer of timers) timer.unref();
    try {
      raw.write(`retry: ${RETRY_MS}\n\n`);
      for await (const event of follow(signal)) {
        if (signal.aborted) break;
        if (!raw.write(eventText(event)) && !(await drained(raw, signal, this.times.slowMs))) break;
      }
    } catch {
      // The source of the events failed: the client connects again.
    } finally {
      for (const timer of timers) clearInterval(timer);
      ending.abort();
      if (raw.writableNeedDrain) raw.destroy();
      else raw.end();
    }
  }
}

/** JSON has no line ends: one line of data is enough. */
function eventText({ id, data }: StreamEvent): string {
  return `${id === undefined ? '' : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
}

/** False = the reader took nothing for too long, or has gone. */
function drained(raw: ServerResponse, signal: AbortSignal, slowMs: number): Promise<boolean> {
  return new Promise((resolve) => {
    const done = (isDrained: boolean): void => {
      clearTimeout(timer);
      raw.off('drain', drain);
      signal.removeEventListener('abort', stop);
      resolve(isDrained);
    };
    const drain = (): void => done(true);
    const stop = (): void => done(false);
    const timer = setTimeout(stop, slowMs);
    raw.on('drain', drain);
    signal.addEventListener('abort', stop);
    if (signal.aborted) stop();
  });
}
