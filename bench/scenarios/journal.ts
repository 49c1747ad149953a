// Owns the scenario of queries of the journal: the entries of one device, user and kind among millions, in a file and in Redis with
// the index that a control process keeps.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { NO_GROUPS } from '../../src/identity/user-names.ts';
import { EmbeddedJournal } from '../../src/journal/embedded-journal.ts';
import { IndexedJournal } from '../../src/journal/indexed-journal.ts';
import { JournalIndex } from '../../src/journal/journal-index.ts';
import { JournalIndexer } from '../../src/journal/journal-indexer.ts';
import type { JournalFilter, JournalStore } from '../../src/journal/journal-store.ts';
import { RedisJournal } from '../../src/journal/redis-journal.ts';
import type { JournalEntry } from '../../src/model/journal.ts';
import { deviceName, userName, userOf } from '../core/fleet.ts';
import { stop } from '../core/processes.ts';
import { startRedis } from '../core/redis-server.ts';
import type { Sample } from '../core/report.ts';
import { PLAIN } from './scenario.ts';
import type { Effort, Scenario } from './scenario.ts';

/** `EASGATE_BENCH_EVENTS`: another number, for a short try. */
const EVENTS = Number(process.env['EASGATE_BENCH_EVENTS'] ?? 10_000_000);
const PHONES = 500_000;
const PART = 2_000;
const QUERIES = 100;
const KEEP = { maxAgeMs: 1e13, maxEntries: 1e9 };
const RETENTION = { journal: KEEP, audit: KEEP };
/** Of each thousand entries one. */
const RARE_KIND = 'wipe_told';

const FILTERS: Readonly<Record<string, (round: number) => JournalFilter>> = {
  device: (round) => ({ device: deviceName(round * 97) }),
  user: (round) => ({ users: [userName(round * 89)] }),
  kind: () => ({ kinds: [RARE_KIND] }),
  'device-and-kind': (round) => ({ device: deviceName(round * 83), kinds: ['verdict_changed'] }),
};

function entryAt(index: number, now: number): JournalEntry {
  const phone = (index * 7_919) % PHONES;
  return {
    at: now - (EVENTS - index) * 100,
    kind: index % 1_000 === 0 ? RARE_KIND : index % 3 === 0 ? 'verdict_changed' : 'device_refused',
    user: userName(userOf(phone)),
    device: deviceName(phone),
    action: 'quarantine',
    reason: 'notCompliant',
    rule: null,
    count: 1,
    seconds: null,
    gateway: 'gateway-1',
    facts: null,
  };
}

async function fill(store: JournalStore): Promise<void> {
  const now = Date.now();
  for (let at = 0; at < EVENTS; at += PART)
    await store.append(Array.from({ length: PART }, (_, index) => entryAt(at + index, now)));
}

async function measureQueries(store: JournalStore, name: string, rounds: number): Promise<Sample[]> {
  const samples: Sample[] = [];
  for (let round = 0; round < rounds; round++)
    for (const [what, filter] of Object.entries(FILTERS)) {
      const times: number[] = [];
      for (let query = 0; query < QUERIES; query++) {
        const began = performance.now();
        await store.query('journal', filter(round * QUERIES + query), null, 50);
        times.push(performance.now() - began);
      }
      times.sort((a, b) => a - b);
      const at = (share: number): number => times[Math.floor(times.length * share)] ?? 0;
      process.stdout.write(`${name}, by ${what}: p50 ${at(0.5).toFixed(1)}, p99 ${at(0.99).toFixed(1)} ms\n`);
      samples.push({ p50Ms: at(0.5), p99Ms: at(0.99) });
    }
  return samples;
}

async function measure({ rounds }: Effort): Promise<Record<string, Sample[]>> {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-bench-journal-'));
  try {
    const file = new EmbeddedJournal(join(folder, 'journal.db'), { retention: RETENTION, busyMs: 2_000 });
    await fill(file);
    const embedded = await measureQueries(file, 'embedded', rounds);
    await file.close();
    return { embedded, redis: await measureRedis(folder, rounds) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function measureRedis(folder: string, rounds: number): Promise<Sample[]> {
  const { port, process: server } = await startRedis(folder);
  const options = { url: `redis://127.0.0.1:${port}/0`, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 };
  const path = join(folder, 'journal-index.db');
  const redis = new RedisJournal(options, RETENTION);
  const store = new IndexedJournal(redis, path, NO_GROUPS);
  try {
    await redis.end('journal');
    await fill(store);
    const index = JournalIndex.open(path);
    const began = performance.now();
    const indexer = new JournalIndexer(redis, index);
    while (!(await indexer.step()));
    index.close();
    const seconds = (performance.now() - began) / 1_000;
    process.stdout.write(`redis: indexed in ${seconds.toFixed(0)} s\n`);
    return await measureQueries(store, 'redis', rounds);
  } finally {
    await store.close();
    await stop(server);
  }
}

export const JOURNAL_SCENARIOS: readonly Scenario[] = [
  {
    ...PLAIN,
    name: 'journal-query',
    text: 'the newest 50 entries of the journal by device, user or kind among 10,000,000',
    figure: 'p99Ms',
    rivals: [],
    alone: measure,
    measure: () => Promise.resolve(),
  },
];
