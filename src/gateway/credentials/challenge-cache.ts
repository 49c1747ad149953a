// Owns the mail servers' own challenges, as a stranger gets them: asked once, remembered for a moment. A storm of wrong
// passwords is answered from here and costs the mail servers nothing more.
import { LRUCache } from 'lru-cache';
import { withoutConnectionOffers } from '../../http/challenges.ts';
import type { HttpErrorCode } from '../../errors.ts';
import type { LocalAnswer } from '../../http/reply.ts';
import { clientBlock } from '../../identity/client-address.ts';
import { showsAcceptance } from './credential-proof.ts';
import { forwardedFields } from '../upstream/client-origin.ts';
import type { ClientOrigin, ForwardingRules, Scheme } from '../upstream/client-origin.ts';
import type { OpenOptions } from './open-options.ts';
import type { UpstreamSettings } from '../settings.ts';
import type { Balancer } from '../upstream/balancer.ts';
import { QuestionPools, questionError } from '../upstream/subrequests.ts';
import type { QuestionAnswer } from '../upstream/subrequests.ts';
import { undiciHost } from '../upstream/undici-options.ts';
import type { UpstreamServer } from '../upstream/upstream-server.ts';

/** A challenge, or why there is none. */
export type Challenge = LocalAnswer | HttpErrorCode;

interface Known {
  /** Null = only single addresses were answered. */
  readonly answer: LocalAnswer | null;
  /** Clock milliseconds. */
  readonly until: number;
}

/** By the names it is asked under; '' = its own. */
interface OfServer {
  readonly known: Map<string, Known>;
  /** What single addresses were told, by names and address ({@link isForAll}). */
  readonly ofAddress: LRUCache<string, Known>;
  readonly flights: Map<string, Promise<Challenge>>;
}

const REMEMBER_MS = 60_000;
/**
 * Names (Host and X-Forwarded-Host) under which one server is asked for one scheme: IIS writes them into its realm. A phone
 * chooses the name, so they are bounded; beyond, the server is asked under its own.
 */
const MAX_NAMES = 8;
/** Addresses whose refusals are remembered for one server and scheme. */
const MAX_ADDRESSES = 1_000;
/** To each server: no more questions are under way than there are names and schemes. */
const CONNECTIONS = 2 * (MAX_NAMES + 1);
const MAX_BODY_BYTES = 16 * 1024;
/** Kept beside WWW-Authenticate; all else that a server says (cookies, traces) was said to one client. */
const OF_BODY: ReadonlySet<string> = new Set(['content-type', 'content-encoding', 'content-language']);

/** Whom a challenge is for. */
export interface Stranger {
  /** Chooses the server. */
  readonly routeKey: string;
  /** The Host it named. */
  readonly host: string;
  readonly origin: ClientOrigin;
}

/**
 * One bare OPTIONS per server, scheme, name and minute. What a stranger can choose and a server may answer by is part of what
 * the answer is found by. Its address is told too: a challenge is the same for all addresses, but a server that says 403 may
 * have banned this one, so only this one is told so.
 */
export class ChallengeMemory {
  private readonly pools: QuestionPools;
  private readonly upstream: UpstreamSettings;
  private readonly balancer: Balancer;
  private readonly forwarding: ForwardingRules;
  private readonly now: () => number;
  private readonly own: LocalAnswer;
  private readonly openOptions: OpenOptions;
  /** What is told to phones that came by http may be a redirect, and to those by https a challenge. */
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
    this.pools = new QuestionPools(now, CONNECTIONS);
    this.own = own;
  }

  /** The challenge for a stranger, from memory or by asking; another server is asked when one cannot be. Never rejects. */
  of(stranger: Stranger): Challenge | Promise<Challenge> {
    const server = this.balancer.pick(stranger.routeKey, null);
    if (server === null) return 'EASGATE_UPSTREAM_DOWN';
    const first = this.at(server, stranger);
    return first instanceof Promise ? this.orElsewhere(first, server, stranger) : first;
  }

  /** Ends questions that have waited too long. */
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
    if (found !== null) return found;
    const under = of.flights.get(names);
    if (under !== undefined) return under.then((answer) => (isForAll(answer) ? answer : this.own));
    const own = server.settings.hostHeader ?? undiciHost(server.settings);
    const [asked, client] =
      names === '' ? [own, { ...origin, host: own }] : [name, { ...origin, host: told }];
    // A failure is not counted against the server: a stranger may have caused it, by the name.
    const flight = this.ask(server, asked, client)
      .then((answer): Challenge => {
        const until = this.now() + REMEMBER_MS;
        const shared = isForAll(answer);
        // The name counts in both cases.
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
    // Without credentials: the server said no to those already, and a second no would bring the user nearer to a lock.
    const headers = { host, ...forwardedFields(client, this.forwarding) };
    const path = this.upstream.path;
    const said = await this.pools.ask(server, { method: 'OPTIONS', path, headers, maxBytes: MAX_BODY_BYTES });
    if (showsAcceptance(said.status)) this.openOptions.note(server, true);
    if (said.status !== 401 && said.status !== 403) return this.own;
    const lines = linesOf(said);
    const strip = said.status === 401 && this.upstream.connectionAuth === 'strip';
    return Object.freeze({
      status: said.status,
      // Else undici has read it as UTF-8, and bytes of it may be lost.
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

/** Whether everybody may be told: a 403 may be for the address that was named in the question. */
function isForAll(answer: Challenge): boolean {
  return typeof answer === 'string' || answer.status !== 403;
}

/** `wanted`, or '' when the server was asked under too many names already. */
function namesFor({ known, flights }: OfServer, wanted: string, now: number): string {
  if (known.has(wanted) || flights.has(wanted)) return wanted;
  if (known.size + flights.size >= MAX_NAMES) {
    for (const [other, { until }] of known) if (until <= now) known.delete(other);
  }
  return known.size + flights.size < MAX_NAMES ? wanted : '';
}

function linesOf({ headers, body }: QuestionAnswer): string {
  let lines = '';
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at] ?? '';
    const lower = name.toLowerCase();
    const kept = lower === 'www-authenticate' || (body !== null && OF_BODY.has(lower));
    if (kept) lines += `${name}: ${headers[at + 1] ?? ''}\r\n`;
  }
  return lines;
}
