// Owns the pictures of the dashboard in docs/images/dashboard: `npm run screenshots`. Skipped otherwise.
import { mkdirSync } from 'node:fs';
import { describe, it } from 'vitest';
import { checkLeaks } from '../support/checks/leaks.ts';
import { openPage, useBrowser } from './support/browser.ts';
import type { PageOptions } from './support/browser.ts';
import { openPublished, publish } from './support/dashboard.ts';

checkLeaks();

const FOLDER = process.env['EASGATE_SCREENSHOTS'];

/** Name, address, what is there when the page is complete, how it is opened. */
const PICTURES: readonly (readonly [string, string, string, PageOptions])[] = [
  ['overview-light', '/', 'clara@example.com', { theme: 'light', height: 1_200 }],
  ['overview-dark', '/', 'clara@example.com', { theme: 'dark' }],
  ['overview-phone', '/', 'clara@example.com', { width: 390, height: 844 }],
  ['journal-dark', '/journal', 'Refused: Storage not encrypted (14 times)', { theme: 'dark' }],
  ['journal-phone', '/journal', 'Refused: Storage not encrypted (14 times)', { width: 390, height: 844 }],
  ['access-light', '/access', 'this one', { role: 'admin' }],
  ['users-light', '/users', 'clara@example.com', { theme: 'light' }],
  ['users-dark', '/users', 'clara@example.com', { theme: 'dark' }],
  ['users-phone', '/users', 'clara@example.com', { width: 390, height: 844 }],
  ['user-light', '/users/clara@example.com', 'Storage not encrypted', { theme: 'light' }],
  ['user-dark', '/users/clara@example.com', 'Storage not encrypted', { theme: 'dark' }],
  ['user-phone', '/users/clara@example.com', 'Storage not encrypted', { width: 390, height: 1_600 }],
  ['feeds-light', '/feeds', 'Held by a brake', { theme: 'light', height: 1_200 }],
  ['feeds-dark', '/feeds', 'Held by a brake', { theme: 'dark', height: 1_200 }],
  ['feeds-phone', '/feeds', 'Held by a brake', { width: 390, height: 1_600 }],
  ['import-light', '/feeds/files', 'a dry run first', { theme: 'light' }],
  ['import-dark', '/feeds/files', 'a dry run first', { theme: 'dark' }],
  ['import-phone', '/feeds/files', 'a dry run first', { width: 390, height: 1_200 }],
  ['system-light', '/system', 'version 14, baseline', { theme: 'light' }],
  ['system-dark', '/system', 'version 14, baseline', { theme: 'dark' }],
  ['system-phone', '/system', 'version 14, baseline', { width: 390, height: 1_600 }],
  ['journal-light', '/journal', 'Refused: Storage not encrypted (14 times)', { theme: 'light' }],
  ['access-dark', '/access', 'this one', { role: 'admin', theme: 'dark' }],
  ['sign-in-dark', '/devices', 'Access token', { role: null, theme: 'dark' }],
  ['set-up-dark', '/setup#eg-setup', 'Become the admin', { role: null, theme: 'dark' }],
  ['policy-light', '/policy', 'was live', { role: 'admin', height: 1_100 }],
  ['policy-phone', '/policy', 'was live', { role: 'admin', width: 390, height: 1_600 }],
  ['reports-light', '/reports/blocked', 'clara@example.com', { height: 1_300 }],
  ['reports-dark', '/reports/blocked', 'clara@example.com', { theme: 'dark', height: 1_300 }],
  ['sign-in-light', '/devices', 'Access token', { role: null }],
  ['set-up-light', '/setup#eg-setup', 'Become the admin', { role: null }],
  ['devices-light', '/devices', 'clara@example.com', { theme: 'light' }],
  ['devices-dark', '/devices', 'clara@example.com', { theme: 'dark' }],
  [
    'device-light',
    '/devices/androidc1462783?user=clara@example.com',
    'decides: quarantine',
    { theme: 'light', height: 2_000 },
  ],
  ['device-dark', '/devices/sec1a9c07e4b2f31?user=greta@example.com', 'decides: block', { theme: 'dark' }],
  [
    'device-phone',
    '/devices/androidc1462783?user=clara@example.com',
    'decides: quarantine',
    { width: 390, height: 2_400 },
  ],
  ['devices-phone', '/devices', 'clara@example.com', { width: 390, height: 844 }],
];

/** A document that would refuse many if it did not only report. */
const ONLY_REPORTS = `name: Example mail
mode: reportOnly
rules: [{ name: no iPhones, match: { deviceType: iPhone }, action: block }]
compliance: []
noCompliancePolicy: { action: allow }
unknownDevice: { action: allow }
`;
const WOULD_BLOCK: readonly (readonly [string, PageOptions])[] = [
  ['would-block-light', { height: 1_300 }],
  ['would-block-dark', { theme: 'dark', height: 1_300 }],
  ['would-block-phone', { width: 390, height: 1_600 }],
];

describe.skipIf(FOLDER === undefined)('pictures', () => {
  useBrowser();

  it.each(WOULD_BLOCK)('%s', async (name, options) => {
    const api = await openPublished(400);
    await publish(api, ONLY_REPORTS, 'No iPhones, to see whom that concerns');
    const { page } = await openPage(api, '/reports?group=sales&group=staff&share=25', options);
    await page.getByText('It decides for').waitFor();
    mkdirSync(FOLDER ?? '', { recursive: true });
    await page.screenshot({ path: `${FOLDER}/${name}.png` });
  });

  it.each(PICTURES)('%s', async (name, path, text, options) => {
    const { page } = await openPage(await openPublished(400), path, options);
    await page.getByText(text).first().waitFor();
    await page.waitForLoadState('networkidle');
    mkdirSync(FOLDER ?? '', { recursive: true });
    await page.screenshot({ path: `${FOLDER}/${name}.png` });
  });
});
