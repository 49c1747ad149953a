// Owns the promises of the index of the journal in Redis: the contract with an index that is behind, whole or missing; its bounds.
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { journalOptions } from '../../src/config/journal-settings.ts';
import { loadConfig } from '../../src/config/load.ts';
import type { DeviceKey } from '../../src/identity/keys.ts';
import { NO_GROUPS } from '../../src/identity/user-names.ts';
import { IndexedJournal } from '../../src/journal/indexed-journal.ts';
import { JournalIndex } from '../../src/journal/journal-index.ts';
import { JournalIndexKeeper } from '../../src/journal/journal-index-keeper.ts';
import { JournalIndexer } from '../../src/journal/journal-indexer.ts';
import { RedisJournal } from '../../src/journal/redis-journal.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { useRedis } from '../support/servers/redis.ts';
import type { TestRedis } from '../support/servers/redis.ts';
import { KEEP_ALL, change, event } from './entries.ts';
import { allOf, journalContract } from './store-contract.ts';

checkLeaksAtEnd();

let redis: TestRedis;
let client: Redis;
useRedis((server, connection) => ([redis, client] = [server, connection]));

let folder: string;
let path: string;
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-journal-index-'));
  path = join(folder, 'journal-index.db');
  await client.del('easgate:journal', 'easgate:audit');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const optionsOf = () => ({ url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 });

function openRedis(retention: ConstructorParameters<typeof RedisJournal>[1] = KEEP_ALL): RedisJournal {
  const store = new RedisJournal(optionsOf(), retention);
  const append = store.append.bind(store);
  store.append = async (entries) => {
    await store.end('journal');
    await append(entries);
  };
  return store;
}

const openIndexed = (retention = KEEP_ALL) => new IndexedJournal(openRedis(retention), path, NO_GROUPS);

/** Brings the index up to the streams. */
async function bringUp(): Promise<void> {
  const index = JournalIndex.open(path);
  const store = openRedis();
  try {
    const indexer = new JournalIndexer(store, index);
    while (!(await indexer.step()));
  } finally {
    index.close();
    await store.close();
  }
}

/** What a query reads from the index, beside from Redis. */
async function indexed(device: string): Promise<number> {
  const index = JournalIndex.openToRead(path);
  try {
    return index?.find('journal', { device: device as DeviceKey }, null, 0, 1_000).positions.length ?? 0;
  } finally {
    index?.close();
  }
}

/** Each append leaves an index that has the first half of it. */
function openBehind(retention = KEEP_ALL): IndexedJournal {
  const store = openIndexed(retention);
  const [append, appendAudit] = [store.append.bind(store), store.appendAudit.bind(store)];
  store.append = async (entries) => {
    const half = Math.ceil(entries.length / 2);
    await append(entries.slice(0, half));
    await bringUp();
    if (half < entries.length) await append(entries.slice(half));
  };
  store.appendAudit = async (entry) => {
    await appendAudit(entry);
    await bringUp();
  };
  return store;
}

describe('the journal in Redis with an index', () => {
  journalContract({
    open: openBehind,
    reset: async () => {
      await client.del('easgate:journal', 'easgate:audit');
    },
    writeText: async (stream, text) => {
      await client.xadd(`easgate:${stream}`, '*', 'e', text);
      await bringUp();
    },
    byTime: false,
    slack: 100,
  });
});

const OLD = 'appl1' as DeviceKey;

async function appended(count: number, device: string = OLD): Promise<void> {
  const store = openRedis();
  for (let at = 0; at < count; at += 500)
    await store.append(
      Array.from({ length: Math.min(500, count - at) }, (_, index) => event({ at: at + index + 1, device })),
    );
  await store.close();
}

describe('the index', () => {
  it('finds the one entry of a device among many, without reading the others from Redis', async () => {
    await appended(1);
    await appended(3_000, 'other');
    await bringUp();
    const store = openIndexed();
    onTestFinished(() => store.close());
    const before = await client.info('commandstats');
    const page = await store.query('journal', { device: OLD }, null, 10);
    expect(page.entries.map(({ device }) => device)).toEqual([OLD]);
    expect(page.next).toBeNull();
    const calls = (text: string): number => Number(/cmdstat_xrevrange:calls=(\d+)/.exec(text)?.[1] ?? 0);
    expect(calls(await client.info('commandstats')) - calls(before)).toBe(1);
  });

  it('is not looked into while it is loaded, and goes on loading where it was', async () => {
    await appended(2_500);
    const store = openIndexed();
    onTestFinished(() => store.close());
    const [index, reader] = [JournalIndex.open(path), openRedis()];
    expect(await new JournalIndexer(reader, index).step(1)).toBe(false);
    expect([index.end('journal'), index.loadedEnd('journal')]).toEqual([null, expect.any(String)]);
    index.close();
    expect(await allOf(store, 'journal', { device: OLD })).toHaveLength(2_500);
    const again = JournalIndex.open(path);
    while (!(await new JournalIndexer(reader, again).step(1)));
    expect(again.end('journal')).toBe(await reader.end('journal'));
    again.close();
    await reader.close();
    expect(await indexed(OLD)).toBe(1_000);
    expect(await allOf(store, 'journal', { device: OLD })).toHaveLength(2_500);
  });

  it('forgets what the stream no longer has', async () => {
    await appended(1_000);
    await bringUp();
    expect(await indexed(OLD)).toBe(1_000);
    await client.xtrim('easgate:journal', 'MAXLEN', 300);
    await bringUp();
    expect(await indexed(OLD)).toBe(300);
    await client.xtrim('easgate:journal', 'MAXLEN', 0);
    await bringUp();
    expect(await indexed(OLD)).toBe(0);
  });

  it('is made anew where the stream is another one', async () => {
    await appended(20);
    await bringUp();
    await client.del('easgate:journal');
    await appended(5);
    const store = openIndexed();
    onTestFinished(() => store.close());
    // The index is still that of the stream before.
    expect(await allOf(store, 'journal', { device: OLD })).toHaveLength(5);
    await bringUp();
    expect(await indexed(OLD)).toBe(5);
    expect(await allOf(store, 'journal', { device: OLD })).toHaveLength(5);
  });

  it.each<[string, () => void]>([
    ['removed', () => rmSync(path)],
    ['broken', () => writeFileSync(path, 'no database')],
  ])('that is %s costs no answer, and is made anew', async (_, damage) => {
    await appended(20);
    await bringUp();
    const store = openIndexed();
    onTestFinished(() => store.close());
    expect(await allOf(store, 'journal', { device: OLD })).toHaveLength(20);
    damage();
    expect(await allOf(store, 'journal', { device: OLD })).toHaveLength(20);
    await bringUp();
    expect(await indexed(OLD)).toBe(20);
    expect(await allOf(store, 'journal', { device: OLD })).toHaveLength(20);
  });

  it('is kept in a thread, which only its owner may read, and goes on after an outage of Redis', async () => {
    const troubles: (string | null)[] = [];
    const keeper = new JournalIndexKeeper({ path, redis: optionsOf(), retention: KEEP_ALL }, ({ trouble }) =>
      troubles.push(trouble),
    );
    onTestFinished(() => keeper.close());
    await appended(10);
    await until(async () => (await indexed(OLD)) === 10, 'the first entries to be indexed');
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await appended(10);
    await until(async () => (await indexed(OLD)) === 20, 'the later entries to be indexed');
    await until(() => (troubles.at(-1) ?? null) === null, 'the end of the trouble to be reported');
  });

  it('is beside the read model, for the control process and for commands', () => {
    const config = join(folder, 'easgate.yaml');
    writeFileSync(
      config,
      'upstream: { url: "http://127.0.0.1" }\nstore: { kind: redis, url: "redis://127.0.0.1" }\ncontrol: { readModel: lists/model.db }\n',
    );
    expect(journalOptions(loadConfig(config))).toMatchObject({
      kind: 'redis',
      index: join(folder, 'lists', 'journal-index.db'),
    });
  });

  it('of the audit finds by operation', async () => {
    const store = openIndexed();
    onTestFinished(() => store.close());
    await store.appendAudit(change({ at: 1 }));
    await store.appendAudit(change({ at: 2, operation: 'clear' }));
    await bringUp();
    expect((await allOf(store, 'audit', { kinds: ['clear'] })).map(({ at }) => at)).toEqual([2]);
  });
});
