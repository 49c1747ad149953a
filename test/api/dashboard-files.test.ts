// Owns the promises of the files of the dashboard: all are of one version, each with its type and Cache-Control.
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import Fastify from 'fastify';
import type { LightMyRequestResponse } from 'fastify';
import { expect, it, onTestFinished } from 'vitest';
import {
  dashboardFolder,
  dashboardStyles,
  dashboardTrouble,
  registerDashboard,
} from '../../src/api/routes/dashboard-files.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

function build(folder: string, version: string): void {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'assets'), { recursive: true });
  writeFileSync(join(folder, 'index.html'), `<script src="/assets/index-${version}.js">`);
  writeFileSync(join(folder, 'assets', `index-${version}.js`), `"${version}"`);
}

async function open() {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-dashboard-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  build(folder, 'one');
  const server = Fastify();
  onTestFinished(() => server.close());
  await registerDashboard(server, folder);
  const get = (url: string, headers = {}): Promise<LightMyRequestResponse> => server.inject({ url, headers });
  return { folder, get };
}

it('while the program is replaced on disk, pages and their files are those of the version that runs', async () => {
  const { folder, get } = await open();
  build(folder, 'two');
  expect((await get('/devices')).body).toContain('index-one.js');
  expect((await get('/assets/index-one.js')).body).toBe('"one"');
  const other = await get('/assets/index-two.js');
  expect([other.statusCode, other.headers['content-type']]).not.toEqual([200, 'text/html; charset=utf-8']);
  expect(other.statusCode).toBeGreaterThanOrEqual(400);
});

it('a page without a script names the style sheets of the dashboard, or none if the dashboard was not built', async () => {
  const { folder } = await open();
  writeFileSync(
    join(folder, 'index.html'),
    '<link rel="stylesheet" crossorigin href="/assets/index-a1_-.css"><link href="/x.css">',
  );
  expect(dashboardStyles(folder)).toEqual(['/assets/index-a1_-.css']);
  expect(dashboardStyles(null)).toEqual([]);
});

it('where the dashboard was not built, every page says so and what to do, and the API is served', async () => {
  const server = Fastify();
  onTestFinished(() => server.close());
  server.get('/api/v1/x', async () => 'served');
  await registerDashboard(server, null);
  const page = await server.inject({ url: '/devices' });
  expect([page.statusCode, page.headers['content-type']]).toEqual([503, 'text/plain; charset=utf-8']);
  expect(page.body).toMatch(/not built[^]*npm run build:web[^]*restart[^]*\/api\/v1/);
  expect((await server.inject({ url: '/api/v1/x' })).body).toBe('served');
  expect(dashboardTrouble(null)).toContain('npm run build:web');
});

it('the source of the page is never served in place of the built one', () => {
  const folder = fileURLToPath(new URL('../../src/web', import.meta.url));
  expect(existsSync(join(folder, 'index.html'))).toBe(true);
  expect(dashboardFolder()).not.toBe(folder);
  expect(dashboardFolder() ?? 'dist/web').toMatch(/dist\/web$/);
});

it('every path outside of the API is the page, which is revalidated each time; an asset is cached for a year', async () => {
  const { get } = await open();
  const page = await get('/users/alice@example.com?x=1');
  expect(page.headers).toMatchObject({
    'content-type': 'text/html; charset=utf-8',
    'cache-control': 'no-cache',
  });
  const asset = await get('/assets/index-one.js');
  expect(asset.headers).toMatchObject({
    'content-type': 'text/javascript; charset=utf-8',
    'cache-control': 'public, max-age=31536000, immutable',
  });
  const again = await get('/', { 'if-none-match': page.headers.etag });
  expect([again.statusCode, again.body]).toEqual([304, '']);
  expect((await get('/api/v1/nothing')).statusCode).toBeGreaterThanOrEqual(400);
});
