// Owns the routes of users: their list, one in full, decisions on a user with every device.
import { clearUser, decideUser } from '../../app/decide-user.ts';
import type { UserSearch } from '../../app/user-search.ts';
import { parseSort } from '../../app/list-pages.ts';
import { exactIsoTime, parseIsoMomentToCome } from '../../app/times.ts';
import { standingOfUser } from '../../app/standing.ts';
import { showUser } from '../../app/users.ts';
import { searchInModel } from '../../app/user-search-in-model.ts';
import type { ApiParts } from '../api-parts.ts';
import { userFilterOf } from './filters.ts';
import { route } from './route.ts';
import type { Route } from './route.ts';

/** The routes. */
export function userRoutes(parts: ApiParts): Route[] {
  return [
    route('listUsers', async ({ query }, { now, asker }) => {
      const { sort, limit, after, ...filter } = query;
      const request = { sort: parseSort(sort), limit, after: after ?? null };
      const { rows, next, confirmedAt } = await parts
        .model()
        .ask('users', { filter: userFilterOf(filter, now), request }, asker);
      return { rows, next, asOf: exactIsoTime(confirmedAt) };
    }),
    route('showUser', async ({ params }, { now }) => {
      const store = parts.store();
      const details = await showUser(store, params.user, known(parts));
      return { ...details, ...(await standingOfUser(store, parts.config, details, now)) };
    }),
    route('decideUser', async ({ params, body }, { origin, now }) => {
      const { action, reason, expiresAt, dryRun } = body;
      const end = parseIsoMomentToCome(expiresAt, now);
      const decision = { action, owner: origin.by, reason, decidedAt: now, expiresAt: end };
      return decideUser(
        parts.store(),
        params.user,
        decision,
        { ...origin, dryRun },
        parts.audit,
        known(parts),
      );
    }),
    route('clearUserDecision', ({ params }, { origin }) =>
      clearUser(parts.store(), params.user, origin, parts.audit),
    ),
  ];
}

function known(parts: ApiParts): UserSearch {
  const model = parts.model();
  return searchInModel(parts.store(), {
    namesLike: (names) => model.ask('namesLike', names),
    devicesOf: (names) => model.ask('devicesOf', names),
  });
}
