// Owns the promise that a change reaches the read model by the keys of its device or user: its cost does not grow with the fleet.
import { afterEach, expect, test, vi } from 'vitest';
import { IN_MEMORY, ModelFile } from '../../../src/directory/read-model/model-file.ts';
import { ModelKeeper } from '../../../src/directory/read-model/model-keeper.ts';
import type { DeviceKey, UserKey } from '../../../src/identity/keys.ts';
import { NOW, openOffice, seen } from '../../app/office.ts';
import { BY_TEST, decision, deviceReport } from '../../support/servers/directory-records.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';

checkLeaks();

const device = (name: string): DeviceKey => name as DeviceKey;
const user = (name: string): UserKey => name as UserKey;

/** Indices in which one value may stand for any part of the fleet. */
const COARSE =
  /people_by_devices|people_by_seen|people_by_groups|phones_by_state|phones_by_reason|phones_by_type|phones_unreported/;

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

test('a change of users, devices, partnerships or decisions reads rows by key only', async () => {
  const store = await openOffice();
  closers.push(() => store.close());
  const file = ModelFile.open(IN_MEMORY, { store: 'one', epoch: 1 });
  closers.push(() => file.close());
  const keeper = new ModelKeeper(store, file);
  await keeper.build();
  const statements = vi.spyOn(file, 'statement');

  const dan = { key: user('dan'), source: 'ad', observedAt: NOW, aliases: [user('dan@contoso.com')] };
  await store.putUsers([dan, { key: user('bob'), source: 'ad', observedAt: NOW, groups: ['board'] }]);
  await keeper.step();
  await store.putUsers([{ ...dan, observedAt: NOW + 1, aliases: [user('d.smith')], groups: ['staff'] }]);
  await store.putDevices([
    deviceReport(device('good1'), { observedAt: NOW, compliant: false, owner: 'dan' }),
  ]);
  await store.recordSeen([seen('dan', 'new5', 0)]);
  await store.decide({ device: null, user: user('dan') }, decision('allow'), BY_TEST);
  await store.decide({ device: device('good1'), user: null }, decision('block'), BY_TEST);
  await keeper.step();
  await store.putUsers([{ ...dan, observedAt: NOW + 2, removed: true }]);
  await keeper.step();

  const used = new Set(statements.mock.calls.map(([sql]) => sql));
  expect([...used].filter((sql) => sql.startsWith('DELETE FROM people'))).not.toStrictEqual([]);
  const plans = [...used].flatMap((sql) =>
    file.database
      .prepare(`EXPLAIN QUERY PLAN ${sql}`)
      .all()
      .map(({ detail }) => `${String(detail)}: ${sql}`),
  );
  expect(
    plans.filter((plan) => plan.startsWith('SCAN') || COARSE.test(plan.split(':')[0] ?? '')),
  ).toStrictEqual([]);
});
