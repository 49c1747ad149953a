// Owns a directory for a measurement, empty or with a large fleet: made for it, and removed afterwards.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openKeeper, openStore } from '../../src/directory/open-store.ts';
import type { StoreOptions } from '../../src/directory/open-store.ts';
import { newIdentity } from '../../src/directory/store-identity.ts';
import { writeFleet } from './fleet.ts';
import { stop } from './processes.ts';
import { startRedis } from './redis-server.ts';

/** `EASGATE_BENCH_FLEET`: another number, for a short try. */
export const DEVICES = Number(process.env['EASGATE_BENCH_FLEET'] ?? 1_000_000);

/** A directory, and a folder of its own; a SQLite file is `easgate.db` in it. */
export interface Fleet {
  readonly folder: string;
  readonly store: StoreOptions;
}

/** Runs `work` on a directory with the fleet. */
export function onFleet<T>(kind: StoreOptions['kind'], work: (fleet: Fleet) => Promise<T>): Promise<T> {
  return onDirectory(kind, async (fleet) => {
    const store = await openStore(fleet.store);
    process.stdout.write(`${kind}: ${DEVICES} devices are written\n`);
    await writeFleet(store, DEVICES, Date.now());
    await store.close();
    return work(fleet);
  });
}

/** Runs `work` on an empty directory. */
export async function onDirectory<T>(
  kind: StoreOptions['kind'],
  work: (fleet: Fleet) => Promise<T>,
): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-bench-fleet-'));
  // As `easgate store init` advises.
  const redis = kind === 'redis' ? await startRedis(folder, ['--hash-max-listpack-value', '1024']) : null;
  const options: StoreOptions =
    redis === null
      ? { kind: 'embedded', path: join(folder, 'easgate.db') }
      : {
          kind: 'redis',
          url: `redis://127.0.0.1:${redis.port}/0`,
          keyPrefix: 'easgate:',
          commandTimeoutMs: 30_000,
        };
  try {
    const keeper = await openKeeper(options);
    if ((await keeper.read()) === null) await keeper.replace(null, newIdentity());
    await keeper.close();
    return await work({ folder, store: options });
  } finally {
    if (redis !== null) await stop(redis.process);
    rmSync(folder, { recursive: true, force: true });
  }
}
