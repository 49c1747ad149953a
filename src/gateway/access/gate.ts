// Owns the gate: from a parsed head to user, device and the head to send upstream. Hot path; no sockets, no waiting.
import { authMethodOf } from './request-facts.ts';
import type { AutodiscoverTarget, AutodiscoverTargetError } from '../../eas/autodiscover/target.ts';
import { contentOf } from '../../eas/body-gate.ts';
import type { BodyErrorCode } from '../../eas/body-gate.ts';
import { agreeOnPolicyKey, agreeOnVersion, isAgreementError } from '../../eas/protocol-version.ts';
import { hasTextId } from '../../eas/query-base64.ts';
import type { EasQuery } from '../../eas/query.ts';
import { isEasPath, parseEasTarget } from '../../eas/request-target.ts';
import type { TargetErrorCode } from '../../eas/request-target.ts';
import type { HttpErrorCode } from '../../errors/request-errors.ts';
import { withoutLoginCookies } from '../../http/dropped-headers.ts';
import { isPublicHost } from '../../http/host.ts';
import { cameThroughHere } from '../../http/via.ts';
import { withoutHeaders } from '../../http/header-lines.ts';
import type { RequestHead } from '../../http/request-head.ts';
import { deviceKey, deviceSpelling } from '../../identity/device.ts';
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import type { UserNames } from '../../identity/user-names.ts';
import { claimAgrees, isCertified } from '../../identity/user-claim.ts';
import { isConnectionBound, readLeg } from '../../identity/ntlm.ts';
import { NO_USER, isUserError, userFromAuthorization } from '../../identity/user.ts';
import type { UserErrorCode } from '../../identity/user.ts';
import { detachedLatin1 } from '../../plain-text.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { IdentitySettings, ListenSettings, UpstreamSettings } from '../settings.ts';

/** The connection of a request, as the gate needs it. */
export interface GateConnection {
  /** X-Forwarded-* and Via lines for the request, each ended by CRLF. */
  forwardedLines(): string;
  /** The user that the mail server authenticated on the pinned connection (NTLM); null = none. */
  readonly boundUser: UserKey | null;
  /**
   * Whether the server's challenge chose UTF-16, in a handshake on the pinned connection that waits for its closing leg; null = no such
   * handshake, or its challenge could not be read.
   */
  readonly challengeUnicode: boolean | null;
  /** The user of the client certificate; null = none. */
  readonly certificateUser: UserKey | null;
  readonly memo: GateMemo;
}

/**
 * Real heads are shorter, tokens included. Without a bound, unauthenticated clients could fill the memory of idle
 * connections.
 */
const MAX_KEPT_HEAD = 4096;

/**
 * Caches the parsed parts of a connection's last request: a phone repeats its credentials, and mostly its target. They
 * depend on the text alone, so they never expire.
 */
export class GateMemo {
  target = '';
  options = false;
  query: EasQuery | null = null;
  device: DeviceKey | null = null;
  spelling = '';
  authorization: string | null = null;
  user: UserKey | null = null;
  /** Start of the upstream head for this query and user; '' = unknown. */
  upstreamLine = '';
  private head: RequestHead | null = null;
  private headBytes: Buffer | null = null;
  private lastLength = 0;

  /**
   * Returns the remembered head when `bytes` begin with exactly the same octets: the parsed head depends on its bytes
   * alone, up to the empty line.
   */
  sameHead(bytes: Buffer): RequestHead | null {
    const { head, headBytes } = this;
    if (head === null || headBytes === null) return null;
    const { length } = headBytes;
    return bytes.length >= length && headBytes.compare(bytes, 0, length) === 0 ? head : null;
  }

  /** Remembers a head, if one of its length was seen before: most heads occur once. */
  noteHead(head: RequestHead, bytes: Buffer): void {
    const keep = head.end === this.lastLength && head.end <= MAX_KEPT_HEAD;
    this.lastLength = head.end;
    this.headBytes = keep ? Buffer.from(bytes.subarray(0, head.end)) : null;
    this.head = keep ? head : null;
    if (!keep) return;
    // Comparing a string with itself is fast, so the remembered object is used.
    if (head.target === this.target) head.target = this.target;
    if (head.authorization === this.authorization) head.authorization = this.authorization;
  }

  /** The next request is minutes away: all of it but its credentials is read again then. */
  forgetRequest(): void {
    this.target = '';
    this.query = null;
    this.upstreamLine = '';
    this.head = null;
    this.headBytes = null;
  }
}

/** The parts of the configuration that the gate needs. */
export interface GateRules {
  readonly listen: ListenSettings;
  readonly identity: IdentitySettings;
  readonly upstream: UpstreamSettings;
}

/**
 * Checks and identifies a request; fills the exchange's gate and identity fields. Null = admitted so far, else the
 * refusal code. A request without usable credentials is admitted to the mail server's challenge only ({@link
 * Exchange.challengeOnly}), whatever its method, query and body: clients request the challenge in such ways (GET with
 * an empty Bearer, a POST without a body), and a 400 would break their setup.
 */
export function admit(
  rules: GateRules,
  connection: GateConnection,
  exchange: Exchange,
  head: RequestHead,
): HttpErrorCode | null {
  const astray = findAstray(rules, head);
  if (astray !== null) return astray;
  const { memo } = connection;
  const bad = readRequest(memo, exchange, head);
  // Other paths have their own users.
  if (bad === 'EASGATE_NOT_FOUND') return bad;
  const user = nameUser(rules, connection, exchange, head);
  if (isUserError(user)) return admitStranger(exchange, user);
  // OPTIONS without credentials is a valid request (MS-ASHTTP 2.2.3).
  if (user === NO_USER && (bad !== null || head.method !== 'OPTIONS' || head.authorization !== null)) {
    // The opening leg is sent as a bare OPTIONS, whose response may have a body; the response to HEAD must not.
    if (head.method === 'HEAD') exchange.leg = 'none';
    if (exchange.leg === 'opening') {
      exchange.upstreamLine = 'OPTIONS ' + rules.upstream.path + ' HTTP/1.1\r\nHost: ';
      exchange.upstreamHead = openingHead(head, connection);
    }
    return admitStranger(exchange, null);
  }
  if (bad !== null) return bad;
  if (
    connection.certificateUser !== null &&
    user !== NO_USER &&
    !isCertified(user, connection.certificateUser, rules.identity.names)
  )
    return 'EASGATE_USER_MISMATCH';
  const query = exchange.query as EasQuery;
  let canonical = query.canonical;
  if (user !== NO_USER) {
    exchange.user = user;
    // A remembered string is independent of the head's memory, which can then be freed.
    exchange.authorization = isRemembered(memo, head) ? memo.authorization : head.authorization;
    exchange.auth = authMethodOf(head.authorization, connection);
    exchange.device = memo.device;
    exchange.spelling = memo.spelling;
    // A leg of NTLM names another user than the remembered one.
    if (memo.upstreamLine !== '' && isRemembered(memo, head)) {
      exchange.upstreamLine = memo.upstreamLine;
      exchange.upstreamHead = passedOn(rules, head.headerLines) + connection.forwardedLines();
      return null;
    }
    // Horde trusts User= in requests without a password: certificate, NTLM, Basic with nothing (or `0`) behind the colon
    // (Horde_ActiveSync_Credentials).
    const { identity } = rules;
    const unproven = head.authorization === null || connection.certificateUser !== null;
    const rule = unproven && identity.userClaim === 'ignore' ? 'rewrite' : identity.userClaim;
    const { userClaim } = query;
    const claimed = userClaim === null ? null : readClaim(userClaim, query, user, identity.names);
    if (userClaim !== null && claimed === null && rule !== 'ignore') {
      if (rule === 'refuse' || query.form === 'base64') return 'EASGATE_USER_MISMATCH';
      canonical = rewriteUser(canonical, user);
    } else if (claimed !== null && claimed !== userClaim) {
      canonical = rewriteUser(canonical, claimed);
    }
  }
  exchange.upstreamLine =
    head.method +
    ' ' +
    rules.upstream.path +
    (canonical === '' ? '' : '?' + canonical) +
    ' HTTP/1.1\r\nHost: ';
  if (user !== NO_USER && isRemembered(memo, head)) memo.upstreamLine = exchange.upstreamLine;
  exchange.upstreamHead = passedOn(rules, head.headerLines) + connection.forwardedLines();
  return null;
}

/** Whether the request is for another host, or passed this gateway before. */
function findAstray({ identity }: GateRules, head: RequestHead): HttpErrorCode | null {
  if (identity.publicHosts.length > 0 && !isPublicHost(head.host, identity.publicHosts))
    return 'EASGATE_WRONG_HOST';
  return head.via !== null && cameThroughHere(head.via) ? 'EASGATE_LOOP' : null;
}

/** Admits the request to the challenge only. `why` = what is wrong with its credentials; null = it has none. */
function admitStranger(exchange: Exchange, why: UserErrorCode | null): null {
  exchange.error = why;
  exchange.challengeOnly = true;
  return null;
}

/** Parses method, target and related headers into the exchange; returns the error, if any. */
function readRequest(memo: GateMemo, exchange: Exchange, head: RequestHead): HttpErrorCode | null {
  exchange.host = head.host;
  exchange.userAgent = head.userAgent;
  if (head.loginCookie) {
    head.loginCookie = false;
    head.headerLines = withoutLoginCookies(head.headerLines);
  }
  const options = head.method === 'OPTIONS';
  if (!options && head.method !== 'POST') {
    const [path = ''] = head.target.split('?', 1);
    return isEasPath(path) ? 'EASGATE_METHOD_NOT_ALLOWED' : 'EASGATE_NOT_FOUND';
  }
  const query = readTarget(memo, head.target, options);
  if (typeof query === 'string') return query;
  exchange.query = query;
  exchange.deviceType = query.deviceType;
  const version = agreeOnVersion(query, head.protocolVersion);
  if (isAgreementError(version)) return version;
  exchange.protocolVersion = version;
  const policyKey = agreeOnPolicyKey(query, head.policyKey);
  if (policyKey === 'EASGATE_POLICY_KEY') return policyKey;
  exchange.hasPolicyKey = policyKey !== null;
  return nameBody(exchange, query, head);
}

/** The reading of a `User` claim that matches this user; null = neither does. */
function readClaim(
  userClaim: string,
  { formClaim }: EasQuery,
  user: UserKey,
  names: UserNames,
): string | null {
  if (claimAgrees(userClaim, user, names)) return userClaim;
  // PHP reads `+` as a space, SOGo as a plus. When the user name has a space there, it is sent as %20 to both.
  return formClaim !== null && claimAgrees(formClaim, user, names) ? formClaim : null;
}

/** Whether the remembered user applies: the credentials are the same. */
function isRemembered(memo: GateMemo, head: RequestHead): boolean {
  return head.authorization !== null && head.authorization === memo.authorization;
}

function readTarget(memo: GateMemo, target: string, options: boolean): EasQuery | TargetErrorCode {
  if (memo.query !== null && memo.target === target && memo.options === options) return memo.query;
  const own = detachedLatin1(target);
  const query = parseEasTarget(own, options);
  if (typeof query === 'string') return query;
  memo.target = own;
  memo.options = options;
  memo.query = query;
  memo.device = options || query.device === null ? null : deviceKey(query.device);
  memo.spelling = query.device === null ? '' : deviceSpelling(query.device, hasTextId(query));
  memo.upstreamLine = '';
  return query;
}

/**
 * The phone's header lines, without the header for the certificate's user: the mail server trusts that header, so a
 * phone must not set it.
 */
function passedOn({ listen }: GateRules, headerLines: string): string {
  const header = listen.tls?.clientCertificate?.forwardHeader ?? null;
  return header === null ? headerLines : withoutHeaders(headerLines, [header.toLowerCase()]);
}

/**
 * The user of a request: from its credentials, from those that authenticated the connection, or from the client
 * certificate.
 */
function nameUser(
  rules: GateRules,
  connection: GateConnection,
  exchange: Exchange,
  head: RequestHead,
): UserKey | typeof NO_USER | UserErrorCode {
  const { authorization } = head;
  const { memo } = connection;
  if (memo.user !== null && isRemembered(memo, head)) return memo.user;
  const user = userFromAuthorization(authorization, rules.identity.bearerClaim);
  if (user !== NO_USER) {
    if (isUserError(user)) return user;
    memo.authorization = detachedLatin1(authorization ?? '');
    memo.user = user;
    memo.upstreamLine = '';
    return user;
  }
  if (authorization === null) return connection.boundUser ?? connection.certificateUser ?? NO_USER;
  if (rules.upstream.connectionAuth === 'strip' || !isConnectionBound(authorization)) return NO_USER;
  const leg = readLeg(authorization);
  if (typeof leg === 'string') return leg;
  // A handshake must be closed on the connection that opened it, and in its character set; otherwise the user is unknown.
  if (leg.leg === 'closing' && leg.unicode !== connection.challengeUnicode) return 'EASGATE_AUTHORIZATION';
  exchange.leg = leg.leg;
  return leg.leg === 'closing' ? leg.user : NO_USER;
}

/**
 * Checks and identifies an Autodiscover request, like {@link admit}. NTLM and Negotiate do not count here: the client
 * has no pinned connection yet, and the challenge offers other schemes.
 */
export function admitAutodiscover(
  rules: GateRules,
  connection: GateConnection,
  exchange: Exchange,
  head: RequestHead,
  target: AutodiscoverTarget | AutodiscoverTargetError,
): HttpErrorCode | null {
  const astray = findAstray(rules, head);
  if (astray !== null) return astray;
  if (typeof target === 'string') return target;
  exchange.autodiscover = target;
  exchange.rootSeen = true;
  exchange.userAgent = head.userAgent;
  exchange.host = head.host;
  if (target.form === 'json') return head.framing === 'none' ? null : 'EASGATE_UNEXPECTED_BODY';
  const user = userFromAuthorization(head.authorization, rules.identity.bearerClaim);
  if (isUserError(user)) return admitStranger(exchange, user);
  if (user === NO_USER) return admitStranger(exchange, null);
  if (
    connection.certificateUser !== null &&
    !isCertified(user, connection.certificateUser, rules.identity.names)
  )
    return 'EASGATE_USER_MISMATCH';
  if (target.bad !== null) return target.bad;
  // A missing body is an error of Autodiscover (600), not of HTTP.
  if (head.framing !== 'none') {
    if (head.method !== 'POST') return 'EASGATE_UNEXPECTED_BODY';
    if (head.contentEncoding !== null) return 'EASGATE_CONTENT_ENCODING';
    if (head.contentType !== null && !XML_TYPE.test(head.contentType)) return 'EASGATE_CONTENT_TYPE';
  }
  exchange.user = user;
  exchange.authorization = head.authorization;
  return null;
}

/**
 * Whatever charset is named, the body is read as UTF-8 or refused (600), and written anew for the mail server. In the
 * others that clients name, a request without letters beyond ASCII is the same bytes.
 */
const XML_TYPE = /^(?:text|application)\/xml(?: ?; ?(?:charset="?[a-z0-9-]{1,20}"?)?)?$/i;

/** Sets command and body kind; OPTIONS has neither. */
function nameBody(exchange: Exchange, query: EasQuery, head: RequestHead): HttpErrorCode | null {
  if (query.command === null) {
    if (head.framing !== 'none') return 'EASGATE_UNEXPECTED_BODY';
    exchange.rootSeen = true;
    return null;
  }
  exchange.command = query.command.name;
  const content = contentOf(
    query.command,
    exchange.protocolVersion,
    head.contentType,
    head.contentEncoding,
    head.framing === 'none',
  );
  if (isBodyError(content)) return content;
  if (content === 'rfc822') useBareMailType(head);
  exchange.content = content;
  return null;
}

const MAIL_TYPE = 'message/rfc822';

/**
 * Forwards the type of a mail without parameters (it has none: RFC 2046 5.2.1). SOGo takes a body for a mail only where the type is exactly
 * this, and otherwise runs the command that the body names (SOGoActiveSyncDispatcher.m, dispatchRequest).
 */
function useBareMailType(head: RequestHead): void {
  if (head.contentType?.length === MAIL_TYPE.length) return;
  head.contentType = MAIL_TYPE;
  head.headerLines =
    withoutHeaders(head.headerLines, ['content-type']) + 'Content-Type: ' + MAIL_TYPE + '\r\n';
}

function isBodyError(content: string): content is BodyErrorCode {
  return content.startsWith('EASGATE_');
}

/** The upstream head of an opening leg. It names no user, so the server can only challenge it. */
function openingHead(head: RequestHead, connection: GateConnection): string {
  const agent = head.userAgent === null ? '' : 'User-Agent: ' + head.userAgent + '\r\n';
  const opening = head.authorization === null ? '' : 'Authorization: ' + head.authorization + '\r\n';
  return agent + opening + connection.forwardedLines();
}

function rewriteUser(canonical: string, user: string): string {
  return canonical
    .split('&')
    .map((pair) => (pair.startsWith('User=') ? 'User=' + encodeURIComponent(user) : pair))
    .join('&');
}
