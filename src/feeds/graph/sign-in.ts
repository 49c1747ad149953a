// Owns the access token for Graph: client credentials by secret or certificate, kept until shortly before it ends.
import { X509Certificate, createHash, createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import {
  ClientError,
  ClientSecretPost,
  Configuration,
  PrivateKeyJwt,
  ResponseBodyError,
  clientCredentialsGrant,
  customFetch,
  modifyAssertion,
} from 'openid-client';
import type { ClientAuth, CustomFetch } from 'openid-client';
import { FeedError } from '../contract.ts';
import { CLOUDS } from './settings.ts';
import type { GraphSettings } from './settings.ts';

/** A token is renewed so long before its end, in milliseconds. */
const EARLY_MS = 300_000;
const DEFAULT_LIFE_SECONDS = 3_599;

/** The sign-in of one app registration. */
export class GraphSignIn {
  private readonly settings: GraphSettings;
  private readonly scope: string;
  private readonly fetch: CustomFetch;
  private readonly now: () => number;
  private configuration: Configuration | null = null;
  private token = '';
  private end = 0;

  constructor(settings: GraphSettings, fetch: CustomFetch, now: () => number) {
    this.settings = settings;
    this.scope = `${CLOUDS[settings.cloud].graph}/.default`;
    this.fetch = fetch;
    this.now = now;
  }

  /** Forgets the token: the server refuses it. */
  forget(): void {
    this.end = 0;
  }

  /** A valid token. @throws FeedError */
  async accessToken(): Promise<string> {
    if (this.now() < this.end - EARLY_MS) return this.token;
    this.configuration ??= await this.configure();
    try {
      const answer = await clientCredentialsGrant(this.configuration, { scope: this.scope });
      this.token = answer.access_token;
      this.end = this.now() + Math.max(answer.expires_in ?? DEFAULT_LIFE_SECONDS, 0) * 1_000;
      // A life shorter than the margin still serves the requests of the moment.
      return this.token;
    } catch (error) {
      throw signInError(error);
    }
  }

  private async configure(): Promise<Configuration> {
    const { tenant, clientId, cloud, signInUrl, timeoutSeconds } = this.settings;
    const issuer = `${signInUrl ?? CLOUDS[cloud].signIn}/${tenant}`;
    const server = { issuer: `${issuer}/v2.0`, token_endpoint: `${issuer}/oauth2/v2.0/token` };
    const configuration = new Configuration(
      server,
      clientId,
      undefined,
      await clientAuth(this.settings, server.token_endpoint),
    );
    configuration.timeout = timeoutSeconds;
    configuration[customFetch] = this.fetch;
    return configuration;
  }
}

/** @see https://learn.microsoft.com/entra/identity-platform/certificate-credentials */
async function clientAuth(settings: GraphSettings, audience: string): Promise<ClientAuth> {
  const { clientSecret, certificate: files } = settings;
  if (files === undefined) return ClientSecretPost(clientSecret);
  try {
    const certificate = new X509Certificate(readFileSync(files.certificate));
    const bytes = createPrivateKey(readFileSync(files.key)).export({ type: 'pkcs8', format: 'der' });
    const algorithm = { name: 'RSA-PSS', hash: 'SHA-256' };
    const key = await crypto.subtle.importKey('pkcs8', new Uint8Array(bytes), algorithm, false, ['sign']);
    return PrivateKeyJwt(key, {
      [modifyAssertion]: (header, payload) => {
        header['x5t#S256'] = createHash('sha256').update(certificate.raw).digest('base64url');
        payload['aud'] = audience;
      },
    });
  } catch {
    // No cause: it could quote the file.
    throw new FeedError(
      'EASGATE_FEED_CREDENTIALS',
      `the certificate or its key cannot be read: ${files.certificate}, ${files.key} (PEM, RSA, not encrypted)`,
    );
  }
}

/** An error without the request: it holds the secret. */
function signInError(error: unknown): FeedError {
  if (error instanceof FeedError) return error;
  if (error instanceof ResponseBodyError) {
    // AADSTS codes tell the cause; the description names ids only, but it is long.
    const [code] = /AADSTS\d{3,9}/.exec(error.error_description ?? '') ?? [];
    const passing = error.status >= 500 || error.status === 429;
    return new FeedError(
      passing ? 'EASGATE_FEED_SOURCE' : 'EASGATE_FEED_CREDENTIALS',
      `the sign-in was refused: ${[error.error, code].filter((text) => text !== undefined).join(', ')}; check tenant, clientId and the secret or certificate, which may have expired`,
    );
  }
  const what = error instanceof ClientError ? (error.code ?? 'answer not understood') : 'no answer';
  return new FeedError('EASGATE_FEED_SOURCE', `the sign-in failed: ${what.slice(0, 100)}`);
}
