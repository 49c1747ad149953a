// Owns the promises of the page of one device: why, what is known, exceptions with their undo, the wipe.
import { describe, expect, it } from 'vitest';
import type { AnswerOf } from '../../src/api/contract/operations.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import type { TestApi } from '../support/servers/test-api.ts';
import { accessibilityProblems, isTooWide, keepUndo, openPage, useBrowser } from './support/browser.ts';
import { openDashboard } from './support/dashboard.ts';

checkLeaks();
useBrowser();

const CLARA = '/devices/androidc1462783?user=clara@example.com';

/** The decision on clara's use of the device. */
async function decisionOn(api: TestApi): Promise<AnswerOf<'showDevice'>['decision']> {
  const { json } = await api.send('viewer', '/api/v1/devices/androidc1462783');
  return (json as AnswerOf<'showDevice'>).partnerships[0]?.decision ?? null;
}

describe('the page of a device', () => {
  it('shows the step that decided, its requirements, and what would change it', async () => {
    const { page, complaints } = await openPage(await openDashboard(), CLARA);
    await page.getByText('decides: quarantine').waitFor();
    await page.getByText('The storage of the device is not encrypted.').waitFor();
    expect(await page.locator('.walk li.hit').innerText()).toContain('false, required true');
    await page.getByText('The storage is encrypted, and the device checks in').waitFor();
    expect(complaints).toEqual([]);
  });

  it('shows each fact with its source', async () => {
    const { page } = await openPage(await openDashboard(), CLARA);
    const row = page.getByRole('row', { name: /^encrypted/ });
    expect(await row.innerText()).toMatch(/false since .*\s+false/);
  });

  it('allows until the evening at one click, and takes it back', async () => {
    const api = await openDashboard();
    const { page } = await openPage(api, CLARA, { role: 'helpdesk' });
    await keepUndo(page);
    const allowed = async (): Promise<boolean> =>
      Date.parse((await decisionOn(api))?.expiresAt ?? '') > Date.now();
    await page
      .getByRole('button', { name: /^Allow until .*: Pixel 8 of clara/ })
      .first()
      .click();
    await page
      .getByText(/by you$/)
      .first()
      .waitFor();
    await page.getByText('decides: allow').waitFor();
    expect(await allowed()).toBe(true);
    await page.getByRole('button', { name: 'Undo' }).first().click();
    await page.getByText('decides: quarantine').waitFor();
    expect(await allowed()).toBe(false);
  });

  it('says which role an action needs, and does not offer it', async () => {
    const { page } = await openPage(await openDashboard(), CLARA, { role: 'viewer' });
    const button = page.getByRole('button', { name: /^Allow until .*: Pixel 8 of clara/ }).first();
    await button.waitFor();
    expect(await button.isDisabled()).toBe(true);
    expect(await page.getByTitle('Needs the role helpdesk').count()).toBeGreaterThan(0);
  });

  it.each([
    ['light', 1_440],
    ['dark', 1_440],
    ['light', 360],
  ] as const)('has no accessibility problem, %s, %i px wide', async (theme, width) => {
    const { page } = await openPage(await openDashboard(), CLARA, { theme, width });
    await page.getByText('decides: quarantine').waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(await isTooWide(page)).toBe(false);
  });
});

describe('a wipe', () => {
  it('is ordered only after a choice, a reason and the typed id', async () => {
    const api = await openDashboard();
    const { page, complaints } = await openPage(api, CLARA);
    await page.getByRole('button', { name: 'More' }).click();
    await page.getByRole('menuitem', { name: 'Wipe…' }).click();
    const dialog = page.getByRole('dialog');
    expect(await dialog.getByRole('button', { name: 'Choose what to erase' }).isDisabled()).toBe(true);
    await dialog.getByLabel('The whole device').check();
    await dialog.getByLabel('Reason').fill('Stolen, ticket 4718');
    await dialog.getByLabel('To confirm').fill('androidc1462');
    await dialog.getByText('3 characters are missing.').waitFor();
    const button = dialog.getByRole('button', { name: 'Wipe the whole device' });
    expect(await button.isDisabled()).toBe(true);
    await dialog.getByLabel('To confirm').fill('ANDROIDC1462783');
    expect(await accessibilityProblems(page)).toEqual([]);
    await button.click();
    await dialog.waitFor({ state: 'detached' });
    expect((await decisionOn(api))?.action).toBe('wipe');
    expect(complaints).toEqual([]);
  });
});
