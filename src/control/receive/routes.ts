// Owns the requests of senders: `GET /receive`, `POST /receive/NAME` for a webhook, `POST /receive/NAME/delta` and `/bulk` for pushed
// records. The handler needs no server of its own: any other HTTP server can give it requests.
import type { IncomingMessage, ServerResponse } from 'node:http';
import { codeOf } from '../../caught-error.ts';
import { FencedError } from '../../directory/lease.ts';
import { DeliveryError } from '../../app/received/delivery-error.ts';
import type { PushAnswer, PushRequest, Pushes } from '../../app/received/pushes.ts';
import type { Webhooks } from '../../app/received/webhooks.ts';
import type { DeliverySums } from '../delivery-summaries.ts';
import { RouteError, answer, refuse } from './answers.ts';
import { ClientGoneError, bodyFile, readBody } from './body.ts';
import type { Pace } from './body.ts';
import type { ReceivingFeed, Receivers } from './receivers.ts';
import type { Rate } from './rate.ts';

/** What the handler reports. None of it has text of a sender. */
export interface ReceiveEvents {
  /** `name` null = no feed was reached. */
  onRefused(name: string | null, code: string, text: string): void;
  /** The directory, or a temporary file, cannot be written, or there is a bug. */
  onFailure(name: string, error: unknown, code: string): void;
  /** `outcome`: `applied`, `repeated`, `triggered`; `dryRun` = nothing was written. */
  onDelivery(name: string, outcome: string, sums: Readonly<DeliverySums>): void;
}

/** Handles one request; never rejects. */
export type ReceiveHandler = (request: IncomingMessage, response: ServerResponse) => void;

/** The path below which everything lies. */
const RECEIVE = '/receive';

const KILO = 1_024;
const MEGA = 1_048_576;
/** A delta has at most so many bytes. */
const MAX_DELTA = 32 * MEGA;
const WEBHOOK_PACE: Pace = { totalMs: 15_000, leastBytes: 1, everyMs: 5_000 };
const PUSH_PACE: Pace = { totalMs: 1_800_000, leastBytes: 10 * KILO, everyMs: 10_000 };
/** Bodies that are read at the same time. */
const MOST_BODIES = 64;
/** Of these, bodies of one address whose sender is not authenticated yet: a signature is checked after the body. */
const MOST_OF_STRANGER = MOST_BODIES / 2;
const STORE_RETRY_SECONDS = 10;
const STANDBY_RETRY_SECONDS = 5;
const DISK_RETRY_SECONDS = 60;
const MAX_KEY = 200;

/** `current`: the receivers while this process leads, else null. `paces`: for tests. */
export function receiveHandler(
  current: () => Receivers | null,
  events: ReceiveEvents,
  paces: { readonly webhook: Pace; readonly push: Pace } = { webhook: WEBHOOK_PACE, push: PUSH_PACE },
): ReceiveHandler {
  let bodies = 0;
  /** Bodies of senders that are not authenticated yet, by address. */
  const strangers = new Map<string, number>();

  /** `stranger`: address of a sender that is not authenticated yet; null = it is. */
  async function withBody<T>(stranger: string | null, work: () => Promise<T>): Promise<T> {
    const same = stranger === null ? 0 : (strangers.get(stranger) ?? 0);
    if (bodies >= MOST_BODIES || same >= MOST_OF_STRANGER)
      throw new DeliveryError('EASGATE_DELIVERY_BUSY', 'too many deliveries at once', 5);
    bodies++;
    if (stranger !== null) strangers.set(stranger, same + 1);
    try {
      return await work();
    } finally {
      bodies--;
      if (stranger !== null) leave(stranger);
    }
  }

  function leave(stranger: string): void {
    const left = (strangers.get(stranger) ?? 1) - 1;
    if (left === 0) strangers.delete(stranger);
    else strangers.set(stranger, left);
  }

  async function webhook(exchange: Exchange, { webhooks, rate }: WebhookTarget): Promise<void> {
    const { request, response, receivers } = exchange;
    mediaType(request, /^application\/(?:[a-z0-9.+-]+\+)?json$/, 'application/json');
    if (isPacked(request, false)) return;
    const head = webhooks.checkHead((name) => headerOf(request, name));
    const stranger = head === null ? null : (request.socket.remoteAddress ?? '');
    const body = await withBody(stranger, () => {
      askForBody(request, response);
      return readBody(request, { maxBytes: webhooks.settings.maxKilobytes * KILO, pace: paces.webhook });
    });
    webhooks.checkBody(head, body);
    taken(rate);
    const done = await webhooks.accept(head, body, receivers.writing, receivers.trigger);
    answer(response, 202, done);
    const { status, accepted = 0, unchanged = 0, notJoined = 0, refused = [] } = done;
    const outcome = status === 'accepted' ? 'applied' : status;
    events.onDelivery(exchange.name, outcome, { accepted, unchanged, refused: refused.length, notJoined });
  }

  async function push(exchange: Exchange, { pushes, rate }: PushTarget): Promise<void> {
    const { request, response, verb, query } = exchange;
    pushes.checkToken(headerOf(request, 'authorization'));
    mediaType(request, /^application\/(?:x-)?ndjson$/, 'application/x-ndjson');
    const wanted = pushRequest(request, verb, query);
    const packed = isPacked(request, true);
    taken(rate);
    const maxBytes = wanted.counts === null ? MAX_DELTA : pushes.settings.maxMegabytes * MEGA;
    // The place of a bulk is free again before its sender gets the answer.
    const done = await carriedOut(exchange, pushes, wanted, { maxBytes, isPacked: packed });
    answer(response, 200, done);
    const { devices, users, refused, notJoined, dryRun, repeated } = done;
    const outcome = repeated === true ? 'repeated' : dryRun ? 'dryRun' : 'applied';
    const written = repeated === true ? [] : [devices, users];
    events.onDelivery(exchange.name, outcome, {
      accepted: sum(written, (one) => one.accepted + one.removed),
      unchanged: sum(written, (one) => one.unchanged + one.older),
      refused: refused.count,
      notJoined: notJoined.count,
    });
  }

  async function carriedOut(
    { request, response, receivers, verb }: Exchange,
    pushes: Pushes,
    wanted: PushRequest,
    { maxBytes, isPacked }: { readonly maxBytes: number; readonly isPacked: boolean },
  ): Promise<PushAnswer> {
    const endBulk = wanted.counts === null ? null : pushes.beginBulk();
    try {
      const body = await withBody(null, () => {
        askForBody(request, response);
        const prefix = `${verb}\n${JSON.stringify(wanted)}\n`;
        return bodyFile(request, { maxBytes, pace: paces.push }, { isPacked, prefix });
      });
      try {
        return await pushes.accept(wanted, body, receivers.writing);
      } finally {
        await body.close();
      }
    } finally {
      endBulk?.();
    }
  }

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { name, verb, query } = pathOf(request);
    let target: ReceivingFeed | null = null;
    try {
      const receivers = current();
      if (name === '') return ready(request, response, receivers);
      if (receivers === null)
        throw new DeliveryError(
          'EASGATE_DELIVERY_STANDBY',
          'this gateway does not take deliveries at the moment',
          STANDBY_RETRY_SECONDS,
        );
      target = name === null ? null : receivers.feed(name);
      const isRight = target?.kind === 'push' ? verb === 'delta' || verb === 'bulk' : verb === '';
      if (name === null || target === null || !isRight)
        throw new RouteError(404, 'no feed takes deliveries at this path');
      if (request.method !== 'POST') throw new RouteError(405, 'send it by POST', { Allow: 'POST' });
      const exchange: Exchange = { request, response, receivers, name, verb, query };
      await (target.kind === 'push' ? push(exchange, target) : webhook(exchange, target));
    } catch (error) {
      failed(request, response, { error, name, target });
    }
  }

  function failed(request: IncomingMessage, response: ServerResponse, { error, name, target }: Failed): void {
    if (error instanceof ClientGoneError || response.destroyed) return;
    const isToken =
      target?.kind === 'push' ||
      (target?.kind === 'webhook' && target.webhooks.settings.tokens !== undefined);
    const known = error instanceof DeliveryError ? error : failureOf(error);
    refuse(request, response, known, isToken);
    const feed = target === null ? null : name;
    if (error instanceof DeliveryError) events.onRefused(feed, known.code, known.message);
    else events.onFailure(name ?? '', error, known.code);
  }

  return (request, response) => void handle(request, response);
}

function sum<One>(all: readonly One[], of: (one: One) => number): number {
  return all.reduce((total, one) => total + of(one), 0);
}

type WebhookTarget = { readonly webhooks: Webhooks; readonly rate: Rate };
type PushTarget = { readonly pushes: Pushes; readonly rate: Rate };

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly receivers: Receivers;
  readonly name: string;
  readonly verb: string;
  readonly query: URLSearchParams;
}

interface Failed {
  readonly error: unknown;
  readonly name: string | null;
  readonly target: ReceivingFeed | null;
}

interface Path {
  /** '' = no feed, as a load balancer asks; null = another path. */
  readonly name: string | null;
  readonly verb: string;
  readonly query: URLSearchParams;
}

/** Only the plain form of a path matches: percent-encoding is not decoded. A second `?` is part of the query (RFC 3986 3.4). */
function pathOf({ url = '' }: IncomingMessage): Path {
  const question = url.indexOf('?');
  const [path, query] = question === -1 ? [url, ''] : [url.slice(0, question), url.slice(question + 1)];
  const [, name = '', verb = ''] =
    /^\/receive(?:\/([A-Za-z0-9][A-Za-z0-9_.-]{0,63})(?:\/([a-z]{1,10}))?)?$/.exec(path) ?? [];
  return { name: name !== '' || path === RECEIVE ? name : null, verb, query: new URLSearchParams(query) };
}

/** For load balancers, which should send deliveries to the leader. */
function ready(request: IncomingMessage, response: ServerResponse, receivers: Receivers | null): void {
  if (request.method !== 'GET' && request.method !== 'HEAD')
    throw new RouteError(405, 'ask by GET', { Allow: 'GET, HEAD' });
  answer(response, receivers === null ? 503 : 200, { takesDeliveries: receivers !== null });
}

/** The value of a header that occurs once. Of repeated ones another program may read another value. */
function headerOf(request: IncomingMessage, name: string): string | undefined {
  const values = request.headersDistinct[name];
  return values?.length === 1 ? values[0] : undefined;
}

function mediaType(request: IncomingMessage, known: RegExp, name: string): void {
  const [type = ''] = (headerOf(request, 'content-type') ?? '').split(';', 1);
  if (!known.test(type.trim().toLowerCase()))
    throw new RouteError(415, `the body must be ${name}`, { Accept: name });
}

/** RFC 9110 8.4: whether the body is packed by gzip; no other coding is known. */
function isPacked(request: IncomingMessage, mayBe: boolean): boolean {
  const coding = (request.headers['content-encoding'] ?? 'identity').trim().toLowerCase();
  if (coding === 'identity') return false;
  if (mayBe && (coding === 'gzip' || coding === 'x-gzip')) return true;
  throw new RouteError(415, mayBe ? 'the body may be packed by gzip only' : 'the body must not be packed', {
    'Accept-Encoding': mayBe ? 'gzip' : 'identity',
  });
}

/** RFC 9110 10.1.1: a sender that waits for it is refused before it sends the body. */
function askForBody(request: IncomingMessage, response: ServerResponse): void {
  if (request.headers.expect?.toLowerCase() === '100-continue') response.writeContinue();
}

function taken(rate: Rate): void {
  const wait = rate.take();
  if (wait !== null)
    throw new DeliveryError('EASGATE_DELIVERY_RATE', 'too many deliveries in a minute', wait);
}

function pushRequest(request: IncomingMessage, verb: string, query: URLSearchParams): PushRequest {
  for (const name of query.keys())
    if (!['devices', 'users', 'dryRun'].includes(name) || query.getAll(name).length > 1)
      throw new RouteError(400, `the query knows devices, users and dryRun, each once`);
  const counts = { device: countIn(query, 'devices'), user: countIn(query, 'users') };
  const hasCount = counts.device !== undefined || counts.user !== undefined;
  if (verb === 'bulk' && !hasCount)
    throw new RouteError(400, 'a bulk says how many records it has: ?devices=N, ?users=N, or both');
  if (verb === 'delta' && hasCount) throw new RouteError(400, 'a delta has no count');
  const key = headerOf(request, 'idempotency-key') ?? null;
  if (key !== null && !isKey(key))
    throw new RouteError(400, `an idempotency key is 1 to ${MAX_KEY} visible characters`);
  const dryRun = query.get('dryRun') ?? 'false';
  if (dryRun !== 'true' && dryRun !== 'false') throw new RouteError(400, 'dryRun is true or false');
  const given = Object.fromEntries(Object.entries(counts).filter(([, count]) => count !== undefined));
  return { counts: verb === 'bulk' ? given : null, dryRun: dryRun === 'true', idempotencyKey: key };
}

function isKey(text: string): boolean {
  return text.length <= MAX_KEY && /^[!-~]+$/.test(text);
}

function countIn(query: URLSearchParams, name: string): number | undefined {
  const text = query.get(name);
  if (text === null) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw new RouteError(400, `${name} is a whole number`);
  return Number(text);
}

const BUGS = [TypeError, RangeError, ReferenceError, SyntaxError];

/** Errors of the language are bugs. Of a store that is away, errors are of many kinds, also without a code. */
function failureOf(error: unknown): DeliveryError {
  if (error instanceof FencedError)
    return new DeliveryError(
      'EASGATE_DELIVERY_STANDBY',
      'another gateway takes deliveries by now',
      STANDBY_RETRY_SECONDS,
    );
  if (codeOf(error, '') === 'EASGATE_TEMPORARY_FILES')
    return new DeliveryError(
      'EASGATE_DELIVERY_DISK',
      'there is no room for the delivery at the moment: send it again later',
      DISK_RETRY_SECONDS,
    );
  if (BUGS.some((kind) => error instanceof kind))
    return new DeliveryError('EASGATE_DELIVERY_FAILED', 'the delivery could not be carried out');
  return new DeliveryError(
    'EASGATE_DELIVERY_STORE',
    'the directory cannot be written at the moment: send it again later',
    STORE_RETRY_SECONDS,
  );
}
