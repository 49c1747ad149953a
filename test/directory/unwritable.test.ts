// Owns the promise that a gateway logs that its directory can be read but takes no changes: nothing else would report that decisions are refused.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { describe, expect, it, onTestFinished } from 'vitest';
import { EmbeddedStore } from '../../src/directory/embedded/embedded-store.ts';
import { fileError } from '../../src/directory/embedded/file-trouble.ts';
import { StoreGuard, UNGUARDED } from '../../src/directory/store-guard.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { phone } from '../support/servers/directory-records.ts';
import { openGuarded } from '../support/servers/guarded-store.ts';
import { startRedis } from '../support/servers/redis.ts';

checkLeaks();

describe('a directory that takes no changes', () => {
  it('is logged once after several refusals in a row, and once when it takes changes again', () => {
    const told: unknown[] = [];
    const guard = new StoreGuard('place', { ...UNGUARDED, onEvent: (_level, { code }) => told.push(code) });
    const beats = (...refusals: readonly (string | null)[]): void =>
      refusals.forEach((one) => guard.noteBeat(one));
    beats(null, 'full', 'full', 'full', null, 'full', 'full', 'full');
    expect(told).toEqual([]);
    expect(guard.refusal).toBeNull();
    beats('full', 'full', 'very full');
    expect(told).toEqual(['EASGATE_STORE_UNWRITABLE']);
    expect(guard.refusal).toBe('very full');
    beats(null, null);
    expect(guard.refusal).toBeNull();
    expect(told).toEqual(['EASGATE_STORE_UNWRITABLE', 'EASGATE_STORE_WRITABLE']);
  });

  it('is logged if Redis has no memory left, while look-ups go on', async () => {
    const redis = await startRedis();
    onTestFinished(() => redis.kill());
    const client = new Redis(redis.url);
    onTestFinished(() => client.disconnect());
    const gateway = await openGuarded({
      kind: 'redis',
      url: redis.url,
      keyPrefix: 'easgate:',
      commandTimeoutMs: 30_000,
    });
    onTestFinished(() => gateway.close());
    await client.config('SET', 'maxmemory', '1');
    await until(
      () => gateway.codes().includes('EASGATE_STORE_UNWRITABLE'),
      'the log entry about the refusals',
    );
    expect((await gateway.ask(phone)).source).toBe('store');
    expect(gateway.store.refusal).toContain('OOM');
    await client.config('SET', 'maxmemory', '0');
    await until(() => gateway.codes().includes('EASGATE_STORE_WRITABLE'), 'the log entry about their end');
    expect(gateway.store.refusal).toBeNull();
  });
});

/** Mounts a file system in memory on the folder; false = the test may not mount. */
function mounted(folder: string): boolean {
  return spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', folder]).status === 0;
}

function mayMount(): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-disk-'));
  const isMounted = mounted(folder);
  if (isMounted) spawnSync('umount', [folder]);
  rmSync(folder, { recursive: true });
  return isMounted;
}

describe('a command on a disk without any room', () => {
  it.runIf(mayMount())('is refused as on a full disk, also if SQLite reports that it failed', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'easgate-disk-'));
    onTestFinished(() => {
      spawnSync('umount', ['-l', folder]);
      rmSync(folder, { recursive: true, force: true });
    });
    expect(mounted(folder)).toBe(true);
    const path = join(folder, 'easgate.db');
    await new EmbeddedStore(path).close();
    spawnSync('dd', ['if=/dev/zero', `of=${join(folder, 'other')}`, 'bs=1k'], { stdio: 'ignore' });
    // The file of the shared memory of SQLite does not fit.
    expect(() => new EmbeddedStore(path)).toThrow(
      expect.objectContaining({ code: 'EASGATE_STORE_FULL' }) as Error,
    );
  });
});

describe('a file on a disk that became read-only', () => {
  it.runIf(mayMount())(
    'is reported as a read-only file system, also if SQLite reports missing permissions',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'easgate-disk-'));
      onTestFinished(() => {
        spawnSync('umount', ['-l', folder]);
        rmSync(folder, { recursive: true, force: true });
      });
      expect(mounted(folder)).toBe(true);
      const path = join(folder, 'easgate.db');
      await new EmbeddedStore(path).close();
      expect(spawnSync('mount', ['-o', 'remount,ro', folder]).status).toBe(0);
      const refused = Object.assign(new Error('attempt to write a readonly database'), {
        errcode: 8,
        errstr: 'readonly',
      });
      const { message } = fileError(path, refused, '; nothing was written');
      expect(message).toMatch(/file system is read-only.*; nothing was written$/);
      expect(message).not.toMatch(/permission/);
    },
  );
});
