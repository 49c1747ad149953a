// Owns which credentials of one client connection the mail server took lately, and asking about others.
import { claimedDevice } from '../credentials/credential-question.ts';
import type { Proof } from '../credentials/credential-question.ts';
import type { CredentialsState, Exchange } from '../exchange/exchange.ts';
import type { ClientOrigin } from '../upstream/client-origin.ts';
import type { GatewayCore } from '../gateway-core.ts';

/**
 * How long an acceptance counts on its connection without a look at the shared memory; from that look on, not from the last
 * request, so that a password that was changed ends also for a phone that never falls silent.
 */
const PROVEN_MS = 30_000;

/** One set of credentials at a time. */
export class ProvenCredentials {
  private readonly core: GatewayCore;
  private proven: string | null = null;
  private provenUntil = 0;

  constructor(core: GatewayCore) {
    this.core = core;
  }

  /** What is known of the credentials of a request, or will be. Never rejects. */
  check(exchange: Exchange, origin: ClientOrigin): CredentialsState | Promise<Proof> {
    const { authorization, user, device, leg } = exchange;
    // A connection or certificate was authenticated before; the leg that would do it now cannot be tried elsewhere.
    if (authorization === null || user === null || device === null || leg !== 'none') return 'bound';
    if (authorization === this.proven && this.provenUntil > this.core.deadlines.now) return 'accepted';
    return this.core.credentials.check({
      user,
      routeKey: device,
      authorization,
      origin,
      device: claimedDevice(exchange.query),
    });
  }

  /** The mail server took these credentials when it was asked. */
  note({ authorization }: Exchange): void {
    if (authorization === this.proven && this.provenUntil > this.core.deadlines.now) return;
    this.proven = authorization;
    this.provenUntil = this.core.deadlines.now + PROVEN_MS;
  }
}
