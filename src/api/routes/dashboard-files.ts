// Owns the files of the dashboard: built into dist/web, served with the API. Every page is the same file; its script shows the page.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyInstance } from 'fastify';
import { ApiError } from '../problems.ts';

/** From src/api/routes and from dist/api/routes. */
const PLACES = ['../../../dist/web', '../../web'];

/** Where the built dashboard is; null = it was not built. */
function dashboardFolder(): string | null {
  const places = PLACES.map((place) => fileURLToPath(new URL(place, import.meta.url)));
  return places.find((place) => existsSync(`${place}/index.html`)) ?? null;
}

/** Serves the dashboard at every path that is not of the API. */
export async function registerDashboard(server: FastifyInstance): Promise<void> {
  const root = dashboardFolder();
  if (root !== null)
    await server.register(fastifyStatic, {
      root,
      wildcard: false,
      cacheControl: false,
      setHeaders(response, path) {
        // Names of assets have a hash of their content; the page itself must be the one of this version.
        const isAsset = path.includes('/assets/');
        response.header('cache-control', isAsset ? 'public, max-age=31536000, immutable' : 'no-cache');
      },
    });
  server.get('/*', { schema: { hide: true } }, async (request, reply) => {
    const path = request.url.split('?', 1)[0] ?? '/';
    if (path === '/api' || path.startsWith('/api/'))
      throw new ApiError('EASGATE_API_NOT_FOUND', 'there is no such operation: see /api/docs');
    // A page that was open over an upgrade asks for files of the version before: an HTML page in their place would hide that.
    if (path.startsWith('/assets/'))
      throw new ApiError(
        'EASGATE_API_NOT_FOUND',
        'there is no such file in this version: load the page anew',
      );
    if (root === null)
      return reply
        .type('text/plain; charset=utf-8')
        .send(
          'The dashboard was not built: npm run build. The API is at /api/v1, its description at /api/docs.\n',
        );
    return reply.sendFile('index.html');
  });
}
