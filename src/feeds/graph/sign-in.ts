// Owns the access token for Graph: client credentials by secret or certificate, kept until shortly before it ends.
import { X509Certificate, createHash, createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { ClientSecretPost, Configuration, PrivateKeyJwt, customFetch, modifyAssertion } from 'openid-client';
import type { ClientAuth, CustomFetch } from 'openid-client';
import { ClientCredentials } from '../client-credentials.ts';
import { FeedError } from '../contract.ts';
import { CLOUDS } from './settings.ts';
import type { GraphSettings } from './settings.ts';

/** The sign-in of one app registration. */
export class GraphSignIn {
  private readonly settings: GraphSettings;
  private readonly fetch: CustomFetch;
  private readonly credentials: ClientCredentials;

  constructor(settings: GraphSettings, fetch: CustomFetch, now: () => number) {
    this.settings = settings;
    this.fetch = fetch;
    this.credentials = new ClientCredentials({
      configure: () => this.configure(),
      parameters: { scope: `${CLOUDS[settings.cloud].graph}/.default` },
      hint: 'tenant, clientId and the secret or certificate, which may have expired',
      now,
    });
  }

  /** Forgets the token: the server refuses it. */
  forget(): void {
    this.credentials.forget();
  }

  /** A valid token. @throws FeedError */
  accessToken(): Promise<string> {
    return this.credentials.accessToken();
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
