// Owns the two kinds of directory that tests open as a gateway does: a SQLite file, and a Redis server of the test's own.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import type { StoreOptions } from '../../../src/directory/open-store.ts';
import { startRedis } from './redis.ts';

/** For `describe.each`: the name of a kind, and what opens a new store of it. It is removed at the end of the test. */
export const STORE_KINDS: readonly (readonly [string, () => Promise<StoreOptions>])[] = [
  [
    'embedded',
    async () => {
      const folder = mkdtempSync(join(tmpdir(), 'easgate-store-'));
      onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
      return { kind: 'embedded', path: join(folder, 'directory.db') };
    },
  ],
  [
    'redis',
    async () => {
      const redis = await startRedis();
      onTestFinished(() => redis.kill());
      return { kind: 'redis', url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 };
    },
  ],
];
