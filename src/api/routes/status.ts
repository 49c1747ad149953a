// Owns the routes of the gateway as a whole.
import type { ApiParts } from '../parts.ts';
import { route } from './route.ts';
import type { Route } from './route.ts';

/** The routes. */
export function statusRoutes(parts: ApiParts): Route[] {
  return [
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
