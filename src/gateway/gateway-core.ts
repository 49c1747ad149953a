// Owns the parts that all connections of one worker share: settings, pools, verdicts, clock, counters, logs.
import type { LocalAnswer } from '../http/reply.ts';
import type { MailboxNotice } from '../quarantine/mailbox-types.ts';
import { monotonicNow } from '../clock.ts';
import { Counts } from '../metrics/counts.ts';
import { METRICS } from '../metrics/definitions.ts';
import { plain } from '../plain-text.ts';
import { inRanges } from '../identity/client-address.ts';
import { addressRange } from '../ip-address.ts';
import type { Verdict, WipeOrder } from '../model/verdict.ts';
import type { RequestFacts } from '../policy/engine/facts.ts';
import { underSpelling } from '../policy/wipe.ts';
import type { DeviceKey, UserKey } from '../identity/keys.ts';
import type { SeenFacts } from '../directory/partnership-recorder.ts';
import type { Asked, OnAnswer } from '../directory/refresh.ts';
import type { Asker } from '../directory/awaited-lookups.ts';
import type { ChangedKeys, Decision } from '../directory/verdict-cache.ts';
import { CompletedExits } from './access/mailbox-exit.ts';
import type { ShownMailboxes } from './access/mailbox-exit.ts';
import { ChallengeCache } from './credentials/challenge-cache.ts';
import { showsAcceptance } from './credentials/credential-proof.ts';
import { CHECK_WAIT_MS } from './credentials/check-places.ts';
import { CredentialCheck } from './credentials/credential-check.ts';
import type { Deadlines } from './io/deadlines.ts';
import { Throttle } from './access/throttle.ts';
import { Autodiscover } from './autodiscover/autodiscover.ts';
import type { Exchange } from './exchange/exchange.ts';
import { forwardedHeaders } from './upstream/client-origin.ts';
import type { ClientOrigin, ForwardingRules } from './upstream/client-origin.ts';
import { Releases } from './access/releases.ts';
import { factsFrom, requestFactsOf } from './access/request-facts.ts';
import type { RequestOrigin } from './access/request-facts.ts';
import { NoticeCache } from './access/notice-cache.ts';
import type { NoticeReader } from './access/notice-cache.ts';
import { OpenOptions } from './credentials/open-options.ts';
import { VIA_PSEUDONYM } from '../http/via.ts';
import type { GatewaySettings, QuarantineSettings } from './settings.ts';
import type { OnTrouble } from './trouble.ts';
import { MAX_USER_AGENT } from './fixed-limits.ts';
import { countRequest } from './request-counts.ts';
import type { FinishedPassage } from '../telemetry/finished-request.ts';
import type { PassThroughLane } from './pass-through/lane.ts';
import type { Balancer } from './upstream/balancer.ts';

/** Most consecutive questions to mail servers about one request. */
const MAX_QUESTIONS = 3;
/** Default for {@link GatewaySettings.releaseRate}, phones per second. */
const RELEASE_RATE = 200;
/** A question may end this much later than its limit. */
const SWEEP_MARGIN_MS = 1_000;

/** The data plane's view of the verdict cache. */
export interface VerdictSource extends ShownMailboxes {
  /** The cached verdict, or undefined. The same object until a change for this user and device. */
  peek(user: UserKey, device: DeviceKey, request?: RequestFacts): Verdict | undefined;
  /** Whether verdicts depend on facts of the request; absent = they do not. */
  readonly readsRequests?: boolean;
  /** The verdict by cached facts, even if they are older than {@link peek} accepts; undefined = none are cached. Absent = always undefined. */
  recall?(user: UserKey, device: DeviceKey, request?: RequestFacts): Verdict | undefined;
  /** Whether the last look-up showed that the mail server accepted this user with this device before. Absent = it is not known. */
  knows?(user: UserKey, device: DeviceKey): boolean;
  /** Looks many phones up in one call and caches the results; absent = each is looked up by itself. */
  refresh?(asked: readonly Asked[], onAnswer: OnAnswer): void;
  /** The miss path; never rejects. */
  decide(
    user: UserKey,
    device: DeviceKey,
    asker: Asker,
    request?: RequestFacts,
  ): Promise<Pick<Decision, 'verdict'>>;
  /** The current verdict of the store, without the cache; null when it did not answer. Never rejects. */
  confirm(user: UserKey, device: DeviceKey, request?: RequestFacts): Promise<Verdict | null>;
  /** Records that the order is about to be sent; false when it was cancelled. Rejects when the store is unavailable. */
  noteWipeTold(device: DeviceKey, order: WipeOrder): Promise<boolean>;
  /** Records a phone's answer to a wipe; false when that wipe was cancelled. Rejects when the store is unavailable. */
  acknowledgeWipe(device: DeviceKey, order: WipeOrder, status: 1 | 2): Promise<boolean>;
  /** Called after a change was applied; returns a function that unsubscribes. */
  onChange(listener: (changed: ChangedKeys) => void): () => void;
}

/** The data plane's view of the partnership recorder: never delays, never throws. */
export interface SeenRecorder {
  seen(facts: SeenFacts): void;
}

/** The data plane's view of the access log: never delays, never throws. */
export interface RequestLog {
  /** `at`: when the request ended, monotonic milliseconds. */
  record(exchange: Exchange, address: string, at: number): void;
  recordPassage(line: FinishedPassage, at: number): void;
}

/** The data plane's view of the journal: never delays, never throws. */
export interface EventJournal {
  /** A request ended with an error, or is part of a wipe. */
  finished(exchange: Exchange, address: string): void;
  /** The mail server accepted the credentials of a refused request. */
  refused(exchange: Exchange, address: string): void;
  /** A device answered a wipe order; `recorded` false: the wipe had been cancelled. */
  wipeAnswered(exchange: Exchange, address: string, status: 1 | 2, recorded: boolean): void;
}

/** The parts of a gateway. */
export interface GatewayParts {
  readonly settings: GatewaySettings;
  readonly verdicts: VerdictSource;
  readonly recorder: SeenRecorder;
  readonly accessLog: RequestLog | null;
  /** Absent = no journal. */
  readonly journal?: EventJournal;
  readonly upstreams: Balancer;
  readonly deadlines: Deadlines;
  /** Lane for other paths than EAS; null = none. */
  readonly lane: PassThroughLane | null;
  readonly onTrouble: OnTrouble;
  /** Absent = counts of its own. */
  readonly counts?: Counts;
}

/** Shared by reference with every connection. */
export class GatewayCore {
  readonly settings: GatewaySettings;
  readonly verdicts: VerdictSource;
  readonly upstreams: Balancer;
  readonly deadlines: Deadlines;
  readonly throttle: Throttle;
  readonly lane: PassThroughLane | null;
  readonly counts: Counts;
  /** The gateway's own challenge, used when the mail server sends none. */
  readonly ownChallenge: LocalAnswer = Object.freeze({
    status: 401,
    reason: 'Unauthorized',
    headers: 'WWW-Authenticate: Basic realm="ActiveSync"\r\n',
    body: null,
  });
  readonly forwarding: ForwardingRules;
  /** Checks credentials of denied requests with the mail server. */
  readonly credentials: CredentialCheck;
  readonly challenges: ChallengeCache;
  /** Null = not served. */
  readonly autodiscover: Autodiscover | null;
  /** Null = quarantined phones get the answer for blocked ones. */
  readonly quarantine: QuarantineSettings | null;
  readonly onTrouble: OnTrouble;
  readonly journal: EventJournal | null;
  private readonly notices: NoticeCache | null;
  /** Limits the rate of releases when a change allows many phones. */
  readonly releases: Releases;
  readonly completedExits = new CompletedExits();
  /** Longest wait of a request for questions to mail servers, in milliseconds: a backstop of their own limits. */
  readonly askingMs: number;
  draining = false;
  /** Memory use exceeds limits.maxMemoryBytes. */
  overloaded = false;
  private readonly recorder: SeenRecorder;
  private readonly accessLog: RequestLog | null;

  constructor(parts: GatewayParts) {
    this.settings = parts.settings;
    this.counts = parts.counts ?? new Counts();
    this.releases = new Releases(parts.settings.releaseRate ?? RELEASE_RATE);
    this.verdicts = parts.verdicts;
    this.upstreams = parts.upstreams;
    const { throttle, client } = parts.settings;
    this.throttle = new Throttle(throttle, client.maxInFlightPerDevice > 0);
    this.deadlines = parts.deadlines;
    this.lane = parts.lane;
    this.recorder = parts.recorder;
    this.accessLog = parts.accessLog;
    this.journal = parts.journal ?? null;
    const { autodiscover, identity, upstream } = parts.settings;
    const now = (): number => parts.deadlines.now;
    const slowest = Math.max(...upstream.servers.map(({ responseTimeoutMs }) => responseTimeoutMs));
    this.askingMs = CHECK_WAIT_MS + MAX_QUESTIONS * (slowest + SWEEP_MARGIN_MS);
    this.forwarding = {
      trustedProxies: identity.trustedProxies.map(addressRange),
      forwardedHeader: identity.forwardedHeader,
      sendsForwarded: upstream.forwarded,
      publicHosts: identity.publicHosts,
    };
    const { forwarding, ownChallenge } = this;
    const openOptions = new OpenOptions(parts.onTrouble);
    this.credentials = new CredentialCheck(upstream, parts.upstreams, forwarding, now, openOptions);
    this.challenges = new ChallengeCache(
      upstream,
      parts.upstreams,
      forwarding,
      now,
      ownChallenge,
      openOptions,
    );
    this.autodiscover =
      autodiscover === null
        ? null
        : new Autodiscover(autodiscover, parts.upstreams, this.credentials, forwarding, now);
    this.quarantine = parts.settings.quarantine;
    this.notices = this.quarantine === null ? null : new NoticeCache(this.quarantine.notice);
    this.onTrouble = parts.onTrouble;
  }

  /** Ends overdue questions to mail servers. */
  sweep(): void {
    this.credentials.sweep();
    this.challenges.sweep();
    this.autodiscover?.sweep();
  }

  /** Ends every question to mail servers. */
  async close(): Promise<void> {
    await this.credentials.close();
    await this.challenges.close();
    await this.autodiscover?.close();
  }

  /** The message of a quarantined phone. */
  notice(verdict: Verdict, reader: NoticeReader): MailboxNotice | null {
    return this.notices?.of(verdict, reader) ?? null;
  }

  /** Whether a phone may show a message with another reason; the answer is no from then on. */
  isNews(verdict: Verdict, user: UserKey, device: DeviceKey): boolean {
    if (this.notices?.isNews(verdict, user, device) !== true) return false;
    this.counts.add(METRICS.quarantineMessages);
    return true;
  }

  /** Records a quarantined phone's device information for its message. */
  noteInformation(exchange: Exchange): void {
    const { user, device, information } = exchange;
    if (information === null || user === null || device === null) return;
    this.notices?.noteModel(user, device, information.model);
    this.recordSeen(exchange, 200);
  }

  /** The header lines that follow the phone's own. */
  forwardedLines(origin: ClientOrigin, certificateUser: UserKey | null): string {
    const header = this.settings.listen.tls?.clientCertificate?.forwardHeader ?? null;
    let lines = '';
    for (const [name, value] of forwardedHeaders(origin, this.forwarding)) lines += `${name}: ${value}\r\n`;
    return (
      `${lines}Via: 1.1 ${VIA_PSEUDONYM}\r\n` +
      (header === null || certificateUser === null ? '' : `${header}: ${certificateUser}\r\n`)
    );
  }

  isTrustedProxy(address: string): boolean {
    const { trustedProxies } = this.forwarding;
    return trustedProxies.length > 0 && inRanges(address, trustedProxies);
  }

  /** The cached verdict on a request from this origin, or undefined. Hot path. */
  peek(exchange: Exchange, origin: RequestOrigin): Verdict | undefined {
    const { user, device, spelling } = exchange;
    if (user === null || device === null) return undefined;
    const verdict = this.verdicts.peek(user, device, this.requestFacts(exchange, origin));
    return verdict === undefined ? undefined : underSpelling(verdict, spelling);
  }

  /** The verdict on an open request by cached facts, even old ones; undefined = none are cached. */
  recall(exchange: Exchange, origin: RequestOrigin): Verdict | undefined {
    const { user, device, spelling } = exchange;
    if (user === null || device === null) return undefined;
    const verdict = this.verdicts.recall?.(user, device, this.requestFacts(exchange, origin));
    return verdict === undefined ? undefined : underSpelling(verdict, spelling);
  }

  /** Undefined unless the policy has conditions on requests. */
  private requestFacts(exchange: Exchange, origin: RequestOrigin): RequestFacts | undefined {
    return this.verdicts.readsRequests === true ? factsFrom(origin, exchange) : undefined;
  }

  /** The miss path: one bounded look-up, for the client at this origin. Null when no usable verdict is known. */
  async decide(exchange: Exchange, origin: RequestOrigin): Promise<Verdict | null> {
    const { user, device, spelling, authorization, leg } = exchange;
    if (user === null || device === null) return null;
    // A request without credentials was authenticated by its connection or certificate, or was admitted before.
    const proven = leg !== 'closing' && (authorization === null || this.wereGood(exchange, authorization));
    const { address } = origin;
    const asker = { address, proven, deviceType: exchange.deviceType, request: exchange };
    const facts = this.requestFacts(exchange, origin);
    const { verdict } = await this.verdicts.decide(user, device, asker, facts);
    exchange.waitsFor = null;
    return verdict === null ? null : underSpelling(verdict, spelling);
  }

  private wereGood(exchange: Exchange, authorization: string): boolean {
    exchange.mark ??= this.credentials.markOf(authorization);
    return this.credentials.wereGood(exchange.mark);
  }

  /** The current verdict of the store, without the cache; null when it does not answer. */
  async confirm(exchange: Exchange, address: string): Promise<Verdict | null> {
    const { user, device, spelling } = exchange;
    if (user === null || device === null) return null;
    const facts = this.verdicts.readsRequests === true ? requestFactsOf(exchange, address) : undefined;
    const verdict = await this.verdicts.confirm(user, device, facts);
    return verdict === null ? null : underSpelling(verdict, spelling);
  }

  /** Records the partnership if the answer shows accepted credentials; returns whether it did. */
  recordSeen(exchange: Exchange, status: number): boolean {
    const { user, device, verdict } = exchange;
    if (user === null || device === null || verdict === null) return false;
    // Otherwise unauthenticated clients could fill the directory, or overwrite a device's data.
    if (!showsAcceptance(status)) return false;
    this.recorder.seen({
      user,
      device,
      spelling: exchange.spelling,
      deviceType: exchange.deviceType,
      userAgent: exchange.userAgent === null ? null : plain(exchange.userAgent, MAX_USER_AGENT),
      protocolVersion: exchange.protocolVersion,
      verdict,
      information: exchange.information,
    });
    return true;
  }

  onFinished(exchange: Exchange, address: string): void {
    exchange.authorization = null;
    const now = monotonicNow();
    countRequest(this.counts, exchange, now);
    if (exchange.error !== null || exchange.wipe !== null) this.journal?.finished(exchange, address);
    this.accessLog?.record(exchange, address, now);
  }
}
