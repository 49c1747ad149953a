// Owns the promises of a worker that decides by the policy of the directory: it takes what is published, and keeps what works.
import { describe, expect, it, onTestFinished } from 'vitest';
import { addVersion, readPolicies } from '../../src/app/policy-versions.ts';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { StoredPolicy } from '../../src/worker/stored-policy.ts';
import type { PoliciesInUse } from '../../src/worker/stored-policy.ts';
import { stopTimers } from '../support/checks/test-clock.ts';
import { until } from '../support/checks/until.ts';
import { UNAUDITED } from '../support/servers/directory-records.ts';

const BY = { by: 'carol', via: 'test', at: 1 };

async function setUp() {
  const store = new EmbeddedStore(':memory:');
  onTestFinished(() => store.close());
  const taken: PoliciesInUse[] = [];
  const liveChanged: boolean[] = [];
  const errors: unknown[] = [];
  const follow = new StoredPolicy(store.policies, {
    onChange: (policies, before) => {
      taken.push(policies);
      liveChanged.push(policies.live !== before.live);
    },
    onError: (error) => errors.push(error),
  });
  onTestFinished(() => follow.close());
  const publish = async (document: string, parsed: unknown, place: 'live' | 'shadow' = 'live') =>
    addVersion(
      store,
      await readPolicies(store),
      { texts: { document, parsed, lists: {} }, name: null, comment: null, place },
      BY,
      UNAUDITED,
    );
  return { store, follow, taken, liveChanged, errors, publish };
}

describe('the policy of the directory', () => {
  it('is none until one is published', async () => {
    const { follow } = await setUp();
    expect(await follow.start()).toEqual({ live: null, shadow: null, rollout: null });
  });

  it('is taken at the start, and each time that another version is live', async () => {
    const { follow, taken, publish } = await setUp();
    await publish('mode: reportOnly', { mode: 'reportOnly' });
    expect((await follow.start()).live?.policy.reportOnly).toBe(true);
    await publish('mode: enforce', { mode: 'enforce' });
    follow.check();
    await until(() => taken.length === 1, 'the version to be taken');
    expect(taken[0]?.live).toMatchObject({ version: { version: 2 }, policy: { reportOnly: false } });
  });

  it('is the same one when only the shadow changes', async () => {
    const { follow, taken, liveChanged, publish } = await setUp();
    await publish('mode: reportOnly', { mode: 'reportOnly' });
    await follow.start();
    await publish('mode: enforce', { mode: 'enforce' }, 'shadow');
    follow.check();
    await until(() => taken.length === 1, 'the shadow to be taken');
    expect(liveChanged).toEqual([false]);
  });

  it('stays when what is published cannot be used, which is reported', async () => {
    const { follow, taken, errors, publish } = await setUp();
    await publish('name: good', { name: 'good' });
    await follow.start();
    await publish('rules: nonsense', { rules: 'nonsense' });
    follow.check();
    await until(() => errors.length > 0, 'the error');
    expect(taken).toEqual([]);
  });

  it('that cannot be read is read by one retry at a time, however often it changes', async () => {
    const pass = stopTimers();
    const away = () => Promise.reject(new Error('the directory is away'));
    const errors: unknown[] = [];
    const follow = new StoredPolicy(
      { state: away, version: away, replace: away },
      { onChange: () => undefined, onError: (error) => errors.push(error) },
    );
    onTestFinished(() => follow.close());
    for (let change = 0; change < 3; change++) {
      follow.check();
      await pass(1);
    }
    expect(errors).toHaveLength(3);
    await pass(1_000);
    expect(errors).toHaveLength(4);
  });

  it('is read again when it changes while it is read', async () => {
    const { follow, taken, publish } = await setUp();
    await follow.start();
    await publish('name: one', { name: 'one' });
    follow.check();
    await publish('name: two', { name: 'two' });
    follow.check();
    await until(() => taken.at(-1)?.live?.version.version === 2, 'the last version');
  });

  it('is not compiled again when only the shadow changes', async () => {
    const { follow, taken, publish } = await setUp();
    await publish('name: one', { name: 'one' });
    const { live } = await follow.start();
    await publish('name: two', { name: 'two' }, 'shadow');
    follow.check();
    await until(() => taken.length === 1, 'the shadow to be taken');
    expect(taken[0]?.live).toBe(live);
    expect(taken[0]?.shadow?.version.version).toBe(2);
  });
});
