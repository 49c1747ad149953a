// Owns the promises of the API on decisions on many devices, on users, and their lists.
import { describe, expect, it } from 'vitest';
import { BY_TEST, decision, userReport } from '../support/servers/directory-records.ts';
import { DAY_MS, NOW, openOfficeToday, seen } from '../app/office.ts';
import { MAX_DECIDED, decideMany } from '../../src/app/decide-many.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import type { AnswerOf } from '../../src/api/contract/operations.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { openTestApi } from '../support/servers/test-api.ts';
import type { ApiAnswer, TestApi } from '../support/servers/test-api.ts';

checkLeaks();

const open = async (): Promise<TestApi> => openTestApi({ store: await openOfficeToday() });

const NO_AUDIT = { record: () => Promise.resolve() };

function many(api: TestApi, body: object): Promise<ApiAnswer> {
  return api.send('operator', '/api/v1/decisions', { method: 'POST', body });
}

describe('the list of decisions', () => {
  it('is filtered, sorted, and has what feeds decided beside operators', async () => {
    const api = await open();
    const { json } = await api.send('viewer', '/api/v1/decisions?action=allow,block&sort=device');
    expect(json).toMatchObject({
      rows: [
        { device: 'lost3', user: null, state: 'active', source: null, decision: { action: 'block' } },
        { device: 'never5', user: 'eve@contoso.com' },
        { device: 'old2', user: 'alice@contoso.com' },
      ],
      next: null,
    });
  });

  it('goes on behind a cursor', async () => {
    const api = await open();
    const first = await api.send('viewer', '/api/v1/decisions?sort=device&limit=1');
    const { next } = first.json as { next: string };
    const second = await api.send('viewer', `/api/v1/decisions?sort=device&limit=1&after=${next}`);
    expect(second.json).toMatchObject({ rows: [{ device: 'never5' }] });
  });
});

describe('a decision on many devices', () => {
  it('has a preview that writes nothing', async () => {
    const api = await open();
    const { json } = await many(api, {
      action: 'block',
      filter: { user: 'alice@contoso.com' },
      dryRun: true,
    });
    expect(json).toEqual({
      matched: 2,
      changed: 2,
      byState: { allowed: 1, quarantined: 1 },
      refused: [],
      refusedCount: 0,
    });
    expect(api.audited).toEqual([]);
  });

  it.each([
    ['allow', ['GOOD1', 'spare4'], 1, ['spare4']],
    ['clear', ['lost3', 'good1', 'spare4'], 2, []],
  ])(
    'has a preview that counts what %s would do, and what would refuse it',
    async (action, devices, changed, refused) => {
      const api = await open();
      const preview = (await many(api, { action, devices, dryRun: true })).json as AnswerOf<'decideMany'>;
      expect(preview.changed).toBe(changed);
      expect(preview.refused.map(({ device }) => device)).toEqual(refused);
      expect(api.audited).toEqual([]);
      expect((await many(api, { action, devices, dryRun: false })).json).toEqual(preview);
    },
  );

  it('is written for each device, with an entry in the audit for each', async () => {
    const api = await open();
    const filter = { user: 'alice@contoso.com' };
    const { json } = await many(api, { action: 'block', reason: 'lost', filter, dryRun: false, expected: 2 });
    expect(json).toMatchObject({ matched: 2, changed: 2, refusedCount: 0 });
    expect(api.audited).toMatchObject([
      { operation: 'decide', device: 'good1', by: 'the operator', comment: 'lost' },
      { operation: 'decide', device: 'old2' },
    ]);
    const shown = await api.send('viewer', '/api/v1/devices/good1');
    expect(shown.json).toMatchObject({ decision: { action: 'block' } });
  });

  it('is not written where another number matches than the preview said', async () => {
    const api = await open();
    const filter = { user: 'alice@contoso.com' };
    const { status, json } = await many(api, { action: 'block', filter, dryRun: false, expected: 7 });
    expect(status).toBe(409);
    expect(json).toMatchObject({ code: 'EASGATE_CHANGED' });
    expect(api.audited).toEqual([]);
  });

  it.each([true, false])('of too many is refused, with dryRun %s', async (dryRun) => {
    const api = await open();
    const keys = Array.from({ length: MAX_DECIDED + 1 }, (_, index) => `phone${index}` as DeviceKey);
    const how = { ...BY_TEST, dryRun };
    await expect(decideMany(api.store, keys, null, how, NO_AUDIT)).rejects.toThrow('narrow the filter');
  });

  it('says which devices refuse it, and decides the others', async () => {
    const api = await open();
    const devices = ['GOOD1', 'spare4'];
    const { json } = await many(api, { action: 'allow', devices, dryRun: false });
    expect(json).toMatchObject({
      matched: 2,
      changed: 1,
      refused: [{ device: 'spare4', code: 'EASGATE_WIPE_IN_PLACE' }],
    });
  });

  it('takes decisions back', async () => {
    const api = await open();
    const { json } = await many(api, { action: 'clear', devices: ['lost3', 'good1'], dryRun: false });
    expect(json).toMatchObject({ matched: 2, changed: 1, refusedCount: 0 });
  });

  it.each([
    [{ action: 'block', dryRun: false }, 'EASGATE_API_INVALID'],
    [
      { action: 'block', dryRun: false, devices: ['a1'], filter: { state: 'blocked' } },
      'EASGATE_API_INVALID',
    ],
    [{ action: 'block', dryRun: true, filter: {} }, 'EASGATE_FILTER'],
    [{ action: 'wipe', dryRun: false, devices: ['a1'] }, 'EASGATE_API_INVALID'],
  ])('is refused as %j', async (body, code) => {
    const api = await open();
    const { status, json } = await many(api, body);
    expect(status).toBe(400);
    expect(json).toMatchObject({ code });
  });
});

describe('the decisions of a phone before its reset', () => {
  it('are copied to the device that it is now; a preview writes nothing', async () => {
    const store = await openOfficeToday();
    await store.recordSeen([
      seen('carol@contoso.com', 'before1', 30, { model: 'iPhone 13' }),
      seen('carol@contoso.com', 'after1', 1, { model: 'iPhone 13', firstSeen: NOW - 20 * DAY_MS }),
    ]);
    await store.decide({ user: null, device: 'before1' as DeviceKey }, decision('allow'), BY_TEST);
    const api = await openTestApi({ store });
    const path = '/api/v1/devices/AFTER1/successor';
    const preview = await api.send('operator', path, { method: 'POST', body: { dryRun: true } });
    expect(preview.json).toMatchObject({ from: 'before1', copied: [{ user: null }], kept: [] });
    expect(api.audited).toEqual([]);
    const { json } = await api.send('operator', path, { method: 'POST', body: {} });
    expect(json).toMatchObject({ device: 'after1', copied: [{ decision: { action: 'allow' } }] });
    expect(api.audited).toMatchObject([
      { operation: 'decision_accept', device: 'after1', by: 'the operator' },
    ]);
  });
});

describe('users', () => {
  it('are listed with their devices by state', async () => {
    const api = await open();
    const { json } = await api.send('viewer', '/api/v1/users?search=alice');
    expect(json).toMatchObject({
      rows: [{ user: 'alice@contoso.com', devices: 2, states: { allowed: 1, quarantined: 1 } }],
    });
  });

  it('are shown in full, with decisions on devices they were never seen with', async () => {
    const api = await open();
    const alice = await api.send('viewer', '/api/v1/users/Alice%40Contoso.com');
    expect(alice.json).toMatchObject({
      user: 'alice@contoso.com',
      names: ['alice@contoso.com'],
      partnerships: [{ record: { device: 'good1' } }, { record: { device: 'old2' } }],
      decisions: [{ device: 'old2', decision: { action: 'allow' } }],
    });
    const eve = await api.send('viewer', '/api/v1/users/eve%40contoso.com');
    expect(eve.json).toMatchObject({ decisions: [{ device: 'never5' }] });
    const nobody = await api.send('viewer', '/api/v1/users/nobody');
    expect(nobody.json).toMatchObject({ status: 404, code: 'EASGATE_NOT_FOUND' });
  });

  it('are shown where a feed says nothing of their other names and attributes', async () => {
    const store = await openOfficeToday();
    await store.putUsers([userReport('frank@contoso.com' as UserKey, { groups: ['staff'] })]);
    const api = await openTestApi({ store });
    const { status, json } = await api.send('viewer', '/api/v1/users/frank%40contoso.com');
    expect([status, json]).toMatchObject([
      200,
      { record: { aliases: [] }, reports: [{ groups: ['staff'], aliases: null, attributes: null }] },
    ]);
  });

  it('are decided with every device, and that is taken back', async () => {
    const api = await open();
    const path = '/api/v1/users/alice%40contoso.com/decision';
    const body = { action: 'quarantine', reason: 'left' };
    const decided = await api.send('helpdesk', path, { method: 'PUT', body });
    expect(decided.json).toMatchObject({
      user: 'alice@contoso.com',
      decision: { action: 'quarantine', owner: 'the helpdesk' },
      replaced: null,
      isUnknown: false,
    });
    const cleared = await api.send('helpdesk', path, { method: 'DELETE' });
    expect(cleared.json).toMatchObject({ cleared: { action: 'quarantine' } });
    expect(api.audited).toMatchObject([{ operation: 'decide' }, { operation: 'clear' }]);
  });

  it('that nobody knows are decided with a doubt', async () => {
    const api = await open();
    const body = { action: 'block' };
    const { json } = await api.send('helpdesk', '/api/v1/users/alcie/decision', { method: 'PUT', body });
    expect(json).toMatchObject({ user: 'alcie', isUnknown: true, holdsFor: [] });
  });
});
