// Owns the promises of the list of devices in a browser.
import { describe, expect, it } from 'vitest';
import { checkLeaks } from '../support/checks/leaks.ts';
import { accessibilityProblems, isTooWide, openPage, useBrowser } from './support/browser.ts';
import { openDashboard } from './support/dashboard.ts';

checkLeaks();
useBrowser();

describe('the list of devices', () => {
  it('shows state, reason and user of each phone, the one seen last first', async () => {
    const { page, complaints } = await openPage(await openDashboard(), '/devices');
    const first = page.locator('tbody tr[data-index="0"]');
    await first.getByText('Quarantined').waitFor();
    expect(await first.innerText()).toContain('Storage not encrypted');
    expect(await first.innerText()).toContain('clara@example.com');
    expect(complaints).toEqual([]);
  });

  it('keeps filters in the address', async () => {
    const { page } = await openPage(await openDashboard(), '/devices?state=blocked');
    await page.getByText('greta@example.com').waitFor();
    expect(await page.getByText('clara@example.com').count()).toBe(0);
    await page.getByRole('button', { name: 'Remove filter State' }).click();
    await page.getByText('clara@example.com').waitFor();
    expect(new URL(page.url()).search).toBe('');
  });

  it.each([
    ['light', 1_440],
    ['dark', 1_440],
    ['light', 390],
  ] as const)('has no accessibility problem, %s, %i px wide', async (theme, width) => {
    const { page, complaints } = await openPage(await openDashboard(), '/devices', { theme, width });
    await page.getByText('clara@example.com').waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(await isTooWide(page)).toBe(false);
    expect(complaints).toEqual([]);
  });
});
