// Owns the promises of the list of devices in a browser.
import { describe, expect, it } from 'vitest';
import type { AnswerOf, BodyOf } from '../../src/api/contract/operations.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { openTestApi } from '../support/servers/test-api.ts';
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
    await page.waitForURL(({ search }) => search === '');
  });

  it('loads further rows while one scrolls, and draws only those in view', async () => {
    const { page } = await openPage(await openDashboard(400), '/devices?sort=user');
    await page.getByText('clara@example.com').waitFor();
    const last = page.getByText('user00399@example.com').first();
    await until(async () => {
      await page.evaluate("document.querySelector('.tw.rows').scrollTo(0, 1e9)");
      return (await last.count()) > 0;
    }, 'the last row');
    await page.getByText('413 of 413').waitFor();
    expect(await page.locator('tbody tr').count()).toBeLessThan(100);
    expect(Number(await page.locator('table').getAttribute('aria-rowcount'))).toBe(414);
  });

  it('keeps newer rows behind a button, so that nothing moves', async () => {
    const { page } = await openPage(await openDashboard(), '/devices');
    await page.getByText('clara@example.com').waitFor();
    // The first page has another row from now on, as after a new phone.
    await page.route('**/api/v1/devices?*', async (route) => {
      const response = await route.fetch();
      const first = (await response.json()) as AnswerOf<'listDevices'>;
      const [row] = first.rows;
      if (row !== undefined) first.rows.unshift({ ...row, device: 'applnew', user: 'zoe@example.com' });
      await route.fulfill({ response, json: first });
    });
    await page.evaluate("document.dispatchEvent(new Event('visibilitychange'))");
    await page.getByRole('button', { name: '1 row newer' }).waitFor();
    expect(await page.getByText('zoe@example.com').count()).toBe(0);
    await page.getByRole('button', { name: '1 row newer' }).click();
    await page.getByText('zoe@example.com').waitFor();
  });

  it('sorts by a click on a head, and keeps the order in the address', async () => {
    const { page } = await openPage(await openDashboard(), '/devices');
    await page.getByText('clara@example.com').waitFor();
    await page.getByRole('button', { name: 'User' }).click();
    await page.locator('tbody tr[data-index="0"]').getByText('pavel@example.com').waitFor();
    await page.waitForURL(({ searchParams }) => searchParams.get('sort') === '-user');
    expect(await page.getByRole('columnheader', { name: 'User' }).getAttribute('aria-sort')).toBe(
      'descending',
    );
  });

  it('keeps the columns that were chosen', async () => {
    const { page } = await openPage(await openDashboard(), '/devices');
    await page.getByText('clara@example.com').waitFor();
    await page.getByRole('button', { name: 'Columns' }).click();
    await page.getByRole('menuitemcheckbox', { name: 'System' }).click();
    await page.reload();
    await page.getByText('clara@example.com').waitFor();
    expect(await page.getByRole('columnheader', { name: 'System' }).count()).toBe(0);
    expect(await page.getByRole('columnheader', { name: 'Model' }).count()).toBe(1);
  });

  it('shows what a decision about many would do, and sends it with the number that was shown', async () => {
    const { page, complaints } = await openPage(await openDashboard(), '/devices?state=quarantined');
    const sent: BodyOf<'decideMany'>[] = [];
    await page.route('**/api/v1/decisions', (route) => {
      sent.push(route.request().postDataJSON() as BodyOf<'decideMany'>);
      const answer: AnswerOf<'decideMany'> = {
        matched: 7,
        changed: 7,
        byState: { quarantined: 7 },
        refused: [],
        refusedCount: 0,
      };
      return route.fulfill({ json: answer });
    });
    await page.getByLabel('Select Pixel 8 …2783 of clara@example.com').check();
    await page.getByRole('button', { name: /^All \d+ that match$/ }).click();
    await page.getByRole('button', { name: 'Quarantine', exact: true }).click();
    await page.getByText('7 now quarantined').waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    await page.getByRole('button', { name: 'Quarantine 7 devices' }).click();
    await page.getByRole('region', { name: 'Selection' }).waitFor({ state: 'detached' });
    expect(sent).toMatchObject([
      { action: 'quarantine', filter: { state: 'quarantined' }, dryRun: true },
      { action: 'quarantine', filter: { state: 'quarantined' }, dryRun: false, expected: 7 },
    ]);
    expect(complaints).toEqual([]);
  });

  it('names devices that refuse a decision about many, before it and after it', async () => {
    const api = await openDashboard();
    const { page } = await openPage(api, '/devices');
    await page.getByLabel('Select Pixel 8 …2783 of clara@example.com').check();
    await page.getByLabel('Select Pixel 6 …1140 of jana@example.com').check();
    await page.getByRole('button', { name: 'Block', exact: true }).click();
    await page.getByText('1 device cannot be decided:').waitFor();
    await page.getByText('androidb902fe1140: wipe pending').waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    await page.getByRole('button', { name: 'Block 1 device' }).click();
    await page.getByText('Done for 1 device.').waitFor();
    await page.getByText('androidb902fe1140: wipe pending').waitFor();
  });

  it('shows what a decision made of a phone that has not asked since', async () => {
    const api = await openDashboard();
    const { page } = await openPage(api, '/users');
    await page.route('**/api/v1/devices?*', async (route) => {
      const response = await route.fetch();
      const { rows, ...more } = (await response.json()) as AnswerOf<'listDevices'>;
      const blocked = rows.map((row) => ({ ...row, decision: 'block', decisionExpiresAt: null }));
      await route.fulfill({ response, json: { ...more, rows: blocked } });
    });
    await page.goto(`${api.url}/devices?search=lena`);
    await page.getByText('Blocked from now on').waitFor();
  });

  it('clears the decision that the row shows, also where it is for every user of the device', async () => {
    const api = await openDashboard();
    const { page } = await openPage(api, '/devices?search=greta');
    await page.getByRole('button', { name: /^Actions for .*greta/ }).click();
    await page.getByRole('menuitem', { name: 'Clear decision for every user' }).click();
    await page.getByText('Decision cleared, by you').waitFor();
    const { json } = await api.send('viewer', '/api/v1/devices/sec1a9c07e4b2f31');
    expect((json as AnswerOf<'showDevice'>).decision).toBeNull();
  });

  it('says that nothing matches, and leads back', async () => {
    const { page } = await openPage(await openDashboard(), '/devices');
    await page.getByText('clara@example.com').waitFor();
    await page.getByRole('searchbox').fill('nobody-here');
    await page.getByText('No device matches').waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    await page.getByRole('link', { name: 'Show all devices' }).click();
    await page.getByText('clara@example.com').waitFor();
    await until(async () => (await page.getByRole('searchbox').inputValue()) === '', 'an empty search');
  });

  it('says how to begin where there is no device', async () => {
    const { page } = await openPage(await openTestApi(), '/devices');
    await page.getByText('No phone has asked for mail yet').waitFor();
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
