// Owns who is let in to the admin API: the names in Host, tokens and session cookies, other sites (CSRF), roles.
import type { FastifyReply, FastifyRequest } from 'fastify';
import { parseEndpoint } from '../../config/endpoint.ts';
import type { Config } from '../../config/schema.ts';
import type { Role } from '../contract/paths.ts';
import { ApiError } from '../problems.ts';
import { NOBODY } from '../routes/route.ts';
import { hasRole } from './principal.ts';
import type { Principal } from './principal.ts';
import type { SignIn } from './sign-in.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Least role; null = nobody needs to be signed in. Absent = it is no operation of the API. */
    readonly role?: Role | null;
    /** The body is a file, which may take its time. */
    readonly isFile?: true;
  }
}

/** Fields that decide who is let in: a server in front may have read the other one of two. */
const SINGLE_FIELDS = new Set(['host', 'origin', 'authorization', 'cookie', 'sec-fetch-site']);
const LOOPBACK_NAMES = ['localhost', '127.0.0.1', '[::1]'];
const ATTEMPT_SECONDS = 600;
const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

/** The guard of one server. */
export class Guard {
  /** `__Host-`: only over HTTPS, for this host and all paths (RFC 6265bis 4.1.3.2). Browsers refuse it on plain loopback. */
  readonly cookieName: string;
  private readonly signIn: SignIn;
  private readonly isSecure: boolean;
  private readonly publicOrigin: string | null;
  private readonly hosts: ReadonlySet<string>;
  private readonly scheme: string;
  private readonly callers = new WeakMap<FastifyRequest, Principal>();

  constructor(admin: Config['admin'], signIn: SignIn) {
    const { publicUrl, tls, hosts, listen } = admin;
    this.signIn = signIn;
    this.isSecure = publicUrl?.startsWith('https:') ?? tls !== undefined;
    this.cookieName = this.isSecure ? '__Host-easgate' : 'easgate';
    this.publicOrigin = publicUrl ?? null;
    this.scheme = tls === undefined ? 'http' : 'https';
    const isLoopback = publicUrl === undefined || LOOPBACK_NAMES.includes(new URL(publicUrl).hostname);
    this.hosts = new Set([
      ...hosts,
      ...(publicUrl === undefined ? [] : [new URL(publicUrl).hostname]),
      ...(isLoopback ? LOOPBACK_NAMES : []),
      ...ownAddress(listen),
    ]);
  }

  /** Whether the request has a secret that nobody here has: another gateway of the fleet may know it. */
  hasUnknownSecret(request: FastifyRequest): boolean {
    const { role } = request.routeOptions.config;
    const { authorization, cookie } = request.headers;
    if (role === undefined || (authorization === undefined && cookie === undefined)) return false;
    return this.principalIn(request) === null;
  }

  /** Looks at a request before anything else does. @throws ApiError */
  admit(request: FastifyRequest): void {
    checkForm(request);
    this.checkHost(request);
    const { role } = request.routeOptions.config;
    if (role === undefined) return;
    const principal = this.authenticate(request);
    if (principal !== null) this.callers.set(request, principal);
    // A cookie comes with requests of other sites too (RFC 6265bis 8.8.2). The redirect back from a provider begins there.
    const bySession = principal !== null && request.headers.authorization === undefined;
    if (bySession && (role !== null || !SAFE_METHODS.has(request.method))) this.checkSite(request);
    if (role === null) {
      // Signing in from another site would sign somebody in as the attacker.
      if (!SAFE_METHODS.has(request.method))
        this.checkOrigin(request, request.headers.authorization === undefined);
      return;
    }
    if (principal === null)
      throw new ApiError(
        'EASGATE_API_UNAUTHENTICATED',
        'sign in, or send a token: Authorization: Bearer TOKEN',
      );
    if (!hasRole(principal.role, role))
      throw new ApiError(
        'EASGATE_API_FORBIDDEN',
        `this needs the role ${role}; ${principal.name} has ${principal.role}`,
      );
  }

  /** Whether whoever made the request may still do it: streams, files and slow bodies outlive tokens and sessions. */
  stillAdmits(request: FastifyRequest): boolean {
    const before = this.callers.get(request);
    const { role } = request.routeOptions.config;
    if (before === undefined || role === undefined || role === null) return false;
    try {
      // An open stream is no use: else a session whose owner went away would never be idle (CWE-613).
      const now = this.principalIn(request, false);
      return now !== null && now.id === before.id && hasRole(now.role, role);
    } catch {
      // The file of tokens cannot be read.
      return false;
    }
  }

  /** Null = nobody is signed in. */
  principalOf(request: FastifyRequest): Principal | null {
    return this.callers.get(request) ?? null;
  }

  /** Whoever makes the request. */
  callerOf(request: FastifyRequest): Principal {
    return this.callers.get(request) ?? NOBODY;
  }

  /** Sets the cookie of a session; null = takes it away. */
  setCookie(reply: FastifyReply, secret: string | null): void {
    const options = { path: '/', httpOnly: true, sameSite: 'strict', secure: this.isSecure } as const;
    if (secret === null) reply.clearCookie(this.cookieName, options);
    else reply.setCookie(this.cookieName, secret, options);
  }

  /** Sets the cookie of a sign-in at a provider; null = takes it away. `Lax`: the way back begins at another site. */
  setAttempt(reply: FastifyReply, name: string, value: string | null): void {
    const options = { path: '/', httpOnly: true, sameSite: 'lax', secure: this.isSecure } as const;
    if (value === null) reply.clearCookie(name, options);
    else reply.setCookie(name, value, { ...options, maxAge: ATTEMPT_SECONDS });
  }

  /** The origin by which browsers reach this gateway. `host`: of the request. */
  originFor(host: string): string {
    return this.publicOrigin ?? `${this.scheme}://${host}`;
  }

  /** A site whose name was made to lead here has its own name in Host (DNS rebinding). */
  private checkHost({ headers }: FastifyRequest): void {
    const host = (headers.host ?? '').toLowerCase().replace(/:\d{1,5}$/, '');
    if (!this.hosts.has(host))
      throw new ApiError(
        'EASGATE_API_HOST',
        'Host is not a name of this gateway: see admin.publicUrl and admin.hosts',
      );
  }

  private authenticate(request: FastifyRequest): Principal | null {
    const { authorization } = request.headers;
    const principal = this.principalIn(request);
    if (authorization === undefined) return principal;
    if (principal !== null) return principal;
    if (!/^Bearer /i.test(authorization))
      throw new ApiError('EASGATE_API_UNAUTHENTICATED', 'Authorization is not: Bearer TOKEN');
    const now = Date.now();
    const wait = this.signIn.waitOf(request.ip, now);
    this.signIn.failed(request.ip, now);
    if (wait > 0) throw tooManyTries(wait);
    throw new ApiError('EASGATE_API_UNAUTHENTICATED', 'the token is wrong, ended, or was revoked');
  }

  /** Whom the token or the cookie belongs to; null = nobody. */
  private principalIn({ headers }: FastifyRequest, isUse = true): Principal | null {
    const now = Date.now();
    const { authorization } = headers;
    if (authorization !== undefined) {
      const [, secret = ''] = /^Bearer ([!-~]{1,200})$/i.exec(authorization) ?? [];
      return this.signIn.bearer(secret, now, isUse);
    }
    const secret = onlyCookie(headers.cookie ?? '', this.cookieName);
    return secret === null ? null : this.signIn.session(secret, now, isUse);
  }

  private checkSite(request: FastifyRequest): void {
    if (!SAFE_METHODS.has(request.method)) this.checkOrigin(request, true);
    // Of a page of another port or subdomain (Fetch Metadata 2.3), which SameSite lets pass. `none`: typed by the user.
    const site = request.headers['sec-fetch-site'];
    if (site !== undefined && site !== 'same-origin' && site !== 'none')
      throw new ApiError('EASGATE_API_ORIGIN', 'the request comes from another site');
  }

  /** `needed`: a request without Origin is refused; browsers send it with every POST, PUT and DELETE (Fetch 3.2). @throws ApiError */
  private checkOrigin({ headers }: FastifyRequest, needed: boolean): void {
    const { origin } = headers;
    if (origin === undefined ? !needed : this.isOwn(origin, headers.host ?? '')) return;
    throw new ApiError('EASGATE_API_ORIGIN', 'the request comes from another site, or says no Origin');
  }

  private isOwn(origin: string, host: string): boolean {
    return origin === this.originFor(host);
  }
}

/** The refusal of a wrong secret after too many. */
export function tooManyTries(waitMs: number): ApiError {
  const seconds = Math.ceil(waitMs / 1_000);
  return new ApiError('EASGATE_API_SIGN_IN_LIMIT', 'too many wrong tokens from this address: wait', seconds);
}

/**
 * Requests that a server in front could read otherwise: another authority in the target than in Host (RFC 9112 3.2.2), a repeated
 * field. @throws ApiError
 */
function checkForm({ raw }: FastifyRequest): void {
  if (raw.url?.startsWith('/') !== true)
    throw new ApiError('EASGATE_API_INVALID', 'the target of the request is no path');
  const seen = new Set<string>();
  for (let index = 0; index < raw.rawHeaders.length; index += 2) {
    const name = raw.rawHeaders[index]?.toLowerCase() ?? '';
    if (!SINGLE_FIELDS.has(name)) continue;
    if (seen.has(name)) throw new ApiError('EASGATE_API_INVALID', `the header ${name} is repeated`);
    seen.add(name);
  }
}

/**
 * The value of the cookie; null = there is none, or several: another one was set from a subdomain or another port (cookie
 * tossing). Only SP and HTAB are removed around names: a name that begins with another white space does not have the protection
 * of `__Host-` (RFC 6265bis 5.6).
 */
export function onlyCookie(header: string, name: string): string | null {
  const values = header
    .split(';')
    .map((pair) => pair.replace(/^[ \t]+/, ''))
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => withoutSpacesBehind(pair.slice(name.length + 1)));
  return values.length === 1 ? (values[0] ?? null) : null;
}

/** Without SP and HTAB at the end. An expression for it would look at each run of spaces once from each of its places: anybody may send many. */
function withoutSpacesBehind(text: string): string {
  let end = text.length;
  while (end > 0 && (text[end - 1] === ' ' || text[end - 1] === '\t')) end--;
  return text.slice(0, end);
}

/** The address of `admin.listen`, as it stands in Host. No page of another name can have it there. */
function ownAddress(listen: string | undefined): string[] {
  const address = parseEndpoint(listen ?? '')?.address;
  if (address === undefined || address === '0.0.0.0' || address === '::') return [];
  return [address.includes(':') ? `[${address}]` : address];
}
