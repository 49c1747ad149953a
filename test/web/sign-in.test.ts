// Owns the promises of signing in, of the first start, and of sessions that end.
import { describe, expect, it } from 'vitest';
import { checkLeaks } from '../support/checks/leaks.ts';
import { accessibilityProblems, openPage, useBrowser } from './support/browser.ts';
import { openDashboard } from './support/dashboard.ts';
import { hashOf, newSecret } from '../../src/api/auth/secrets.ts';

checkLeaks();
useBrowser();

describe('signing in', () => {
  it('leads to the page that was asked for', async () => {
    const api = await openDashboard();
    const { page, complaints } = await openPage(api, '/devices', { role: null });
    await page.getByLabel('Access token').fill(api.token('viewer'));
    await page.getByRole('button', { name: 'Sign in with the token' }).click();
    await page.getByText('clara@example.com').waitFor();
    expect(new URL(page.url()).pathname).toBe('/devices');
    expect(complaints).toEqual([]);
  });

  it('says at the field what is wrong with a token', async () => {
    const { page } = await openPage(await openDashboard(), '/', { role: null });
    await page.getByLabel('Access token').fill('no-token');
    await page.getByRole('button', { name: 'Sign in with the token' }).click();
    const field = page.getByLabel('Access token');
    await page.getByText('ask an admin for a new one').waitFor();
    expect(await field.getAttribute('aria-invalid')).toBe('true');
    expect(await accessibilityProblems(page)).toEqual([]);
  });

  it('is asked for again when the session ended', async () => {
    const api = await openDashboard();
    const { page } = await openPage(api, '/devices');
    await page.getByText('clara@example.com').waitFor();
    for (const { id } of api.admin.sessions(Date.now())) api.admin.removeSession(id);
    await page.getByRole('button', { name: 'Seen' }).click();
    await page.getByText('You were signed out.').waitFor();
  });

  it('ends by signing out', async () => {
    const api = await openDashboard();
    const { page } = await openPage(api, '/devices');
    await page.getByRole('button', { name: 'Account' }).click();
    await page.getByRole('menuitem', { name: 'Sign out' }).click();
    await page.getByLabel('Access token').waitFor();
    expect(api.admin.sessions(Date.now())).toEqual([]);
  });
});

describe('the first start', () => {
  it('makes an admin by the one-time link, whose secret leaves the address, and hands out a token', async () => {
    const api = await openDashboard();
    const secret = newSecret('setUp');
    api.admin.addSetUp(hashOf('setUp', secret) ?? '', Date.now() + 60_000);
    const { page, complaints } = await openPage(api, `/setup#${secret}`, { role: null });
    await page.getByRole('button', { name: 'Become the admin' }).click();
    await page.getByRole('button', { name: 'Make the token' }).click();
    await page.getByText('It is not shown again').waitFor();
    expect(page.url()).not.toContain(secret);
    expect(api.admin.tokens()).toMatchObject([{ name: 'First admin', role: 'admin' }]);
    expect(await accessibilityProblems(page)).toEqual([]);
    await page.getByRole('button', { name: 'Continue' }).click();
    await page.getByRole('link', { name: 'Go to the overview' }).click();
    await page.getByRole('heading', { name: 'Overview' }).waitFor();
    expect(complaints).toEqual([]);
  });

  it('says how to get a new link where this one is used up', async () => {
    const { page } = await openPage(await openDashboard(), '/setup#used', { role: null });
    await page.getByRole('button', { name: 'Become the admin' }).click();
    await page.getByText('The link does not work').waitFor();
    await page.getByText('easgate admin setup').waitFor();
  });
});
