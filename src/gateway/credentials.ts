// Owns asking the mail server whether credentials are good, for requests that a verdict keeps from it: only then is
// anything told to the phone but the server's own challenge, and only then is a refused device written into the inventory.
import { createHmac, randomBytes } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { UserKey } from '../identity/keys.ts';
import type { UpstreamSettings } from './settings.ts';
import type { Balancer } from './upstream/balancer.ts';
import { QuestionPools } from './upstream/question-pools.ts';
import type { UpstreamServer } from './upstream/upstream-server.ts';

/** Whether the mail server takes credentials; `unknown` = it could not be asked now. */
export type Proof = 'accepted' | 'refused' | 'unknown';

/** Credentials, and whose they are said to be. */
export interface Claim {
  readonly user: UserKey;
  /** Chooses the server: the device, or the user where no device is named. */
  readonly routeKey: string;
  readonly authorization: string;
  /** Address of the phone. */
  readonly address: string;
}

interface Answer {
  readonly proof: Proof;
  /** Milliseconds since the epoch. */
  readonly until: number;
}

interface Refusals {
  count: number;
  readonly until: number;
}

/** Answers remembered, by a keyed hash of the credentials; nothing else of them is kept. */
const MAX_REMEMBERED = 10_000;
const REMEMBER_MS = 60_000;
/**
 * A refused phone that repeats a wrong password must not lock its user out by our questions; a password that became right
 * (a new account, a lock that was lifted) must not stay wrong for long.
 */
const REMEMBER_REFUSED_MS = 5 * 60_000;
/** Questions under way at most; beyond it a request is told to come again. */
const MAX_IN_FLIGHT = 64;
const TIMEOUT_MS = 10_000;
/**
 * Guesses for one user from one address that are passed on in a while: a storm of guesses ends here and not at the mail
 * server. The user's own phone elsewhere, or with a password that was accepted, is not touched.
 */
const MAX_REFUSALS = 10;
const REFUSALS_MS = 60_000;

/** One question per credentials at a time, bounded in number and time. */
export class CredentialCheck {
  private readonly pools = new QuestionPools(TIMEOUT_MS);
  private readonly upstream: UpstreamSettings;
  private readonly balancer: Balancer;
  private readonly key = randomBytes(32);
  private readonly remembered = new LRUCache<string, Answer>({ max: MAX_REMEMBERED });
  private readonly refusals = new LRUCache<string, Refusals>({ max: MAX_REMEMBERED });
  private readonly flights = new Map<string, Promise<Proof>>();

  constructor(upstream: UpstreamSettings, balancer: Balancer) {
    this.upstream = upstream;
    this.balancer = balancer;
  }

  /** From memory, or by asking. Never rejects. */
  check(claim: Claim): Proof | Promise<Proof> {
    const hash = createHmac('sha256', this.key).update(claim.authorization).digest('base64');
    const now = Date.now();
    const known = this.remembered.get(hash);
    if (known !== undefined && known.until > now) return known.proof;
    const under = this.flights.get(hash);
    if (under !== undefined) return under;
    const refusals = this.refusals.get(sourceOf(claim));
    if (refusals !== undefined && refusals.until > now && refusals.count >= MAX_REFUSALS) return 'unknown';
    if (this.flights.size >= MAX_IN_FLIGHT) return 'unknown';
    const server = this.balancer.pick(claim.routeKey, null);
    if (server === null) return 'unknown';
    const flight = this.ask(server, claim)
      .catch((): Proof => 'unknown')
      .then((proof) => {
        this.flights.delete(hash);
        this.remember(hash, claim, proof);
        return proof;
      });
    this.flights.set(hash, flight);
    return flight;
  }

  async close(): Promise<void> {
    await this.pools.close();
  }

  /** What is not known is asked again. */
  private remember(hash: string, claim: Claim, proof: Proof): void {
    if (proof === 'unknown') return;
    const now = Date.now();
    const until = now + (proof === 'accepted' ? REMEMBER_MS : REMEMBER_REFUSED_MS);
    this.remembered.set(hash, { proof, until });
    if (proof === 'accepted') return;
    const source = sourceOf(claim);
    const before = this.refusals.get(source);
    if (before !== undefined && before.until > now) before.count++;
    else this.refusals.set(source, { count: 1, until: now + REFUSALS_MS });
  }

  private async ask(server: UpstreamServer, { authorization, address }: Claim): Promise<Proof> {
    const { settings } = server;
    const { statusCode, body } = await this.pools.of(server).request({
      method: 'OPTIONS',
      path: this.upstream.path,
      headers: {
        authorization,
        // Who guesses passwords is the phone, and not this gateway: servers ban by address.
        'x-forwarded-for': address,
        ...(settings.hostHeader === null ? {} : { host: settings.hostHeader }),
      },
    });
    await body.dump();
    if (statusCode >= 200 && statusCode < 300) return 'accepted';
    // SOGo says 403 where others say 401. A redirect may lead to a form that asks for them; others prove nothing.
    return statusCode === 401 || statusCode === 403 ? 'refused' : 'unknown';
  }
}

function sourceOf({ user, address }: Claim): string {
  return `${user}\0${address}`;
}
