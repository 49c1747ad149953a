// Owns the promises of a worker that decides by the policy of the directory: it takes what is published, and keeps what works.
import { describe, expect, it, onTestFinished } from 'vitest';
import { finishRollout, widenRollout } from '../../src/app/policy-rollout.ts';
import type { RolloutChange } from '../../src/app/policy-rollout.ts';
import { addVersion, readPolicies } from '../../src/app/policy-versions.ts';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import type { RolloutExtent } from '../../src/model/policy-version.ts';
import { PolicyFollower } from '../../src/worker/policy-follower.ts';
import type { PoliciesInUse } from '../../src/worker/policy-follower.ts';
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
  const follow = new PolicyFollower(store.policies, {
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
  const rollOut = async (document: string, parsed: unknown, rollout: RolloutExtent) =>
    addVersion(
      store,
      await readPolicies(store),
      { texts: { document, parsed, lists: {} }, name: null, comment: null, place: 'rollout', rollout },
      BY,
      UNAUDITED,
    );
  const change = async (): Promise<RolloutChange> => ({
    known: await readPolicies(store),
    comment: null,
    author: BY,
    audit: UNAUDITED,
  });
  return { store, follow, taken, liveChanged, errors, publish, rollOut, change };
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
    const follow = new PolicyFollower(
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

describe('a roll-out', () => {
  it('is taken at the start and with each change, without compiling its version again', async () => {
    const { store, follow, taken, publish, rollOut, change } = await setUp();
    await publish('name: one', { name: 'one' });
    await rollOut('name: two', { name: 'two' }, { groups: ['Pilot'], share: 0 });
    const { live, rollout } = await follow.start();
    expect(rollout).toMatchObject({ version: { version: 2 }, rollout: { groups: ['Pilot'] } });
    await widenRollout(store, { groups: ['Board'], share: 10 }, await change());
    follow.check();
    await until(() => taken.length === 1, 'the wider one to be taken');
    expect(taken[0]?.rollout?.rollout).toMatchObject({ groups: ['Pilot', 'Board'], share: 10 });
    expect(taken[0]?.rollout?.policy).toBe(rollout?.policy);
    expect(taken[0]?.live).toBe(live);
    await finishRollout(store, await change());
    follow.check();
    await until(() => taken.length === 2, 'its end to be taken');
    expect(taken[1]).toMatchObject({ live: { version: { version: 2 } }, rollout: null });
    expect(taken[1]?.live?.policy).toBe(rollout?.policy);
  });

  it('that did not change is the same one', async () => {
    const { follow, taken, publish, rollOut } = await setUp();
    await rollOut('name: two', { name: 'two' }, { groups: ['Pilot'], share: 0 });
    const { rollout } = await follow.start();
    await publish('name: three', { name: 'three' }, 'shadow');
    follow.check();
    await until(() => taken.length === 1, 'the shadow to be taken');
    expect(taken[0]?.rollout).toBe(rollout);
  });

  it('of a version that cannot be used changes nothing, which is reported', async () => {
    const { follow, taken, errors, publish, rollOut } = await setUp();
    await publish('name: good', { name: 'good' });
    await follow.start();
    await rollOut('rules: nonsense', { rules: 'nonsense' }, { groups: ['Pilot'], share: 0 });
    follow.check();
    await until(() => errors.length > 0, 'the error');
    expect(taken).toEqual([]);
    expect(follow.current).toMatchObject({ live: { version: { version: 1 } }, rollout: null });
  });
});
