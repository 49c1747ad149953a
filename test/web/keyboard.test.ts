// Owns the promises to people who use the dashboard by keys alone: where the focus goes when what had it goes away, and that it is seen.
import { describe, expect, it } from 'vitest';
import type { Page } from 'playwright-core';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { openPage, useBrowser } from './support/browser.ts';
import { openDashboard } from './support/dashboard.ts';

checkLeaks();
useBrowser();

const FARID = '/devices/sec55d0bb8a9021c?user=farid@example.com';

/** Waits until an element that has this name, or this text, has the focus. */
async function focusOn(page: Page, name: RegExp): Promise<void> {
  const focused = `document.activeElement?.getAttribute('aria-label') ?? document.activeElement?.textContent ?? ''`;
  await until(async () => name.test(await page.evaluate<string>(focused)), `the focus on ${name}`);
}

describe('the focus', () => {
  it('comes back to the button of a row after a dialog that its menu opened', async () => {
    const { page } = await openPage(await openDashboard(), '/devices');
    await page.getByRole('button', { name: /^Actions for .*farid/ }).focus();
    await page.keyboard.press('Enter');
    await focusOn(page, /^Allow until…$/);
    await page.keyboard.press('ArrowDown');
    await focusOn(page, /^Quarantine…$/);
    await page.keyboard.press('Enter');
    await page.getByRole('dialog').waitFor();
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await focusOn(page, /^Actions for .*farid/);
  });

  it('stays within a dialog, from its last control to its first one', async () => {
    const { page } = await openPage(await openDashboard(), FARID);
    await page.getByRole('button', { name: 'More' }).focus();
    await page.keyboard.press('Enter');
    await page.getByRole('menuitem', { name: 'Block…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Block' }).focus();
    await page.keyboard.press('Tab');
    await page.locator('[role=dialog] select:focus').waitFor();
  });

  it('stays on the button of an exception while it turns into Undo and back', async () => {
    const { page } = await openPage(await openDashboard(), FARID);
    await page
      .getByRole('button', { name: /^Allow until (?!another)/ })
      .first()
      .focus();
    await page.keyboard.press('Enter');
    await focusOn(page, /^Undo$/);
    await page.keyboard.press('Enter');
    await page.getByText('Taken back').first().waitFor();
    await focusOn(page, /^Allow until /);
  });

  it('goes from a filter that is chosen by keys to its chip, and from one that is removed to the button for others', async () => {
    const { page } = await openPage(await openDashboard(), '/devices');
    await page.getByRole('button', { name: 'Filter', exact: true }).focus();
    await page.keyboard.press('Enter');
    await focusOn(page, /^State$/);
    await page.keyboard.press('Enter');
    await page.getByRole('menuitem', { name: 'Allowed' }).waitFor();
    await page.keyboard.press('ArrowDown');
    await focusOn(page, /^Allowed$/);
    await page.keyboard.press('ArrowDown');
    await focusOn(page, /^Quarantined$/);
    await page.keyboard.press('Enter');
    await page.waitForURL(({ searchParams }) => searchParams.get('state') === 'quarantined');
    await focusOn(page, /^State Quarantined$/);
    await page.keyboard.press('Tab');
    await focusOn(page, /^Remove filter State$/);
    await page.keyboard.press('Enter');
    await page.waitForURL(({ searchParams }) => searchParams.get('state') === null);
    await focusOn(page, /^Filter$/);
  });

  it('moves with j and k, so that readers say the row and Tab goes on from it', async () => {
    const { page } = await openPage(await openDashboard(), '/devices');
    await page.getByText('clara@example.com').waitFor();
    await page.keyboard.press('j');
    await focusOn(page, /^Storage not encrypted$/);
    await page.keyboard.press('j');
    await focusOn(page, /^Unknown to every feed$/);
    await page.keyboard.press('Tab');
    await focusOn(page, /^ben@example.com$/);
    await page.keyboard.press('x');
    await page.getByText('1 selected').waitFor();
    expect(await page.getByLabel(/^Select .* of ben@example.com/).isChecked()).toBe(true);
  });

  it('stays in a field that has it, after a key that could lead to no further row', async () => {
    const { page } = await openPage(await openDashboard(), '/devices');
    await page.getByText('clara@example.com').waitFor();
    await page.keyboard.press('k');
    await focusOn(page, /^Storage not encrypted$/);
    await page.keyboard.press('k');
    await page.getByRole('searchbox').first().focus();
    await page.getByLabel('Select Pixel 8 …2783 of clara@example.com').dispatchEvent('click');
    await page.getByText('1 selected').waitFor();
    expect(await page.evaluate<string>('document.activeElement.type')).toBe('search');
  });

  it('goes to the result of a decision about many devices', async () => {
    const { page } = await openPage(await openDashboard(), '/devices');
    await page.getByLabel('Select Pixel 8 …2783 of clara@example.com').check();
    await page.getByRole('button', { name: 'Block', exact: true }).click();
    await page.getByRole('button', { name: 'Block 1 device' }).press('Enter');
    await focusOn(page, /^Done for 1 device\.$/);
  });

  it('is not hidden by the tab bar of a phone', async () => {
    const { page } = await openPage(await openDashboard(), '/', { width: 390 });
    await page.getByText('clara@example.com').waitFor();
    const hidden: string[] = [];
    for (let step = 0; step < 50; step++) {
      await page.keyboard.press('Tab');
      const name = await page.evaluate<string | null>(`(() => {
        const focused = document.activeElement;
        if (focused === null || focused.closest('.nav') !== null || focused === document.body) return null;
        const bar = document.querySelector('.nav').getBoundingClientRect();
        return focused.getBoundingClientRect().bottom > bar.top + 1 ? focused.textContent : null;
      })()`);
      if (name !== null) hidden.push(name);
    }
    expect(hidden).toEqual([]);
  });
});
