// Owns the promises of the list of decisions.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { endingExceptionWarnings } from '../../src/app/ending-exceptions.ts';
import { listDecisions } from '../../src/app/decision-list.ts';
import type { DecisionFilter, DecisionRow } from '../../src/app/decision-list.ts';
import { parseSort } from '../../src/app/list-pages.ts';
import type { Page, PageRequest } from '../../src/app/list-pages.ts';
import { buildModel } from '../../src/app/read-model.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { FIRST_PAGE } from '../support/checks/first-page.ts';
import { DAY_MS, NOW, openOffice } from './office.ts';
import { BY_TEST, decision, wipeDecision } from '../support/servers/directory-records.ts';

let store: DirectoryStore;
beforeEach(async () => {
  store = await openOffice();
});
afterEach(() => store.close());

async function list(filter: DecisionFilter, request: PageRequest = FIRST_PAGE): Promise<Page<DecisionRow>> {
  const model = await buildModel(store, NOW);
  try {
    return listDecisions(model.reader, filter, request, NOW);
  } finally {
    model.close();
  }
}

const devices = async (filter: DecisionFilter): Promise<(string | null)[]> =>
  (await list(filter)).rows.map(({ device }) => device);

describe('the list of decisions', () => {
  it('has every decision, also on devices and users never seen, and says whether it is in force', async () => {
    const { rows } = await list({});
    expect(rows.map(({ device, user, state }) => [device, user, state])).toEqual([
      ['lost3', null, 'active'],
      ['never5', 'eve@contoso.com', 'active'],
      ['old2', 'alice@contoso.com', 'expired'],
      ['spare4', null, 'pending'],
    ]);
  });

  it.each<[string, DecisionFilter, string[]]>([
    ['actions', { actions: ['allow'] }, ['never5', 'old2']],
    ['states', { states: ['active', 'pending'] }, ['lost3', 'never5', 'spare4']],
    ['who decided', { by: 'ER*' }, ['old2']],
    ['what was decided since', { decidedSince: NOW - 2 * DAY_MS }, ['lost3', 'spare4']],
    ['what ends before', { endsBefore: NOW + 2 * DAY_MS }, ['never5', 'old2']],
    ['the user', { user: 'eve' }, ['never5']],
    ['the device', { device: 'LOST3' }, ['lost3']],
    ['a part of the reason', { search: 'STOL' }, ['lost3', 'spare4']],
  ])('keeps %s', async (_what, filter, expected) => {
    expect(await devices(filter)).toEqual(expected);
  });

  it('distinguishes a suspended wipe, which must be ordered again, from one that will be carried out', async () => {
    const { wipe, ...rest } = wipeDecision(1);
    await store.decide(
      { user: null, device: 'spare4' as DeviceKey },
      { ...rest, wipe: { ...wipe, suspended: true } },
      BY_TEST,
    );
    const { rows } = await list({ device: 'spare4' });
    expect(rows.map(({ state }) => state)).toEqual(['suspended']);
  });

  it('has the decisions of feeds, on devices and users, with their source', async () => {
    const imported = decision('block');
    await store.putImported('exchange', [
      { device: 'lost3' as DeviceKey, user: null, decision: imported },
      { device: null, user: 'dan@contoso.com' as UserKey, decision: imported },
    ]);
    const { rows } = await list({ source: 'exch*' });
    expect(rows.map(({ device, user, source }) => [device, user, source])).toEqual([
      ['lost3', null, 'exchange'],
      [null, 'dan@contoso.com', 'exchange'],
    ]);
  });

  it('is looked through for exceptions of operators that end within a week', async () => {
    const exception = (expiresAt: number) => ({ ...decision('allow'), expiresAt });
    const warnings = async (): Promise<readonly string[]> => {
      const model = await buildModel(store, NOW);
      try {
        return endingExceptionWarnings(model.reader, NOW);
      } finally {
        model.close();
      }
    };
    expect(await warnings()).toEqual([expect.stringMatching(/^1 exception ends within 7 days/)]);
    const on = (device: string) => ({ device: device as DeviceKey, user: null });
    await store.decide(on('good1'), exception(NOW + 6 * DAY_MS), BY_TEST);
    await store.decide(on('old2'), exception(NOW + 8 * DAY_MS), BY_TEST);
    await store.putImported('exchange', [{ ...on('new6'), decision: exception(NOW + DAY_MS) }]);
    expect(await warnings()).toEqual([expect.stringMatching(/^2 exceptions end within 7 days/)]);
  });

  it('can be sorted by any field', async () => {
    const { rows } = await list({}, { sort: parseSort('-decidedAt'), limit: 1, after: null });
    expect(rows.map(({ device }) => device)).toEqual(['lost3']);
  });
});
