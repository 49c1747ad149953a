// Owns the promises of the list of users and of the page of one user.
import { describe, expect, it } from 'vitest';
import type { AnswerOf } from '../../src/api/contract/operations.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { openTestApi } from '../support/servers/test-api.ts';
import type { TestApi } from '../support/servers/test-api.ts';
import { accessibilityProblems, isTooWide, keepUndo, openPage, useBrowser } from './support/browser.ts';
import { openDashboard } from './support/dashboard.ts';

checkLeaks();
useBrowser();

const CLARA = '/users/clara@example.com';

async function decisionOn(api: TestApi): Promise<AnswerOf<'showUser'>['decision']> {
  const { json } = await api.send('viewer', `/api/v1${CLARA}`);
  return (json as AnswerOf<'showUser'>).decision;
}

describe('the list of users', () => {
  it('does not call the rows it has loaded all of them', async () => {
    const { page } = await openPage(await openDashboard(400), '/users');
    await page.getByText(/^\d+ rows so far$/).waitFor();
    await page.getByRole('searchbox').fill('clara@');
    await page.getByText(/^1 row$/).waitFor();
  });

  it('finds a user by a part of the name, shows what deviates, and leads to the user', async () => {
    const { page, complaints } = await openPage(await openDashboard(20), '/users');
    await page.getByText('user00003@example.com').waitFor();
    await page.getByRole('searchbox').fill('clar');
    await page.getByText('user00003@example.com').waitFor({ state: 'detached' });
    const row = page.locator('tbody tr[data-index="0"]');
    await row.getByText('1 quarantined').waitFor();
    expect(await row.innerText()).toContain('engineering, everyone');
    await page.getByRole('link', { name: 'clara@example.com' }).click();
    await page.getByRole('heading', { name: 'clara@example.com' }).waitFor();
    expect(complaints).toEqual([]);
  });

  it('keeps filters in the address', async () => {
    const { page } = await openPage(await openDashboard(), '/users?state=blocked');
    await page.getByText('greta@example.com').waitFor();
    expect(await page.getByText('clara@example.com').count()).toBe(0);
    await page.getByRole('button', { name: 'Remove filter State' }).click();
    await page.getByText('clara@example.com').waitFor();
    await page.waitForURL(({ search }) => search === '');
  });

  it('decides about a user with every device from the row', async () => {
    const api = await openDashboard();
    const { page } = await openPage(api, '/users');
    await page.getByRole('button', { name: 'Actions for clara@example.com' }).click();
    await page.getByRole('menuitem', { name: 'Block…' }).click();
    const dialog = page.getByRole('dialog', { name: 'Block clara@example.com with every device' });
    await dialog.getByLabel('Reason').fill('left the company');
    await dialog.getByRole('button', { name: 'Block' }).click();
    await dialog.waitFor({ state: 'detached' });
    expect(await decisionOn(api)).toMatchObject({ action: 'block', reason: 'left the company' });
  });

  it('says that nothing matches, and how to begin', async () => {
    const { page } = await openPage(await openDashboard(), '/users?search=nobody-here');
    await page.getByText('No user matches').waitFor();
    await page.getByRole('link', { name: 'Show all users' }).click();
    await page.getByText('clara@example.com').waitFor();
    const empty = await openPage(await openTestApi(), '/users');
    await empty.page.getByText('No user yet').waitFor();
  });

  it.each([
    ['light', 1_440],
    ['dark', 1_000],
    ['light', 390],
  ] as const)('has no accessibility problem, %s, %i px wide', async (theme, width) => {
    const { page, complaints } = await openPage(await openDashboard(), '/users', { theme, width });
    await page.getByText('clara@example.com').waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(await isTooWide(page)).toBe(false);
    expect(complaints).toEqual([]);
  });
});

describe('the page of a user', () => {
  it('shows devices with reasons, names and groups with their source, and leads to why', async () => {
    const { page, complaints } = await openPage(await openDashboard(), CLARA);
    await page.getByText('Storage not encrypted').first().waitFor();
    await page.getByText('c.berg@example.com').first().waitFor();
    await page.getByRole('columnheader', { name: /^directory/ }).waitFor();
    await page.getByRole('link', { name: 'Why? Pixel 8 …2783 of clara@example.com' }).click();
    await page.getByText('decides: quarantine').waitFor();
    expect(complaints).toEqual([]);
  });

  it('tells two devices of one model apart by the ends of their ids', async () => {
    const { page } = await openPage(await openDashboard(), '/users');
    await page.route('**/api/v1/devices?*', async (route) => {
      const response = await route.fetch();
      const { rows, ...more } = (await response.json()) as AnswerOf<'listDevices'>;
      const twice = rows.flatMap((row) => [row, { ...row, device: 'androidc146beef' }]);
      await route.fulfill({ response, json: { ...more, rows: twice } });
    });
    await page.getByRole('link', { name: 'clara@example.com' }).first().click();
    await page.getByRole('link', { name: 'Why? Pixel 8 …beef of clara@example.com' }).waitFor();
    expect(await page.getByRole('cell', { name: /^Pixel 8/ }).allInnerTexts()).toEqual([
      'Pixel 8 …2783',
      'Pixel 8 …beef',
    ]);
  });

  it('allows the user with every device for a while, and takes that back', async () => {
    const api = await openDashboard();
    const { page } = await openPage(api, CLARA, { role: 'helpdesk' });
    await keepUndo(page);
    await page.getByRole('button', { name: /^Allow until (?!another)/ }).click();
    await page.getByText('for every device').first().waitFor();
    expect(await decisionOn(api)).toMatchObject({ action: 'allow' });
    await page.getByRole('button', { name: 'Undo' }).click();
    await page.getByText('No decision on the user').waitFor();
    expect(await decisionOn(api)).toBeNull();
    await page.getByText('Cleared').first().waitFor();
  });

  it('shows what the gateway decides about a device since its last request, and why', async () => {
    const { page } = await openPage(await openDashboard(), '/users/pavel@example.com');
    await page.getByText('Blocked from now on: Account disabled').waitFor();
  });

  it('does not offer an exception for a disabled account, and says why', async () => {
    const { page } = await openPage(await openDashboard(), '/users/pavel@example.com');
    await page.getByText('The account of the user is disabled, which outweighs an exception.').waitFor();
    expect(await page.getByRole('button', { name: /^Allow until (?!another)/ }).isDisabled()).toBe(true);
    await page.getByRole('button', { name: 'More' }).click();
    const allow = page.getByRole('menuitem', { name: 'Allow until…' });
    expect(await allow.getAttribute('aria-disabled')).toBe('true');
  });

  it('takes back a block of a user whose account is disabled', async () => {
    const api = await openDashboard();
    const { page } = await openPage(api, '/users/pavel@example.com');
    await keepUndo(page);
    await page.getByRole('button', { name: 'More' }).click();
    await page.getByRole('menuitem', { name: 'Block…' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Block' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    const undo = page.getByRole('button', { name: 'Undo' });
    await undo.waitFor();
    expect(await undo.isDisabled()).toBe(false);
    await undo.click();
    await page.getByText('No decision on the user').waitFor();
  });

  it('names other names that an allow does not hold for', async () => {
    const { page } = await openPage(await openDashboard(), CLARA);
    await keepUndo(page);
    await page.route('**/api/v1/users/*/decision', async (route) => {
      const response = await route.fetch();
      const answer = (await response.json()) as AnswerOf<'decideUser'>;
      await route.fulfill({ response, json: { ...answer, notFor: ['clara@example.org'] } });
    });
    await page.getByRole('button', { name: /^Allow until (?!another)/ }).click();
    await page.getByText('It does not hold for clara@example.org').waitFor();
  });

  it('shows a viewer which role a decision needs', async () => {
    const { page } = await openPage(await openDashboard(), CLARA, { role: 'viewer' });
    await page.getByText('Needs the role helpdesk').waitFor();
    expect(await page.getByRole('button', { name: /^Allow until (?!another)/ }).isDisabled()).toBe(true);
  });

  it('says that nobody has this name', async () => {
    const { page } = await openPage(await openDashboard(), '/users/nobody@example.com');
    await page.getByText('was never seen').waitFor();
  });

  it.each([
    ['light', 1_440],
    ['dark', 1_440],
    ['light', 390],
  ] as const)('has no accessibility problem, %s, %i px wide', async (theme, width) => {
    const { page } = await openPage(await openDashboard(), CLARA, { theme, width });
    await page.getByText('Storage not encrypted').first().waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(await isTooWide(page)).toBe(false);
  });
});
