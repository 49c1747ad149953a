// Owns the routes of the gateway as a whole.
import type { ApiParts } from '../parts.ts';
import type { Overview } from '../overview/overview.ts';
import { eventRoute, route } from './route.ts';
import type { Route, StreamRoute } from './route.ts';

/** The routes. */
export function statusRoutes(parts: ApiParts, overview: Overview): Route[] {
  return [
    route('showOverview', (_input, { now }) => overview.show(now)),
    route('showStatus', async () => {
      const gateway = await parts.gateway();
      return {
        gateway: parts.name,
        version: gateway?.version ?? parts.version,
        startedAt: gateway?.startedAt ?? null,
        phase: gateway?.phase ?? 'unknown',
        policy: gateway?.policy ?? null,
        warnings: gateway?.warnings ?? ['the primary process does not answer'],
        workers: gateway?.workers ?? [],
        control: parts.control(),
      };
    }),
  ];
}

/** The stream of counters. */
export function counterStream(overview: Overview): StreamRoute {
  return eventRoute('followCounters', async () => (signal) => overview.follow(signal));
}
