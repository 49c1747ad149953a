// Owns the promises of `easgate store` and `easgate check --store`: their output, effects and exit codes.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../src/directory/open-store.ts';
import { storeOptions } from '../../src/config/store-settings.ts';
import { loadConfig } from '../../src/config/load.ts';
import { seen } from '../app/office.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
import { startRedis } from '../support/servers/redis.ts';
import type { TestRedis } from '../support/servers/redis.ts';
import { BY_TEST, decision, phone, wipeDecision } from '../support/servers/directory-records.ts';
import { runInProcess } from './run-in-process.ts';

checkLeaksAtEnd();

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-store-cli-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Writes a configuration; returns the way to run commands with it. */
function configured(
  name: string,
  store: string,
): (...words: string[]) => Promise<{ code: number; text: string }> {
  const config = join(folder, name);
  writeFileSync(config, `store: ${store}\n`);
  return async (...words) => {
    const { code, out, error } = await runInProcess(...words, '--config', config);
    return { code, text: out + error };
  };
}

describe('easgate store with Redis', () => {
  let redis: TestRedis;
  let client: Redis;
  beforeAll(async () => {
    redis = await startRedis([], false);
    client = new Redis(redis.url);
  });
  afterAll(async () => {
    client.disconnect();
    await redis.kill();
  });

  it('brings a directory of an earlier version over, once', async () => {
    const run = configured(
      'earlier.yaml',
      `{ kind: redis, url: "${redis.url}", keyPrefix: "earlier:", commandTimeoutMs: 30000 }`,
    );
    const identity = { version: 1, id: '0123456789abcdef', epoch: 1, replaces: [] };
    const block = { action: 'block', owner: 'admin', reason: null, decidedAt: 5, expiresAt: null };
    await client.mset(
      'earlier:schema',
      JSON.stringify(identity),
      'earlier:decision:phone1:',
      JSON.stringify(block),
    );
    expect(await run('devices', 'list')).toMatchObject({
      code: 1,
      text: expect.stringMatching(/EASGATE_STORE_SCHEMA: .*easgate store migrate/) as string,
    });
    expect(await run('store', 'migrate')).toMatchObject({
      code: 0,
      text: expect.stringMatching(/^brought over: .*decision 1.*; epoch 2: /) as string,
    });
    expect((await run('devices', 'list')).text).toMatch(/phone1 .*block/);
    expect(await run('store', 'migrate')).toMatchObject({
      code: 0,
      text: expect.stringContaining('nothing to bring over') as string,
    });
    await client.flushall();
  });

  it('creates the directory once, reports a lost one, and uses the new one once the operator accepts it', async () => {
    const run = configured('redis.yaml', `{ kind: redis, url: "${redis.url}", commandTimeoutMs: 30000 }`);
    expect(await run('devices', 'list')).toMatchObject({
      code: 1,
      text: expect.stringMatching(/EASGATE_STORE_UNINITIALISED: .*easgate store init/) as string,
    });
    expect(await run('store', 'init')).toMatchObject({
      code: 0,
      text: expect.stringMatching(/^created store .*\nadvice: hash-max-listpack-value is 64: /) as string,
    });
    await client.config('SET', 'hash-max-listpack-value', '1024');
    expect((await run('store', 'init')).text).not.toContain('advice');
    expect(await run('store', 'init')).toMatchObject({
      code: 0,
      text: expect.stringContaining('already') as string,
    });
    expect(await run('store', 'status')).toMatchObject({
      code: 0,
      text: expect.stringMatching(/\nok\n$/) as string,
    });
    const { store } = JSON.parse((await run('store', 'status', '--json')).text) as { store: { id: string } };
    expect((await run('devices', 'block', 'PHONE1')).code).toBe(0);
    await client.flushall();
    expect(await run('devices', 'block', 'PHONE2')).toMatchObject({
      code: 1,
      text: expect.stringContaining('EASGATE_STORE_MISSING') as string,
    });
    expect(await run('store', 'status')).toMatchObject({
      code: 1,
      text: expect.stringContaining('EASGATE_STORE_MISSING') as string,
    });
    expect(await run('store', 'init')).toMatchObject({
      code: 1,
      text: expect.stringContaining('easgate store accept') as string,
    });
    expect(await run('store', 'accept')).toMatchObject({
      code: 0,
      text: expect.stringContaining(`accepted store ${store.id}, epoch 2`) as string,
    });
    expect((await run('store', 'accept')).text).toContain('nothing to accept');
    expect((await run('devices', 'block', 'PHONE2')).code).toBe(0);
  });

  it('says of a replica without its primary that its data may be old', async () => {
    const run = configured(
      'replica.yaml',
      `{ kind: redis, url: "${redis.url}", keyPrefix: "replica:", commandTimeoutMs: 30000 }`,
    );
    await run('store', 'init');
    // Nothing listens on port 1.
    await client.replicaof('127.0.0.1', '1');
    try {
      expect(await run('store', 'status')).toMatchObject({
        code: 1,
        text: expect.stringMatching(
          /EASGATE_STORE_STALE: .* is a replica without a link to its primary/,
        ) as string,
      });
    } finally {
      await client.replicaof('NO', 'ONE');
    }
    expect((await run('store', 'status')).code).toBe(0);
  });
});

describe('easgate store with a file', () => {
  it('lists the suspended wipes of an accepted store, and a wipe that is ordered again is in force', async () => {
    const run = configured('embedded.yaml', '{ kind: embedded, path: embedded.db }');
    expect((await run('store', 'init')).code).toBe(0);
    const store = await openStore(storeOptions(loadConfig(join(folder, 'embedded.yaml'))));
    // A wipe is sent to the partnerships that were seen before it was ordered.
    await store.recordSeen([seen('alice', phone, 0)]);
    await store.decide({ user: null, device: phone }, wipeDecision(100), BY_TEST);
    await store.close();
    // A gateway has seen a later state than the restored one.
    const known = { 'embedded.db': { ...identity('embedded.db'), beat: 60_000 } };
    writeFileSync(join(folder, 'store.json'), JSON.stringify(known));
    expect(await run('devices', 'list')).toMatchObject({
      code: 1,
      text: expect.stringContaining('EASGATE_STORE_ROLLED_BACK') as string,
    });
    expect((await run('store', 'accept')).text).toContain(`suspended wipe: ${phone}`);
    expect((await run('devices', 'list')).text).toContain('suspended');
    expect((await run('explain', 'alice', phone)).text).toContain('block (storeUnavailable');
    expect((await run('devices', 'wipe', phone, '--reason', 'still stolen', '--confirm', phone)).code).toBe(
      0,
    );
    expect((await run('explain', 'alice', phone)).text).toContain('wipe (wipeRequested');
  });

  function identity(name: string): { id: string; epoch: number } {
    const database = new DatabaseSync(join(folder, name));
    const row = database.prepare('SELECT id, epoch FROM store').get();
    database.close();
    return { id: String(row?.['id']), epoch: Number(row?.['epoch']) };
  }

  it('is checked record by record, and commands overwrite records that cannot be read', async () => {
    const run = configured('broken.yaml', '{ kind: embedded, path: broken.db }');
    const store = await openStore(storeOptions(loadConfig(join(folder, 'broken.yaml'))));
    await store.decide({ user: null, device: phone }, decision('block'), BY_TEST);
    await store.close();
    const database = new DatabaseSync(join(folder, 'broken.db'));
    database.exec(`INSERT INTO decisions VALUES ('broken1', '', '', 'nonsense')`);
    database.close();
    expect(await run('check', '--store')).toMatchObject({
      code: 1,
      text: expect.stringMatching(
        /EASGATE_CORRUPT_RECORD: 1 malformed record .*\n {2}- decision broken1\n/,
      ) as string,
    });
    const list = await run('devices', 'list');
    expect([list.code, list.text]).toEqual([
      0,
      expect.stringMatching(/broken1 .*malformed: decision broken1/),
    ]);
    expect(list.text).toMatch(/phone1 .*block/);
    expect((await run('devices', 'clear', 'PHONE1')).code).toBe(0);
    expect((await run('explain', 'alice', 'BROKEN1')).text).toContain('block (storeUnavailable');
    expect((await run('devices', 'block', 'BROKEN1')).code).toBe(0);
    expect((await run('devices', 'clear', 'BROKEN1')).code).toBe(0);
    expect(await run('check', '--store')).toMatchObject({
      code: 0,
      text: expect.stringContaining('directory: ok') as string,
    });
  });
});
