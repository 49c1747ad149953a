// Owns the routes of signing in and out, and of the sessions there are.
import { ApiError } from '../problems.ts';
import { tooManyTries } from '../auth/guard.ts';
import type { OpenIdProvider } from '../auth/provider.ts';
import type { Principal } from '../auth/principal.ts';
import type { FleetAccounts } from '../auth/fleet-accounts.ts';
import type { SignIn } from '../auth/sign-in.ts';
import type { ApiParts } from '../api-parts.ts';
import { PROVIDER_START } from './provider.ts';
import { route } from './route.ts';
import type { Route } from './route.ts';

/** The routes. */
export function sessionRoutes(
  parts: ApiParts,
  { signIn, accounts }: { readonly signIn: SignIn; readonly accounts: FleetAccounts },
  provider: OpenIdProvider | null,
): Route[] {
  const { admin, audit, name: gateway, version } = parts;
  const sessionOf = ({ name, role, by, expiresAt, idleUntil }: Principal): object => ({
    name,
    role,
    by,
    expiresAt,
    idleUntil,
    gateway,
    version,
  });
  return [
    route('signInWays', async (_input, { now }) => ({
      gateway,
      version,
      token: true,
      provider: provider === null ? null : { name: provider.name, url: PROVIDER_START },
      needsSetUp: !admin.hasAdmin(now) && provider?.hasAdmins !== true,
    })),
    route('signIn', async ({ body }, { principal: before, address, now, setCookie }) => {
      const wait = signIn.waitOf(address, now);
      const started =
        'token' in body
          ? await signIn.withToken(body.token, address, now)
          : await signIn.withSetUp(body.setUp, address, now);
      if (started === null) {
        if (wait > 0) throw tooManyTries(wait);
        throw new ApiError(
          'EASGATE_API_UNAUTHENTICATED',
          'token' in body
            ? 'the token is wrong, ended, or was revoked: ask an admin for a new one'
            : 'the set-up link is wrong, was used, ended after 15 minutes, or somebody is an admin already',
        );
      }
      // The session that the browser had before ends.
      if (before.session !== null) await accounts.leaveSession(before.session);
      setCookie(started.secret);
      await audit.record({
        by: started.principal.name,
        via: 'api',
        at: now,
        operation: 'sign_in',
        subject: started.principal.role,
        comment: 'token' in body ? 'with a token' : 'with the set-up link',
      });
      return sessionOf(started.principal);
    }),
    route('showSession', async (_input, { principal }) => sessionOf(principal)),
    route('signOut', async (_input, { principal, origin, setCookie }) => {
      if (principal.session !== null && (await accounts.leaveSession(principal.session)))
        await audit.record({ ...origin, operation: 'sign_out', subject: principal.role });
      setCookie(null);
      return null;
    }),
    route('listSessions', async (_input, { principal, now }) => ({
      rows: admin.sessions(now).map(({ id, name, role, by, createdAt, lastUsedAt, expiresAt }) => ({
        id,
        name,
        role,
        by,
        createdAt,
        lastUsedAt,
        expiresAt,
        isOwn: id === principal.session,
      })),
    })),
    route('endSession', async ({ params }, { origin }) => {
      if (!(await accounts.removeSession(params.session)))
        throw new ApiError('EASGATE_API_NOT_FOUND', 'there is no such session: it may have ended');
      await audit.record({ ...origin, operation: 'session_end', subject: params.session });
      return null;
    }),
  ];
}
