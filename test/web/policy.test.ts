// Owns the promises of the page of the policy: problems as one types, the impact, publishing, the shadow, the way back.
import { readFile } from 'node:fs/promises';
import type { Page } from 'playwright-core';
import { describe, expect, it } from 'vitest';
import type { AnswerOf } from '../../src/api/contract/operations.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import type { TestApi } from '../support/servers/test-api.ts';
import { accessibilityProblems, isTooWide, openPage, useBrowser } from './support/browser.ts';
import { openDashboard, openPublished, publish } from './support/dashboard.ts';

checkLeaks();
useBrowser();

type PolicyInUse = AnswerOf<'showPolicy'>;

async function inUse(api: TestApi): Promise<PolicyInUse> {
  return (await api.send('viewer', '/api/v1/policy')).json as PolicyInUse;
}

const document = (page: Page) => page.getByLabel('Policy document');

/** Adds a rule against iPads and iPhones to the draft. */
async function forbidPhones(page: Page): Promise<void> {
  const area = document(page);
  const text = await area.inputValue();
  await area.fill(text.replace("'Win*'", "'Win*', iPhone"));
  await page.getByText('Refused newly', { exact: true }).waitFor();
}

describe('the page of the policy', () => {
  it('shows what is in use, with its version, and where it is in the roll-out', async () => {
    const { page, complaints } = await openPage(await openPublished(), '/policy', { role: 'admin' });
    await page.getByText('Live: version 2, since').waitFor();
    expect(await document(page).inputValue()).toContain('name: Example mail');
    expect(await page.locator('.stages [aria-current=step]').innerText()).toContain('Live');
    await page
      .getByText('No problems')
      .or(page.getByText(/warning/))
      .first()
      .waitFor();
    expect(complaints).toEqual([]);
  });

  it('marks a problem as one types, and puts the suggestion in its place', async () => {
    const { page } = await openPage(await openPublished(), '/policy', { role: 'admin' });
    const area = document(page);
    await area.fill((await area.inputValue()).replace('compliant:', 'complaint:'));
    await page.getByText('1 problem: fix it to publish').waitFor();
    expect(await page.locator('.editor mark').innerText()).toBe('complaint');
    expect(await page.getByRole('button', { name: 'Publish…' }).isDisabled()).toBe(true);
    expect(await accessibilityProblems(page)).toEqual([]);
    await page.getByRole('button', { name: 'Line 12, column' }).click();
    await page.getByText('Ln 12, Col').waitFor();
    await page.getByRole('button', { name: 'Use “compliant”' }).click();
    await page.getByText('1 problem: fix it to publish').waitFor({ state: 'detached' });
    expect(await area.inputValue()).toContain('compliant: true');
  });

  it('counts what a change would do, and keeps the numbers of the last good text beside a problem', async () => {
    const { page } = await openPage(await openPublished(20), '/policy', { role: 'viewer' });
    await forbidPhones(page);
    // lena, in her grace period by the last verdict, and the twenty.
    const figure = page.locator('.figs > div').first().locator('dd');
    expect(Number(await figure.innerText())).toBeGreaterThanOrEqual(20);
    const before = await figure.innerText();
    await page.getByRole('cell', { name: 'Access rule' }).or(page.getByText('Access rule')).first().waitFor();
    await page.getByRole('button', { name: 'Groups' }).click();
    await page.getByRole('row', { name: /^staff/ }).waitFor();
    const area = document(page);
    await area.fill(`${await area.inputValue()}nonsense: 1\n`);
    await page.getByText(/before the problem$/).waitFor();
    expect(await figure.innerText()).toBe(before);
  });

  it('waits for its turn where other comparisons are under way', async () => {
    const { page } = await openPage(await openPublished(), '/policy', { role: 'viewer' });
    let refused = 0;
    await page.route('**/api/v1/policy/diff', async (route) => {
      if (refused++ > 0) return route.fallback();
      return route.fulfill({
        status: 429,
        contentType: 'application/problem+json',
        headers: { 'retry-after': '0' },
        json: { code: 'EASGATE_API_BUSY', detail: 'try again later', status: 429 },
      });
    });
    await forbidPhones(page);
    expect(refused).toBeGreaterThan(1);
  });

  it('publishes after the consequences and a comment', async () => {
    const api = await openPublished(20);
    const { page, complaints } = await openPage(api, '/policy', { role: 'admin' });
    await forbidPhones(page);
    await page.getByRole('button', { name: 'Publish…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('Refused newly').waitFor();
    await dialog.getByLabel('Comment').fill('No iPhones for now');
    expect(await accessibilityProblems(page)).toEqual([]);
    await dialog.getByRole('button', { name: /^Publish: \d+ devices refused$/ }).click();
    await page.getByText('Version 3 is live.').waitFor();
    await page.getByRole('row', { name: /No iPhones for now/ }).waitFor();
    expect((await inUse(api)).live).toMatchObject({ version: 3, comment: 'No iPhones for now' });
    expect(complaints).toEqual([]);
  });

  it('does not overwrite what somebody else published meanwhile', async () => {
    const api = await openPublished();
    const { page } = await openPage(api, '/policy', { role: 'admin' });
    await forbidPhones(page);
    await page.getByRole('button', { name: 'Publish…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByText('Refused newly').waitFor();
    await publish(api, 'name: of somebody else\n', 'Meanwhile');
    await dialog.getByRole('button', { name: /^Publish/ }).click();
    await dialog.getByText('Somebody changed the policy meanwhile').waitFor();
    await dialog.getByRole('button', { name: 'Cancel' }).click();
    expect((await inUse(api)).name).toBe('of somebody else');
    expect(await document(page).inputValue()).toContain('iPhone');
    await page.getByRole('button', { name: 'Take what is in use' }).click();
    await until(
      async () => (await document(page).inputValue()) === 'name: of somebody else\n',
      'the text that is in use',
    );
  });

  it('turns to report-only and back in the text', async () => {
    const { page } = await openPage(await openPublished(), '/policy', { role: 'admin' });
    await page.getByRole('button', { name: 'Report only' }).click();
    expect(await document(page).inputValue()).toContain('mode: reportOnly');
    await page.getByText('It only reports').waitFor();
    await page.getByRole('button', { name: 'If enforced' }).click();
    await page.getByRole('group', { name: 'Mode' }).getByRole('button', { name: 'Enforce' }).click();
    expect(await document(page).inputValue()).toContain('mode: enforce');
  });

  it('runs a text as shadow, promotes it, and goes back', async () => {
    const api = await openPublished();
    const { page, complaints } = await openPage(api, '/policy', { role: 'admin' });
    await forbidPhones(page);
    await page.getByRole('button', { name: 'Run as shadow…' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Run as shadow' }).click();
    await page.getByText('Version 3 runs in the shadow.').waitFor();
    expect((await inUse(api)).shadow?.version).toBe(3);
    await page.getByRole('button', { name: 'Promote…' }).click();
    await page
      .getByRole('dialog')
      .getByRole('button', { name: /^Promote/ })
      .click();
    await page.getByText('Version 3 is live.').waitFor();
    await page.getByRole('button', { name: 'Roll back to version 2' }).click();
    await page.getByRole('dialog').getByLabel('Comment').fill('Too strict');
    await page
      .getByRole('dialog')
      .getByRole('button', { name: /^Roll back/ })
      .click();
    await page.getByText('Version 2 is live again.').waitFor();
    expect(await inUse(api)).toMatchObject({ live: { version: 2 }, shadow: null });
    expect(complaints).toEqual([]);
  });

  it('rolls a text out to a group, widens the share by the keyboard, and finishes', async () => {
    const api = await openPublished();
    const { page, complaints } = await openPage(api, '/policy', { role: 'admin' });
    await forbidPhones(page);
    await page.getByRole('button', { name: 'Publish…' }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Some users first' }).click();
    expect(await dialog.getByRole('button', { name: /^Roll out/ }).isDisabled()).toBe(true);
    await dialog.getByLabel('Groups').fill('Sales\nno such group');
    await dialog.getByText('Nobody with a device is in: no such group').waitFor();
    await dialog.getByLabel('Groups').fill('Sales');
    await dialog.getByText(/^It decides for \d+ of \d+ devices\.$/).waitFor();
    expect(await accessibilityProblems(page)).toEqual([]);
    await dialog.getByRole('button', { name: /^Roll out/ }).click();
    await page.getByText('Version 3 decides for a part of the users.').waitFor();
    await page.getByText('It decides for group Sales. The live policy decides for the others.').waitFor();
    expect(await page.locator('.stages [aria-current=step]').innerText()).toContain('Roll-out');
    expect(await page.getByRole('button', { name: 'Publish…' }).isDisabled()).toBe(true);
    expect(await accessibilityProblems(page)).toEqual([]);

    await page.getByRole('button', { name: 'Widen…' }).press('Enter');
    const share = dialog.getByRole('slider');
    await share.focus();
    for (let step = 0; step < 5; step++) await page.keyboard.press('ArrowRight');
    expect(await share.getAttribute('aria-valuetext')).toBe('25 % of all users');
    await dialog.getByRole('button', { name: /^Widen/ }).click();
    await page.getByText('It decides for group Sales, 25 % of all users.').waitFor();
    expect((await inUse(api)).rollout).toMatchObject({
      version: 3,
      extent: { groups: ['Sales'], share: 25 },
    });

    await page.getByRole('button', { name: 'Finish…' }).click();
    await dialog.getByLabel('Comment').fill('No complaints');
    await dialog.getByRole('button', { name: /^Finish/ }).click();
    await page.getByText('Version 3 is live.').waitFor();
    expect(await inUse(api)).toMatchObject({ live: { version: 3 }, rollout: null });
    await page.getByRole('row', { name: /Rolled out to group Sales, 25 % of all users/ }).waitFor();
    expect(complaints).toEqual([]);
  });

  it('ends a shadow, and keeps the draft', async () => {
    const api = await openPublished();
    const { page } = await openPage(api, '/policy', { role: 'operator' });
    await forbidPhones(page);
    await page.getByRole('button', { name: 'Run as shadow…' }).click();
    await page.getByRole('dialog').getByRole('button', { name: 'Run as shadow' }).click();
    await page.getByRole('button', { name: 'End the shadow' }).click();
    await page.getByText('The shadow has ended.').waitFor();
    expect((await inUse(api)).shadow).toBeNull();
    expect(await document(page).inputValue()).toContain('iPhone');
    expect(await page.getByText('Somebody changed the policy').count()).toBe(0);
  });

  it('takes no change of its own for one by somebody else, before it has read the policy again', async () => {
    const api = await openPublished();
    const { page } = await openPage(api, '/policy', { role: 'operator' });
    await forbidPhones(page);
    const changed = Promise.withResolvers<void>();
    const gate = Promise.withResolvers<void>();
    await page.getByRole('button', { name: 'Run as shadow…' }).click();
    await page.route('**/api/v1/policy', async (route) => {
      changed.resolve();
      await gate.promise;
      await route.continue();
    });
    await page.getByRole('dialog').getByRole('button', { name: 'Run as shadow' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    await changed.promise;
    expect(await page.getByText('Somebody changed the policy').count()).toBe(0);
    gate.resolve();
    await page.getByRole('button', { name: 'End the shadow' }).waitFor();
    expect(await page.getByText('Somebody changed the policy').count()).toBe(0);
    await publish(api, 'name: of somebody else\n', 'Meanwhile');
    await page.getByText('Somebody changed the policy').waitFor();
  });

  it('compares two versions, and takes an old text as the draft', async () => {
    const { page } = await openPage(await openPublished(), '/policy', { role: 'admin' });
    await page.getByRole('button', { name: 'Compare version 1' }).click();
    const compared = page.getByRole('region', { name: 'Lines that differ' });
    await compared.waitFor();
    expect(await compared.locator('.removed').innerText()).toContain('action: block');
    expect(await compared.locator('.added').innerText()).toContain('action: quarantine');
    expect(await compared.locator('.added').getAttribute('data-line')).toBe('7');
    expect(await accessibilityProblems(page)).toEqual([]);
    await page.getByLabel('After').selectOption({ label: 'Version 1' });
    await page.getByText('The texts are the same.').waitFor();
    await page.getByRole('button', { name: 'Edit this text' }).click();
    await page.getByText('Draft in this tab').waitFor();
  });

  it('keeps the draft when one goes to another page and back', async () => {
    const { page } = await openPage(await openPublished(), '/policy', { role: 'admin' });
    await forbidPhones(page);
    await page.getByRole('link', { name: 'Who they are' }).click();
    await page.getByRole('button', { name: 'Draft', pressed: true }).waitFor();
    await page.getByRole('link', { name: 'Back to the draft' }).click();
    expect(await document(page).inputValue()).toContain('iPhone');
  });

  it('offers the devices that change as a file', async () => {
    const { page } = await openPage(await openPublished(2), '/policy', { role: 'viewer' });
    await forbidPhones(page);
    const download = page.waitForEvent('download');
    await page.getByRole('button', { name: 'CSV' }).click();
    const text = await readFile(await (await download).path(), 'utf8');
    expect(text).toMatch(/^User,Device,/);
    expect(text).toContain('user00000@example.com,');
  });

  it('only shows a policy that is a file, and says why', async () => {
    const { page, complaints } = await openPage(await openDashboard(), '/policy', { role: 'admin' });
    await page.getByText('The policy is a file').waitFor();
    expect(await document(page).isEditable()).toBe(false);
    expect(await page.getByRole('button', { name: 'Publish…' }).isDisabled()).toBe(true);
    expect(complaints).toEqual([]);
  });

  it('lets a viewer look and try, and says which role an action needs', async () => {
    const { page } = await openPage(await openPublished(), '/policy', { role: 'viewer' });
    await forbidPhones(page);
    expect(await page.getByRole('button', { name: 'Publish…' }).isDisabled()).toBe(true);
    await page.getByText('Publishing needs the role admin').waitFor();
  });

  it('keeps the text while the gateway does not answer', async () => {
    const { page } = await openPage(await openPublished(), '/policy', { role: 'admin' });
    await page.getByText('Live: version 2').waitFor();
    await page.route('**/api/v1/**', (route) => route.abort());
    await document(page).fill('name: typed without an answer\n');
    await page.getByText('The gateway does not answer').first().waitFor();
    expect(await document(page).inputValue()).toBe('name: typed without an answer\n');
    expect(await page.getByRole('button', { name: 'Publish…' }).isDisabled()).toBe(true);
  });

  it.each([
    ['light', 1_440],
    ['dark', 1_440],
    ['light', 360],
  ] as const)('has no accessibility problem, %s, %i px wide', async (theme, width) => {
    const { page, complaints } = await openPage(await openPublished(20), '/policy', {
      theme,
      width,
      role: 'admin',
    });
    await forbidPhones(page);
    expect(await accessibilityProblems(page)).toEqual([]);
    expect(await isTooWide(page)).toBe(false);
    expect(complaints).toEqual([]);
  });
});
