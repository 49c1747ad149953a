// Owns what a changed or lapsed verdict does to the open exchange of one client connection.
import { foldedLocalPart } from '../../identity/folded-name.ts';
import type { UserKey } from '../../identity/keys.ts';
import type { Asked } from '../../directory/refresh.ts';
import type { Verdict } from '../../model/verdict.ts';
import type { Concerned, PolicyEffect } from '../access/mass-change.ts';
import type { QuarantineSession } from '../access/quarantine-session.ts';
import { consequenceOf } from '../access/revalidation.ts';
import type { Exchange } from '../exchange/exchange.ts';
import { replyWith } from '../exchange/steps.ts';
import type { Step } from '../exchange/steps.ts';
import type { Forwarder } from '../forward/forwarder.ts';
import type { GatewayCore } from '../gateway-core.ts';
import type { Downstream } from './downstream.ts';

/** Ends a held poll as if its heartbeat had passed. */
export const POLL_OVER: Step = replyWith({ kind: 'pollOver' });
const START_OVER: Step = replyWith({ kind: 'startOver' });
/**
 * How long a held poll goes on while the directory does not answer about a change of its phone. Then it ends, and the next request of the phone waits for
 * an answer. Threat: mail for a phone that was blocked, which a held Sync would bring.
 */
const UNDECIDED_MS = 3_000;

/** Performs a step, and has the poll that is held here: the driver. */
interface StepRunner {
  readonly quarantine: QuarantineSession;
  run(exchange: Exchange, step: Step): void;
}

/** Decides again for the current exchange of one client connection. */
export class VerdictChange implements Concerned {
  private readonly downstream: Downstream;
  private readonly core: GatewayCore;
  private readonly forwarder: Forwarder;
  private readonly steps: StepRunner;
  /** The exchange of the last change; it may end before its new verdict is known. */
  private concerned: Exchange | null = null;
  /** When the directory first did not answer about a change that concerns few phones, on the clock of the deadlines; null = it answered. */
  private undecidedSince: number | null = null;
  /** The user to which {@link localPart} belongs; null = none yet. */
  private named: UserKey | null = null;
  private localPart = '';

  constructor(downstream: Downstream, forwarder: Forwarder, steps: StepRunner) {
    this.downstream = downstream;
    this.core = downstream.core;
    this.forwarder = forwarder;
    this.steps = steps;
  }

  /** Whether a change of these devices, or of users with these local parts, affects the current exchange. */
  concerns(devices: ReadonlySet<string>, users: ReadonlySet<string>): boolean {
    const { exchange } = this.downstream;
    if (exchange === null || exchange.device === null || exchange.user === null) return false;
    return devices.has(exchange.device) || (users.size > 0 && users.has(this.localPartOf(exchange.user)));
  }

  /** Kept, because a run of a feed brings hundreds of batches with users, and the user of a held poll stays the same. */
  private localPartOf(user: UserKey): string {
    if (this.named !== user) {
      this.named = user;
      this.localPart = foldedLocalPart(user);
    }
    return this.localPart;
  }

  weigh(): PolicyEffect {
    const { exchange } = this.downstream;
    if (exchange === null || exchange.user === null || exchange.device === null) return 'same';
    if (exchange.phase === 'reading' || exchange.phase === 'asking') {
      this.onChange();
      return 'same';
    }
    const before = exchange.verdict;
    // Most held polls are older than `cache.lifetimeSeconds`, so their cached facts are old. A change would have removed the facts; then `verdict` is undefined.
    const fresh = this.core.peek(exchange, this.downstream);
    const verdict = fresh ?? this.core.recall(exchange, this.downstream);
    if (verdict === before) return fresh === undefined ? 'sameByOld' : 'same';
    return verdict?.action === 'allow' && before !== null && before.action !== 'allow'
      ? 'releases'
      : 'restricts';
  }

  onChange(): boolean {
    const { exchange } = this.downstream;
    if (exchange === null || exchange.user === null || exchange.device === null) return false;
    switch (exchange.phase) {
      case 'reading':
        // It is looked up with the next part of the body.
        exchange.verdict = null;
        return false;
      case 'asking':
        exchange.overtaken = true;
        return false;
      case 'queued':
        this.forwarder.leaveQueue(exchange);
        break;
      default:
    }
    if (this.concerned !== exchange) this.undecidedSince = null;
    this.concerned = exchange;
    return true;
  }

  get isDenied(): boolean {
    return this.downstream.exchange?.phase === 'held';
  }

  asks(): Asked | null {
    const { exchange } = this.downstream;
    if (exchange === null || exchange !== this.concerned) return null;
    const { user, device, deviceType } = exchange;
    if (user === null || device === null || this.known(exchange) !== undefined) return null;
    return { user, device, deviceType };
  }

  /** The verdict by cached facts, or undefined. Of old facts only a new denial counts: it ends the poll, and the next request of the phone is looked up. */
  private known(exchange: Exchange): Verdict | undefined {
    const { core, downstream } = this;
    const fresh = core.peek(exchange, downstream);
    if (fresh !== undefined || exchange.phase === 'responding') return fresh;
    const old = core.recall(exchange, downstream);
    return old?.action === 'allow' || old === exchange.verdict ? undefined : old;
  }

  async revalidate(isMass: boolean, isAnswered = true): Promise<boolean> {
    const { core, downstream } = this;
    const { exchange } = downstream;
    // The next request on the connection already has a verdict from after the change.
    const isOther = exchange === null || exchange !== this.concerned;
    let verdict = isOther ? null : (this.known(exchange) ?? null);
    if (!isOther && verdict === null)
      verdict = isAnswered
        ? await core.decide(exchange, downstream)
        : (core.recall(exchange, downstream) ?? null);
    if (this.settle(exchange, verdict, isMass)) return true;
    return exchange !== null && this.endUndecided(exchange, isMass);
  }

  /** Ends a poll that has waited long enough for its new verdict; false = it goes on. */
  private endUndecided(exchange: Exchange, isMass: boolean): boolean {
    if (exchange.phase !== 'forwarded' || !exchange.held) return false;
    const { now } = this.core.deadlines;
    // Of a change of very many phones, such as one that may have been missed, most change nothing: those polls go on.
    if (!isMass) this.undecidedSince ??= now;
    if (this.undecidedSince === null || now - this.undecidedSince < UNDECIDED_MS) return false;
    this.steps.run(exchange, POLL_OVER);
    return true;
  }

  /** Applies a new verdict; false = there is none. */
  private settle(exchange: Exchange | null, verdict: Verdict | null, isMass: boolean): boolean {
    const { core, downstream } = this;
    const isOther = exchange === null || exchange !== this.concerned;
    if (isOther || downstream.exchange !== exchange) {
      core.releases.forget(this);
      return true;
    }
    if (verdict === null) return false;
    this.undecidedSince = null;
    const isRelease = exchange.phase === 'held' && verdict.action === 'allow';
    if (isRelease && !core.releases.admit(this, isMass, core.deadlines.now)) return true;
    if (!isRelease) core.releases.forget(this);
    this.changeVerdict(exchange, verdict);
    return true;
  }

  private changeVerdict(exchange: Exchange, verdict: Verdict): void {
    const { downstream } = this;
    const consequence = consequenceOf(exchange, verdict);
    // A poll that ends because its phone is now allowed is answered, and logged, by the old verdict.
    if (consequence !== 'startOver' || verdict.action !== 'allow') exchange.verdict = verdict;
    else exchange.releasedBy = verdict;
    switch (consequence) {
      case 'continue':
        if (exchange.phase === 'queued') this.forwarder.onConnectionFree();
        else if (exchange.phase === 'forwarded' && exchange.held)
          downstream.timeouts.limitPoll(exchange, verdict);
        break;
      case 'renew': {
        const reply = this.steps.quarantine.renew(exchange, verdict);
        if (reply === null) downstream.timeouts.recheckPoll(exchange);
        else downstream.reply(exchange, reply);
        break;
      }
      case 'startOver':
        exchange.error = 'EASGATE_DECISION_CHANGED';
        this.steps.run(exchange, START_OVER);
        break;
      case 'cut':
        exchange.error = 'EASGATE_DECISION_CHANGED';
        downstream.cut();
    }
  }

  /** The heartbeat of the held poll ended, or its verdict lapsed. */
  expireHeld(exchange: Exchange): void {
    if (this.downstream.timeouts.isOver(exchange))
      this.downstream.reply(exchange, this.steps.quarantine.expire());
    else this.expireVerdict(exchange);
  }

  /**
   * The verdict of a poll lapsed, here or at the mail server, which does not appear in the change log. It is decided again: at a
   * moment in time that concerns all phones, most polls go on.
   */
  expireVerdict(exchange: Exchange): void {
    this.downstream.timeouts.passLapse(exchange);
    this.concerned = exchange;
    // A verdict may lapse for thousands of phones at one moment, and let them in. Their facts are cached, however old, unless they changed.
    const known = this.knownAtLapse(exchange);
    if (known !== undefined) this.afterLapse(exchange, this.settle(exchange, known, true));
    else void this.lookUp(exchange).then((decided) => this.afterLapse(exchange, decided));
  }

  /** A later check-in is no change in the log: old facts must not end what goes on. */
  private knownAtLapse(exchange: Exchange): Verdict | undefined {
    const { core, downstream } = this;
    const fresh = core.peek(exchange, downstream);
    if (fresh !== undefined) return fresh;
    const old = core.recall(exchange, downstream);
    return exchange.phase === 'held' || old?.action === 'allow' ? old : undefined;
  }

  private async lookUp(exchange: Exchange): Promise<boolean> {
    const { core, downstream } = this;
    return this.settle(exchange, await core.decide(exchange, downstream), true);
  }

  private afterLapse(exchange: Exchange, decided: boolean): void {
    if (this.downstream.exchange !== exchange) return;
    if (exchange.phase !== 'held' && exchange.phase !== 'forwarded') return;
    // A poll rests on no verdict that has lapsed.
    if (!decided || this.downstream.timeouts.isLapsed(exchange)) this.steps.run(exchange, POLL_OVER);
  }
}
