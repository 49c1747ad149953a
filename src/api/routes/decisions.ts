// Owns the routes of decisions: their list, many at once, and those of a phone before its reset.
import { MAX_DECIDED, decideMany } from '../../app/decide-many.ts';
import { parseSort } from '../../app/list-pages.ts';
import { acceptSuccessor } from '../../app/successors.ts';
import { exactIsoTime, parseIsoMomentToCome } from '../../app/times.ts';
import { ProgramError } from '../../errors/program-errors.ts';
import type { ApiParts } from '../api-parts.ts';
import { ApiError } from '../problems.ts';
import { decisionFilterOf, deviceFilterOf } from './filters.ts';
import { route } from './route.ts';
import type { Route } from './route.ts';

const REFUSED = 100;

/** The routes. */
export function decisionRoutes(parts: ApiParts): Route[] {
  return [
    route('listDecisions', async ({ query }, { now, asker }) => {
      const { sort, limit, after, ...filter } = query;
      const request = { sort: parseSort(sort), limit, after: after ?? null };
      const { rows, next, confirmedAt } = await parts
        .model()
        .ask('decisions', { filter: decisionFilterOf(filter, now), request, now }, asker);
      return {
        rows: rows.map(({ device, user, state, source, decision }) => ({
          device,
          user,
          state,
          source,
          decision,
        })),
        next,
        asOf: exactIsoTime(confirmedAt),
      };
    }),
    route('decideMany', async ({ body }, { now, origin, asker }) => {
      const { action, reason, expiresAt, devices, filter, dryRun, expected } = body;
      if ((devices === undefined) === (filter === undefined))
        throw new ApiError('EASGATE_API_INVALID', 'send either `devices` or `filter`');
      const many = devices === undefined ? { filter: deviceFilterOf(filter ?? {}, now) } : { devices };
      const { keys, byState } = await parts.model().ask('matchedDevices', many, asker);
      const end = parseIsoMomentToCome(expiresAt, now);
      const found = { matched: keys.length, byState };
      if (!dryRun && expected !== undefined && expected !== keys.length)
        throw new ProgramError(
          'EASGATE_CHANGED',
          `${keys.length > MAX_DECIDED ? `more than ${MAX_DECIDED}` : keys.length} devices match now, not ${expected}: ` +
            'nothing was written; look at the preview again',
        );
      const decision =
        action === 'clear' ? null : { action, owner: origin.by, reason, decidedAt: now, expiresAt: end };
      const how = { ...origin, dryRun };
      const { changed, refused } = await decideMany(parts.store(), keys, decision, how, parts.audit);
      return { ...found, changed, refused: refused.slice(0, REFUSED), refusedCount: refused.length };
    }),
    route('acceptSuccessor', async ({ params, body }, { origin }) => {
      const { from, dryRun } = body;
      const { audit, events } = parts;
      return acceptSuccessor(parts.store(), params.device, from, { ...origin, dryRun }, { audit, events });
    }),
  ];
}
