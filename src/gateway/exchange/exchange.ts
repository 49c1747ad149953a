// Owns the facts of one request: each is set by the part that learns it, and the next step follows from them (steps.ts).
import type { DiscoveryTarget } from '../../eas/autodiscover/target.ts';
import type { BodyContent } from '../../eas/body-gate.ts';
import type { EasCommand } from '../../eas/commands.ts';
import type { FinalAnswer } from '../../quarantine/model.ts';
import type { IssuedScan } from '../../quarantine/issued-scan.ts';
import type { DeviceInformation } from '../../quarantine/provision.ts';
import type { EasQuery } from '../../eas/query.ts';
import type { WipeAnswer } from '../../eas/wipe.ts';
import type { BodyFraming } from '../../http/request-head.ts';
import type { HttpErrorCode } from '../../errors.ts';
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
 * What is known of the credentials. `bound` = they are no part of this request: its connection was authenticated, by a
 * handshake or a client certificate, and nobody can be asked about them.
 */
export type CredentialsState = 'unchecked' | 'accepted' | 'refused' | 'unknown' | 'bound';

/** One request. Every field is set in the constructor: one hidden class. */
export class Exchange {
  /** Monotonic milliseconds, exact. */
  readonly startedAt: number;
  private current: ExchangePhase = 'reading';

  // head
  method = '';
  minor = 1;
  keepAlive = true;
  framing: BodyFraming = 'none';
  contentLength = 0;
  expectContinue = false;

  /** `100 Continue` was sent. */
  continued = false;

  // gate and identity
  content: BodyContent = 'empty';
  /** The root element of the body was seen and is the one that the query names; or there is no body to look at. */
  rootSeen = false;
  command: EasCommand | null = null;
  /** What the query says; null = the request is Autodiscover. */
  query: EasQuery | null = null;
  /** The request is Autodiscover and no command. */
  discovery: DiscoveryTarget | null = null;
  protocolVersion: string | null = null;
  /** The request carries a policy key, be it 0: Ping and a phone never provisioned do not. */
  hasPolicyKey = false;
  deviceType = '';
  userAgent: string | null = null;
  user: UserKey | null = null;
  device: DeviceKey | null = null;
  /** How the request spells the device id (src/identity/device.ts). */
  spelling = '';

  // body
  /** What came of it was read and let go of: the request cannot be forwarded any more. */
  bodySpent = false;
  /** It was looked at for what must be known before it goes on (access/body-inspection.ts). */
  inspected = false;
  /** Looks for keys of the quarantine mailbox in what is still to come of a large one; null = nobody does. */
  scan: IssuedScan | null = null;
  /** Stands for what the phone sent: Provision or DeviceInformation, written by the gateway. */
  rewritten = false;
  /** The answer to a phone that is let in, but still has something of the quarantine mailbox; null = none is due. */
  exit: FinalAnswer | null = null;

  /** The credentials, until the verdict: never logged, gone before the exchange is accounted for. */
  authorization: string | null = null;

  /** How the request signs in, for policies; null = it does not. */
  auth: AuthMethod | null = null;

  /** What the mail server says of them. */
  credentials: CredentialsState = 'unchecked';

  // verdict
  verdict: Verdict | null = null;
  /** A change came while the exchange was suspended: what it learned may rest on the state before. */
  overtaken = false;
  /** So often a change came while it was suspended. */
  overtakings = 0;

  /** The verdict under which this poll names folders of the mail server; null = it is none, or that is known. */
  arrivesUnder: Verdict | null = null;
  /** What the device said of itself in this request. */
  information: DeviceInformation | null = null;
  /** How far the wipe came that this request is part of. */
  wipe: WipeAnswer['outcome'] | null = null;

  /** Clock milliseconds at which the verdict that a held poll rests on lapses; set when the poll is held. */
  lapsesAt = Infinity;

  // forward
  upstream: UpstreamConnection | null = null;
  server: UpstreamServer | null = null;
  /** Request line and the beginning of the Host line; the server chosen later may have a Host of its own. */
  upstreamLine = '';
  /** The Host the phone sent. */
  host = '';
  /** End-to-end headers without Host and framing; null once written. */
  upstreamHead: string | null = null;
  /** The whole request, while it waits for a connection or may safely be sent once more. */
  replay: string | Buffer | null = null;
  /** Servers tried. */
  attempts = 0;
  /** The connection to the server must be this client's own: its leg of a handshake that authenticates connections. */
  leg: 'none' | 'opening' | 'closing' = 'none';
  /** Ticket of a held Ping with the device guard. */
  pingTicket: string | null = null;
  /** Tells its body from others, where that was read whole: for the battery guard. 0 = not. */
  bodyDigest = 0;
  /** Where the device's use is counted; null = no device, or no guard. */
  use: DeviceUse | null = null;
  /** Seconds to tell the phone to wait; 0 = as configured. */
  retryAfterSeconds = 0;
  /** The connection in use carried an exchange before: only then a failure may be a keep-alive race. */
  upstreamReused = false;
  upstreamKeepAlive = false;
  /** Only a challenge may come back: the request carried no usable credentials. */
  challengeOnly = false;
  /** A held poll, here or at the mail server. */
  held = false;
  /** It may be held: it is the newest one of its device, and there is room. */
  pollAdmitted = false;
  /** Seconds asked for; -1 = unknown, 0 = not a held poll. */
  heartbeat = 0;
  /** The whole body was received and handed to the upstream connection. */
  requestComplete = false;

  /** Clock milliseconds until which the response head may take. */
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

  /** Goes on to another phase, if that is legal; returns whether it did. */
  moveTo(phase: ExchangePhase): boolean {
    if (!isLegal(this.current, phase)) return false;
    this.current = phase;
    return true;
  }
}
