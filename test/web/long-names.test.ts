// Owns the promise that names of any length, as phones and feeds send them, leave the dashboard in shape.
import { describe, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import type { AnswerOf } from '../../src/api/contract/operations.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { isTooWide, openPage, useBrowser } from './support/browser.ts';
import { openDashboard, openPublished } from './support/dashboard.ts';
import { auditAnswer } from './support/journal-answers.ts';

checkLeaks();
useBrowser();

const LONG = 'Very Long Model Name of a Ruggedized Scanner With Extended Battery, Edition 2026 for Logistics';
const ADDRESS = `${'maximiliane-alexandra.von-und-zu-hohenstein'.repeat(2)}@subdomain.of-a-company.example`;
const SENTENCE = 'Too many phones of the sales team were refused on Monday morning. '.repeat(4);

/** What is wider than its frame, so that the rest is cut or needs scrolling. */
async function sideways(page: Page): Promise<number> {
  return page.evaluate<number>(
    "Math.max(...[...document.querySelectorAll('.tw')].map((each) => each.scrollWidth - each.clientWidth))",
  );
}

describe('the list of devices with a long user, model, system and decision', () => {
  it.each([1_300, 1_440, 390])('shows every column within its panel, %i px wide', async (width) => {
    const api = await openDashboard(30);
    const { page } = await openPage(api, '/reports/blocked', { width });
    await page.route('**/api/v1/devices?*', async (route) => {
      const response = await route.fetch();
      const json = (await response.json()) as AnswerOf<'listDevices'>;
      const rows = json.rows.map((row, place) =>
        place === 0 ? { ...row, user: ADDRESS, model: LONG, os: LONG, decision: 'allow' } : row,
      );
      await route.fulfill({ response, json: { ...json, rows } });
    });
    await page.goto(`${api.url}/devices`);
    await page.getByText(ADDRESS).waitFor();
    expect(await sideways(page)).toBe(0);
    expect(await isTooWide(page)).toBe(false);
    // A row of a table has one line; a card has a line for each fact.
    const { height } = (await page.locator('tbody tr[data-index="0"]').boundingBox()) ?? { height: 0 };
    expect(height).toBeLessThan(width < 720 ? 160 : 40);
    expect(await page.getByText(LONG).first().getAttribute('title')).toBe(LONG);
  });
});

describe('the page of a device with long facts', () => {
  it('shows them whole on a phone', async () => {
    const api = await openDashboard();
    const { page } = await openPage(api, '/reports/blocked', { width: 390 });
    await page.route('**/api/v1/devices/androidc1462783', async (route) => {
      const response = await route.fetch();
      const json = (await response.json()) as AnswerOf<'showDevice'>;
      const reports = json.reports.map((report) => ({ ...report, model: LONG, owner: ADDRESS }));
      await route.fulfill({ response, json: { ...json, reports } });
    });
    await page.goto(`${api.url}/devices/androidc1462783?user=clara@example.com`);
    await page.getByText(ADDRESS).first().waitFor();
    expect(await sideways(page)).toBe(0);
  });
});

describe('the changes with a long comment', () => {
  it('end it in an ellipsis, with the whole text for the pointer', async () => {
    const api = await openDashboard();
    const { page } = await openPage(api, '/journal', { width: 1_300 });
    await page.route('**/api/v1/audit?*', async (route) => {
      const answer = auditAnswer();
      const rows = answer.rows.map((row) => ({ ...row, comment: SENTENCE, by: ADDRESS }));
      await route.fulfill({ json: { ...answer, rows } });
    });
    await page.goto(`${api.url}/journal/changes`);
    await page.getByText('Policy published').first().waitFor();
    expect(await page.getByTitle(SENTENCE.trim()).count()).toBeGreaterThan(0);
    expect(await sideways(page)).toBe(0);
  });
});

describe('the history of the policy with a long comment', () => {
  it('keeps room for the name of who wrote it', async () => {
    const api = await openPublished();
    const { page } = await openPage(api, '/reports/blocked', { width: 1_300, role: 'admin' });
    await page.route('**/api/v1/policy/versions?*', async (route) => {
      const response = await route.fetch();
      const json = (await response.json()) as AnswerOf<'listPolicyVersions'>;
      const rows = json.rows.map((row) => ({ ...row, author: 'root', comment: SENTENCE }));
      await route.fulfill({ response, json: { ...json, rows } });
    });
    await page.goto(`${api.url}/policy`);
    await page.getByRole('cell', { name: 'root', exact: true }).first().waitFor();
    // One line: its text is no higher than a line of 20 px.
    const height = await page.evaluate<number>(`(() => {
      const range = document.createRange();
      range.selectNodeContents([...document.querySelectorAll('td')].find((cell) => cell.textContent === 'root'));
      return range.getBoundingClientRect().height;
    })()`);
    expect(height).toBeLessThan(24);
  });
});
