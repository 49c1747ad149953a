// Owns the files of the dashboard: built into dist/web, served with the API. Every page is the same file; its script shows the page.
// They are read once, at the start. An upgrade replaces the files on disk before it replaces this process; until then a page gets the
// files of the running version, which fit each other and this API.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from '../problems.ts';

/** From src/api/routes, whose ../../web is the source, and from dist/api/routes. */
const PLACE = import.meta.url.endsWith('.ts') ? '../../../dist/web' : '../../web';
const PAGE = '/index.html';
const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
};

interface BuiltFile {
  readonly content: Buffer;
  readonly type: string;
  readonly etag: string;
  /** Cache-Control: assets are kept, since their names contain a hash; the page is revalidated each time. */
  readonly caching: string;
}

/** Where the built dashboard is; null = it was not built. */
export function dashboardFolder(): string | null {
  const place = fileURLToPath(new URL(PLACE, import.meta.url));
  return existsSync(`${place}${PAGE}`) ? place : null;
}

/** Why there is no dashboard, with what to do; null = there is one. */
export function dashboardTrouble(folder: string | null = dashboardFolder()): string | null {
  return folder === null
    ? 'the dashboard was not built: run `npm run build:web`, then restart the gateway; the admin API is served'
    : null;
}

/** The files of a build by their paths: `/index.html`, `/assets/…`. */
export function readDashboard(folder: string): ReadonlyMap<string, BuiltFile> {
  const files = new Map<string, BuiltFile>();
  for (const entry of readdirSync(folder, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const file = join(entry.parentPath, entry.name);
    const path = file.slice(folder.length).replaceAll('\\', '/');
    const content = readFileSync(file);
    files.set(path, {
      content,
      type: TYPES[extname(path)] ?? 'application/octet-stream',
      etag: `"${createHash('sha256').update(content).digest('base64url')}"`,
      caching: path.startsWith('/assets/') ? 'public, max-age=31536000, immutable' : 'no-cache',
    });
  }
  return files;
}

/** The style sheets that the page names, for pages that need no script. None where it was not built. */
export function dashboardStyles(folder: string | null = dashboardFolder()): readonly string[] {
  const page = folder === null ? '' : readFileSync(`${folder}${PAGE}`, 'utf8');
  return [...page.matchAll(/href="(\/assets\/[\w.-]+\.css)"/g)].map(([, path = '']) => path);
}

/** Serves the dashboard at every path that is not of the API. `folder`: of the build; null = it was not built. */
export async function registerDashboard(
  server: FastifyInstance,
  folder: string | null = dashboardFolder(),
): Promise<void> {
  const files = folder === null ? null : readDashboard(folder);
  server.get('/*', { schema: { hide: true } }, async (request, reply) => {
    const path = request.url.split('?', 1)[0] ?? '/';
    if (path === '/api' || path.startsWith('/api/'))
      throw new ApiError('EASGATE_API_NOT_FOUND', 'there is no such operation: see /api/docs');
    if (files === null)
      return reply
        .code(503)
        .type('text/plain; charset=utf-8')
        .send(
          'easgate: the dashboard was not built.\n\nRun `npm run build:web` in the folder of easgate, then restart the gateway.\n' +
            'The admin API is served at /api/v1, its description at /api/docs. Phones are not affected.\n',
        );
    const file = files.get(path) ?? (path.startsWith('/assets/') ? undefined : files.get(PAGE));
    // A page that was loaded before an upgrade requests assets of the previous version. An HTML page in their place would hide the error.
    if (file === undefined)
      throw new ApiError('EASGATE_API_NOT_FOUND', 'there is no such file in this version: reload the page');
    return answer(request, reply, file);
  });
}

function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  { content, type, etag, caching }: BuiltFile,
): FastifyReply {
  reply.header('cache-control', caching).header('etag', etag);
  // A weak comparison (RFC 9110 13.1.2), of one tag: browsers send back the one that they have.
  if (request.headers['if-none-match']?.replace(/^W\//, '') === etag) return reply.code(304).send();
  return reply.type(type).send(content);
}
