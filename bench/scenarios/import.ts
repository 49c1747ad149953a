// Owns the scenario of importing a whole fleet into an empty directory: records a second into Redis while nothing else asks it, and
// beside a steady rate of look-ups; into SQLite; and the memory of a device in Redis.
import { Redis } from 'ioredis';
import { openStore } from '../../src/directory/open-store.ts';
import type { StoreOptions } from '../../src/directory/open-store.ts';
import { BULK_RECORDS } from '../../src/directory/store.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import { DEVICES, onDirectory } from '../core/fleet-directory.ts';
import { userName, userOf } from '../core/fleet.ts';
import {
  SOURCES,
  fullDeviceAt,
  fullDeviceName,
  fullPair,
  fullSeenAt,
  fullUserAt,
  inOrder,
} from '../core/full-fleet.ts';
import { ALL_CORES, line, start, stop } from '../core/processes.ts';
import { told } from '../core/report.ts';
import type { Sample } from '../core/report.ts';
import { PLAIN } from './scenario.ts';
import type { Effort, Scenario } from './scenario.ts';

/** Look-ups a second beside. */
const RATE = 3_000;
/** How long look-ups are counted before the import. */
const COUNTED_MS = 3_000;

/** How long writing took: what makes the records does not count. */
interface Written {
  readonly records: number;
  readonly ms: number;
}

async function timed<T>(
  count: number,
  make: (index: number) => T,
  write: (part: T[]) => Promise<unknown>,
): Promise<Written> {
  let ms = 0;
  for (let at = 0; at < count; at += BULK_RECORDS) {
    const part = Array.from({ length: Math.min(BULK_RECORDS, count - at) }, (_, index) => make(at + index));
    const began = performance.now();
    await write(part);
    ms += performance.now() - began;
  }
  return { records: count, ms };
}

/**
 * Writes the whole fleet: users and devices as a run of a feed does, in the order of their keys, partnerships in the order in which phones come. Returns
 * the records a second, those of each kind for the terminal.
 */
async function importFleet(store: DirectoryStore, name: string): Promise<number> {
  const now = Date.now();
  const users = inOrder(userOf(DEVICES - 1) + 1, userName);
  const devices = inOrder(DEVICES, fullDeviceName);
  const parts: Record<string, Written> = {
    users: await timed(
      users.length,
      (index) => fullUserAt(users[index] ?? 0, now),
      (part) => store.putUsers(part),
    ),
  };
  for (const source of SOURCES)
    parts[source] = await timed(
      DEVICES,
      (index) => fullDeviceAt(devices[index] ?? 0, now, source),
      (part) => store.putDevices(part),
    );
  parts['partnerships'] = await timed(
    DEVICES,
    (index) => fullSeenAt(index, now),
    (part) => store.recordSeen(part),
  );
  const all = Object.values(parts).reduce(
    (sum, { records, ms }) => ({ records: sum.records + records, ms: sum.ms + ms }),
    { records: 0, ms: 0 },
  );
  const rates = Object.entries({ ...parts, all }).map(
    ([kind, { records, ms }]) => `${kind} ${Math.round((records * 1_000) / ms)}/s`,
  );
  process.stdout.write(`${name}: ${rates.join(', ')}\n`);
  await prove(store);
  return (all.records * 1_000) / all.ms;
}

/** What was written is there. */
async function prove(store: DirectoryStore): Promise<void> {
  for (let index = 0; index < DEVICES; index += Math.ceil(DEVICES / 100)) {
    const { user, device } = fullPair(index);
    const { device: record, partnership, userRecord } = await store.lookup(user, device);
    const entry = await store.getDevice(device);
    if (
      record?.managed !== true ||
      partnership === null ||
      userRecord === null ||
      entry?.reports.length !== 2
    )
      throw new Error(`device ${index} was not written as a whole`);
  }
}

/** Memory of the server, bytes, but for the logs of changes. */
async function memoryOf(options: StoreOptions): Promise<number> {
  if (options.kind !== 'redis') return 0;
  const client = new Redis(options.url);
  const used = Number(/^used_memory:(\d+)/m.exec(await client.info('memory'))?.[1] ?? 0);
  let logs = 0;
  for (const key of await client.keys('*:changes')) logs += Number(await client.memory('USAGE', key));
  client.disconnect();
  return used - logs;
}

/** The p99 of the look-ups while the fleet is written once more. */
async function besideLookups(options: StoreOptions): Promise<Sample> {
  const words = ['bench/core/lookups.ts', JSON.stringify(options), String(DEVICES), String(RATE)];
  const lookups = start(ALL_CORES, process.execPath, words, true);
  const ask = async (
    word: string,
  ): Promise<Record<'total' | 'errors' | 'unknown' | 'p50' | 'p99', number>> => {
    const answer = line(lookups, /^(\{.*\})$/m);
    lookups.stdin?.write(`${word}\n`);
    return JSON.parse((await answer)[1] ?? '{}');
  };
  const store = await openStore(options);
  try {
    await line(lookups, /looks up/);
    const counted = async (): ReturnType<typeof ask> => {
      await new Promise((resolve) => setTimeout(resolve, COUNTED_MS));
      return ask('count');
    };
    // Not the first look-ups, by code that is not compiled yet.
    await counted();
    const { p99: p99MsBefore } = await counted();
    const recordsPerSecond = await importFleet(store, 'redis-beside');
    const { total, errors, unknown, p50: p50Ms, p99: p99Ms } = await ask('end');
    if (total === 0 || unknown > 0) throw new Error(`${unknown} of ${total} look-ups found no device`);
    return { recordsPerSecond, p50Ms, p99Ms, p99MsBefore, errors };
  } finally {
    await store.close();
    await stop(lookups);
  }
}

async function measure({ rounds }: Effort): Promise<Record<string, Sample[]>> {
  const samples: Record<string, Sample[]> = { redis: [], 'redis-beside': [], embedded: [] };
  for (let round = 0; round < rounds; round++) {
    await onDirectory('redis', async ({ store: options }) => {
      const before = await memoryOf(options);
      const store = await openStore(options);
      const recordsPerSecond = await importFleet(store, 'redis');
      await store.close();
      const bytesPerDevice = ((await memoryOf(options)) - before) / DEVICES;
      samples['redis']?.push(told('redis', { recordsPerSecond, bytesPerDevice }));
      samples['redis-beside']?.push(told('redis-beside', await besideLookups(options)));
    });
    await onDirectory('embedded', async ({ store: options }) => {
      const store = await openStore(options);
      samples['embedded']?.push(told('embedded', { recordsPerSecond: await importFleet(store, 'embedded') }));
      await store.close();
    });
  }
  return samples;
}

export const IMPORT_SCENARIOS: readonly Scenario[] = [
  {
    ...PLAIN,
    rivals: [],
    measure: () => Promise.resolve(),
    name: 'import',
    text: 'reports of two sources on 1,000,000 devices, 400,000 users and 1,000,000 partnerships are written into an empty directory, with all fields; and over it again beside 3,000 look-ups/s',
    figure: 'recordsPerSecond',
    alone: measure,
  },
];
