// Owns the promises of the page of the system.
import { describe, expect, it } from 'vitest';
import { checkLeaks } from '../support/checks/leaks.ts';
import { accessibilityProblems, isTooWide, openPage, useBrowser } from './support/browser.ts';
import { openDashboard } from './support/dashboard.ts';
import { statusAnswer } from './support/status-answer.ts';

checkLeaks();
useBrowser();

describe('the page of the system', () => {
  it('shows each process, what is late, what was dropped, and days left of certificates', async () => {
    const { page, complaints } = await openPage(await openDashboard(), '/system', { role: 'viewer' });
    const worker = page.getByRole('row', { name: /^Worker 3/ });
    await worker.waitFor();
    expect(await worker.innerText()).toContain('14 s');
    expect(await worker.innerText()).toContain('312 log lines');
    await page.getByText('1 of 2 usable').waitFor();
    await page.getByText('12 days left').last().waitFor();
    await page.getByText('12,846', { exact: true }).waitFor();
    await page.getByText('38.4 MB').waitFor();
    await page.getByText('version 14, baseline').waitFor();
    await page.getByText('http://127.0.0.1:9782/metrics').waitFor();
    expect(complaints).toEqual([]);
  });

  it('says which worker does not answer, and that the directory is away', async () => {
    const { page } = await openPage(await openDashboard(), '/');
    const status = statusAnswer();
    await page.route('**/api/v1/status', (route) =>
      route.fulfill({
        json: {
          ...status,
          workers: status.workers.map((worker, place) =>
            worker === null || place === 1
              ? null
              : { ...worker, health: { store: place > 2, mailServer: true } },
          ),
        },
      }),
    );
    await page.getByRole('link', { name: 'System', exact: true }).click();
    await page
      .getByRole('row', { name: /^Worker 2/ })
      .getByText('does not answer')
      .waitFor();
    await page
      .getByRole('row', { name: /^Worker 1/ })
      .getByText('no directory')
      .waitFor();
    await page.getByText('does not answer to 2 workers').waitFor();
  });

  it('names why requests failed, with the code, and how many did lately', async () => {
    const { page, complaints } = await openPage(await openDashboard(), '/system', { role: 'viewer' });
    const row = page.getByRole('row', { name: /^EASGATE_CREDENTIALS_BUSY/ });
    await row.waitFor();
    expect((await row.innerText()).replaceAll(/\s+/g, ' ')).toBe(
      'EASGATE_CREDENTIALS_BUSY the credentials could not be checked within 15 seconds 12 2,134',
    );
    expect(complaints).toEqual([]);
  });

  it('says that the directory takes no changes where it can only be read', async () => {
    const { page } = await openPage(await openDashboard(), '/');
    const status = statusAnswer();
    await page.route('**/api/v1/status', (route) =>
      route.fulfill({
        json: {
          ...status,
          workers: status.workers.map(
            (worker) =>
              worker && { ...worker, health: { store: true, mailServer: true, storeRefusal: 'full' } },
          ),
        },
      }),
    );
    await page.getByRole('link', { name: 'System', exact: true }).click();
    await page
      .getByRole('row', { name: /^Worker 1/ })
      .getByText('directory takes no changes')
      .waitFor();
    await page.getByText('Redis, answers, but takes no changes').waitFor();
  });

  it('is under More on a phone, and found with Ctrl K', async () => {
    const { page } = await openPage(await openDashboard(), '/', { width: 390, height: 844 });
    await page.getByRole('button', { name: 'More' }).click();
    await page.getByRole('menuitem', { name: 'System' }).click();
    await page.getByRole('heading', { name: 'System', exact: true }).waitFor();
    for (const [text, name] of [
      ['feed', 'Feeds'],
      ['users', 'Users'],
    ] as const) {
      await page.keyboard.press('Control+k');
      await page.getByRole('combobox').fill(text);
      await page.getByRole('option', { name, exact: true }).click();
      await page.getByRole('heading', { name, exact: true }).waitFor();
    }
  });

  it.each([
    ['light', 1_440],
    ['dark', 1_000],
    ['light', 390],
  ] as const)('has no accessibility problem, %s, %i px wide', async (theme, width) => {
    const { page, complaints } = await openPage(await openDashboard(), '/system', { theme, width });
    await page.getByText('version 14, baseline').waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(await isTooWide(page)).toBe(false);
    expect(complaints).toEqual([]);
  });
});
