// Owns the permission to send an exchange to the mail server: a step of steps.ts, and what forwarder.ts demands. Pure; hot path.
// Threat: a way round the gate. A request that is forwarded because some condition elsewhere was not asked reaches the mailbox.
import type { Exchange } from './exchange.ts';

/** Why an exchange may go to the mail server. All but `allowed` are exceptions: no verdict is needed, or it says otherwise. */
export type ClearanceReason =
  /** The verdict allows it. */
  | 'allowed'
  /** Provision or DeviceInformation of a quarantined phone, written by the gateway (quarantine.provisioning: server). */
  | 'rewritten'
  /** OPTIONS names no device and reaches no mailbox; without credentials the server answers it with its challenge. */
  | 'options'
  /** The first leg of NTLM or Negotiate, as a bare OPTIONS: the server answers with its challenge (decisions/0009). */
  | 'openingLeg'
  /** The last leg of a request that may not pass, as a bare OPTIONS: only the server can say whether it holds. */
  | 'deniedLeg';

/** Made by {@link Clearance.for} alone: the constructor is private, and with a private field no other object has its type. */
export class Clearance {
  private static readonly allowed = new Clearance('allowed');
  private static readonly rewritten = new Clearance('rewritten');
  private static readonly options = new Clearance('options');
  private static readonly openingLeg = new Clearance('openingLeg');
  private static readonly deniedLeg = new Clearance('deniedLeg');

  /** As a step. */
  readonly kind = 'forward';
  readonly #reason: ClearanceReason;

  private constructor(reason: ClearanceReason) {
    this.#reason = reason;
    Object.freeze(this);
  }

  get reason(): ClearanceReason {
    return this.#reason;
  }

  /** The clearance that the facts of an exchange give; null = it may not be forwarded. The same object for each reason. */
  static for(exchange: Exchange): Clearance | null {
    if (exchange.discovery !== null) return null;
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

  /** Whether it was given for what this exchange is now: a clearance of one request is none for the next. */
  covers(exchange: Exchange): boolean {
    return Clearance.for(exchange) === this;
  }
}

/** Signed in, or without any credentials: with those that are of no use the request is {@link Exchange.challengeOnly}. */
function isOptions({ method, query, framing, user, authorization }: Exchange): boolean {
  return (
    method === 'OPTIONS' && query !== null && framing === 'none' && (user !== null || authorization === null)
  );
}
