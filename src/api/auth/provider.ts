// Owns the requests to an OpenID provider: authorization code with PKCE, state and nonce (RFC 6749 4.1, RFC 7636, OpenID Connect
// Core 3.1, RFC 9700). The provider is asked for its addresses with the first sign-in: it may be away when the gateway starts.
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  allowInsecureRequests,
  authorizationCodeGrant,
  buildAuthorizationUrl,
  calculatePKCECodeChallenge,
  ClientSecretBasic,
  ClientSecretPost,
  discovery,
  enableNonRepudiationChecks,
  fetchUserInfo,
  modifyAssertion,
  PrivateKeyJwt,
  randomNonce,
  randomPKCECodeVerifier,
  randomState,
} from 'openid-client';
import type { ClientAuth, Configuration } from 'openid-client';
import { readSecret } from '../../config/load.ts';
import type { ProviderSettings } from '../../config/schema/admin-provider.ts';
import type { Role } from '../contract/paths.ts';
import { ApiError } from '../problems.ts';
import { hasClaim, hasGroupsElsewhere, nameIn, roleIn } from './provider-claims.ts';
import type { Claims } from './provider-claims.ts';

const TIMEOUT_SECONDS = 10;
/** Keys and addresses of a provider change now and then. */
const KEPT_MS = 3_600_000;
/** A person needs this long at most. */
const ATTEMPT_MS = 600_000;
/** State, nonce, verifier and time, as {@link OpenIdProvider.begin} writes them into the cookie. */
const ATTEMPT_PATTERN = /^([\w-]{43})\.([\w-]{43})\.([\w-]{43})\.(\d{1,15})$/;

/** A sign-in that was begun: where the browser goes, and what its cookie keeps. */
export interface Attempt {
  readonly url: string;
  readonly cookie: string;
}

/** Who came back from the provider. */
export interface Person {
  /** Unique at the provider (OpenID Connect Core 2: `sub` within `iss`). */
  readonly subject: string;
  readonly name: string;
  readonly role: Role;
}

/** One provider. */
export class OpenIdProvider {
  readonly name: string;
  private readonly settings: ProviderSettings;
  private known: { readonly configuration: Promise<Configuration>; readonly at: number } | null = null;

  constructor(settings: ProviderSettings) {
    this.settings = settings;
    this.name = settings.name;
  }

  /** Prefix of the subjects of this provider: a short hash of its issuer. */
  get realm(): string {
    return createHash('sha256').update(this.settings.issuer).digest('base64url').slice(0, 12);
  }

  /** Whether a sign-in with it can give the role admin. */
  get hasAdmins(): boolean {
    return this.settings.roles.admin.length > 0;
  }

  /** Begins a sign-in. @throws ApiError EASGATE_API_PROVIDER while the provider does not answer */
  async begin(redirectUri: string, now: number): Promise<Attempt> {
    const configuration = await this.configuration(now);
    const [state, nonce, verifier] = [randomState(), randomNonce(), randomPKCECodeVerifier()];
    const { scopes } = this.settings;
    const url = buildAuthorizationUrl(configuration, {
      redirect_uri: redirectUri,
      scope: [...new Set(['openid', ...scopes])].join(' '),
      state,
      nonce,
      code_challenge: await calculatePKCECodeChallenge(verifier),
      code_challenge_method: 'S256',
    });
    return { url: url.href, cookie: [state, nonce, verifier, now].join('.') };
  }

  /** Ends a sign-in: `cookie` is that of its beginning, `query` what the provider sent. @throws ApiError */
  async complete(redirectUri: string, query: string, cookie: string | null, now: number): Promise<Person> {
    const [, state = '', nonce = '', verifier = '', at = ''] = ATTEMPT_PATTERN.exec(cookie ?? '') ?? [];
    const age = now - Number(at);
    if (state === '' || age < 0 || age > ATTEMPT_MS)
      throw new ApiError(
        'EASGATE_API_PROVIDER_REFUSED',
        'this sign-in was not begun in this browser, or took longer than ten minutes: begin again',
      );
    const configuration = await this.configuration(now);
    const claims = await this.claimsOf(configuration, new URL(`${redirectUri}?${query}`), {
      expectedState: state,
      expectedNonce: nonce,
      pkceCodeVerifier: verifier,
      idTokenExpected: true,
    });
    const role = roleIn(claims, this.settings);
    const name = nameIn(claims, this.settings);
    if (role === null)
      throw new ApiError(
        'EASGATE_API_PROVIDER_ROLE',
        hasGroupsElsewhere(claims, this.settings)
          ? `${name} is in too many groups for the provider to name them: use app roles in place of groups (admin.provider.rolesClaim)`
          : `${name} has no role here: none of the values of ${this.settings.rolesClaim} is in admin.provider.roles`,
      );
    return { subject: `${this.realm}:${String(claims['sub'])}`, name, role };
  }

  private async claimsOf(
    configuration: Configuration,
    url: URL,
    checks: Parameters<typeof authorizationCodeGrant>[2],
  ): Promise<Claims> {
    try {
      const tokens = await authorizationCodeGrant(configuration, url, checks);
      const claims = tokens.claims() as Claims | undefined;
      if (claims === undefined) throw new Error('no ID token');
      const { rolesClaim } = this.settings;
      const endpoint = configuration.serverMetadata().userinfo_endpoint;
      if (hasClaim(claims, rolesClaim) || endpoint === undefined) return claims;
      // Some providers say groups only there; the subject is compared (OpenID Connect Core 5.3.2).
      const more = await fetchUserInfo(configuration, tokens.access_token, String(claims['sub']));
      return { ...more, ...claims };
    } catch (error) {
      throw this.troubleOf(error);
    }
  }

  /** Messages of the library may quote answers of the provider: they are not shown. */
  private troubleOf(error: unknown): ApiError {
    const code = codeOf(error);
    if (AWAY.has(code)) return away(error);
    // Its keys or addresses may have changed: the next sign-in reads them again.
    if (!OF_THE_BROWSER.has(code)) this.known = null;
    const denied = error instanceof Error && 'error' in error && error.error === 'access_denied';
    return new ApiError(
      'EASGATE_API_PROVIDER_REFUSED',
      denied
        ? 'the provider refused the sign-in, or it was cancelled there'
        : 'the answer of the provider does not belong to this sign-in, or is not valid: begin again',
      null,
      { cause: error },
    );
  }

  private async configuration(now: number): Promise<Configuration> {
    const { known } = this;
    if (known !== null && Math.abs(now - known.at) < KEPT_MS) return known.configuration;
    const next = { configuration: this.discover(), at: now };
    this.known = next;
    try {
      return await next.configuration;
    } catch (error) {
      if (this.known === next) this.known = null;
      throw error instanceof ApiError ? error : away(error);
    }
  }

  private async discover(): Promise<Configuration> {
    const { issuer, clientId } = this.settings;
    const isPlain = issuer.startsWith('http:');
    const found = await discovery(new URL(issuer), clientId, undefined, await clientAuth(this.settings), {
      timeout: TIMEOUT_SECONDS,
      // The signature is checked also though the token comes straight from the provider (OpenID Connect Core 3.1.3.7, 6).
      execute: [enableNonRepudiationChecks, ...(isPlain ? [allowInsecureRequests] : [])],
    });
    // `common` and `organizations` of Microsoft Entra: the issuer has a placeholder, so that tokens of every tenant would be accepted.
    if (found.serverMetadata().issuer.includes('{'))
      throw new ApiError(
        'EASGATE_API_PROVIDER_SETUP',
        'admin.provider.issuer stands for every tenant: name your own',
      );
    return found;
  }
}

/** No answer, or one that is no answer of a provider. */
const AWAY = new Set([
  'OAUTH_TIMEOUT',
  'OAUTH_ABORT',
  'OAUTH_RESPONSE_IS_NOT_JSON',
  'OAUTH_RESPONSE_IS_NOT_CONFORM',
  'OAUTH_PARSE_ERROR',
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOTFOUND',
  'EAI_AGAIN',
]);
/** What a browser can cause by itself must not make the gateway ask the provider anew. */
const OF_THE_BROWSER = new Set([
  'OAUTH_INVALID_RESPONSE',
  'OAUTH_AUTHORIZATION_RESPONSE_ERROR',
  'OAUTH_RESPONSE_BODY_ERROR',
]);

function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return '';
  if ('code' in error && typeof error.code === 'string') return error.code;
  return error.cause instanceof Error ? codeOf(error.cause) : '';
}

function away(cause: unknown): ApiError {
  return new ApiError(
    'EASGATE_API_PROVIDER',
    'the provider does not answer: try again, or sign in with a token',
    null,
    { cause },
  );
}

/** How the gateway authenticates to the provider. @throws ApiError EASGATE_API_PROVIDER_SETUP */
async function clientAuth({ clientSecret, certificate: files }: ProviderSettings): Promise<ClientAuth> {
  try {
    if (files === undefined) {
      const secret = readSecret(clientSecret ?? '', 'admin.provider.clientSecret');
      const [post, basic] = [ClientSecretPost(secret), ClientSecretBasic(secret)];
      // Basic is what providers without a list take (OpenID Connect Discovery 3).
      return (server, ...more) =>
        server.token_endpoint_auth_methods_supported?.includes('client_secret_basic') === false
          ? post(server, ...more)
          : basic(server, ...more);
    }
    const certificate = new X509Certificate(readFileSync(files.certificate));
    const bytes = createPrivateKey(readFileSync(files.key)).export({ type: 'pkcs8', format: 'der' });
    const algorithm = { name: 'RSA-PSS', hash: 'SHA-256' };
    const key = await crypto.subtle.importKey('pkcs8', new Uint8Array(bytes), algorithm, false, ['sign']);
    return PrivateKeyJwt(key, {
      [modifyAssertion]: (header) => {
        // By which providers find the certificate (RFC 7515 4.1.8).
        header['x5t#S256'] = createHash('sha256').update(certificate.raw).digest('base64url');
      },
    });
  } catch (cause) {
    throw new ApiError(
      'EASGATE_API_PROVIDER_SETUP',
      'the secret or the certificate of admin.provider cannot be read: easgate check says why',
      null,
      { cause },
    );
  }
}
