// Owns the credentials that the mail server accepted on one client connection, and the check of others.
import { claimedDevice } from '../credentials/credential-question.ts';
import type { Checked } from '../credentials/credential-check.ts';
import type { CredentialsState, Exchange } from '../exchange/exchange.ts';
import type { ClientOrigin } from '../upstream/client-origin.ts';
import type { GatewayCore } from '../gateway-core.ts';

/**
 * How long a connection reuses a successful credential check. Counted from the check, not from the last request, so
 * that a changed password also ends for a phone that keeps sending.
 */
const PROVEN_MS = 30_000;

/** Remembers one set of credentials. */
export class ProvenCredentials {
  private readonly core: GatewayCore;
  private proven: string | null = null;
  private provenUntil = 0;

  constructor(core: GatewayCore) {
    this.core = core;
  }

  /** The state of a request's credentials, now or later. Never rejects. */
  check(exchange: Exchange, origin: ClientOrigin): CredentialsState | Promise<Checked> {
    const { authorization, user, device, leg } = exchange;
    // The connection or certificate was authenticated; a closing leg cannot be checked on another connection.
    if (authorization === null || user === null || device === null || leg !== 'none') return 'bound';
    if (authorization === this.proven && this.provenUntil > this.core.deadlines.now) return 'accepted';
    const claim = {
      user,
      routeKey: device,
      authorization,
      origin,
      device: claimedDevice(exchange.query),
      known: this.core.verdicts.knows?.(user, device) ?? false,
    };
    return this.core.credentials.check(claim, exchange);
  }

  /** The mail server accepted these credentials in a check. */
  note({ authorization }: Exchange): void {
    if (authorization === this.proven && this.provenUntil > this.core.deadlines.now) return;
    this.proven = authorization;
    this.provenUntil = this.core.deadlines.now + PROVEN_MS;
  }
}
