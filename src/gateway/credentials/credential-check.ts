// Owns the check of credentials with the mail server for denied requests. Only with good credentials does the phone get
// more than the server's own challenge, and is a refused device recorded.
import { LRUCache } from 'lru-cache';
import { PlaceWait } from '../../directory/place-wait.ts';
import type { WaitingRequest } from '../../directory/place-wait.ts';
import { clientBlock } from '../../identity/client-address.ts';
import { countedAs } from '../../identity/user-names.ts';
import { CHECKS_AT_ONCE, CheckPlaces } from './check-places.ts';
import type { NoCheck } from './check-places.ts';
import { CredentialQuestion } from './credential-question.ts';
import type { Claim, Proof } from './credential-question.ts';
import { KeyedHash } from './keyed-hash.ts';
import type { ForwardingRules } from '../upstream/client-origin.ts';
import { LoginLimiter } from './login-limiter.ts';
import type { Charge } from './login-limiter.ts';
import type { OpenOptions } from './open-options.ts';
import type { UpstreamSettings } from '../settings.ts';
import type { Balancer } from '../upstream/balancer.ts';
import { Subrequests } from '../upstream/subrequests.ts';
import type { UpstreamServer } from '../upstream/upstream-server.ts';

interface Answer {
  readonly proof: Proof;
  /** Clock milliseconds. */
  readonly until: number;
}

/** Most results kept, by a keyed hash of the credentials and of scheme and Host; nothing else of them is stored. */
const MAX_REMEMBERED = 10_000;
const REMEMBER_MS = 60_000;
/**
 * A refused phone that repeats a wrong password must not lock its user out through these checks; a password that became
 * valid (a new account, a lifted lock) must not stay refused for long.
 */
const REMEMBER_REFUSED_MS = 5 * 60_000;
/** Most credentials remembered as good: they may always be checked again. */
const MAX_GOOD = 50_000;
/** The charge of credentials that were good before. */
const GOOD_BEFORE: Charge = { buckets: [0, 0, 0], until: [0, 0, 0] };
const freeOfCharge = (): Charge => GOOD_BEFORE;

/** The result of a check, or why there is none. */
export type Checked = Proof | NoCheck;

/** A check that is under way, or waits for a place. */
interface Flight {
  readonly checked: Promise<Checked>;
  /** Null = it found a place at once. */
  readonly wait: PlaceWait<unknown> | null;
}

/** By mail server. */
type Places = Map<UpstreamServer, CheckPlaces<Charge>>;

/** One check per credentials at a time, bounded in number and time. */
export class CredentialCheck {
  private readonly pools: Subrequests;
  private readonly goodPools: Subrequests;
  private readonly question: CredentialQuestion;
  private readonly balancer: Balancer;
  private readonly now: () => number;
  private readonly hash = new KeyedHash();
  private readonly remembered = new LRUCache<string, Answer>({ max: MAX_REMEMBERED });
  private readonly good = new LRUCache<string, true>({ max: MAX_GOOD });
  private readonly limits: LoginLimiter;
  private readonly flights = new Map<string, Flight>();
  private readonly places: Places = new Map();
  /** Credentials that were good before have separate places, which other clients cannot occupy. */
  private readonly goodPlaces: Places = new Map();

  constructor(
    upstream: UpstreamSettings,
    balancer: Balancer,
    forwarding: ForwardingRules,
    now: () => number,
    openOptions: OpenOptions,
  ) {
    this.question = new CredentialQuestion(upstream, forwarding, now, openOptions);
    this.balancer = balancer;
    this.now = now;
    this.pools = new Subrequests(now, CHECKS_AT_ONCE);
    this.goodPools = new Subrequests(now, CHECKS_AT_ONCE);
    this.limits = new LoginLimiter(now);
  }

  /** From memory, or by asking the mail server; if too many checks are under way, after a wait for a place, unless `request` ends before. Never rejects. */
  check(claim: Claim, request: WaitingRequest): Checked | Promise<Checked> {
    const { user, authorization, origin } = claim;
    // The cache key includes scheme and Host: front ends answer differently per host.
    const question = this.hash.of(`${origin.proto} ${origin.host.toLowerCase()} ${authorization}`);
    const known = this.remembered.get(question);
    if (known !== undefined && known.until > this.now()) return known.proof;
    const running = this.flights.get(question);
    // One that was given up is still here when the next request of its phone comes in the same turn of the event loop.
    if (running !== undefined && running.wait?.isGivenUp !== true) return join(running, request);
    const credentials = this.markOf(authorization);
    const good = this.wereGood(credentials);
    const server = this.balancer.pick(claim.routeKey, null);
    if (server === null) return 'unknown';
    const places = this.placesOf(good ? this.goodPlaces : this.places, server);
    // A client can invent users and passwords, but neither addresses nor good passwords: thousands of phones that share an
    // address are as many holders once their passwords were accepted.
    const holder = good ? countedAs(user) : clientBlock(origin.address);
    const charge = good ? freeOfCharge : () => this.limits.charge(user, origin.address);
    const entered = places.enter(holder, charge, good || claim.known === true);
    if (typeof entered === 'string') return entered;
    const wait = entered instanceof PlaceWait ? entered : null;
    const pools = good ? this.goodPools : this.pools;
    const checked = (async (): Promise<Checked> => {
      const paid = entered instanceof PlaceWait ? await entered.outcome : entered;
      if (typeof paid === 'string') {
        // It may have been given up, and another one begun since.
        if (this.flights.get(question)?.wait === wait) this.flights.delete(question);
        return paid;
      }
      const proof = await this.question.ask(pools, server, claim).catch((): Proof => 'unknown');
      this.flights.delete(question);
      this.settle(credentials, claim, proof, paid);
      this.remember(question, proof);
      // After settle(), which gives the charge of a password that was not refused back: the next check may need it.
      places.leave(holder);
      return proof;
    })();
    const flight = { checked, wait };
    this.flights.set(question, flight);
    return join(flight, request);
  }

  /** The hash by which credentials are recognised. */
  markOf(authorization: string): string {
    return this.hash.of(authorization);
  }

  /** Whether the mail server last accepted the credentials with this mark, in a check or in a request of an allowed phone. */
  wereGood(mark: string): boolean {
    return this.good.has(mark);
  }

  /** The mail server accepted the credentials with this mark. */
  noteGood(mark: string): void {
    this.good.set(mark, true);
  }

  /** The mail server refused the credentials with this mark. */
  noteBad(mark: string): void {
    this.good.delete(mark);
  }

  /** Ends overdue checks, and waits that took too long. */
  sweep(): void {
    for (const places of this.places.values()) places.sweep();
    for (const places of this.goodPlaces.values()) places.sweep();
    this.pools.sweep();
    this.goodPools.sweep();
  }

  async close(): Promise<void> {
    for (const places of [...this.places.values(), ...this.goodPlaces.values()]) places.close();
    await Promise.all([this.pools.close(), this.goodPools.close()]);
  }

  private placesOf(all: Places, server: UpstreamServer): CheckPlaces<Charge> {
    let places = all.get(server);
    if (places === undefined) {
      places = new CheckPlaces<Charge>(this.now);
      all.set(server, places);
    }
    return places;
  }

  private settle(credentials: string, { user, origin }: Claim, proof: Proof, charge: Charge): void {
    const goodBefore = charge === GOOD_BEFORE;
    if (proof === 'refused') {
      this.good.delete(credentials);
      if (goodBefore) this.limits.note(user, origin.address);
      return;
    }
    if (!goodBefore) this.limits.refund(charge);
    if (proof === 'accepted') this.good.set(credentials, true);
  }

  /** Unknown results are not stored. */
  private remember(question: string, proof: Proof): void {
    if (proof === 'unknown') return;
    const until = this.now() + (proof === 'accepted' ? REMEMBER_MS : REMEMBER_REFUSED_MS);
    this.remembered.set(question, { proof, until });
  }
}

function join({ checked, wait }: Flight, request: WaitingRequest): Promise<Checked> {
  wait?.join(request);
  return checked;
}
