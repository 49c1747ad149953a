// Owns the two addresses that a browser visits to sign in with an OpenID provider: the way there, and the way back. Nothing in them
// says where to go afterwards: it is always the dashboard.
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { FleetAccounts } from '../auth/fleet-accounts.ts';
import type { Guard } from '../auth/guard.ts';
import { onlyCookie } from '../auth/guard.ts';
import type { OpenIdProvider } from '../auth/provider.ts';
import type { SignIn } from '../auth/sign-in.ts';
import { BASE } from '../contract/paths.ts';
import type { ApiParts } from '../api-parts.ts';
import { ApiError } from '../problems.ts';

/** Leads to the provider. */
export const PROVIDER_START = `${BASE}/sign-in/provider`;
/** The redirect URI, as registered at the provider. */
export const PROVIDER_CALLBACK = `${BASE}/session/provider`;

/** What the routes work with. */
export interface ProviderParts {
  readonly guard: Guard;
  readonly signIn: SignIn;
  readonly accounts: FleetAccounts;
  readonly parts: ApiParts;
}

/** Registers both. */
export function registerProvider(
  api: FastifyInstance,
  provider: OpenIdProvider,
  { guard, signIn, accounts, parts }: ProviderParts,
): void {
  const options = { config: { role: null }, schema: { hide: true } };
  const cookieName = `${guard.cookieName}-provider`;
  api.get(PROVIDER_START, options, async (request, reply) => {
    const { url, cookie } = await provider.begin(redirectUri(guard, request), Date.now());
    guard.setAttempt(reply, cookieName, cookie);
    return reply.redirect(url, 303);
  });
  api.get(PROVIDER_CALLBACK, options, async (request, reply) => {
    const now = Date.now();
    const cookie = onlyCookie(request.headers.cookie ?? '', cookieName);
    // It is for one attempt, however that ends.
    guard.setAttempt(reply, cookieName, null);
    const query = request.url.split('?').slice(1).join('?');
    try {
      const person = await provider.complete(redirectUri(guard, request), query, cookie, now);
      const started = await signIn.withProvider(person.subject, person.name, person.role, now);
      await endBefore(request, guard, accounts);
      guard.setCookie(reply, started.secret);
      await parts.audit.record({
        by: person.name,
        via: 'api',
        at: now,
        operation: 'sign_in',
        subject: person.role,
        comment: `with ${provider.name}`,
      });
    } catch (error) {
      // Who signs in too often is known: that is no wrong secret.
      if (!(error instanceof ApiError && error.code === 'EASGATE_API_TOO_MANY'))
        signIn.failed(request.ip, now);
      throw error;
    }
    return reply.redirect('/', 303);
  });
}

/** Ends the session that the browser had before. */
async function endBefore(request: FastifyRequest, guard: Guard, accounts: FleetAccounts): Promise<void> {
  const session = guard.principalOf(request)?.session;
  if (session !== undefined && session !== null) await accounts.leaveSession(session);
}

/** Host is one of the names of this gateway; the provider knows which of them are registered. */
function redirectUri(guard: Guard, { headers }: FastifyRequest): string {
  return guard.originFor(headers.host ?? '') + PROVIDER_CALLBACK;
}

/** Answers a failed sign-in with the provider by an HTML page. `styles`: paths of the style sheets of the dashboard. */
export function sendPage(
  reply: FastifyReply,
  { status, detail, code }: { readonly status: number; readonly detail: string; readonly code: string },
  styles: readonly string[],
): FastifyReply {
  const links = styles.map((path) => `<link rel="stylesheet" href="${escaped(path)}">`).join('');
  const page = `<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><title>Sign-in</title>${links}</head><body><div class="solo"><main><div class="card">
<h1>You are not signed in</h1><p>${escaped(sentence(detail))}</p><p class="t3 sm">${escaped(code)}</p>
<a class="btn primary wide" href="/">Back to the sign-in page</a></div></main></div></body></html>
`;
  return reply.code(status).type('text/html; charset=utf-8').serializer(String).send(page);
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${/[.!?]$/.test(text) ? '' : '.'}`;
}

function escaped(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
