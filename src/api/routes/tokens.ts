// Owns the routes of tokens.
import { parseIsoMomentToCome } from '../../app/times.ts';
import type { FleetAccounts } from '../auth/fleet-accounts.ts';
import { newToken } from '../auth/sign-in.ts';
import type { StoredToken } from '../auth/admin-rows.ts';
import type { ApiParts } from '../api-parts.ts';
import { ApiError } from '../problems.ts';
import { route } from './route.ts';
import type { Route } from './route.ts';

const DAY_MS = 86_400_000;

/** The routes. */
export function tokenRoutes({ admin, audit }: ApiParts, accounts: FleetAccounts): Route[] {
  return [
    route('listTokens', async () => ({ rows: admin.tokens().map(tokenView) })),
    route('createToken', async ({ body }, { principal, origin, now }) => {
      const { name, role, expiresInDays } = body;
      const days = expiresInDays === null ? null : now + expiresInDays * DAY_MS;
      const expiresAt = body.expiresAt === undefined ? days : parseIsoMomentToCome(body.expiresAt, now);
      const { token, secret } = newToken({ name, role, createdBy: principal.name, expiresAt }, now);
      await accounts.addToken(token);
      await audit.record({ ...origin, operation: 'token_create', subject: name, after: { role, expiresAt } });
      return { ...tokenView(token), secret };
    }),
    route('revokeToken', async ({ params }, { origin }) => {
      const removed = await accounts.removeToken(params.token);
      if (removed === null) throw new ApiError('EASGATE_API_NOT_FOUND', 'there is no such token');
      const { name, role } = removed;
      await audit.record({ ...origin, operation: 'token_revoke', subject: name, before: { role } });
      return null;
    }),
  ];
}

function tokenView({ hash: _hash, ...shown }: StoredToken): object {
  return shown;
}
