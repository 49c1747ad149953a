// Owns the routes of the gateway as a whole.
import { stat } from 'node:fs/promises';
import { certificateEnds } from '../../config/certificate-checks.ts';
import type { Config } from '../../config/schema.ts';
import type { ApiParts } from '../api-parts.ts';
import type { Overview } from '../overview/overview.ts';
import { eventRoute, route } from './route.ts';
import type { Route, StreamRoute } from './route.ts';

/** The routes. */
export function statusRoutes(parts: ApiParts, overview: Overview): Route[] {
  return [
    route('showOverview', ({ query }, { now }) => overview.show(now, query.range ?? null)),
    route('showStatus', async () => {
      const { config } = parts;
      const gateway = await parts.gateway();
      const control = parts.control();
      const { readModel } = control;
      return {
        gateway: parts.name,
        version: gateway?.version ?? parts.version,
        pid: gateway?.pid ?? null,
        startedAt: gateway?.startedAt ?? null,
        phase: gateway?.phase ?? 'unknown',
        policy: gateway?.policy ?? null,
        warnings: gateway?.warnings ?? ['the primary process does not answer'],
        workers: gateway?.workers ?? [],
        traffic: gateway?.traffic ?? null,
        control: { ...control, readModel: { ...readModel, bytes: await sizeOf(readModel.path) } },
        mailServers: mailServersOf(config),
        certificates: certificateEnds(config),
        metrics: config.metrics.listen ?? null,
      };
    }),
  ];
}

/** Hosts and ports: a URL may hold a password. */
function mailServersOf({ upstream: { url, servers } }: Config): string[] {
  const urls = servers.length === 0 ? [url] : servers.map((server) => server.url);
  return urls.map((one) => (one === 'sample' ? one : new URL(one).host));
}

/** Of a file of SQLite and its log, bytes; null = it cannot be read. */
async function sizeOf(path: string): Promise<number | null> {
  const [main, log] = await Promise.all([path, `${path}-wal`].map(bytesOf));
  return main === null || main === undefined ? null : main + (log ?? 0);
}

async function bytesOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size;
  } catch {
    return null;
  }
}

/** The stream of counters. */
export function counterStream(overview: Overview): StreamRoute {
  return eventRoute('followCounters', async () => (signal) => overview.follow(signal));
}
