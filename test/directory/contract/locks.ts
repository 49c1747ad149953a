// Owns what every store promises of locks by name.
import { expect, it } from 'vitest';
import { until } from '../../support/checks/until.ts';
import type { StoreFixture } from './fixture.ts';
import { twoHandles } from './handles.ts';

const LONG_MS = 60_000;

export function lockContract(fixture: StoreFixture): void {
  const handles = twoHandles(fixture);

  it('one has a lock, until it gives it back; others have their own', async () => {
    const { store: one, other } = handles;
    expect(await one.locks.take('feed:mdm', 'token1', 'alice on gate1', LONG_MS)).toBeNull();
    expect(await other.locks.take('feed:mdm', 'token2', 'bob', LONG_MS)).toBe('alice on gate1');
    expect(await other.locks.take('feed:ad', 'token2', 'bob', LONG_MS)).toBeNull();
    expect(await one.locks.take('feed:mdm', 'token1', 'alice, again', LONG_MS)).toBeNull();
    await other.locks.release('feed:mdm', 'token2');
    expect(await other.locks.take('feed:mdm', 'token2', 'bob', LONG_MS)).toBe('alice, again');
    await one.locks.release('feed:mdm', 'token1');
    expect(await other.locks.take('feed:mdm', 'token2', 'bob', LONG_MS)).toBeNull();
  });

  it('a lock that is not renewed is free again', async () => {
    const { store: one, other } = handles;
    await one.locks.take('feed:mdm', 'token1', 'alice', 1);
    await until(
      async () => (await other.locks.take('feed:mdm', 'token2', 'bob', LONG_MS)) === null,
      'the end of the lock',
    );
    expect(await one.locks.take('feed:mdm', 'token1', 'alice', LONG_MS)).toBe('bob');
  });
}
