// Owns the promise that answers to viewers name no hosts and files of the gateway, also where work failed in the background.
import { expect, it } from 'vitest';
import { openOfficeToday } from '../app/office.ts';
import type { DiffRun } from '../../src/api/comparisons/policy-diffs.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { eventually } from '../support/checks/until.ts';
import { openTestApi } from '../support/servers/test-api.ts';

checkLeaks();

const CAUSE = 'connect ECONNREFUSED 10.1.2.3:6379 /var/lib/easgate/directory.db';

it('a comparison that failed says no address and no path', async () => {
  const store = await openOfficeToday();
  const api = await openTestApi({ store });
  store.scanDevices = () => {
    throw new Error(CAUSE);
  };
  const body = { before: { place: 'live' }, after: { document: 'name: x\n' } };
  const begun = await api.send('viewer', '/api/v1/policy/diff', { method: 'POST', body });
  const { id } = begun.json as DiffRun;
  const { json, text } = await eventually(
    () => api.send('viewer', `/api/v1/policy/diff/${id}`),
    (answer) => (answer.json as DiffRun).state !== 'running',
    'the end of the comparison',
  );
  expect(json).toMatchObject({ state: 'failed', error: { code: 'EASGATE_API_FAILED' } });
  expect(text).not.toMatch(/10\.1\.2\.3|var/);
  const report = await api.send('viewer', '/api/v1/reports/would-block');
  expect(report.status).toBe(503);
  expect(report.text).not.toMatch(/10\.1\.2\.3|var/);
});
