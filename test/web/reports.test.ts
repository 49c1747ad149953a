// Owns the promises of the reports: numbers, rows, the file with the same rows, paper.
import { describe, expect, it } from 'vitest';
import { checkLeaks } from '../support/checks/leaks.ts';
import { accessibilityProblems, isTooWide, openPage, useBrowser } from './support/browser.ts';
import { openPublished, publish } from './support/dashboard.ts';

checkLeaks();
useBrowser();

const ONLY_REPORTS = `name: Example mail
mode: reportOnly
rules: [{ name: no iPhones, match: { deviceType: iPhone }, action: block }]
compliance: []
noCompliancePolicy: { action: allow }
unknownDevice: { action: allow }
`;

describe('the reports', () => {
  it('say who would be refused if a policy that only reports were enforced', async () => {
    const api = await openPublished(20);
    await publish(api, ONLY_REPORTS, 'Try it');
    const { page, complaints } = await openPage(api, '/reports', { role: 'viewer' });
    await page.getByRole('heading', { name: /^2\d devices by reason$/ }).waitFor();
    await page.getByRole('row', { name: /^Access rule/ }).waitFor();
    await page
      .getByRole('row', { name: /^staff/ })
      .first()
      .waitFor();
    await page
      .getByRole('row', { name: /^iPhone 15/ })
      .first()
      .waitFor();
    await page.getByRole('link', { name: 'user00000@example.com' }).waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    await page.getByRole('button', { name: 'Some users' }).click();
    await page.getByText('Name a group or choose a share.').waitFor();
    await page.getByLabel('Groups').fill('sales\nnobody');
    await page.getByText(/^It decides for \d of \d+ devices\.$/).waitFor();
    await page.getByText('Nobody with a device is in: nobody').waitFor();
    await page.getByRole('link', { name: 'user00001@example.com' }).waitFor();
    expect(await page.getByRole('link', { name: 'user00000@example.com' }).count()).toBe(0);
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(complaints).toEqual([]);
    const search = '?group=sales&group=nobody&share=0';
    await page.waitForURL((url) => url.search === search);
    // The address alone is enough for somebody else.
    const other = await openPage(api, `/reports${search}`, { role: 'viewer' });
    await other.page.getByRole('link', { name: 'user00001@example.com' }).waitFor();
    await other.page.getByLabel('Version of the policy').selectOption('Version 1');
    await other.page.waitForURL('**/reports?of=1&group=sales&group=nobody&share=0');
  });

  it('give the rows as a file', async () => {
    const api = await openPublished(5);
    const { page } = await openPage(api, '/reports/inventory', { role: 'viewer' });
    await page.getByText('18 of 18').waitFor();
    const href = await page.getByRole('link', { name: 'CSV of all rows' }).getAttribute('href');
    const { text } = await api.send('viewer', href ?? '');
    expect(text.trim().split('\r\n')).toHaveLength(19);
  });

  it.each([
    ['blocked', 'Refused', 'clara@example.com'],
    ['inventory', 'Inventory', 'clara@example.com'],
    ['exceptions', 'Exceptions', 'dimitri@example.com'],
  ])('have rows in %s', async (name, title, user) => {
    const { page } = await openPage(await openPublished(), `/reports/${name}`, { role: 'viewer' });
    await page.getByRole('heading', { name: title, exact: true }).waitFor();
    await page.getByRole('link', { name: user }).waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
  });

  it.each([
    ['stale', 'Every device asked for mail in this time.'],
    ['duplicates', 'No phone was seen under two ids.'],
    ['grandfathered', 'No device is let in only because it was in use before.'],
  ])('say that there is nothing in %s', async (name, words) => {
    const { page } = await openPage(await openPublished(), `/reports/${name}`, { role: 'viewer' });
    await page.getByText(words).waitFor();
  });

  it('ask for another length of time', async () => {
    const { page } = await openPage(await openPublished(), '/reports/stale', { role: 'viewer' });
    await page.getByRole('button', { name: '30 days' }).click();
    await page.getByText('Every device asked').waitFor();
    await page.waitForURL(({ search }) => search === '?notSeen=30d');
    await page.locator('a[href*="notSeen=30d"]', { hasText: 'CSV of all rows' }).waitFor();
  });

  it('fit on paper: no navigation, no buttons, who printed it', async () => {
    const { page } = await openPage(await openPublished(), '/reports/inventory', { role: 'viewer' });
    await page.getByRole('link', { name: 'clara@example.com' }).waitFor();
    await page.emulateMedia({ media: 'print' });
    expect(await page.getByRole('navigation', { name: 'Main' }).isVisible()).toBe(false);
    expect(await page.getByRole('button', { name: 'Print' }).isVisible()).toBe(false);
    await page.getByText('Printed by the viewer').waitFor();
    expect((await page.pdf({ format: 'A4' })).length).toBeGreaterThan(1_000);
  });

  it('say that the gateway does not answer, and try again', async () => {
    const api = await openPublished();
    const { page } = await openPage(api, '/', { role: 'viewer' });
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    await page.route('**/api/v1/reports/**', (route) => route.abort());
    await page.getByRole('link', { name: 'Reports' }).click();
    await page.getByRole('link', { name: 'Inventory' }).click();
    await page.getByText('The gateway does not answer').first().waitFor();
    await page.unroute('**/api/v1/reports/**');
    await page.getByRole('button', { name: 'Try now' }).first().click();
    await page.getByRole('link', { name: 'clara@example.com' }).waitFor();
  });

  it.each([
    ['light', 1_440],
    ['dark', 1_440],
    ['light', 360],
  ] as const)('have no accessibility problem, %s, %i px wide', async (theme, width) => {
    const { page, complaints } = await openPage(await openPublished(20), '/reports/inventory', {
      theme,
      width,
    });
    await page.getByText('clara@example.com').waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(await isTooWide(page)).toBe(false);
    expect(complaints).toEqual([]);
  });
});
