// Owns the promises of the page of the journal.
import { describe, expect, it } from 'vitest';
import { checkLeaks } from '../support/checks/leaks.ts';
import { accessibilityProblems, isTooWide, openPage, useBrowser } from './support/browser.ts';
import { openDashboard } from './support/dashboard.ts';
import { journalAnswer } from './support/journal-answers.ts';

checkLeaks();
useBrowser();

describe('the journal', () => {
  it('shows what happened to whom, and leads to the device', async () => {
    const { page, complaints } = await openPage(await openDashboard(), '/journal');
    await page.getByText('Refused: Storage not encrypted (14 times)').waitFor();
    await page.getByRole('link', { name: 'clara@example.com' }).first().click();
    await page.getByRole('heading', { name: 'Pixel 8 of clara@example.com' }).waitFor();
    expect(complaints).toEqual([]);
  });

  it('shows operators who changed what', async () => {
    const { page } = await openPage(await openDashboard(), '/journal');
    await page.getByRole('link', { name: 'Changes' }).click();
    await page.getByText('Policy published').waitFor();
    await page.getByText('nora (api)').first().waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
  });

  it.each([1_300, 1_440, 1_000])('shows what decided with all its words, %i px wide', async (width) => {
    const { page } = await openPage(await openDashboard(), '/users', { width });
    await page.route('**/api/v1/journal?*', async (route) => {
      const { rows, ...more } = journalAnswer(null);
      await route.fulfill({
        json: { ...more, rows: rows.map((row) => ({ ...row, rule: 'policy.unknownDevice.hold' })) },
      });
    });
    await page.getByRole('link', { name: 'Journal', exact: true }).click();
    const rule = page.getByText('the policy for unknown devices, while a report is awaited').first();
    await rule.waitFor();
    const cut = await page.evaluate<number>(`[...document.querySelectorAll('td.w-rule, .two-lines')].filter(
      (each) => each.scrollWidth > each.clientWidth || each.scrollHeight > each.clientHeight).length`);
    expect(cut).toBe(0);
    expect(await isTooWide(page)).toBe(false);
  });

  it('does not offer changes to others', async () => {
    const { page } = await openPage(await openDashboard(), '/journal', { role: 'viewer' });
    await page.getByText('Refused: Storage not encrypted (14 times)').waitFor();
    expect(await page.getByRole('link', { name: 'Changes' }).count()).toBe(0);
  });

  it.each([
    ['light', 1_440],
    ['dark', 1_440],
    ['light', 360],
  ] as const)('has no accessibility problem, %s, %i px wide', async (theme, width) => {
    const { page } = await openPage(await openDashboard(), '/journal', { theme, width });
    await page.getByText('Refused: Storage not encrypted (14 times)').waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(await isTooWide(page)).toBe(false);
  });
});
