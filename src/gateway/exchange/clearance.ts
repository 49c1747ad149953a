// Owns the permission to forward an exchange: created by steps.ts, required by forwarder.ts. Pure; hot path.
// Threat: a request that is forwarded because a condition elsewhere was not checked reaches the mailbox.
import type { Exchange } from './exchange.ts';

/** Why an exchange may be forwarded. All but `allowed` are exceptions without an allowing verdict. */
export type ClearanceReason =
  /** The verdict allows it. */
  | 'allowed'
  /** Provision or DeviceInformation of a quarantined phone, written by the gateway (quarantine.provisioning: server). */
  | 'rewritten'
  /** OPTIONS names no device and reaches no mailbox; without credentials the server answers it with its challenge. */
  | 'options'
  /** The first leg of NTLM or Negotiate, as a bare OPTIONS: the server answers with its challenge (decisions/0009). */
  | 'openingLeg'
  /** The last leg of a denied request, as a bare OPTIONS: only the server can verify it. */
  | 'deniedLeg';

/** Created by {@link Clearance.for} only: the constructor is private, and the private field makes the type nominal. */
export class Clearance {
  private static readonly allowed = new Clearance('allowed');
  private static readonly rewritten = new Clearance('rewritten');
  private static readonly options = new Clearance('options');
  private static readonly openingLeg = new Clearance('openingLeg');
  private static readonly deniedLeg = new Clearance('deniedLeg');

  /** A clearance is also a step. */
  readonly kind = 'forward';
  readonly #reason: ClearanceReason;

  private constructor(reason: ClearanceReason) {
    this.#reason = reason;
    Object.freeze(this);
  }

  get reason(): ClearanceReason {
    return this.#reason;
  }

  /** The clearance for an exchange; null = it must not be forwarded. One object per reason. */
  static for(exchange: Exchange): Clearance | null {
    if (exchange.autodiscover !== null) return null;
    if (exchange.challengeOnly) return exchange.leg === 'opening' ? Clearance.openingLeg : null;
    if (!exchange.rootSeen || exchange.bodySpent) return null;
    if (exchange.command === null) return isOptions(exchange) ? Clearance.options : null;
    const { verdict } = exchange;
    if (exchange.user === null || exchange.device === null || verdict === null) return null;
    if (verdict.action === 'allow')
      return exchange.inspected && exchange.exit === null ? Clearance.allowed : null;
    if (exchange.leg === 'closing') return Clearance.deniedLeg;
    const passes =
      verdict.action === 'quarantine' && exchange.rewritten && exchange.credentials === 'accepted';
    return passes && (exchange.command === 'Provision' || exchange.command === 'Settings')
      ? Clearance.rewritten
      : null;
  }

  /** Whether it still applies: a clearance of one request does not cover the next. */
  covers(exchange: Exchange): boolean {
    return Clearance.for(exchange) === this;
  }
}

/**
 * Authenticated, or without any credentials. With unusable credentials the request is {@link Exchange.challengeOnly}.
 */
function isOptions({ method, query, framing, user, authorization }: Exchange): boolean {
  return (
    method === 'OPTIONS' && query !== null && framing === 'none' && (user !== null || authorization === null)
  );
}
