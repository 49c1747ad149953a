// Owns the request headers and cookies that are never forwarded because a server might trust them: claims of a user, an
// origin, a URL or a back end. Pure.
// Threat: a phone sends a header that a proxy in front of the mail server normally sets. The server then takes the
// phone for another user, or skips the checks of its front end (CVE-2021-26855).
// Rule: whole families are dropped. No mail app is known to send any of them.
import { hasPrefix } from './header-table.ts';

/** Single names outside the families below. Hop-by-hop headers are listed elsewhere (request-head.ts). */
export const DROPPED_HEADERS: readonly string[] = [
  'proxy',
  // Where the request came from.
  'forwarded-for',
  'client-ip',
  'true-client-ip',
  'fastly-client-ip',
  'x-cluster-client-ip',
  'x-forwarded',
  'x-remoteip',
  'x-edge-ip',
  'x-host',
  'x-scheme',
  'x-url-scheme',
  'x-https',
  'front-end-https',
  'x-front-end-https',
  // Claims of a user. X-User-Identity is forwarded: Outlook names a mailbox with it, and the server authorises the
  // access.
  'x-user',
  'x-userid',
  'x-username',
  'x-userinfo',
  'x-user-id',
  'x-user-name',
  'x-user-email',
  'x-user-dn',
  'x-user-groups',
  'x-user-roles',
  'x-email',
  'x-groups',
  'x-authuser',
  'authuser',
  'auth-user',
  'auth-type',
  'logon-user',
  'remoteuser',
  'x-remoteuser',
  'x-login',
  'x-upn',
  'x-principal',
  'x-authorization',
  'x-access-token',
  'x-id-token',
  // Overrides of URL or method.
  'x-url',
  'x-uri',
  'x-request-uri',
  'path-info',
  'script-name',
  'x-script-name',
  'x-method-override',
];

/** Prefixes of names. SOPE trusts `x-webobjects-remote-user`; Exchange trusts headers of its front end. */
const DROPPED_FAMILIES: readonly string[] = [
  'x-webobjects-',
  'x-forwarded-',
  'x-original',
  'x-originating-',
  'x-rewrite',
  'x-real-',
  'x-remote-',
  'x-http-',
  'x-accel-',
  'x-sendfile-',
  'x-envoy-',
  // Addresses of clients, set by a service in front: WebLogic's plug-in (with a certificate), Azure Front Door, App Engine (with a
  // user), Fly.io, DigitalOcean, Imperva, Sucuri.
  'wl-proxy-',
  'x-azure-',
  'x-appengine-',
  'fly-',
  'do-connecting-',
  'incap-',
  'x-sucuri-',
  // Users named by an authenticating proxy: Apache, oauth2-proxy, Authelia, authentik, Grafana, Kong, SiteMinder, WebSEAL,
  // Tailscale, Teleport, ngrok, Caddy ...
  'remote-',
  'proxy-',
  'webauth-',
  'x-auth-',
  'x-authenticated-',
  'authenticated-',
  'x-authentik-',
  'x-authelia-',
  'x-webauth-',
  'x-proxy-',
  'x-proxyuser',
  'x-pomerium-',
  'x-vouch-',
  'x-consumer-',
  'x-credential-',
  'x-verified-',
  'x-impersonate-',
  'impersonate-',
  'x-token-',
  'x-jwt-',
  'x-sso-',
  'x-saml-',
  'saml-',
  'oidc-',
  'shib-',
  'mellon-',
  'cas-',
  'x-spnego-',
  'x-gssapi-',
  'x-kerberos-',
  'x-krb',
  'x-ldap-',
  'tailscale-',
  'teleport-',
  'ngrok-auth-',
  'sm-',
  'iv-',
  'oam-',
  'cf-access-',
  'cf-connecting-',
  'x-goog-authenticated-',
  'x-goog-iap-',
  'x-amzn-oidc-',
  'x-amzn-mtls-',
  'x-ms-client-principal',
  'x-ms-token-',
  // Certificates that a proxy has checked (RFC 9440 among them).
  'client-cert',
  'cert-',
  'x-cert',
  'x-subject-',
  'ssl-',
  'x-ssl-',
  'x-tls-',
  'x-client-',
  'x-clientcert',
  // IIS and AD FS: the module in front of a site, or the proxy in front of the farm.
  'x-arr-',
  'x-iis-',
  'x-iisnode-',
  'ms-aspnetcore-',
  'x-ms-adfs-',
  'x-ms-proxy',
  'x-ms-forwarded-',
  'x-ms-endpoint-',
  'x-ms-edge-',
  // Exchange, front end to back end: a serialised identity, its companions, and the back end.
  'x-commonaccesstoken',
  'x-isfrom',
  'x-source',
  'x-eas-',
  'x-fe-',
  'x-feserver',
  'x-beresource',
  'x-beserver',
  'x-backend-',
  'x-anonresource',
  'x-calculatedbe',
  'x-targetbe',
  'x-targetserver',
  'x-proxytarget',
  'x-wlid-',
  'x-rps-',
  'x-forefront-',
  'x-ms-exchange-',
  'x-msexch',
  'msexch',
];

/** Cookies that name a back end or an identity to Exchange (CVE-2021-26855); X-BackEndCookie is the server's own. */
const DROPPED_COOKIES: readonly string[] = [
  'x-beresource',
  'x-anonresource',
  'x-commonaccesstoken',
  'x-isfromcafe',
  'x-isfrombackend',
  'x-sourcecafeserver',
];

/**
 * Cookies that sign a user in: of mail servers, then of single sign-on beside them. A request with one is that user's for the server,
 * whoever Authorization names (Domino, with session authentication). Mail apps send Authorization with every request, so they lose
 * nothing; web pages need these cookies, so they are dropped from requests of Exchange ActiveSync alone.
 */
const LOGIN_COOKIES: readonly string[] = [
  'ltpatoken',
  'domauthsessid',
  'zm_auth_token',
  'zm_admin_auth_token',
  '0xhighflyxsogo',
  'cadata',
  'msisauth',
  'edgeaccesscookie',
  'fedauth',
  'smsession',
  'obssocookie',
  'oamauthncookie',
  'iplanetdirectorypro',
  'pd-s-session-id',
  'pd-h-session-id',
  '_oauth2_proxy',
  '_shibsession_',
  '_pomerium',
  'mod_auth_cas',
  'mod_auth_openidc_session',
  'authelia_session',
  'authentik_',
  'cf_authorization',
];

const DASH = 0x2d;
const PERCENT = 0x25;
const LOWER_X = 0x78;

/** Octets of an escape, `%20`. */
const ESCAPE = 3;

/** By byte: 1 = a letter or a digit. */
const ALPHANUMERIC = Uint8Array.from({ length: 256 }, (_, byte) =>
  Number(/^[A-Za-z0-9]$/.test(String.fromCharCode(byte))),
);

/** {@link LOGIN_COOKIES} by the lower five bits of the first character. */
const LOGINS_BY_LETTER = Array.from({ length: 32 }, (_, bits) =>
  LOGIN_COOKIES.filter((cookie) => (cookie.charCodeAt(0) & 0x1f) === bits),
);

/** Index by the first letter, or by the letter after `x-`, so that a name is compared with few families. */
const FAMILIES_BY_LETTER = byLetter();

function byLetter(): readonly (readonly string[])[] {
  const families: string[][] = Array.from({ length: 512 }, () => []);
  for (const family of DROPPED_FAMILIES) families[letterOf(Buffer.from(family), 0)]?.push(family);
  return families;
}

function letterOf(bytes: Uint8Array, start: number): number {
  const first = (bytes[start] ?? 0) | 0x20;
  return first === LOWER_X && bytes[start + 1] === DASH ? 256 + ((bytes[start + 2] ?? 0) | 0x20) : first;
}

/** Whether the name at `start..end` belongs to a dropped family. Hot path. */
export function isDroppedFamily(bytes: Uint8Array, start: number, end: number): boolean {
  const families = FAMILIES_BY_LETTER[letterOf(bytes, start)];
  if (families === undefined) return false;
  for (const family of families) if (hasPrefix(bytes, start, end, family)) return true;
  return false;
}

/** Whether a name of {@link DROPPED_COOKIES} occurs anywhere in the Cookie value at `start..end`. Hot path. */
export function hasDroppedCookie(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    if (((bytes[at] as number) | 0x20) !== LOWER_X || bytes[at + 1] !== DASH) continue;
    for (const cookie of DROPPED_COOKIES) if (hasPrefix(bytes, at, end, cookie)) return true;
  }
  return false;
}

/**
 * Whether a name of {@link LOGIN_COOKIES} begins anywhere in the Cookie value at `start..end`: not behind a letter or a digit, except one of an
 * escape such as `%20`. Hot path.
 */
export function hasLoginCookie(bytes: Uint8Array, start: number, end: number): boolean {
  for (let at = start; at < end; at++) {
    if (isLoginCookie(bytes, at, end)) return true;
    while (at < end && ALPHANUMERIC[bytes[at] as number] === 1) at++;
    if (bytes[at] === PERCENT && isLoginCookie(bytes, at + ESCAPE, end)) return true;
  }
  return false;
}

function isLoginCookie(bytes: Uint8Array, start: number, end: number): boolean {
  const cookies = LOGINS_BY_LETTER[(bytes[start] ?? 0) & 0x1f] as readonly string[];
  for (const cookie of cookies) if (hasPrefix(bytes, start, end, cookie)) return true;
  return false;
}

/** Removes the cookies of {@link hasDroppedCookie} from the header lines. */
export function withoutDroppedCookies(lines: string): string {
  return withoutCookies(lines, hasDroppedCookie);
}

/** Removes the cookies of {@link hasLoginCookie} from the header lines of a request of Exchange ActiveSync. */
export function withoutLoginCookies(lines: string): string {
  return withoutCookies(lines, hasLoginCookie);
}

/**
 * The whole part between two semicolons is removed wherever a name is found in it: servers differ in other separators and in quotes
 * (RFC 6265 5.4, RFC 2109 4.3.4).
 */
function withoutCookies(lines: string, has: typeof hasDroppedCookie): string {
  const hasOne = (text: string): boolean => has(Buffer.from(text, 'latin1'), 0, text.length);
  let kept = '';
  for (const line of lines.split('\r\n')) {
    if (line === '') continue;
    const colon = line.indexOf(':');
    if (line.slice(0, colon).toLowerCase() !== 'cookie' || !hasOne(line.slice(colon + 1))) {
      kept += line + '\r\n';
      continue;
    }
    const cookies = line.slice(colon + 1).split(';');
    const others = cookies.map((cookie) => cookie.trim()).filter((cookie) => !hasOne(cookie));
    const value = others.filter((cookie) => cookie !== '').join('; ');
    if (value !== '') kept += line.slice(0, colon) + ': ' + value + '\r\n';
  }
  return kept;
}
