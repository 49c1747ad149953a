// Owns what every store promises of the leader's lease.
import { expect, it } from 'vitest';
import type { DeviceKey } from '../../../src/identity/keys.ts';
import { deviceReport } from '../../support/servers/directory-records.ts';
import { until } from '../../support/checks/until.ts';
import type { StoreFixture } from './fixture.ts';
import { twoHandles } from './handles.ts';

const LONG_MS = 60_000;

export function leaseContract(fixture: StoreFixture): void {
  const handles = twoHandles(fixture);

  it('one leads, until it gives the lease back', async () => {
    const { store: one, other } = handles;
    expect(await one.leases.leader()).toBeNull();
    const first = await one.leases.take('token1', 'gate1 12', LONG_MS);
    expect(first).not.toBeNull();
    expect(await other.leases.take('token2', 'gate2 7', LONG_MS)).toBeNull();
    expect(await other.leases.leader()).toStrictEqual({ holder: 'gate1 12', fence: first?.fence });
    await other.leases.release('token2');
    expect(await one.leases.take('token1', 'gate1 12', LONG_MS)).toStrictEqual(first);
    await one.leases.release('token1');
    const second = await other.leases.take('token2', 'gate2 7', LONG_MS);
    expect(second?.fence).toBeGreaterThan(first?.fence ?? Infinity);
  });

  it('another one leads when the lease ran out', async () => {
    const { store: one, other } = handles;
    const first = await one.leases.take('token1', 'gate1', 1);
    let second: { readonly fence: number } | null = null;
    await until(
      async () => (second = await other.leases.take('token2', 'gate2', LONG_MS)) !== null,
      'the lease',
    );
    expect(second).toStrictEqual({ fence: (first?.fence ?? 0) + 1 });
    expect(await one.leases.take('token1', 'gate1', LONG_MS)).toBeNull();
  });

  it('writes of an earlier leader are refused, and nothing is written', async () => {
    const { store: one, other } = handles;
    const key = 'fenced1' as DeviceKey;
    const first = await one.leases.take('token1', 'gate1', LONG_MS);
    await one.putDevices([deviceReport(key)], first?.fence);
    await one.leases.release('token1');
    const second = await other.leases.take('token2', 'gate2', LONG_MS);
    const late = { observedAt: 9, compliant: false };
    await expect(one.putDevices([deviceReport(key, late)], first?.fence)).rejects.toMatchObject({
      code: 'EASGATE_FENCED',
    });
    const user = { key: 'alice' as never, source: 'ad', observedAt: 1, groups: ['staff'] };
    await expect(one.putUsers([user], first?.fence)).rejects.toMatchObject({ code: 'EASGATE_FENCED' });
    expect((await one.getDevice(key))?.record?.compliant).toBe(true);
    await other.putDevices([deviceReport(key, late)], second?.fence);
    expect((await one.getDevice(key))?.record?.compliant).toBe(false);
  });
}
