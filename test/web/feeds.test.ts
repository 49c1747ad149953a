// Owns the promises of the page of feeds: states in words, runs by hand, brakes, import and export of files.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { configuredFeeds, feedStates } from '../../src/app/feed-runs/configured-feeds.ts';
import { startFeeds } from '../../src/app/feed-runs/start-feeds.ts';
import type { AnswerOf } from '../../src/api/contract/operations.ts';
import { configSchema } from '../../src/config/schema.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { openTestApi } from '../support/servers/test-api.ts';
import type { TestApi } from '../support/servers/test-api.ts';
import { accessibilityProblems, isTooWide, openPage, useBrowser } from './support/browser.ts';
import { openDashboard } from './support/dashboard.ts';
import { feedsAnswer } from './support/feeds-answer.ts';
import { openFleet } from './support/fleet.ts';

checkLeaks();
useBrowser();

const line = (id: string): string => `{"type":"device","id":"${id}","managed":true,"compliant":true}\n`;

/** An API of a gateway that runs one feed: a file with all its devices. */
async function openLeader(): Promise<{ readonly api: TestApi; readonly path: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-web-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'devices.ndjson');
  writeFileSync(path, Array.from({ length: 40 }, (_, place) => line(`NEW${place}`)).join(''));
  const config = configSchema.parse({
    admin: { listen: '127.0.0.1:0', file: ':memory:', requestsPerMinute: 10_000 },
    store: { kind: 'embedded', path: ':memory:', identityFile: join(folder, 'store.json') },
    // Only a test runs it: its file counts as complete long after it changed.
    feeds: [
      { name: 'exports', kind: 'files', path, format: 'ndjson', schedule: '0 0 29 2 *', settleSeconds: 600 },
    ],
  });
  const store = await openFleet();
  const states = feedStates(config);
  // The first scheduled run was not missed.
  await states.write('exports', { ...(await states.read('exports')), lastSuccessAt: Date.now() });
  const lease = await store.leases.take('test', 'test', 60_000);
  const events = { onRun: () => undefined, onFailure: () => undefined };
  const feeds = startFeeds(store, states, configuredFeeds(config), events, lease?.fence ?? 0);
  const api = await openTestApi({ store, parts: { config, feeds: () => feeds } });
  onTestFinished(() => feeds.close());
  return { api, path };
}

const runNow = (api: TestApi) =>
  api.send('operator', '/api/v1/feeds/exports/run', { method: 'POST', body: {} });

/** The same, where a brake holds the removal of all devices but one. */
async function openHeld(): Promise<TestApi> {
  const { api, path } = await openLeader();
  await runNow(api);
  writeFileSync(path, line('NEW0'));
  await runNow(api);
  return api;
}

type HandRun = NonNullable<AnswerOf<'listFeeds'>['rows'][number]['byHand']>;

/** A run that somebody started, under way. */
const BY_HAND: HandRun = {
  by: 'nora',
  startedAt: '2026-11-29T08:00:00.000Z',
  endedAt: null,
  dryRun: false,
  confirmed: false,
  read: 12,
  written: 0,
  outcome: null,
  error: null,
};

/** Whether a feed says that the device is managed. */
async function isReported(api: TestApi, device: string): Promise<boolean> {
  const { json } = await api.send('viewer', `/api/v1/devices/${device}`);
  return (json as AnswerOf<'showDevice'>).record?.managed === true;
}

describe('the page of feeds', () => {
  it('says in words how each feed is, and why', async () => {
    const { page, complaints } = await openPage(await openDashboard(), '/feeds');
    await page.getByText('1,204 of 3,010 devices would be removed').waitFor();
    for (const words of ['Fresh', 'Held by a brake, stale meanwhile', 'Failing', 'Stale', 'Not run yet'])
      await page.locator('.feed .pill').getByText(words, { exact: true }).first().waitFor();
    await page.getByText('17, 5 could be a known device').waitFor();
    await page.getByText('when the source sends it').first().waitFor();
    expect(complaints).toEqual([]);
  });

  it('runs a feed now, and a dry run of it', async () => {
    const { api } = await openLeader();
    const { page, complaints } = await openPage(api, '/feeds', { hasRealFeeds: true });
    await page.getByRole('button', { name: 'Dry run: exports' }).click();
    await page.getByText('Dry run by the operator; nothing was written').waitFor();
    expect((await api.send('viewer', '/api/v1/devices/NEW7')).status).toBe(404);
    await page.getByRole('button', { name: 'Run now: exports' }).click();
    await page.getByText('Run by the operator', { exact: true }).waitFor();
    await page.getByText('40 changed').first().waitFor();
    expect((await api.send('viewer', '/api/v1/devices/NEW7')).status).toBe(200);
    expect(complaints).toEqual([]);
  });

  it('shows what a brake holds with its counts before it is confirmed', async () => {
    const { api, path } = await openLeader();
    await runNow(api);
    writeFileSync(path, line('NEW0'));
    const { page } = await openPage(api, '/feeds', { hasRealFeeds: true });
    await page.getByRole('button', { name: 'Run now: exports' }).click();
    await page.getByRole('button', { name: 'Look and confirm…: exports' }).click();
    const dialog = page.getByRole('dialog');
    const button = dialog.getByRole('button', { name: /^Write .* 39 removals$/ });
    await button.waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    expect((await api.send('viewer', '/api/v1/devices/NEW7')).status).toBe(200);
    await button.click();
    await dialog.waitFor({ state: 'detached' });
    await page.getByText('39 removed').first().waitFor();
    expect(await isReported(api, 'NEW7')).toBe(false);
    await page.getByText('Fresh', { exact: true }).waitFor();
  });

  it.each<[string, Partial<HandRun>, RegExp]>([
    ['its counts', {}, /^Write .* 39 removals$/],
    [
      'why it failed',
      { outcome: null, error: { code: 'EASGATE_FEED_AWAY', message: 'it went away' } },
      /it went away/,
    ],
  ])(
    'of a dry run that takes longer than the gateway waits, it shows %s at its end',
    async (_, end, words) => {
      const { page } = await openPage(await openHeld(), '/feeds', { hasRealFeeds: true });
      await page.route('**/api/v1/feeds/exports/run', async (route) => {
        const response = await route.fetch();
        const { feed, run } = (await response.json()) as AnswerOf<'runFeed'>;
        await route.fulfill({ response, json: { feed, run: { ...run, endedAt: null, outcome: null } } });
      });
      await page.route('**/api/v1/feeds', async (route) => {
        const response = await route.fetch();
        const { rows, ...more } = (await response.json()) as AnswerOf<'listFeeds'>;
        const ended = rows.map((row) => ({ ...row, byHand: row.byHand && { ...row.byHand, ...end } }));
        await route.fulfill({ response, json: { ...more, rows: ended } });
      });
      const answered = page.waitForResponse('**/api/v1/feeds/exports/run');
      await page.getByRole('button', { name: 'Look and confirm…: exports' }).click();
      await answered;
      await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
      const dialog = page.getByRole('dialog');
      await dialog.getByRole('button', { name: words }).or(dialog.getByText(words)).first().waitFor();
      expect(await accessibilityProblems(page)).toEqual([]);
    },
  );

  it('waits for a run by the schedule before it counts what a brake holds', async () => {
    const { page } = await openPage(await openHeld(), '/feeds', { hasRealFeeds: true });
    let asked = 0;
    await page.route('**/api/v1/feeds/exports/run', (route) => {
      if (asked++ > 0) return route.fallback();
      const contentType = 'application/problem+json';
      return route.fulfill({ status: 409, contentType, json: { code: 'EASGATE_FEED_BUSY', status: 409 } });
    });
    await page.getByRole('button', { name: 'Look and confirm…: exports' }).click();
    await page
      .getByRole('dialog')
      .getByRole('button', { name: /^Write .* 39 removals$/ })
      .waitFor();
    expect(asked).toBe(2);
  });

  it('lets nobody confirm while a run is under way: the counts would be refused', async () => {
    const { page } = await openPage(await openDashboard(), '/feeds');
    const gate = Promise.withResolvers<void>();
    await page.route('**/api/v1/feeds/jamf/run', async (route) => {
      await gate.promise;
      await route.fulfill({ json: { feed: 'jamf', run: null } });
    });
    await page.getByRole('button', { name: 'Run now: jamf' }).click();
    const button = (disabled: boolean) =>
      page.getByRole('button', { name: 'Look and confirm…: jamf', disabled });
    await button(true).waitFor();
    gate.resolve();
    await button(false).waitFor();
    const under = feedsAnswer();
    await page.route('**/api/v1/feeds', (route) =>
      route.fulfill({ json: { ...under, rows: under.rows.map((row) => ({ ...row, byHand: BY_HAND })) } }),
    );
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
    await page.getByText('Running, started by nora: 12 records so far').first().waitFor();
    await button(true).waitFor();
  });

  it('shows a viewer everything, and which role a run needs', async () => {
    const { page } = await openPage(await openDashboard(), '/feeds', { role: 'viewer' });
    await page.getByText('Needs the role operator').first().waitFor();
    expect(await page.getByRole('button', { name: 'Run now: intune' }).isDisabled()).toBe(true);
  });

  it('says which gateway runs the feeds', async () => {
    const { page } = await openPage(await openDashboard(), '/');
    await page.route('**/api/v1/feeds', (route) =>
      route.fulfill({ json: { ...feedsAnswer(), runsHere: false, leader: 'gw2' } }),
    );
    await page.getByRole('link', { name: 'Feeds', exact: true }).click();
    await page.getByText('The feeds are run by gw2').waitFor();
    expect(await page.getByRole('button', { name: 'Run now: intune' }).isDisabled()).toBe(true);
  });

  it('says how to begin where there is no feed', async () => {
    const { page } = await openPage(await openDashboard(), '/feeds', { hasRealFeeds: true });
    await page.getByText('No feed is configured').waitFor();
    await page.getByRole('link', { name: 'Import a file' }).click();
    await page.getByLabel('File', { exact: true }).waitFor();
  });

  it.each([
    ['/feeds', 'light', 1_440],
    ['/feeds', 'dark', 1_440],
    ['/feeds', 'light', 390],
    ['/feeds/files', 'dark', 1_440],
    ['/feeds/files', 'light', 390],
  ] as const)('has no accessibility problem, %s, %s, %i px wide', async (path, theme, width) => {
    const { page, complaints } = await openPage(await openDashboard(), path, { theme, width });
    await page.getByText(path === '/feeds' ? 'Held by a brake' : 'a dry run first').waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(await isTooWide(page)).toBe(false);
    expect(complaints).toEqual([]);
  });
});

describe('an import', () => {
  it('counts first, shows refused lines, and writes only then', async () => {
    const api = await openDashboard();
    const { page, complaints } = await openPage(api, '/feeds/files');
    expect(await page.getByRole('button', { name: 'Dry run' }).isDisabled()).toBe(true);
    const content = `${line('IMP1')}${line('IMP2')}{"type":"device"}\n`;
    await page.getByLabel('File', { exact: true }).setInputFiles({
      name: 'devices.ndjson',
      mimeType: 'application/x-ndjson',
      buffer: Buffer.from(content),
    });
    await page.getByLabel('Format').selectOption('ndjson');
    await page.getByRole('button', { name: 'Dry run' }).click();
    await page.getByText('Nothing was written.').waitFor();
    await page.getByText('Refused lines (1)').waitFor();
    await page.getByText('line 3').waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    expect((await api.send('viewer', '/api/v1/devices/IMP1')).status).toBe(404);
    await page.getByRole('button', { name: 'Import: 2 changes, 0 removals' }).click();
    await page.getByText('Written from').waitFor();
    expect((await api.send('viewer', '/api/v1/devices/IMP1')).status).toBe(200);
    await page.getByRole('button', { name: 'Another file' }).click();
    expect(await page.getByRole('button', { name: 'Dry run' }).isDisabled()).toBe(true);
    expect(complaints).toEqual([]);
  });

  it('shows what a brake holds with its counts, and writes it only when that is ticked', async () => {
    const api = await openDashboard();
    const lines = Array.from({ length: 40 }, (_, place) => line(`IMP${place}`));
    const headers = { 'content-type': 'application/x-ndjson' };
    await fetch(`${api.url}/api/v1/import?format=ndjson&source=mine`, {
      method: 'POST',
      headers: { ...headers, authorization: `Bearer ${api.token('operator')}`, connection: 'close' },
      body: lines.join(''),
    });
    const { page } = await openPage(api, '/feeds/files');
    await page.getByLabel('File', { exact: true }).setInputFiles({
      name: 'devices.ndjson',
      mimeType: 'application/x-ndjson',
      buffer: Buffer.from(lines.slice(0, 2).join('')),
    });
    await page.getByLabel('Format').selectOption('ndjson');
    await page.getByLabel('Source', { exact: true }).fill('mine');
    await page.getByLabel('The file is complete').check();
    await page.getByRole('button', { name: 'Dry run' }).click();
    await page.getByText('38 of 40 devices would be removed').waitFor();
    const button = page.getByRole('button', { name: /^Import beyond the brake: .* 38 removals$/ });
    expect(await button.isDisabled()).toBe(true);
    await page.getByLabel('I have looked at it').check();
    await button.click();
    await page.getByText('Written from').waitFor();
    expect(await isReported(api, 'IMP7')).toBe(false);
  });

  it('needs the role operator', async () => {
    const { page } = await openPage(await openDashboard(), '/feeds/files', { role: 'helpdesk' });
    await page.getByText('Needs the role operator', { exact: true }).waitFor();
    expect(await page.getByLabel('File', { exact: true }).isDisabled()).toBe(true);
    expect(await page.getByRole('link', { name: 'Audit as CSV' }).count()).toBe(0);
    expect(await page.getByRole('link', { name: 'Users as CSV' }).getAttribute('href')).toBe(
      '/api/v1/export/users?format=csv',
    );
  });
});
