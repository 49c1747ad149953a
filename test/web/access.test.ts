// Owns the promises of the page of tokens and sessions.
import { describe, expect, it } from 'vitest';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { accessibilityProblems, isTooWide, openPage, useBrowser } from './support/browser.ts';
import { openDashboard } from './support/dashboard.ts';

checkLeaks();
useBrowser();

describe('the page of access', () => {
  it('makes a token, shows its secret once, and revokes it', async () => {
    const api = await openDashboard();
    const { page, complaints } = await openPage(api, '/access', { role: 'admin' });
    await page.getByRole('button', { name: 'New token' }).click();
    await page.getByLabel('Name').fill('monitoring');
    await page.getByRole('button', { name: 'Make the token' }).click();
    await page.getByText('It is not shown again').waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    await page.getByRole('dialog').getByRole('button', { name: 'Close' }).click();
    const made = api.admin.tokens().find(({ name }) => name === 'monitoring');
    expect(made).toMatchObject({ role: 'viewer', createdBy: 'the admin' });
    await page.getByRole('button', { name: 'Revoke monitoring' }).click();
    await page.getByRole('button', { name: 'Revoke the token' }).click();
    await page.getByRole('button', { name: 'Revoke monitoring' }).waitFor({ state: 'detached' });
    await until(() => !api.admin.tokens().some(({ name }) => name === 'monitoring'));
    expect(complaints).toEqual([]);
  });

  it('is not in the navigation of other roles, and says which role it needs', async () => {
    const { page } = await openPage(await openDashboard(), '/access', { role: 'operator' });
    await page.getByText('This needs the role admin').first().waitFor();
    expect(await page.getByRole('link', { name: 'Access' }).count()).toBe(0);
  });

  it.each([1_440, 360])('has no accessibility problem, %i px wide', async (width) => {
    const { page } = await openPage(await openDashboard(), '/access', { role: 'admin', width });
    await page.getByText('this one').waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(await isTooWide(page)).toBe(false);
  });
});
