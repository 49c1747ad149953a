// Owns the promises of the page of the journal.
import { describe, expect, it } from 'vitest';
import { checkLeaks } from '../support/checks/leaks.ts';
import { accessibilityProblems, isTooWide, openPage, useBrowser } from './support/browser.ts';
import { openDashboard } from './support/dashboard.ts';

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
