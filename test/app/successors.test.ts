// Owns the promises about phones after a reset: which device looks like an earlier one, and which decisions it takes over.
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acceptSuccessor, successionOf } from '../../src/app/successors.ts';
import type { AcceptResult, Succession } from '../../src/app/successors.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import type { AuditedChange } from '../../src/journal/audit-log.ts';
import type { CausedEvent } from '../../src/journal/event-sink.ts';
import { BY_TEST, decision, wipeDecision } from '../support/servers/directory-records.ts';
import { DAY_MS, NOW, openOffice, seen } from './office.ts';

const user = 'dora@contoso.com';
const key = (text: string): DeviceKey => text as DeviceKey;
const phone = { model: 'iPhone15C2' };

let store: DirectoryStore;
let audited: AuditedChange[] = [];
let events: CausedEvent[] = [];
beforeEach(async () => {
  [audited, events] = [[], []];
  store = await openOffice();
  await store.recordSeen([
    seen(user, 'before1', 20, phone),
    seen(user, 'after2', 0, { ...phone, firstSeen: NOW - 10 * DAY_MS }),
  ]);
});
afterEach(() => store.close());

async function succession(device: string): Promise<Succession> {
  const entry = await store.getDevice(key(device));
  if (entry === null) throw new Error('the device is not there');
  return successionOf(store, entry);
}

const accept = (device: string, from: string | null = null, dryRun = false): Promise<AcceptResult> =>
  acceptSuccessor(
    store,
    device,
    from,
    { by: 'erin', via: 'cli', at: NOW, dryRun },
    {
      audit: { record: async (change) => void audited.push(change) },
      events: { happened: async (event) => void events.push(event) },
    },
  );

describe('a device', () => {
  it('looks like an earlier one of its user that was not seen since it was first seen', async () => {
    expect((await succession('after2')).predecessors).toMatchObject([{ device: 'before1', user }]);
    expect((await succession('before1')).successors).toMatchObject([{ device: 'after2', user }]);
  });

  it.each([
    ['of another model', { model: 'iPad8C1' }, user, 20],
    ['of another type', { ...phone, deviceType: 'iPad' }, user, 20],
    ['of another user', phone, 'eve@contoso.com', 20],
    ['that is still in use', phone, user, 5],
    ['whose model nobody told', { model: null }, user, 20],
  ])('does not look like one %s', async (_what, more, owner, daysAgo) => {
    await store.recordSeen([seen(owner, 'other9', daysAgo, more)]);
    expect((await succession('after2')).predecessors.map(({ device }) => device)).toEqual(['before1']);
  });
});

describe('easgate decisions accept', () => {
  beforeEach(async () => {
    const until = NOW + 30 * DAY_MS;
    await store.decide(
      { device: key('before1'), user: user as UserKey },
      { ...decision('allow'), reason: 'ticket 1', expiresAt: until },
      BY_TEST,
    );
  });

  it('copies the decisions in force, with an entry in the audit and an event', async () => {
    const result = await accept('AFTER2');
    expect(result).toMatchObject({ device: 'after2', from: 'before1', kept: [] });
    const copy = (await store.getDevice(key('after2')))?.decidedByUser.get(user as UserKey)?.decision;
    expect(copy).toMatchObject({
      action: 'allow',
      owner: 'erin',
      reason: 'ticket 1',
      expiresAt: NOW + 30 * DAY_MS,
    });
    expect(audited).toMatchObject([
      { operation: 'decision_accept', device: 'after2', user, subject: 'from before1' },
    ]);
    expect(events).toMatchObject([
      { kind: 'successor_accepted', device: 'after2', facts: { from: 'before1' } },
    ]);
  });

  it('only shows them with a dry run', async () => {
    expect((await accept('after2', null, true)).copied).toHaveLength(1);
    expect((await store.getDevice(key('after2')))?.decidedByUser.size ?? 0).toBe(0);
    expect([audited, events]).toEqual([[], []]);
  });

  it('leaves a decision that the newer device has, and copies neither wipes nor what has ended', async () => {
    await store.decide({ device: key('before1'), user: null }, wipeDecision(NOW), BY_TEST);
    await store.decide({ device: key('after2'), user: user as UserKey }, decision('block'), BY_TEST);
    expect(await accept('after2')).toMatchObject({ copied: [], kept: [{ user }] });
    const expired = { ...decision('allow'), expiresAt: NOW - 1 };
    await store.decide({ device: key('before1'), user: user as UserKey }, expired, BY_TEST);
    expect(await accept('after2')).toMatchObject({ copied: [], kept: [] });
  });

  it('refuses a device without a predecessor, and names its successor', async () => {
    await expect(accept('good1')).rejects.toMatchObject({ code: 'EASGATE_NOT_FOUND' });
    await expect(accept('before1')).rejects.toThrow('easgate decisions accept after2');
  });

  it('asks which one where several may be it', async () => {
    await store.recordSeen([seen(user, 'before0', 40, phone)]);
    await expect(accept('after2')).rejects.toThrow('--from (before1, before0)');
    expect(await accept('after2', 'before1')).toMatchObject({ from: 'before1' });
  });
});
