// Owns the scenario of queries of the journal: the entries of one device, user and kind among millions, in a file and in Redis with
// the index that a control process keeps.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Redis } from 'ioredis';
import { NO_GROUPS } from '../../src/identity/user-names.ts';
import { EmbeddedJournal } from '../../src/journal/embedded-journal.ts';
import { IndexedJournal } from '../../src/journal/indexed-journal.ts';
import { JournalIndex } from '../../src/journal/journal-index.ts';
import { JournalIndexer } from '../../src/journal/journal-indexer.ts';
import type { JournalFilter, JournalStore } from '../../src/journal/journal-store.ts';
import { RedisJournal } from '../../src/journal/redis-journal.ts';
import { STREAM_FORMS } from '../../src/journal/stream-forms.ts';
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

type Write = (entries: JournalEntry[]) => Promise<unknown>;

/** Writes all entries, and says how far it is. `atEnd` is called before the last hundredth. */
async function fill(name: string, write: Write, atEnd: () => void = () => undefined): Promise<void> {
  const now = Date.now();
  const told = progress(`${name}: written`);
  const last = Math.floor((EVENTS * 0.99) / PART) * PART;
  for (let at = 0; at < EVENTS; at += PART) {
    if (at === last) atEnd();
    await write(Array.from({ length: Math.min(PART, EVENTS - at) }, (_, index) => entryAt(at + index, now)));
    told(Math.min(EVENTS, at + PART));
  }
}

/** Fills a file. Its indices are made of most entries at once, which takes a fraction of the time; the last ones go into them as in a gateway. */
async function fillFile(file: EmbeddedJournal, path: string): Promise<void> {
  await file.end('journal');
  const database = new DatabaseSync(path, { timeout: 10_000 });
  const indices = database
    .prepare(
      "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'journal' AND name <> 'journal_at'",
    )
    .all();
  for (const { name } of indices) database.exec(`DROP INDEX ${String(name)}`);
  const makeIndices = (): void => {
    for (const { sql } of indices) database.exec(String(sql));
  };
  await fill('embedded', (entries) => file.append(entries), makeIndices);
  database.close();
}

/** Prints each tenth of the entries, with the seconds since the begin. */
function progress(what: string): (done: number) => void {
  const began = performance.now();
  let tenths = 0;
  return (done) => {
    if (Math.floor((done * 10) / EVENTS) <= tenths) return;
    tenths = Math.floor((done * 10) / EVENTS);
    const seconds = (performance.now() - began) / 1_000;
    process.stdout.write(`${what} ${done} of ${EVENTS}, after ${seconds.toFixed(0)} s\n`);
  };
}

/** What the journal writes, many entries by one script: they are not what is measured. */
const ADD = `for index = 1, #ARGV do redis.call('XADD', KEYS[1], '*', 'e', ARGV[index]) end`;
/** Entries of one script, and scripts under way. */
const OF_SCRIPT = 1_000;
const SCRIPTS = 4;

/** Writes to the stream of the journal. While Redis adds entries, the next ones are made. */
function streamWriter(client: Redis): (entries: readonly JournalEntry[]) => Promise<void> {
  const { bounded, write } = STREAM_FORMS.journal;
  const waiting: Promise<unknown>[] = [];
  return async (entries) => {
    for (let at = 0; at < entries.length; at += OF_SCRIPT) {
      const texts = entries.slice(at, at + OF_SCRIPT).map((entry) => write(bounded(entry)));
      waiting.push(client.eval(ADD, 1, 'easgate:journal', ...texts));
    }
    while (waiting.length > SCRIPTS) await waiting.shift();
  };
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
    const path = join(folder, 'journal.db');
    const file = new EmbeddedJournal(path, { retention: RETENTION, busyMs: 2_000 });
    await fillFile(file, path);
    const embedded = await measureQueries(file, 'embedded', rounds);
    await file.close();
    return { embedded, redis: await measureRedis(folder, rounds) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** As the thread of a control process does. */
async function indexAll(redis: RedisJournal, path: string): Promise<void> {
  const told = progress('redis: indexed');
  const index = JournalIndex.open(path);
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  const indexer = new JournalIndexer(redis, index);
  for (let steps = 1; !(await indexer.step(STEP)); steps++) told(Math.min(EVENTS, steps * STEP * 1_000));
  index.close();
  const { user, system } = process.cpuUsage(cpu);
  const seconds = (performance.now() - began) / 1_000;
  const cpuSeconds = (user + system) / 1e6;
  process.stdout.write(`redis: indexed in ${seconds.toFixed(0)} s, ${cpuSeconds.toFixed(0)} s of CPU\n`);
}

/** Parts of 1,000 entries in one step, as by default. */
const STEP = 10;

async function measureRedis(folder: string, rounds: number): Promise<Sample[]> {
  const { port, process: server } = await startRedis(folder);
  const options = { url: `redis://127.0.0.1:${port}/0`, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 };
  const path = join(folder, 'journal-index.db');
  const client = new Redis(options.url);
  const redis = new RedisJournal(options, RETENTION);
  const store = new IndexedJournal(redis, path, NO_GROUPS);
  try {
    await fill('redis', streamWriter(client));
    await redis.end('journal');
    await indexAll(redis, path);
    return await measureQueries(store, 'redis', rounds);
  } finally {
    client.disconnect();
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
