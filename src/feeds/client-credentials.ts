// Owns an access token by OAuth client credentials (RFC 6749 4.4), kept until shortly before it ends.
import { ClientError, ResponseBodyError, clientCredentialsGrant } from 'openid-client';
import type { Configuration } from 'openid-client';
import { FeedError } from './contract.ts';

/** A token is renewed so long before its end, in milliseconds. */
const EARLY_MS = 300_000;
const DEFAULT_LIFE_SECONDS = 3_599;

/** How a token is asked for. */
export interface TokenRequest {
  /** Called once. */
  readonly configure: () => Configuration | Promise<Configuration>;
  readonly parameters: Readonly<Record<string, string>>;
  /** What to check where the sign-in is refused. */
  readonly hint: string;
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

/** The sign-in of one application. */
export class ClientCredentials {
  private readonly request: TokenRequest;
  private configuration: Configuration | null = null;
  private token = '';
  private end = 0;

  constructor(request: TokenRequest) {
    this.request = request;
  }

  /** Forgets the token: the server refuses it. */
  forget(): void {
    this.end = 0;
  }

  /** A valid token. @throws FeedError */
  async accessToken(): Promise<string> {
    const { now, configure, parameters, hint } = this.request;
    if (now() < this.end - EARLY_MS) return this.token;
    this.configuration ??= await configure();
    try {
      const answer = await clientCredentialsGrant(this.configuration, { ...parameters });
      this.token = answer.access_token;
      this.end = now() + Math.max(answer.expires_in ?? DEFAULT_LIFE_SECONDS, 0) * 1_000;
      // A life shorter than the margin still serves the requests of the moment.
      return this.token;
    } catch (error) {
      throw signInError(error, hint);
    }
  }
}

/** An error without the request: it holds the secret. */
function signInError(error: unknown, hint: string): FeedError {
  if (error instanceof FeedError) return error;
  if (error instanceof ResponseBodyError) {
    // AADSTS codes of Entra tell the cause; a description may be long.
    const [code] = /AADSTS\d{3,9}/.exec(error.error_description ?? '') ?? [];
    const passing = error.status >= 500 || error.status === 429;
    return new FeedError(
      passing ? 'EASGATE_FEED_SOURCE' : 'EASGATE_FEED_CREDENTIALS',
      `the sign-in was refused: ${[error.error.slice(0, 100), code].filter((text) => text !== undefined).join(', ')}; check ${hint}`,
    );
  }
  const what = error instanceof ClientError ? (error.code ?? 'answer not understood') : 'no answer';
  return new FeedError('EASGATE_FEED_SOURCE', `the sign-in failed: ${what.slice(0, 100)}`);
}
