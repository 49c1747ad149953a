// Owns the promises of the completion of the audit where something is wrong: a wrong clock, a slow request, a change that cannot be compared, an
// audit that keeps little. No change stays without its entry for it, and none gets two.
import { describe, expect, it, onTestFinished, vi } from 'vitest';
import { SETTLED_MS } from '../../src/app/audit-completion.ts';
import { decide } from '../../src/app/decide.ts';
import { addVersion, readPolicies } from '../../src/app/policy-versions.ts';
import type { UserKey } from '../../src/identity/keys.ts';
import type { AuditSink } from '../../src/journal/audit-log.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { UNAUDITED, decision, userReport } from '../support/servers/directory-records.ts';
import { LATER, block, by, openAudited, stopClock } from './audited-directory.ts';
import type { AuditedDirectory, BeforeQuery } from './audited-directory.ts';

checkLeaks();
stopClock();

const DAY_MS = 86_400_000;

async function decideOn(
  { store }: AuditedDirectory,
  device: string,
  origin = by(Date.now()),
  sink: AuditSink = UNAUDITED,
): Promise<void> {
  await decide(store, { device }, block, origin, sink);
}

async function publish(
  { store }: AuditedDirectory,
  origin = by(Date.now()),
  sink = UNAUDITED,
): Promise<void> {
  const texts = { document: 'name: a\n', lists: {} };
  const version = { texts, name: 'a', comment: null, place: 'live' } as const;
  await addVersion(store, await readPolicies(store), version, origin, sink);
}

/** Queries about these devices fail. */
function failing(isFailing: (device: string) => boolean): BeforeQuery {
  return async ({ device = '' }) => {
    if (isFailing(device)) throw new Error(`${device} cannot be compared`);
  };
}

const left = async ({ store }: AuditedDirectory): Promise<(string | null)[]> =>
  (await store.notes.oldest(100, null)).map(({ device }) => device);

describe('a change that cannot be compared', () => {
  it('delays no other one, and no policy', async () => {
    let isBroken = true;
    const directory = await openAudited(failing((device) => isBroken && device === 'bad1'));
    const now = Date.now();
    for (const device of ['BAD1', 'GOOD2', 'GOOD3']) await decideOn(directory, device);
    await publish(directory);
    await directory.look(now);
    expect(await directory.look(now + LATER)).toEqual([3, 'bad1 cannot be compared']);
    expect(await left(directory)).toEqual(['bad1']);
    isBroken = false;
    expect(await directory.complete(now + LATER)).toBe(1);
  });

  it('delays no other one where many of them are the oldest', async () => {
    const directory = await openAudited(failing((device) => device.startsWith('bad')));
    const now = Date.now();
    for (let index = 0; index < 23; index++) await decideOn(directory, `BAD${index}`);
    await decideOn(directory, 'GOOD2');
    await publish(directory);
    await directory.look(now);
    expect(await directory.look(now + LATER)).toEqual([1, expect.stringMatching(/^bad/)]);
    expect((await directory.entries()).map(({ operation }) => operation)).toEqual(['policy_publish']);
    let written = 0;
    for (let index = 0; index < 23 && written === 0; index++) [written] = await directory.look(now + LATER);
    expect(written).toBe(1);
    expect(await left(directory)).toHaveLength(23);
  });
});

it('notes that can neither be compared nor removed delay no policy', async () => {
  const directory = await openAudited(failing((device) => device.startsWith('bad')));
  const now = Date.now();
  for (let index = 0; index < 23; index++) await decideOn(directory, `BAD${index}`);
  await publish(directory);
  await directory.look(now);
  const removing = vi.spyOn(directory.store.notes, 'remove').mockRejectedValue(new Error('away'));
  onTestFinished(() => removing.mockRestore());
  expect(await directory.look(now + LATER)).toEqual([1, 'bad0 cannot be compared']);
});

it('a note with a wrong time delays nothing: no query spans the time between two changes', async () => {
  const directory = await openAudited(async ({ since, until }) => {
    if (since !== until) throw new Error('so much time has more entries than can be read');
  });
  const now = Date.now();
  for (const at of [0, now, now + DAY_MS]) await decideOn(directory, `PHONE${at}`, by(at));
  for (const at of [now - DAY_MS, now]) await publish(directory, by(at));
  await directory.look(now);
  expect(await directory.complete(now + LATER)).toBe(5);
  expect(await left(directory)).toEqual([]);
});

it('a time with a fraction is found', async () => {
  const directory = await openAudited();
  const now = Date.now();
  await decideOn(directory, 'PHONE1', by(now + 0.5), directory.audit);
  expect(await directory.complete(now + LATER)).toBe(0);
});

it('a note that concerns nothing is removed without a query', async () => {
  const directory = await openAudited(() => Promise.reject(new Error('a query')));
  directory.store.notes.add({ device: null, user: null }, by(0));
  expect(await directory.complete(Date.now() + LATER)).toBe(0);
  expect(await left(directory)).toEqual([]);
});

describe('a request that takes longer than a change settles', () => {
  it('is waited for after its decision was written', async () => {
    const directory = await openAudited();
    const now = Date.now();
    await decideOn(directory, 'PHONE1', by(now - 10 * SETTLED_MS));
    expect(await directory.complete(now + SETTLED_MS)).toBe(0);
    expect(await left(directory)).toEqual(['phone1']);
    expect(await directory.complete(now + LATER)).toBe(1);
  });

  it('is waited for after its policy was written', async () => {
    const directory = await openAudited();
    const now = Date.now();
    await publish(directory, by(now - 10 * SETTLED_MS));
    expect(await directory.complete(now)).toBe(0);
    expect(await directory.complete(now + SETTLED_MS)).toBe(0);
    expect(await directory.complete(now + LATER)).toBe(1);
  });

  it('has no second entry where its own was written during the look', async () => {
    let queries = 0;
    const directory = await openAudited(async (_filter, { audit }) => {
      if (++queries !== 2) return;
      await audit.record({ ...by(now), operation: 'decide', device: 'phone1', after: block });
    });
    const now = Date.now();
    await decideOn(directory, 'PHONE1', by(now));
    expect(await directory.complete(now + LATER)).toBe(0);
    expect(await directory.entries()).toHaveLength(1);
  });
});

it('a look ends before its next change, and the next one goes on', async () => {
  const directory = await openAudited();
  const now = Date.now();
  for (const device of ['PHONE1', 'PHONE2', 'PHONE3']) await decideOn(directory, device);
  await publish(directory);
  await directory.look(now);
  let asked = 0;
  expect(await directory.look(now + LATER, () => ++asked > 1)).toEqual([1, null]);
  expect(await left(directory)).toEqual(['phone2', 'phone3']);
  expect(await directory.complete(now + LATER)).toBe(3);
});

describe('an entry is found as it was written', () => {
  it('by a name that was too long for it, or had marks of direction', async () => {
    const directory = await openAudited();
    const now = Date.now();
    const origin = { by: `\u202Eada${'x'.repeat(300)}`, via: `\u2066api${'y'.repeat(300)}`, at: now };
    await decideOn(directory, 'PHONE1', origin, directory.audit);
    await publish(directory, origin, directory.audit);
    await directory.look(now);
    expect(await directory.complete(now + LATER)).toBe(0);
    expect(await directory.entries()).toHaveLength(2);
  });

  it('by a user whose name was too long for it', async () => {
    const directory = await openAudited();
    const { store, audit } = directory;
    const now = Date.now();
    const user = `${'u'.repeat(300)}@contoso.com` as UserKey;
    await store.replaceDecision({ device: null, user }, null, block, by(now));
    await audit.record({ ...by(now), operation: 'decide', user, after: block });
    expect(await directory.complete(now + LATER)).toBe(0);
  });

  it('with a state that was too long for it', async () => {
    const directory = await openAudited();
    const { store, audit } = directory;
    const now = Date.now();
    await store.putUsers([userReport('alice@contoso.com' as UserKey, { aliases: ['alice'] })]);
    const before = { ...decision('allow'), reason: 'r'.repeat(9_000) };
    const subject = { device: 'phone1' as never, user: 'alice' as UserKey };
    await store.decide(subject, before, by(now));
    await decide(store, { device: 'PHONE1', user: 'alice@contoso.com' }, block, by(now + 1), audit);
    expect(await directory.entries()).toMatchObject([{ before: { cut: expect.any(String) as string } }]);
    expect(await left(directory)).toHaveLength(2);
    expect(await directory.complete(now + LATER)).toBe(0);
  });
});

it('a change that is older than the audit keeps its entries gets no second one', async () => {
  const directory = await openAudited(undefined, DAY_MS);
  const now = Date.now();
  await decideOn(directory, 'PHONE1');
  await publish(directory);
  await directory.look(now);
  expect(await directory.complete(now + DAY_MS + 1)).toBe(0);
  expect(await left(directory)).toEqual([]);
});
