// Owns the promises of the page of one device: why, what is known, exceptions with their undo, the wipe.
import { describe, expect, it } from 'vitest';
import type { AnswerOf } from '../../src/api/contract/operations.ts';
import type { DeviceKey } from '../../src/identity/keys.ts';
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

describe('decisions that would have no effect', () => {
  const exception = /^Allow until/;

  it('are not offered over an open wipe, which can be taken back', async () => {
    const api = await openDashboard();
    const { page, complaints } = await openPage(api, '/devices/androidb902fe1140?user=jana@example.com');
    await page.getByRole('button', { name: 'Take the wipe back' }).first().waitFor();
    expect(await page.getByRole('button', { name: exception }).count()).toBe(0);
    await page.getByText('decides: wipe').waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    await page.getByRole('button', { name: 'More' }).click();
    await page.getByText('A wipe is ordered.').last().waitFor();
    for (const name of ['Allow until…', 'Quarantine…', 'Block…', 'Wipe…'])
      expect(await page.getByRole('menuitem', { name }).getAttribute('aria-disabled')).toBe('true');
    await page.getByRole('menuitem', { name: 'Take the wipe back' }).click();
    await page.getByText('Wipe taken back, by you').waitFor();
    // A wipe is not ordered by an undo.
    expect(await page.getByRole('button', { name: 'Undo' }).count()).toBe(0);
    const { json } = await api.send('viewer', '/api/v1/devices/androidb902fe1140');
    expect((json as AnswerOf<'showDevice'>).decision).toBeNull();
    expect(complaints).toEqual([]);
  });

  it('are not offered after a wipe: it is cleared after a question', async () => {
    const api = await openDashboard();
    const at = Date.now();
    const device = 'androidb902fe1140' as DeviceKey;
    const stored = await api.store.getDevice(device);
    const ordered = stored?.decided.decision;
    if (ordered?.action !== 'wipe') throw new Error('no wipe');
    const told = { requestedAt: ordered.wipe.requestedAt, user: 'jana@example.com', at };
    await api.store.noteWipeTold(null, device, told);
    await api.store.acknowledgeWipe(null, device, { ...told, status: 1 });
    const { page } = await openPage(api, `/devices/${device}?user=jana@example.com`);
    await page.getByRole('button', { name: 'Clear the wipe…' }).first().click();
    expect(await page.getByRole('button', { name: exception }).count()).toBe(0);
    const dialog = page.getByRole('dialog', { name: 'Let Pixel 6 of jana@example.com in again' });
    await dialog.getByRole('button', { name: 'Clear the wipe' }).click();
    await dialog.waitFor({ state: 'detached' });
    expect((await api.store.getDevice(device))?.decided.decision).toBeNull();
  });

  it('are not offered for one user of a device that is blocked for all: that is cleared', async () => {
    const api = await openDashboard();
    const { page } = await openPage(api, '/devices/sec1a9c07e4b2f31?user=greta@example.com');
    await page.getByText('The device is blocked for every user').first().waitFor();
    expect(await page.getByRole('button', { name: exception }).count()).toBe(0);
    await page.getByRole('button', { name: 'Clear decision for every user' }).click();
    await page.getByText('Decision cleared, by you').waitFor();
    expect((await api.store.getDevice('sec1a9c07e4b2f31' as DeviceKey))?.decided.decision).toBeNull();
  });

  it('are not offered for a phone of a user who is blocked: the way is to the user', async () => {
    const api = await openDashboard();
    const body = { action: 'block', reason: 'left' };
    await api.send('operator', '/api/v1/users/clara@example.com/decision', { method: 'PUT', body });
    const { page } = await openPage(api, CLARA);
    await page.getByText('clara@example.com is blocked with every device').first().waitFor();
    expect(await page.getByRole('button', { name: exception }).count()).toBe(0);
    await page.getByRole('link', { name: 'Show the user' }).click();
    await page.getByRole('heading', { name: 'clara@example.com' }).waitFor();
  });

  it('are not offered for a phone of a disabled user', async () => {
    const { page } = await openPage(
      await openDashboard(),
      '/devices/sec0f0e1d2c3b4a5?user=pavel@example.com',
    );
    await page.getByText('The account of the user is disabled, which outweighs').first().waitFor();
    expect(await page.getByRole('button', { name: exception }).count()).toBe(0);
    await page.getByRole('button', { name: 'More' }).click();
    const allow = page.getByRole('menuitem', { name: 'Allow until…' });
    expect(await allow.getAttribute('aria-disabled')).toBe('true');
    expect(await page.getByRole('menuitem', { name: 'Block…' }).getAttribute('aria-disabled')).toBeNull();
  });

  it('are no clearing where there is no decision', async () => {
    const { page } = await openPage(await openDashboard(), CLARA);
    await page.getByRole('button', { name: 'More' }).click();
    await page
      .getByRole('menuitem', { name: 'Block…' })
      .and(page.locator(':not([aria-disabled=true])'))
      .waitFor();
    const clear = page.getByRole('menuitem', { name: 'Clear decision' });
    expect(await clear.getAttribute('aria-disabled')).toBe('true');
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
