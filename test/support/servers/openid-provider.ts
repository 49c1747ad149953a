// Owns an OpenID provider for tests (oidc-provider, which is certified), whose people sign in without a page, and a browser that
// carries cookies between it and an API.
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import { Provider } from 'oidc-provider';
import type { Configuration } from 'oidc-provider';
import { onTestFinished } from 'vitest';
import { closeServer, listenLocally } from './local-server.ts';

/** What the next person at the provider is and does. */
export interface Visitor {
  sub: string;
  claims: Record<string, unknown>;
  /** Cancels at the provider. */
  denies: boolean;
}

/** A running provider. */
export interface TestProvider {
  readonly issuer: string;
  readonly clientId: string;
  readonly clientSecret: string;
  readonly visitor: Visitor;
  /** Takes a signature with this key (private_key_jwt) in place of the secret. */
  registerKey(jwk: object): void;
  /** Lets people go back to this address. */
  register(redirectUri: string): void;
  /** Signs with another key from now on; the one before is no longer published. */
  rotateKeys(): void;
  /** Answers nothing any more. */
  stop(): Promise<void>;
}

const CLIENT = { clientId: 'easgate', clientSecret: 'a secret of the provider: with % and +' };

/** Starts it. */
export async function openProvider(): Promise<TestProvider> {
  const visitor: Visitor = { sub: 'ada-1', claims: { groups: ['mail-admins'] }, denies: false };
  let handle: (request: IncomingMessage, response: ServerResponse) => void = () => undefined;
  const server = createServer((request, response) => handle(request, response));
  const issuer = `http://127.0.0.1:${await listenLocally(server)}`;
  let redirectUri = 'http://127.0.0.1/';
  let clientKey: object | null = null;
  const rotateKeys = (): void => {
    handle = handlerOf(issuer, configurationOf(redirectUri, visitor, clientKey), visitor);
  };
  const registerKey = (jwk: object): void => {
    clientKey = jwk;
    rotateKeys();
  };
  const register = (uri: string): void => {
    redirectUri = uri;
    rotateKeys();
  };
  const stop = (): Promise<void> => closeServer(server);
  onTestFinished(stop);
  return { issuer, ...CLIENT, visitor, register, registerKey, rotateKeys, stop };
}

function handlerOf(
  issuer: string,
  configuration: Configuration,
  visitor: Visitor,
): (request: IncomingMessage, response: ServerResponse) => void {
  const provider = new Provider(issuer, configuration);
  const answer = provider.callback();
  return (request, response) => {
    response.setHeader('connection', 'close');
    if (request.url?.startsWith('/interaction/') === true)
      void interact(provider, visitor, request, response);
    else void answer(request, response);
  };
}

function configurationOf(redirectUri: string, visitor: Visitor, clientKey: object | null): Configuration {
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const key = { ...privateKey.export({ format: 'jwk' }), use: 'sig', kid: `${Date.now()}-${Math.random()}` };
  return {
    clients: [
      {
        client_id: CLIENT.clientId,
        ...(clientKey === null
          ? { client_secret: CLIENT.clientSecret }
          : { token_endpoint_auth_method: 'private_key_jwt' as const, jwks: { keys: [clientKey] } }),
        redirect_uris: [redirectUri],
        response_types: ['code'],
        grant_types: ['authorization_code'],
      },
    ],
    jwks: { keys: [key] },
    cookies: { keys: ['test'] },
    claims: { openid: ['sub'], profile: ['preferred_username', 'groups', 'realm_access', '_claim_names'] },
    conformIdTokenClaims: false,
    features: { devInteractions: { enabled: false } },
    interactions: { url: (_context, { uid }) => `/interaction/${uid}` },
    findAccount: (_context, sub) => ({ accountId: sub, claims: () => ({ ...visitor.claims, sub }) }),
    ttl: { AccessToken: 60, Grant: 60, IdToken: 60, Interaction: 60, Session: 60 },
    pkce: { required: () => true },
  };
}

async function interact(
  provider: Provider,
  visitor: Visitor,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { prompt, params, session } = await provider.interactionDetails(request, response);
  if (visitor.denies) {
    await provider.interactionFinished(request, response, {
      error: 'access_denied',
      error_description: 'the person cancelled',
    });
    return;
  }
  if (prompt.name === 'login') {
    await provider.interactionFinished(request, response, { login: { accountId: visitor.sub } });
    return;
  }
  const grant = new provider.Grant({
    accountId: session?.accountId ?? visitor.sub,
    clientId: String(params['client_id']),
  });
  grant.addOIDCScope(String(params['scope']));
  await provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } });
}

/** One page that a browser was at. */
export interface Visit {
  readonly url: string;
  readonly status: number;
  readonly text: string;
}

/** A browser without scripts. */
export class Browser {
  private readonly jars = new Map<string, Map<string, string>>();

  /** Opens an address, and follows redirects until `stopAt` begins the next one; the last answer, or the address not visited. */
  async open(url: string, stopAt: string | null = null): Promise<Visit> {
    let next = url;
    for (let hops = 0; hops < 20; hops++) {
      const { origin } = new URL(next);
      const jar = this.jar(origin);
      const response = await fetch(next, {
        redirect: 'manual',
        headers: {
          accept: 'text/html',
          connection: 'close',
          cookie: [...jar].map(([name, value]) => `${name}=${value}`).join('; '),
        },
      });
      const text = await response.text();
      for (const line of response.headers.getSetCookie()) keep(jar, line);
      const to = response.headers.get('location');
      if (to === null) return { url: next, status: response.status, text };
      next = new URL(to, next).href;
      if (stopAt !== null && next.startsWith(stopAt)) return { url: next, status: response.status, text };
    }
    throw new Error('more redirects than a sign-in needs');
  }

  cookie(origin: string, name: string): string | undefined {
    return this.jar(origin).get(name);
  }

  setCookie(origin: string, name: string, value: string): void {
    this.jar(origin).set(name, value);
  }

  private jar(origin: string): Map<string, string> {
    const known = this.jars.get(origin) ?? new Map<string, string>();
    this.jars.set(origin, known);
    return known;
  }
}

function keep(jar: Map<string, string>, line: string): void {
  const [pair = '', ...attributes] = line.split(';');
  const name = pair.slice(0, pair.indexOf('='));
  const isOver = attributes.some((one) => /^ *(?:Max-Age=0|Expires=Thu, 01 Jan 1970)/i.test(one));
  if (isOver) jar.delete(name);
  else jar.set(name, pair.slice(pair.indexOf('=') + 1));
}
