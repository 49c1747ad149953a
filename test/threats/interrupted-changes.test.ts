// Threat: the control process is killed in the middle of a change, which is then in force without anybody in the audit (CWE-778).
import { expect, it, onTestFinished } from 'vitest';
import { AdminStore } from '../../src/api/auth/admin-store.ts';
import { recordInterrupted } from '../../src/api/interrupted-changes.ts';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import type { AuditedChange } from '../../src/journal/audit-log.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { openTestApi } from '../support/servers/test-api.ts';

checkLeaks();

const block = { method: 'PUT', body: { action: 'block', reason: 'lost' } };

it('a change that did not end is named in the audit after the restart, with who made it', async () => {
  const admin = AdminStore.open(':memory:');
  onTestFinished(() => admin.close());
  const store = new EmbeddedStore(':memory:');
  const wait = Promise.withResolvers<undefined>();
  // As a process that is killed between the decision and its entry.
  const api = await openTestApi({
    store,
    parts: { admin, audit: { record: () => wait.promise } },
  });
  const begun = api.send('operator', '/api/v1/devices/PHONE1/decision', block).catch(() => null);
  await until(() => admin.begunChanges().length > 0, 'the change to begin');
  const audited: AuditedChange[] = [];
  const last = admin.begunChanges().at(-1)?.id ?? 0;
  await recordInterrupted(admin, last, async (change) => void audited.push(change), 1_700_000_000_000);
  expect(audited).toContainEqual(
    expect.objectContaining({
      operation: 'change_interrupted',
      by: 'the operator',
      subject: 'decide /api/v1/devices/PHONE1/decision',
      comment: expect.stringContaining('made or not') as string,
    }),
  );
  expect(admin.begunChanges()).toEqual([]);
  wait.resolve(undefined);
  await begun;
});

it('a change that ended, well or not, is not named again', async () => {
  const api = await openTestApi();
  expect((await api.send('operator', '/api/v1/devices/PHONE1/decision', block)).status).toBe(200);
  expect(
    (await api.send('operator', '/api/v1/devices/PHONE1/wipe', { method: 'POST', body: {} })).status,
  ).toBe(400);
  expect(
    (
      await api.send('operator', '/api/v1/devices/NOSUCH/wipe', {
        method: 'POST',
        body: { confirm: 'NOSUCH', reason: 'lost' },
      })
    ).status,
  ).toBe(404);
  expect(api.admin.begunChanges()).toEqual([]);
});

it('a file that cannot be written keeps no change from being made', async () => {
  const admin = AdminStore.open(':memory:');
  onTestFinished(() => admin.close());
  const api = await openTestApi({ parts: { admin } });
  const secret = api.token('operator');
  Object.assign(admin, {
    beginChange: () => {
      throw new Error('the disk is full');
    },
  });
  expect((await api.send(secret, '/api/v1/devices/PHONE1/decision', block)).status).toBe(200);
});

it('a change that did not end is named once the audit can be written again, and those of the new process are not', async () => {
  const admin = AdminStore.open(':memory:');
  onTestFinished(() => admin.close());
  const begin = (operation: string): number =>
    admin.beginChange({ at: 1, by: 'ada', operation, target: '/api/v1/x' });
  const ids = ['decide', 'orderWipe', 'publishPolicy'].map(begin);
  const last = ids.at(-1) ?? 0;
  const named: (string | null | undefined)[] = [];
  // The second entry of the first time fails.
  let left = 1;
  const record = async ({ subject }: AuditedChange): Promise<void> => {
    if (left-- === 0) throw new Error('Redis does not answer');
    named.push(subject);
  };
  await expect(recordInterrupted(admin, last, record, 2)).rejects.toThrow('does not answer');
  const own = begin('clearDecision');
  await recordInterrupted(admin, last, record, 3);
  expect(named).toEqual(['decide /api/v1/x', 'orderWipe /api/v1/x', 'publishPolicy /api/v1/x']);
  expect(admin.begunChanges().map(({ id }) => id)).toEqual([own]);
});
