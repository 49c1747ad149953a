// Owns the cache of the mail servers' challenges, as an unauthenticated client receives them. A storm of wrong
// passwords is answered from it, without load on the mail servers.
import { LRUCache } from 'lru-cache';
import { withoutConnectionOffers } from '../../http/challenges.ts';
import { DROPPED_RESPONSE_HEADERS } from '../../http/response-head.ts';
import type { HttpErrorCode } from '../../errors/request-errors.ts';
import type { LocalAnswer } from '../../http/reply.ts';
import { clientBlock } from '../../identity/client-address.ts';
import { showsAcceptance } from './credential-proof.ts';
import { forwardedFields } from '../upstream/client-origin.ts';
import type { ClientOrigin, ForwardingRules, Scheme } from '../upstream/client-origin.ts';
import type { OpenOptions } from './open-options.ts';
import type { UpstreamSettings } from '../settings.ts';
import type { Balancer } from '../upstream/balancer.ts';
import { Subrequests, questionError } from '../upstream/subrequests.ts';
import type { SubrequestAnswer } from '../upstream/subrequests.ts';
import { undiciHost } from '../upstream/undici-origin.ts';
import type { UpstreamServer } from '../upstream/upstream-server.ts';

/** A challenge, or why there is none. */
export type Challenge = LocalAnswer | HttpErrorCode;

interface Known {
  /** Null = only answers for single addresses are known. */
  readonly answer: LocalAnswer | null;
  /** Clock milliseconds. */
  readonly until: number;
}

/** By the names used in the question; '' = the server's own name. */
interface OfServer {
  readonly known: Map<string, Known>;
  /** Answers for single addresses, by names and address ({@link isForAll}). */
  readonly ofAddress: LRUCache<string, Known>;
  readonly flights: Map<string, Promise<Challenge>>;
}

const REMEMBER_MS = 60_000;
/**
 * Most names (Host and X-Forwarded-Host) per server and scheme: IIS includes the name in its realm. A phone chooses the
 * name, so the number is bounded; further names are replaced by the server's own.
 */
const MAX_NAMES = 8;
/** Most addresses whose refusals are cached per server and scheme. */
const MAX_ADDRESSES = 1_000;
/** Most connections per server: one question per name and scheme. */
const CONNECTIONS = 2 * (MAX_NAMES + 1);
const MAX_BODY_BYTES = 16 * 1024;
const OF_BODY: ReadonlySet<string> = new Set(['content-type', 'content-encoding', 'content-language']);
/**
 * Headers that are left out: what no response passes on, framing, and cookies, which are for one client. All others are kept: a
 * wrong password for an allowed device gets the server's own 401, so a shorter one would show that a device is denied.
 */
const LEFT_OUT: ReadonlySet<string> = new Set([
  ...DROPPED_RESPONSE_HEADERS,
  'connection',
  'content-length',
  'transfer-encoding',
  'set-cookie',
  'set-cookie2',
]);
/** undici decodes values as UTF-8; cut to bytes again, other characters could be a line end. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;
const DATE = /^date: .*$/im;

/** The client of a challenge. */
export interface Stranger {
  /** Key that selects the server. */
  readonly routeKey: string;
  /** The Host of the request. */
  readonly host: string;
  readonly origin: ClientOrigin;
}

/**
 * Sends one bare OPTIONS per server, scheme, name and minute. The cache key includes everything that a client chooses
 * and a server may answer differently for. The client's address is sent too: a challenge is the same for all addresses,
 * but a 403 may be a ban of this address, so it is sent to this address only.
 */
export class ChallengeCache {
  private readonly pools: Subrequests;
  private readonly upstream: UpstreamSettings;
  private readonly balancer: Balancer;
  private readonly forwarding: ForwardingRules;
  private readonly now: () => number;
  private readonly own: LocalAnswer;
  private readonly openOptions: OpenOptions;
  /** By scheme: over http a server may redirect, over https it challenges. */
  private readonly servers: Readonly<Record<Scheme, Map<UpstreamServer, OfServer>>> = {
    http: new Map(),
    https: new Map(),
  };

  /** `own` is the gateway's own challenge, for a server that does not challenge. */
  constructor(
    upstream: UpstreamSettings,
    balancer: Balancer,
    forwarding: ForwardingRules,
    now: () => number,
    own: LocalAnswer,
    openOptions: OpenOptions,
  ) {
    this.openOptions = openOptions;
    this.upstream = upstream;
    this.balancer = balancer;
    this.forwarding = forwarding;
    this.now = now;
    this.pools = new Subrequests(now, CONNECTIONS);
    this.own = own;
  }

  /**
   * The challenge for a client, from the cache or by a question; another server is used when one cannot be asked. Never
   * rejects.
   */
  of(stranger: Stranger): Challenge | Promise<Challenge> {
    const server = this.balancer.pick(stranger.routeKey, null);
    if (server === null) return 'EASGATE_UPSTREAM_DOWN';
    const first = this.at(server, stranger);
    return first instanceof Promise ? this.orElsewhere(first, server, stranger) : first;
  }

  /** Ends overdue questions. */
  sweep(): void {
    this.pools.sweep();
  }

  async close(): Promise<void> {
    await this.pools.close();
  }

  private async orElsewhere(
    first: Promise<Challenge>,
    server: UpstreamServer,
    stranger: Stranger,
  ): Promise<Challenge> {
    const challenge = await first;
    if (typeof challenge !== 'string') return challenge;
    const other = this.balancer.pick(stranger.routeKey, server);
    return other === null ? challenge : this.at(other, stranger);
  }

  private at(server: UpstreamServer, { host, origin }: Stranger): LocalAnswer | Promise<Challenge> {
    const servers = this.servers[origin.proto];
    const of = servers.get(server) ?? newOfServer();
    servers.set(server, of);
    const now = this.now();
    const name = (server.settings.hostHeader ?? host).toLowerCase();
    const told = origin.host.toLowerCase();
    const names = namesFor(of, `${name} ${told}`, now);
    const address = `${names} ${clientBlock(origin.address)}`;
    const found = answerIn(of.known.get(names), now) ?? answerIn(of.ofAddress.get(address), now);
    if (found !== null) return ofNow(found);
    const running = of.flights.get(names);
    if (running !== undefined) return running.then((answer) => (isForAll(answer) ? answer : this.own));
    const own = server.settings.hostHeader ?? undiciHost(server.settings);
    const [asked, client] =
      names === '' ? [own, { ...origin, host: own }] : [name, { ...origin, host: told }];
    // A failure does not count against the server: a client may have caused it by its name.
    const flight = this.ask(server, asked, client)
      .then((answer): Challenge => {
        const until = this.now() + REMEMBER_MS;
        const shared = isForAll(answer);
        // The name is counted in both cases.
        of.known.set(names, { answer: shared ? answer : null, until });
        if (!shared) of.ofAddress.set(address, { answer, until });
        return answer;
      })
      .catch(questionError)
      .finally(() => of.flights.delete(names));
    of.flights.set(names, flight);
    return flight;
  }

  private async ask(server: UpstreamServer, host: string, client: ClientOrigin): Promise<LocalAnswer> {
    // Without credentials: the server refused those already, and a second refusal would bring the user closer to a
    // lock.
    const headers = { host, ...forwardedFields(client, this.forwarding) };
    const path = this.upstream.path;
    const said = await this.pools.ask(server, { method: 'OPTIONS', path, headers, maxBytes: MAX_BODY_BYTES });
    if (showsAcceptance(said.status)) this.openOptions.note(server, true);
    if (said.status !== 401 && said.status !== 403) return this.own;
    const lines = linesOf(said);
    const strip = said.status === 401 && this.upstream.connectionAuth === 'strip';
    return Object.freeze({
      status: said.status,
      // undici decoded it as UTF-8, and may have lost bytes of it.
      reason: /^[\x20-\x7e]*$/.test(said.reason) ? said.reason : '',
      headers: strip ? withoutConnectionOffers(lines) : lines,
      body: said.body,
    });
  }
}

function newOfServer(): OfServer {
  return { known: new Map(), ofAddress: new LRUCache({ max: MAX_ADDRESSES }), flights: new Map() };
}

function answerIn(known: Known | undefined, now: number): LocalAnswer | null {
  return known !== undefined && known.until > now ? known.answer : null;
}

/** The answer with the present time, as the server would write it (RFC 9110 6.6.1). */
function ofNow(answer: LocalAnswer): LocalAnswer {
  if (!DATE.test(answer.headers)) return answer;
  return { ...answer, headers: answer.headers.replace(DATE, `Date: ${new Date().toUTCString()}`) };
}

/** Whether the answer applies to all clients; a 403 may be for the address in the question. */
function isForAll(answer: Challenge): boolean {
  return typeof answer === 'string' || answer.status !== 403;
}

/** `wanted`, or '' when the server was asked under too many names. */
function namesFor({ known, flights }: OfServer, wanted: string, now: number): string {
  if (known.has(wanted) || flights.has(wanted)) return wanted;
  if (known.size + flights.size >= MAX_NAMES) {
    for (const [other, { until }] of known) if (until <= now) known.delete(other);
  }
  return known.size + flights.size < MAX_NAMES ? wanted : '';
}

function linesOf({ headers, body }: SubrequestAnswer): string {
  let lines = '';
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at] ?? '';
    const lower = name.toLowerCase();
    const kept = OF_BODY.has(lower) ? body !== null : !LEFT_OUT.has(lower);
    const value = headers[at + 1] ?? '';
    if (kept && VALUE.test(value)) lines += `${name}: ${value}\r\n`;
  }
  return lines;
}
