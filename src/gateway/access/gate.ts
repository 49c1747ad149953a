// Owns the gate and the naming of one request: from an understood head to user, device and the head to send upstream.
// Hot path; no sockets, no waiting.
import { authMethodOf } from './request-facts.ts';
import type { DiscoveryTarget, DiscoveryTargetError } from '../../eas/autodiscover/target.ts';
import { contentOf } from '../../eas/body-gate.ts';
import type { BodyErrorCode } from '../../eas/body-gate.ts';
import { agreeOnPolicyKey, agreeOnVersion, isAgreementError } from '../../eas/protocol-version.ts';
import { hasTextId } from '../../eas/query.ts';
import type { EasQuery } from '../../eas/query.ts';
import { isEasPath, parseEasTarget } from '../../eas/request-target.ts';
import type { TargetErrorCode } from '../../eas/request-target.ts';
import type { HttpErrorCode } from '../../errors.ts';
import { isPublicHost } from '../../http/host.ts';
import { cameThroughHere } from '../../http/via.ts';
import { withoutHeaders } from '../../http/request-head.ts';
import type { RequestHead } from '../../http/request-head.ts';
import { deviceKey, deviceSpelling } from '../../identity/device.ts';
import type { DeviceKey, UserKey } from '../../identity/keys.ts';
import type { UserNames } from '../../identity/user-names.ts';
import { claimAgrees, isCertified } from '../../identity/user-claim.ts';
import { isConnectionBound, readLeg } from '../../identity/ntlm.ts';
import { NO_USER, isUserError, userFromAuthorization } from '../../identity/user.ts';
import type { UserErrorCode } from '../../identity/user.ts';
import type { Exchange } from '../exchange/exchange.ts';
import type { IdentitySettings, ListenSettings, UpstreamSettings } from '../settings.ts';

/** What the gate needs to know of the connection a request came on. */
export interface RequestOrigin {
  /** X-Forwarded-* and Via lines for the request, each ended by CRLF. */
  forwardedLines(): string;
  /** Whom the mail server authenticated on the connection that belongs to this one (NTLM); null = nobody. */
  readonly boundUser: UserKey | null;
  /** A handshake was opened on the connection that belongs to this one, and waits for its closing leg. */
  readonly handshaking: boolean;
  /** Whom the client certificate names; null = none. */
  readonly certificateUser: UserKey | null;
  readonly memo: AdmissionMemo;
}

/** Heads of phones are below it, tokens included. Longer ones would let strangers fill the memory of idle connections. */
const MAX_KEPT_HEAD = 4096;

/**
 * What the last request of a connection said, with what was made of it: a phone repeats its credentials on every request
 * of a connection, and mostly its target too. Pure results of the same text, so that they need no end.
 */
export class AdmissionMemo {
  target = '';
  options = false;
  query: EasQuery | null = null;
  device: DeviceKey | null = null;
  spelling = '';
  authorization: string | null = null;
  user: UserKey | null = null;
  /** Beginning of the upstream head, for the query and the user together; '' = not known. */
  upstreamLine = '';
  private head: RequestHead | null = null;
  private headBytes: Buffer | null = null;
  private lastLength = 0;

  /**
   * The head at the beginning of `bytes`, when it is to the last byte the one that was understood before: what is made of
   * a head follows from its bytes alone, up to the empty line that ends it.
   */
  sameHead(bytes: Buffer): RequestHead | null {
    const { head, headBytes } = this;
    if (head === null || headBytes === null) return null;
    const { length } = headBytes;
    return bytes.length >= length && headBytes.compare(bytes, 0, length) === 0 ? head : null;
  }

  /** Notes a head that was understood. It is kept when one of its length came before: most are said once. */
  noteHead(head: RequestHead, bytes: Buffer): void {
    const keep = head.end === this.lastLength && head.end <= MAX_KEPT_HEAD;
    this.lastLength = head.end;
    this.headBytes = keep ? Buffer.from(bytes.subarray(0, head.end)) : null;
    this.head = keep ? head : null;
    if (!keep) return;
    // Text that is one object with what is remembered is compared without a look at its characters.
    if (head.target === this.target) head.target = this.target;
    if (head.authorization === this.authorization) head.authorization = this.authorization;
  }
}

/** What the gate needs to know of the configuration. */
export interface AdmissionRules {
  readonly listen: ListenSettings;
  readonly identity: IdentitySettings;
  readonly upstream: UpstreamSettings;
}

/**
 * Checks and names the request; fills the exchange's gate and identity fields. Null = admitted so far, else the code to
 * refuse it with. Who has not signed in is admitted to the mail server's challenge ({@link Exchange.challengeOnly}),
 * whatever method, query and body say: clients ask for it by requests that mean nothing else (GET with an empty Bearer, a
 * POST without a body), and after a 400 they cannot be set up.
 */
export function admit(
  rules: AdmissionRules,
  origin: RequestOrigin,
  exchange: Exchange,
  head: RequestHead,
): HttpErrorCode | null {
  const astray = findAstray(rules, head);
  if (astray !== null) return astray;
  const { memo } = origin;
  const bad = readRequest(memo, exchange, head);
  // Who may use another path is not known here.
  if (bad === 'EASGATE_NOT_FOUND') return bad;
  const user = nameUser(rules, origin, exchange, head);
  if (isUserError(user)) return admitStranger(exchange, user);
  // OPTIONS without credentials is a request of its own (MS-ASHTTP 2.2.3).
  if (user === NO_USER && (bad !== null || head.method !== 'OPTIONS' || head.authorization !== null)) {
    // The opening leg of a handshake goes on as a bare OPTIONS. The answer to that may have a body, to HEAD it must not.
    if (head.method === 'HEAD') exchange.leg = 'none';
    if (exchange.leg === 'opening') {
      exchange.upstreamLine = 'OPTIONS ' + rules.upstream.path + ' HTTP/1.1\r\nHost: ';
      exchange.upstreamHead = openingHead(head, origin);
    }
    return admitStranger(exchange, null);
  }
  if (bad !== null) return bad;
  if (
    origin.certificateUser !== null &&
    user !== NO_USER &&
    !isCertified(user, origin.certificateUser, rules.identity.names)
  )
    return 'EASGATE_USER_MISMATCH';
  const query = exchange.query as EasQuery;
  let canonical = query.canonical;
  if (user !== NO_USER) {
    exchange.user = user;
    // What is remembered is no part of the head, which may end before the connection does.
    exchange.authorization = isRemembered(memo, head) ? memo.authorization : head.authorization;
    exchange.auth = authMethodOf(head.authorization, origin);
    exchange.device = memo.device;
    exchange.spelling = memo.spelling;
    // A leg of NTLM names another user than the memo's.
    if (memo.upstreamLine !== '' && isRemembered(memo, head)) {
      exchange.upstreamLine = memo.upstreamLine;
      exchange.upstreamHead = passedOn(rules, head.headerLines) + origin.forwardedLines();
      return null;
    }
    // Without credentials of its own (certificate, NTLM) Horde believes the claim (eas-protocol facts, 0.9).
    const { identity } = rules;
    const rule =
      head.authorization === null && identity.userClaim === 'ignore' ? 'refuse' : identity.userClaim;
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
  exchange.upstreamHead = passedOn(rules, head.headerLines) + origin.forwardedLines();
  return null;
}

/** Whether a request is none of this gateway: for another host, or here for the second time. */
function findAstray({ identity }: AdmissionRules, head: RequestHead): HttpErrorCode | null {
  if (identity.publicHosts.length > 0 && !isPublicHost(head.host, identity.publicHosts))
    return 'EASGATE_WRONG_HOST';
  return head.via !== null && cameThroughHere(head.via) ? 'EASGATE_LOOP' : null;
}

/** Only a challenge may come of the request. `why` = its credentials are none that can be taken; null = it has none. */
function admitStranger(exchange: Exchange, why: UserErrorCode | null): null {
  exchange.error = why;
  exchange.challengeOnly = true;
  return null;
}

/** Reads method, target and the headers that belong to them into the exchange; returns what is wrong with them. */
function readRequest(memo: AdmissionMemo, exchange: Exchange, head: RequestHead): HttpErrorCode | null {
  exchange.host = head.host;
  exchange.userAgent = head.userAgent;
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

/** The reading of a `User` claim that means this user; null = it means somebody else. */
function readClaim(
  userClaim: string,
  { formClaim }: EasQuery,
  user: UserKey,
  names: UserNames,
): string | null {
  if (claimAgrees(userClaim, user, names)) return userClaim;
  // PHP reads `+` as a space and SOGo as a plus. Where it is the space of the user's name, all shall read it so.
  return formClaim !== null && claimAgrees(formClaim, user, names) ? formClaim : null;
}

/** Whether the memo's user is that of this request: the same credentials were read before. */
function isRemembered(memo: AdmissionMemo, head: RequestHead): boolean {
  return head.authorization !== null && head.authorization === memo.authorization;
}

/** A copy: a part of a head would keep the whole of it in memory as long as the connection lives. */
export function detach(text: string): string {
  return Buffer.from(text, 'latin1').toString('latin1');
}

function readTarget(memo: AdmissionMemo, target: string, options: boolean): EasQuery | TargetErrorCode {
  if (memo.query !== null && memo.target === target && memo.options === options) return memo.query;
  const own = detach(target);
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
 * The phone's own header lines. The mail server believes the header that carries the certificate's user, so a phone that
 * sends it, with or without a certificate, is not heard.
 */
function passedOn({ listen }: AdmissionRules, headerLines: string): string {
  const header = listen.tls?.clientCertificate?.forwardHeader ?? null;
  return header === null ? headerLines : withoutHeaders(headerLines, [header.toLowerCase()]);
}

/** Who asks: by this request's credentials, by those that bound the connection, or by the client certificate. */
function nameUser(
  rules: AdmissionRules,
  origin: RequestOrigin,
  exchange: Exchange,
  head: RequestHead,
): UserKey | typeof NO_USER | UserErrorCode {
  const { authorization } = head;
  const { memo } = origin;
  if (memo.user !== null && isRemembered(memo, head)) return memo.user;
  const user = userFromAuthorization(authorization, rules.identity.bearerClaim);
  if (user !== NO_USER) {
    if (isUserError(user)) return user;
    memo.authorization = detach(authorization ?? '');
    memo.user = user;
    memo.upstreamLine = '';
    return user;
  }
  if (authorization === null) return origin.boundUser ?? origin.certificateUser ?? NO_USER;
  if (rules.upstream.connectionAuth === 'strip' || !isConnectionBound(authorization)) return NO_USER;
  const leg = readLeg(authorization);
  if (typeof leg === 'string') return leg;
  // A handshake is ended where it was begun: anywhere else nobody knows yet who this is.
  if (leg.leg === 'closing' && !origin.handshaking) return 'EASGATE_AUTHORIZATION';
  exchange.leg = leg.leg;
  return leg.leg === 'closing' ? leg.user : NO_USER;
}

/**
 * Checks and names an Autodiscover request, as {@link admit} does. NTLM and Negotiate are no credentials here: no connection
 * of the mail server belongs to the client yet, and the challenge offers others.
 */
export function admitDiscovery(
  rules: AdmissionRules,
  origin: RequestOrigin,
  exchange: Exchange,
  head: RequestHead,
  target: DiscoveryTarget | DiscoveryTargetError,
): HttpErrorCode | null {
  const astray = findAstray(rules, head);
  if (astray !== null) return astray;
  if (typeof target === 'string') return target;
  exchange.discovery = target;
  exchange.rootSeen = true;
  exchange.userAgent = head.userAgent;
  exchange.host = head.host;
  if (target.form === 'json') return head.framing === 'none' ? null : 'EASGATE_UNEXPECTED_BODY';
  const user = userFromAuthorization(head.authorization, rules.identity.bearerClaim);
  if (isUserError(user)) return admitStranger(exchange, user);
  if (user === NO_USER) return admitStranger(exchange, null);
  if (origin.certificateUser !== null && !isCertified(user, origin.certificateUser, rules.identity.names))
    return 'EASGATE_USER_MISMATCH';
  if (target.bad !== null) return target.bad;
  // Without a body the request cannot be read, which is an answer of Autodiscover (error 600) and none of HTTP.
  if (head.framing !== 'none') {
    if (head.method !== 'POST') return 'EASGATE_UNEXPECTED_BODY';
    if (head.contentEncoding !== null) return 'EASGATE_CONTENT_ENCODING';
    if (head.contentType === null || !XML_TYPE.test(head.contentType)) return 'EASGATE_CONTENT_TYPE';
  }
  exchange.user = user;
  exchange.authorization = head.authorization;
  return null;
}

const XML_TYPE = /^(?:text|application)\/xml(?: ?; ?charset="?utf-8"?)?$/i;

/** Command and body kind; OPTIONS carries neither. */
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
  exchange.content = content;
  return null;
}

function isBodyError(content: string): content is BodyErrorCode {
  return content.startsWith('EASGATE_');
}

/** What goes upstream of an opening leg: it names nobody, so it can only be answered by the next challenge. */
function openingHead(head: RequestHead, origin: RequestOrigin): string {
  const agent = head.userAgent === null ? '' : 'User-Agent: ' + head.userAgent + '\r\n';
  const opening = head.authorization === null ? '' : 'Authorization: ' + head.authorization + '\r\n';
  return agent + opening + origin.forwardedLines();
}

function rewriteUser(canonical: string, user: string): string {
  return canonical
    .split('&')
    .map((pair) => (pair.startsWith('User=') ? 'User=' + encodeURIComponent(user) : pair))
    .join('&');
}
