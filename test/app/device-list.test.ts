// Owns the promises of the lists of devices: what filters keep, how they are ordered, where they are cut.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { parseSort } from '../../src/app/list-pages.ts';
import { hintsFor } from '../../src/app/list-hints.ts';
import { countBy, countDevices, listDevices, listPartnerships } from '../../src/app/device-list.ts';
import type { DeviceFilter } from '../../src/app/device-list.ts';
import { buildModel } from '../../src/app/read-model.ts';
import type { OpenModel } from '../../src/app/read-model.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { FIRST_PAGE } from '../support/checks/first-page.ts';
import { decision, userReport } from '../support/servers/directory-records.ts';
import { DAY_MS, NOW, openOffice } from './office.ts';

let store: DirectoryStore;
let model: OpenModel;
beforeEach(async () => {
  store = await openOffice();
  model = await buildModel(store, NOW);
});
afterEach(async () => {
  model.close();
  await store.close();
});

function devices(filter: DeviceFilter, sort = ''): string[] {
  const request = { ...FIRST_PAGE, sort: sort === '' ? [] : parseSort(sort) };
  return listDevices(model.reader, filter, request).rows.map(({ device }) => device);
}

describe('the list of devices', () => {
  it('has every partnership, and devices without one', () => {
    expect(devices({})).toEqual(['good1', 'lost3', 'old2', 'spare4']);
    const only = listPartnerships(model.reader, {}, FIRST_PAGE);
    expect(only.rows.map(({ device }) => device)).toEqual(['good1', 'lost3', 'old2']);
  });

  it.each<[string, DeviceFilter, string[]]>([
    ['the states', { states: ['blocked', 'quarantined'] }, ['lost3', 'old2']],
    ['a state as a verdict is called', { states: ['Block'] }, ['lost3']],
    ['devices that nobody was seen with', { states: ['unseen'] }, ['spare4']],
    ['the reason', { reasons: ['notcompliant'] }, ['old2']],
    ['a pattern of reasons', { reasons: ['*Rule', 'x'] }, ['lost3']],
    ['every name that may be the user', { user: 'bob' }, ['lost3']],
    ['a name of another domain', { user: 'alice@other.example' }, []],
    ['the device id in another spelling', { device: 'GOOD1' }, ['good1']],
    ['the device id spelled in hex', { device: Buffer.from('GOOD1').toString('hex') }, ['good1']],
    ['a pattern of ids', { device: 'G*' }, ['good1']],
    ['what was seen since', { seenSince: NOW - 7 * DAY_MS }, ['good1', 'lost3']],
    ['what was not seen since', { unseenSince: NOW - 7 * DAY_MS }, ['old2', 'spare4']],
    ['the type', { type: 'android' }, ['lost3']],
    ['the model that the phone told', { model: 'pixel*' }, ['lost3']],
    ['the model of the feed', { model: 'SM-G991B' }, ['old2']],
    ['the system', { os: 'iOS 17*' }, ['good1']],
    ['what is managed', { managed: true }, ['good1', 'old2']],
    ['what no feed reports', { managed: null }, ['lost3']],
    ['what no feed reports a device of', { reported: false }, ['lost3']],
    ['open wipes', { openWipe: true }, ['spare4']],
    ['exceptions in force', { exceptionsAt: NOW - 2 * DAY_MS }, ['old2']],
    ['exceptions in force now', { exceptionsAt: NOW }, []],
    ['what is not compliant', { compliant: false }, ['old2']],
    ['a decision', { decisions: ['block', 'wipe'] }, ['lost3', 'spare4']],
    ['no decision', { decisions: ['none'] }, ['good1']],
    ['a part of any name', { search: 'PIXEL' }, ['lost3']],
    ['all conditions at once', { user: 'bob', states: ['allowed'] }, []],
    ['all conditions that hold', { user: 'alice@contoso.com', states: ['allowed'] }, ['good1']],
  ])('keeps %s', (_what, filter, expected) => {
    expect(devices(filter)).toEqual(expected);
  });

  it.each<[string, DeviceFilter]>([
    ['a state', { states: ['bloked'] }],
    ['a decision', { decisions: ['ban'] }],
  ])('refuses %s that there is not, and names those there are', (_what, filter) => {
    expect(() => devices(filter)).toThrow(
      expect.objectContaining({
        code: 'EASGATE_FILTER',
        message: expect.stringMatching(/block/) as string,
      }) as Error,
    );
  });

  it('can be sorted by any field, descending with a minus; unknown values come last either way', () => {
    expect(devices({}, 'lastSeen')).toEqual(['old2', 'lost3', 'good1', 'spare4']);
    expect(devices({}, '-lastSeen')).toEqual(['good1', 'lost3', 'old2', 'spare4']);
    expect(devices({}, 'user,-device')).toEqual(['old2', 'good1', 'lost3', 'spare4']);
    expect(() => devices({}, 'nope')).toThrow('cannot sort by nope; possible fields: device');
    expect(() => devices({}, 'constructor')).toThrow('cannot sort by constructor');
  });

  it.each(['-lastSeen', 'lastSeen', 'user,-device', '-model,device'])(
    'has the same rows page by page in the order %s',
    (sort) => {
      const found: string[] = [];
      let after: string | null = null;
      do {
        const page: ReturnType<typeof listDevices> = listDevices(
          model.reader,
          {},
          { sort: parseSort(sort), limit: 1, after },
        );
        found.push(...page.rows.map(({ device }) => device));
        after = page.next;
      } while (after !== null);
      expect(found).toEqual(devices({}, sort));
    },
  );

  it('refuses a cursor of another order, and a text that is none', () => {
    const page = listDevices(model.reader, {}, { sort: parseSort('-lastSeen'), limit: 1, after: null });
    for (const after of [page.next, 'nonsense', ''])
      expect(() => listDevices(model.reader, {}, { ...FIRST_PAGE, after })).toThrow(
        'the cursor is not one of this list and order',
      );
  });

  it('is counted by last activity, by reason and by group', async () => {
    await store.putUsers([userReport('alice@contoso.com' as UserKey, { groups: ['staff'] })]);
    const fresh = await buildModel(store, NOW);
    expect(countDevices(fresh.reader, {}, NOW)).toEqual({ all: 4, lastDay: 1, lastWeek: 2, lastMonth: 3 });
    const reasons = countBy(fresh.reader, 'reason', { states: ['blocked'] }, NOW);
    expect(reasons).toMatchObject([{ name: 'individualRule', phones: { all: 1 } }]);
    const groups = countBy(fresh.reader, 'groups', { group: 'STAFF' }, NOW);
    expect(groups).toMatchObject([{ name: 'staff', phones: { all: 2 } }]);
    fresh.close();
  });

  it('shows an imported decision with its feed, unless an operator decided', async () => {
    const imported = { ...decision('quarantine'), owner: 'exchange' };
    await store.putImported('exchange', [
      { device: 'good1' as DeviceKey, user: null, decision: imported },
      { device: 'lost3' as DeviceKey, user: null, decision: imported },
    ]);
    const fresh = await buildModel(store, NOW);
    const { rows } = listDevices(fresh.reader, { decisions: ['quarantine', 'block'] }, FIRST_PAGE);
    expect(rows.map((row) => [row.device, row.decision, row.decisionSource])).toEqual([
      ['good1', 'quarantine', 'exchange'],
      ['lost3', 'block', null],
    ]);
    fresh.close();
  });

  it.each<[DeviceFilter, RegExp]>([
    [{ reasons: ['notComplaint'] }, /^no reason here is notComplaint; near: notCompliant$/],
    [{ type: 'Nokia' }, /^no type here is Nokia; there are .*iPhone/],
    [{ user: 'alicia@contoso.com' }, /^no user alicia@contoso.com is known; near: alice@contoso.com$/],
    [{ device: 'good12' }, /^no device good12 is known; near: good1$/],
    [{ group: 'staff' }, /^no group here is staff$/],
  ])('that is empty for %o has a hint', (filter, hint) => {
    expect(devices(filter)).toEqual([]);
    expect(hintsFor(model.reader, filter)).toEqual([expect.stringMatching(hint)]);
  });

  it('that is empty although every value is known has none', () => {
    const filter = { user: 'bob', reasons: ['compliant'] };
    expect([devices(filter), hintsFor(model.reader, filter)]).toEqual([[], []]);
  });
});
