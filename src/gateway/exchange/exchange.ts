// Owns the facts of one request. Each is set by the part that learns it, and steps.ts derives the next step from them.
import type { AutodiscoverTarget } from '../../eas/autodiscover/target.ts';
import type { BodyContent } from '../../eas/body-gate.ts';
import type { EasCommand } from '../../eas/commands.ts';
import type { FinalAnswer } from '../../quarantine/mailbox-types.ts';
import type { IssuedScan } from '../../quarantine/issued-scan.ts';
import type { DeviceInformation } from '../../quarantine/provision.ts';
import type { EasQuery } from '../../eas/query.ts';
import type { WipeAnswer } from '../../eas/wipe-provision.ts';
import type { BodyFraming } from '../../http/request-head.ts';
import type { PlaceWait, WaitingRequest } from '../../directory/place-wait.ts';
import type { HttpErrorCode } from '../../errors/request-errors.ts';
import type { ResponseFraming } from '../../http/response-head.ts';
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import type { Verdict } from '../../model/verdict.ts';
import type { AuthMethod } from '../../policy/document/vocabulary.ts';
import type { DeviceUse } from '../access/throttle.ts';
import { isLegal } from './transitions.ts';
import type { ExchangePhase } from './transitions.ts';
import type { UpstreamConnection } from '../upstream/upstream-connection.ts';
import type { UpstreamServer } from '../upstream/upstream-server.ts';

/**
 * The state of the credentials. `bound` = the request has none: its connection was authenticated by a handshake or a
 * client certificate, so they cannot be checked. A code: why they were not checked.
 */
export type CredentialsState =
  | 'unchecked'
  | 'accepted'
  | 'refused'
  | 'unknown'
  | 'bound'
  | 'EASGATE_CREDENTIALS_BUSY'
  | 'EASGATE_CREDENTIALS_LIMITED';

/** One request. Every field is set in the constructor: one hidden class. */
export class Exchange implements WaitingRequest {
  /** Monotonic milliseconds, exact. */
  readonly startedAt: number;
  private current: ExchangePhase = 'reading';

  // head
  method = '';
  minor = 1;
  framing: BodyFraming = 'none';
  contentLength = 0;
  expectContinue = false;

  /** `100 Continue` was sent. */
  continued = false;

  // gate and identity
  content: BodyContent = 'empty';
  /** The root element matches the command of the query, or there is no body. */
  rootSeen = false;
  command: EasCommand | null = null;
  /** The parsed query; null for Autodiscover, and once the request was written. */
  query: EasQuery | null = null;
  /** Set for Autodiscover requests. */
  autodiscover: AutodiscoverTarget | null = null;
  protocolVersion: string | null = null;
  /** The request has a policy key, possibly 0. Ping and phones that were never provisioned have none. */
  hasPolicyKey = false;
  deviceType = '';
  userAgent: string | null = null;
  user: UserKey | null = null;
  device: DeviceKey | null = null;
  /** The spelling of the device id in the request (src/identity/device.ts). */
  spelling = '';

  // body
  /** The body was read and dropped: the request can no longer be forwarded. */
  bodySpent = false;
  /** The body was scanned before forwarding (access/mailbox-exit.ts). */
  inspected = false;
  /** Scans the rest of a large body for keys of the quarantine mailbox; null = no scan. */
  scan: IssuedScan | null = null;
  /** The body was replaced by the gateway's: Provision or DeviceInformation. */
  rewritten = false;
  /** The answer to an allowed phone that still holds parts of the quarantine mailbox; null = none. */
  exit: FinalAnswer | null = null;

  /** The credentials, kept until the verdict; never logged, removed before accounting. */
  authorization: string | null = null;
  /** The hash by which they are recognised (credentials/credential-check.ts); null = it was not needed yet. */
  mark: string | null = null;

  /** The authentication method, for policies; null = none. */
  auth: AuthMethod | null = null;

  /** Result of the mail server's check of `authorization`. */
  credentials: CredentialsState = 'unchecked';

  // verdict
  verdict: Verdict | null = null;
  /** A change arrived during a suspension: the result may be outdated. */
  overtaken = false;
  /** Number of such changes. */
  overtakings = 0;

  /** The place in a queue that its look-up or its check of credentials waits for; null = none. */
  waitsFor: PlaceWait<unknown> | null = null;

  /** The verdict, if this poll is the first one under it that names folders of the mail server; else null. */
  exitsUnder: Verdict | null = null;
  /** The verdict that released the phone and thereby ended this exchange, which goes by {@link verdict}; else null. */
  releasedBy: Verdict | null = null;
  /** The device's description of itself in this request. */
  information: DeviceInformation | null = null;
  /** The progress of a wipe that this request is part of. */
  wipe: WipeAnswer['outcome'] | null = null;

  /** Clock milliseconds at which the verdict of a held poll lapses; set when the poll is held. */
  lapsesAt = Infinity;

  // forward
  upstream: UpstreamConnection | null = null;
  server: UpstreamServer | null = null;
  /** Request line and start of the Host line; the server chosen later may have its own Host. '' once written. */
  upstreamLine = '';
  /** The phone's Host. */
  host = '';
  /** End-to-end headers without Host and framing; null once written. */
  upstreamHead: string | null = null;
  /** The whole request, while it waits for a connection or may be retried. */
  replay: string | Buffer | null = null;
  /** Monotonic milliseconds at which it was given to an upstream connection; 0 = not yet, or a response began. */
  sentAt = 0;
  /** Number of servers tried. */
  attempts = 0;
  /** Leg of a handshake that authenticates the connection; it needs a pinned connection. */
  leg: 'none' | 'opening' | 'closing' = 'none';
  /** The ticket of a held Ping at the throttle (access/throttle.ts); null = none. */
  pingTicket: string | null = null;
  /** Digest of a completely read body, for the throttle; 0 = none. */
  bodyDigest = 0;
  /** The counters of the device at the throttle; null = the request was not counted. */
  use: DeviceUse | null = null;
  /** Retry-After in seconds; 0 = as configured. */
  retryAfterSeconds = 0;
  /** The upstream connection was used before, so that a failure may be a keep-alive race. */
  upstreamReused = false;
  upstreamKeepAlive = false;
  /** Only a challenge may be returned: the request has no usable credentials. */
  challengeOnly = false;
  /** A held poll, at the gateway or at the mail server. */
  held = false;
  /** The poll may be held: it is the newest of its device, and there is capacity. */
  pollAdmitted = false;
  /** Heartbeat in seconds; -1 = unknown, 0 = not a held poll. */
  heartbeat = 0;
  /** The body was received completely and passed to the upstream connection. */
  requestComplete = false;

  /** Clock milliseconds by which the response head is due. */
  responseDeadline = Infinity;

  // response
  status = 0;
  /** The client connection stays open after this response. */
  persistent = true;
  responseFraming: ResponseFraming = 'none';
  /** Bytes of the body still expected when framing is `length`. */
  responseRemaining = 0;
  informational = 0;
  responseHeadPending: Buffer | null = null;
  error: HttpErrorCode | null = null;
  bytesIn = 0;
  bytesOut = 0;

  constructor(startedAt: number) {
    this.startedAt = startedAt;
  }

  get phase(): ExchangePhase {
    return this.current;
  }

  /** Enters another phase, if that is legal; returns whether it did. */
  moveTo(phase: ExchangePhase): boolean {
    if (!isLegal(this.current, phase)) return false;
    this.current = phase;
    return true;
  }

  /** It will not be forwarded: its text is not needed any more. */
  forgetText(): void {
    this.query = null;
    this.upstreamLine = '';
    this.upstreamHead = null;
  }
}
