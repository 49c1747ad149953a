// Owns the browser of the dashboard's tests: Chromium, a signed-in page, what it complained about, axe.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';
import type { Browser, Page } from 'playwright-core';
import { afterAll, beforeAll, onTestFinished } from 'vitest';
import type { Role } from '../../../src/api/contract/paths.ts';
import { PATIENCE_MS } from '../../support/checks/until.ts';
import { BROWSER, installedOf } from '../../support/programs.ts';
import type { TestApi } from '../../support/servers/test-api.ts';
import { feedsAnswer } from './feeds-answer.ts';
import { auditAnswer, journalAnswer } from './journal-answers.ts';
import { overviewAnswer } from './overview-answer.ts';
import { statusAnswer } from './status-answer.ts';

/** How a page is opened. */
export interface PageOptions {
  /** Signed in with this role; null = nobody. Default: operator. */
  readonly role?: Role | null;
  readonly theme?: 'light' | 'dark';
  /** In pixels; below 720 = like a phone. */
  readonly width?: number;
  readonly height?: number;
  /** Feeds and status come from the API; absent = made-up ones. */
  readonly hasRealFeeds?: boolean;
  /** Nothing is made up: everything comes from the gateway. */
  readonly isReal?: boolean;
}

/** A page, and what it complained about. */
export interface OpenedPage {
  readonly page: Page;
  /** Errors of the console and of scripts; violations of the content security policy are among them. */
  readonly complaints: string[];
}

let browser: Browser | null = null;

/** Starts the browser before the tests of a file, and ends it after them. */
export function useBrowser(): void {
  beforeAll(async () => {
    browser = await chromium.launch({
      executablePath: `/usr/bin/${installedOf(BROWSER)?.program ?? BROWSER.program}`,
      // Root has no sandbox; no test opens a page of somebody else.
      args: ['--no-sandbox', '--disable-gpu', '--font-render-hinting=none', '--renderer-process-limit=1'],
    });
  });
  afterAll(async () => {
    await browser?.close();
    browser = null;
  });
}

/** Opens a page of the dashboard. The page is closed when the test ends. */
export async function openPage(
  api: Pick<TestApi, 'url' | 'token'>,
  path: string,
  options: PageOptions = {},
): Promise<OpenedPage> {
  if (browser === null) throw new Error('call useBrowser() at the top of the file');
  const { role = 'operator', theme = 'light', width = 1_440, height = 900, isReal = false } = options;
  const context = await browser.newContext({
    colorScheme: theme,
    viewport: { width, height },
    locale: 'en-GB',
    timezoneId: 'UTC',
    reducedMotion: 'reduce',
    hasTouch: width < 720,
  });
  const page = await context.newPage();
  onTestFinished(async () => {
    // A page asks again and again: what a test makes up for it may be under way.
    await page.unrouteAll({ behavior: 'ignoreErrors' });
    await context.close();
  });
  context.setDefaultTimeout(PATIENCE_MS);
  const complaints: string[] = [];
  page.on('pageerror', (error) => complaints.push(error.message));
  page.on('console', (message) => {
    // A refused request is logged by the browser; the tests that provoke one look at the page.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource'))
      complaints.push(message.text());
  });
  if (role !== null) {
    const answer = await context.request.post(`${api.url}/api/v1/session`, {
      data: { token: api.token(role) },
      headers: { origin: api.url },
    });
    if (!answer.ok()) throw new Error(`signing in failed: ${await answer.text()}`);
  }
  if (!isReal) await makeUp(page, options.hasRealFeeds === true);
  await page.goto(`${api.url}${path}`);
  return { page, complaints };
}

/** Answers that need hours of a running gateway. */
async function makeUp(page: Page, hasRealFeeds: boolean): Promise<void> {
  await page.route('**/api/v1/overview', (route) => route.fulfill({ json: overviewAnswer() }));
  await page.route('**/api/v1/status/stream', (route) =>
    route.fulfill({ contentType: 'text/event-stream', body: 'retry: 600000\n\n' }),
  );
  await page.route('**/api/v1/journal?*', (route) =>
    route.fulfill({ json: journalAnswer(new URL(route.request().url()).searchParams.get('device')) }),
  );
  await page.route('**/api/v1/audit?*', (route) => route.fulfill({ json: auditAnswer() }));
  if (hasRealFeeds) return;
  await page.route('**/api/v1/feeds', (route) => route.fulfill({ json: feedsAnswer() }));
  await page.route('**/api/v1/status', (route) => route.fulfill({ json: statusAnswer() }));
}

/** Lets the page offer to undo a decision for as long as the test needs, instead of ten seconds. */
export async function keepUndo(page: Page): Promise<void> {
  await page.evaluate(
    'const later = window.setTimeout; window.setTimeout = (work, ms) => (ms === 10_000 ? 0 : later(work, ms));',
  );
}

const require = createRequire(import.meta.url);
const AXE = readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');

interface AxeResult {
  readonly violations: readonly {
    readonly id: string;
    readonly nodes: readonly { readonly html: string }[];
  }[];
}

/** What axe finds wrong, one line each. It is put in as an expression: the policy of the page stops script elements. */
export async function accessibilityProblems(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate<AxeResult>(
    "axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'], resultTypes: ['violations'] })",
  );
  return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`));
}

/** Whether anything makes the page wider than its window. */
export async function isTooWide(page: Page): Promise<boolean> {
  return page.evaluate<boolean>(
    'document.documentElement.scrollWidth > document.documentElement.clientWidth',
  );
}
