// Owns the promises of the frame: find, keys, colours, pages that are not there, a gateway that does not answer.
import { describe, expect, it } from 'vitest';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { accessibilityProblems, isTooWide, openPage, useBrowser } from './support/browser.ts';
import { openDashboard } from './support/dashboard.ts';
import { overviewAnswer } from './support/overview-answer.ts';

checkLeaks();
useBrowser();

describe('the frame', () => {
  it('finds a device by a part of its user, with Ctrl K', async () => {
    const { page } = await openPage(await openDashboard(), '/');
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox').fill('clar');
    await page.getByRole('option', { name: /^clara@example.com/ }).waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Pixel 8 of clara@example.com' }).waitFor();
  });

  it('moves through rows with j and k, selects with x, opens with Enter', async () => {
    const { page } = await openPage(await openDashboard(), '/devices');
    await page.getByText('clara@example.com').waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('j');
    await page.keyboard.press('k');
    await page.keyboard.press('x');
    expect(await page.getByLabel('Select Pixel 8 …2783 of clara@example.com').isChecked()).toBe(true);
    await page.getByText('1 selected').waitFor();
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Pixel 8 of clara@example.com' }).waitFor();
  });

  it('explains the state of a row with e: at a small height the page begins there', async () => {
    const { page } = await openPage(await openDashboard(), '/devices');
    await page.setViewportSize({ width: 1440, height: 300 });
    await page.getByText('clara@example.com').waitFor();
    await page.keyboard.press('j');
    await page.keyboard.press('e');
    await page.locator('#why').waitFor();
    const isAtTop = `document.querySelector('#why').getBoundingClientRect().top < 150`;
    await until(() => page.evaluate<boolean>(isAtTop), 'the steps at the top of the page');
  });

  it('keeps the colours that were chosen', async () => {
    const { page } = await openPage(await openDashboard(), '/devices', { theme: 'light' });
    await page.getByRole('button', { name: 'Colours: as the system' }).click();
    await page.getByRole('button', { name: 'Colours: light' }).click();
    await page.reload();
    await page.getByRole('button', { name: 'Colours: dark' }).waitFor();
    expect(await page.locator('html').getAttribute('data-theme')).toBe('dark');
  });

  it('says that there is no such page', async () => {
    const { page } = await openPage(await openDashboard(), '/nowhere');
    await page.getByText('There is no such page').waitFor();
  });

  it.each([
    ['/devices/nosuch', 'All devices', '/devices'],
    ['/users/nobody', 'All users', '/users'],
    ['/nowhere', 'Go to the overview', '/'],
  ])('leads on from %s, where nothing is, under a heading of its own', async (path, button, to) => {
    const { page } = await openPage(await openDashboard(), path);
    await page.getByRole('heading', { level: 1 }).waitFor();
    await page.getByRole('link', { name: button }).click();
    await page.waitForURL(({ pathname }) => pathname === to);
  });

  it('says that the gateway does not answer, and shows what it knew', async () => {
    const { page } = await openPage(await openDashboard(), '/devices');
    await page.getByText('clara@example.com').waitFor();
    await page.route('**/api/v1/**', (route) => route.abort());
    await page.getByRole('button', { name: 'Seen' }).click();
    await page.getByText('The gateway does not answer').first().waitFor();
    await page.unroute('**/api/v1/**');
    await page.getByRole('button', { name: 'Try now' }).click();
    await page.getByText('clara@example.com').waitFor();
    await page.getByText('The gateway does not answer').first().waitFor({ state: 'detached' });
  });

  it.each([
    ['Users', '**/api/v1/users?*'],
    ['Feeds', '**/api/v1/feeds'],
    ['System', '**/api/v1/status'],
  ])('says on the page %s that the gateway does not answer, and tries again', async (name, address) => {
    const { page } = await openPage(await openDashboard(), '/');
    await page.route(address, (route) => route.abort());
    await page.getByRole('link', { name, exact: true }).click();
    await page.getByRole('heading', { name: 'The gateway does not answer' }).waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    await page.unroute(address);
    await page.getByRole('button', { name: 'Try now' }).click();
    await page.getByRole('heading', { name: 'The gateway does not answer' }).waitFor({ state: 'detached' });
  });

  it('says that the lists are being built, and shows them as soon as they are there', async () => {
    const api = await openDashboard();
    const { page, complaints } = await openPage(api, '/');
    await page.route('**/api/v1/users?*', (route) =>
      route.fulfill({
        status: 503,
        headers: { 'retry-after': '1' },
        contentType: 'application/problem+json',
        body: JSON.stringify({
          type: '',
          title: '',
          status: 503,
          code: 'EASGATE_NO_READ_MODEL',
          detail: 'lists are not ready yet',
        }),
      }),
    );
    await page.getByRole('link', { name: 'Users', exact: true }).click();
    await page.getByText('The lists are being built').waitFor();
    expect(await page.getByRole('link', { name: 'See how far it is' }).getAttribute('href')).toBe('/system');
    expect(await accessibilityProblems(page)).toEqual([]);
    await page.unroute('**/api/v1/users?*');
    await page.getByText('clara@example.com').waitFor();
    expect(complaints).toEqual([]);
  });

  it('a gateway that takes requests and answers none lets the age of the state grow', async () => {
    const { page } = await openPage(await openDashboard(), '/');
    await page.clock.install();
    await page.clock.pauseAt(Date.now() + 60_000);
    await page.reload();
    await page.getByText('State 1.4 s old').waitFor();
    await page.route('**/api/v1/overview', () => undefined);
    await page.clock.runFor(28_000);
    await page.getByText(/^State [23]\d s old$/).waitFor();
  });

  it('asks to reload a page that was open over an upgrade, whose files are gone', async () => {
    const { page } = await openPage(await openDashboard(), '/');
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    await page.route('**/assets/users-*.js', (route) => route.fulfill({ status: 404, json: {} }));
    await page.getByRole('link', { name: 'Users', exact: true }).click();
    await page.getByText('The dashboard was updated').waitFor();
    await page.unroute('**/assets/users-*.js');
    await page.getByRole('button', { name: 'Reload' }).click();
    await page.getByText('clara@example.com').waitFor();
  });

  it('finds a user by a part of the name, with Ctrl K', async () => {
    const { page } = await openPage(await openDashboard(), '/');
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox').fill('clar');
    await page.getByRole('option', { name: 'User clara@example.com' }).click();
    await page.getByRole('heading', { name: 'clara@example.com' }).waitFor();
  });

  it('shows the keys there are', async () => {
    const { page } = await openPage(await openDashboard(), '/');
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    await page.keyboard.press('?');
    await page.getByRole('dialog', { name: 'Keys' }).waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
  });
});

describe('the overview', () => {
  it.each([
    ['one value', 1, 0],
    ['two values of two days', 2, 0],
    ['values of an eighth of the range', 6, 1],
  ])('draws a line for %s only where it would not look like a dot', async (_what, count, lines) => {
    const { page } = await openPage(await openDashboard(), '/users');
    await page.route('**/api/v1/overview', (route) => {
      const answer = overviewAnswer();
      const trend = Array.from({ length: 41 }, (_, place) => (place < 41 - count ? null : 7));
      const tiles = { ...answer.tiles, allowed: { ...answer.tiles.allowed, trend } };
      return route.fulfill({ json: { ...answer, tiles } });
    });
    await page.getByRole('link', { name: 'Overview', exact: true }).click();
    const tile = page.getByRole('link', { name: /^Allowed/ });
    await tile.waitFor();
    expect(await tile.locator('.spark path.ln').count()).toBe(lines);
  });

  it('offers an exception where one helps, and else the way to the reason', async () => {
    const { page } = await openPage(await openDashboard(), '/');
    await page
      .getByRole('button', { name: /^(?:Allow )?until .*: Pixel 8 …2783/i })
      .first()
      .waitFor();
    await page.getByRole('link', { name: /^Why\? Galaxy S23/ }).click();
    await page.getByText('The device is blocked for every user').first().waitFor();
  });

  it.each([
    ['light', 1_440],
    ['dark', 1_000],
    ['light', 360],
  ] as const)('has no accessibility problem, %s, %i px wide', async (theme, width) => {
    const { page, complaints } = await openPage(await openDashboard(), '/', { theme, width });
    await page.getByText('clara@example.com').waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(await isTooWide(page)).toBe(false);
    expect(complaints).toEqual([]);
  });
});
