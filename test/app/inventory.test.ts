// Owns the promises of the inventory: what filters keep, how it is ordered, where it is cut.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { listInventory, showDevice } from '../../src/app/inventory.ts';
import type { InventoryFilter } from '../../src/app/inventory.ts';
import { UNORDERED, parseSort } from '../../src/app/listing.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import { DAY_MS, NOW, openOffice } from './office.ts';

let store: DirectoryStore;
beforeEach(async () => {
  store = await openOffice();
});
afterEach(() => store.close());

async function devices(filter: InventoryFilter, sort = '', limit: number | null = null): Promise<string[]> {
  const order = { sort: sort === '' ? [] : parseSort(sort), limit };
  return (await listInventory(store, filter, order)).rows.map(({ device }) => device);
}

describe('the inventory', () => {
  it('has every partnership, and devices without one', async () => {
    expect(await devices({})).toEqual(['good1', 'lost3', 'old2', 'spare4']);
    const only = await listInventory(store, {}, UNORDERED, { onlyPartnerships: true });
    expect(only.rows.map(({ device }) => device)).toEqual(['good1', 'lost3', 'old2']);
  });

  it.each<[string, InventoryFilter, string[]]>([
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
    ['what is not compliant', { compliant: false }, ['old2']],
    ['a decision', { decisions: ['block', 'wipe'] }, ['lost3', 'spare4']],
    ['no decision', { decisions: ['none'] }, ['good1']],
    ['a part of any name', { search: 'PIXEL' }, ['lost3']],
    ['all conditions at once', { user: 'bob', states: ['allowed'] }, []],
    ['all conditions that hold', { user: 'alice@contoso.com', states: ['allowed'] }, ['good1']],
  ])('keeps %s', async (_what, filter, expected) => {
    expect(await devices(filter)).toEqual(expected);
  });

  it.each<[string, InventoryFilter]>([
    ['a state', { states: ['bloked'] }],
    ['a decision', { decisions: ['ban'] }],
  ])('refuses %s that there is not, and names those there are', async (_what, filter) => {
    await expect(devices(filter)).rejects.toMatchObject({
      code: 'EASGATE_FILTER',
      message: expect.stringMatching(/block/) as string,
    });
  });

  it('can be sorted by any field, descending with a minus; unknown values come last either way', async () => {
    expect(await devices({}, 'lastSeen')).toEqual(['old2', 'lost3', 'good1', 'spare4']);
    expect(await devices({}, '-lastSeen')).toEqual(['good1', 'lost3', 'old2', 'spare4']);
    expect(await devices({}, 'user,-device')).toEqual(['old2', 'good1', 'lost3', 'spare4']);
    await expect(devices({}, 'nope')).rejects.toMatchObject({ code: 'EASGATE_FILTER' });
    await expect(devices({}, 'constructor')).rejects.toMatchObject({ code: 'EASGATE_FILTER' });
  });

  it('is cut at the limit and gives the total number', async () => {
    const order = { sort: parseSort('-lastSeen'), limit: 2 };
    const { rows, total } = await listInventory(store, {}, order);
    expect([rows.map(({ device }) => device), total]).toEqual([['good1', 'lost3'], 4]);
  });
});

describe('one device', () => {
  it('has its record, its partnerships, its decision and other spellings of its id', async () => {
    const shown = await showDevice(store, 'LOST3');
    expect(shown).toMatchObject({ key: 'lost3', record: null, decision: { action: 'block' } });
    expect(shown.partnerships.map(({ record }) => record.user)).toEqual(['contoso\\bob']);
    expect(shown.aliases).toContain(Buffer.from('lost3').toString('hex'));
  });

  it('that is unknown is an error that suggests similar ids', async () => {
    await expect(showDevice(store, 'good12')).rejects.toMatchObject({
      code: 'EASGATE_NOT_FOUND',
      message: 'no device good12; near: good1',
    });
  });
});
