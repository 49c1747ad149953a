// Owns the tests of the directory on a Redis Cluster: the contract of all stores on three real nodes, slots that are moved while
// gateways read and write, and the loss of a node.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { RedisKeeper } from '../../src/directory/redis/redis-keeper.ts';
import { RedisKeys, partitionOfDevice } from '../../src/directory/redis/redis-keys.ts';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import { UNGUARDED } from '../../src/directory/store-guard.ts';
import { newIdentity } from '../../src/directory/store-identity.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { NO_GROUPS } from '../../src/identity/user-names.ts';
import { checkLeaksAtEnd } from '../support/checks/leaks.ts';
import { eventually, until } from '../support/checks/until.ts';
import { startCluster } from '../support/servers/cluster.ts';
import type { TestCluster } from '../support/servers/cluster.ts';
import {
  BY_TEST,
  alice,
  decision,
  deviceReport,
  phone,
  seenPartnership,
} from '../support/servers/directory-records.ts';
import { openGuarded } from '../support/servers/guarded-store.ts';
import type { OpenOptions, StoredRecord } from './contract/fixture.ts';
import { redisPlaceOf } from './contract/redis-place.ts';
import { storeContract } from './store-contract.ts';

checkLeaksAtEnd();

const keys = new RedisKeys('easgate:', true);
const devices = Array.from({ length: 64 }, (_, index) => `phone${index}` as DeviceKey);
/** Those in the slot of `phone`. */
const neighbours = Array.from({ length: 400 }, (_, index) => `near${index}` as DeviceKey).filter(
  (device) => partitionOfDevice(device) === partitionOfDevice(phone),
);

describe('the store on a Redis Cluster', () => {
  let cluster: TestCluster;
  beforeAll(async () => {
    cluster = await startCluster();
  });
  afterAll(() => cluster.stop());

  const open = ({ names = NO_GROUPS, sources = [] }: OpenOptions = {}): Promise<DirectoryStore> =>
    RedisStore.open({ ...cluster.options, commandTimeoutMs: 30_000 }, names, UNGUARDED, sources);
  const opened = async (): Promise<DirectoryStore> => {
    const store = await open();
    onTestFinished(() => store.close());
    return store;
  };

  storeContract({
    open,
    reset: () => cluster.clear(),
    writeText: async (record: StoredRecord, text: string): Promise<void> => {
      const [key, field] = redisPlaceOf(record);
      await cluster.clients[await cluster.nodeOf(key)]?.hset(key, field, text);
    },
  });

  it('lists what is on every node, once', async () => {
    await cluster.clear();
    const store = await opened();
    await store.putDevices(devices.map((device) => deviceReport(device)));
    const nodes = await Promise.all(devices.map((device) => cluster.nodeOf(keys.device(device))));
    expect(new Set(nodes).size).toBe(3);
    const listed: DeviceKey[] = [];
    for await (const part of store.scanDevices()) listed.push(...part.map(({ key }) => key));
    expect(listed.toSorted()).toEqual(devices.toSorted());
  });

  it('needs no more than the account of SECURITY.md', async () => {
    const text = readFileSync(new URL('../../SECURITY.md', import.meta.url), 'utf8');
    const [line = ''] = /ACL SETUSER easgate [^`\n]*/.exec(text) ?? [];
    const [, more = ''] = /with `((?:\+cluster\|\w+ ?)+)`/.exec(text) ?? [];
    expect(more).not.toBe('');
    const [acl = '', ...words] = [...line.split(' '), ...more.split(' ')];
    for (const client of cluster.clients) await client.call(acl, ...words);
    const url = 'redis://easgate:PASSWORD@cluster';
    const store = await RedisStore.open({ ...cluster.options, url });
    onTestFinished(() => store.close());
    await store.putDevices([deviceReport('account' as DeviceKey)]);
    await store.decide({ device: 'account' as DeviceKey, user: null }, decision('block'), BY_TEST);
    expect((await store.lookup(alice, 'account' as DeviceKey)).device?.managed).toBe(true);
    const listed: string[] = [];
    for await (const part of store.scanDevices()) listed.push(...part.map(({ key }) => key));
    expect(listed).toContain('account');
    expect((await store.changesAfter(await store.position())).trimmed).toBe(false);
  });

  it('says that a decision is on one server alone, where there are no replicas', async () => {
    const store = await opened();
    expect(await store.decide({ device: phone, user: null }, decision('block'), BY_TEST)).toEqual({
      replicated: null,
    });
  });

  it('goes on while a slot is moved, and loses nothing: what is between two nodes is asked for again', async () => {
    await cluster.clear();
    const store = await opened();
    const slow = await RedisStore.open({ ...cluster.options, commandTimeoutMs: 500 });
    onTestFinished(() => slow.close());
    await store.putDevices(neighbours.map((device) => deviceReport(device)));
    const key = keys.device(phone);
    const to = ((await cluster.nodeOf(key)) + 1) % 3;
    const position = await store.position();
    const others = devices.filter((device) => partitionOfDevice(device) !== partitionOfDevice(phone));
    await cluster.moveSlot(key, to, async () => {
      // Reads and writes in other slots do not notice it.
      await store.putDevices(others.map((device) => deviceReport(device)));
      expect((await store.lookup(alice, others[0] as DeviceKey)).device?.managed).toBe(true);
      // In this one each either answers rightly, or fails: no report is missing, and no store is another one.
      for (const device of neighbours.slice(0, 8)) {
        const [found] = await Promise.allSettled([slow.lookup(alice, device)]);
        if (found.status === 'fulfilled') expect(found.value.device?.managed).toBe(true);
        else expect(found.reason).not.toHaveProperty('code');
      }
      await slow.putDevices([deviceReport(phone)]).catch(() => undefined);
    });
    expect(await cluster.nodeOf(key)).toBe(to);
    await store.putDevices([deviceReport(phone, { version: 2 })]);
    for (const device of [phone, ...neighbours])
      expect((await store.lookup(alice, device)).device?.managed).toBe(true);
    const changed = new Set<string | null>();
    let from = position;
    await until(async () => {
      const batch = await store.changesAfter(from);
      from = batch.position;
      expect(batch.trimmed).toBe(false);
      for (const { device } of batch.changes) changed.add(device);
      return changed.has(phone) && others.every((device) => changed.has(device));
    }, 'the changes of the moved slot');
  });

  it('asks each node one question a time while the change log does not grow', async () => {
    const store = await opened();
    const { position } = await store.changesAfter(await store.position());
    await Promise.all(cluster.clients.map((client) => client.config('RESETSTAT')));
    expect((await store.changesAfter(position)).changes).toEqual([]);
    const used = await Promise.all(cluster.clients.map((client) => client.info('commandstats')));
    expect(used.filter((text) => /^cmdstat_(xread|xrange):/m.test(text))).toEqual([]);
  });

  /** Connections of each node to which it announces changes: flag `B`, broadcasting (Redis: CLIENT LIST). */
  const watchers = async (): Promise<string[][]> => {
    const lists = await Promise.all(cluster.clients.map((client) => client.client('LIST')));
    return lists.map((text) =>
      String(text)
        .split('\n')
        .filter((line) => / flags=\w*B/.test(line))
        .map((line) => /^id=(\d+)/.exec(line)?.[1] ?? ''),
    );
  };
  /** A store that follows its log, with what it has read. */
  const following = async (store: DirectoryStore): Promise<ReadonlySet<DeviceKey | null>> => {
    const read = new Set<DeviceKey | null>();
    let ends = false;
    let position = await store.position();
    const follow = async (): Promise<void> => {
      while (!ends) {
        const batch = await store.changesAfter(position);
        position = batch.position;
        for (const { device } of batch.changes) read.add(device);
      }
    };
    const done = follow().catch(() => undefined);
    onTestFinished(async () => {
      ends = true;
      await store.close();
      await done;
    });
    return read;
  };
  const calls = async (command: string): Promise<number> => {
    const texts = await Promise.all(cluster.clients.map((client) => client.info('commandstats')));
    const counted = texts.map((text) => new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(text)?.[1]);
    return counted.reduce((sum, count) => sum + Number(count ?? 0), 0);
  };

  it('has changes of its log announced by each node, and then asks seldom', async () => {
    await cluster.clear();
    const store = await open();
    const read = await following(store);
    await until(async () => (await watchers()).every((ids) => ids.length === 1), 'a watch on each node');
    await store.putDevices([deviceReport(phone)]);
    await until(() => read.has(phone), 'the change');
    const { position } = await store.changesAfter(await store.position());
    await Promise.all(cluster.clients.map((client) => client.config('RESETSTAT')));
    await store.changesAfter(position);
    // Two logs are followed for two seconds; ten times a second it would be more than a hundred.
    expect(await calls('evalsha')).toBeLessThan(50);
  });

  it('goes on when a node ends the announcements, or refuses them', async () => {
    await cluster.clear();
    const store = await open();
    const read = await following(store);
    await until(async () => (await watchers()).every((ids) => ids.length === 1), 'a watch on each node');
    for (const [node, [id]] of (await watchers()).entries())
      await cluster.clients[node]?.client('KILL', 'ID', Number(id));
    const words = ['SETUSER', 'deaf', 'on', '>deaf', '~*', '+@all', '-client|tracking'];
    for (const client of cluster.clients) await client.call('ACL', ...words);
    const deaf = await RedisStore.open({ ...cluster.options, url: 'redis://deaf:deaf@cluster' });
    const readAlso = await following(deaf);
    await store.putDevices(devices.map((device) => deviceReport(device)));
    await until(() => devices.every((device) => read.has(device) && readAlso.has(device)), 'all changes');
  });

  it('follows its change log while the nodes answer later than phones can wait', async () => {
    const store = await RedisStore.open({ ...cluster.options, commandTimeoutMs: 1_000 });
    onTestFinished(() => store.close());
    const reading = store.changesAfter(await store.position());
    await Promise.all(cluster.clients.map((client) => client.call('CLIENT', 'PAUSE', '2500')));
    await expect(reading).resolves.toMatchObject({ changes: [] });
  });

  it('follows a slot that was moved before it knew', async () => {
    const store = await opened();
    await store.decide({ device: phone, user: null }, decision('block'), BY_TEST);
    const key = keys.device(phone);
    await cluster.moveSlot(key, ((await cluster.nodeOf(key)) + 1) % 3);
    expect((await store.lookup(alice, phone)).deviceDecision?.action).toBe('block');
    await store.decide({ device: phone, user: null }, decision('quarantine'), BY_TEST);
    expect((await store.getDevice(phone))?.decided.decision?.action).toBe('quarantine');
  });

  it('takes over many records at once, of all partitions', async () => {
    await cluster.clear();
    const store = await opened();
    await store.recordSeen(
      devices.map((device, index) => seenPartnership(`user${index % 9}` as UserKey, device, 5)),
    );
    const found = await Promise.all(
      devices.map((device, index) => store.lookup(`user${index % 9}` as UserKey, device)),
    );
    expect(found.every(({ partnership }) => partnership !== null)).toBe(true);
  });
});

describe('the loss of a node', () => {
  it('is what commands say, where they need all parts of the directory', async () => {
    const cluster = await startCluster();
    onTestFinished(() => cluster.stop());
    const keeper = await RedisKeeper.open(cluster.options);
    onTestFinished(() => keeper.close());
    await cluster.nodes[((await cluster.nodeOf(keys.schema)) + 1) % 3]?.crash();
    const opened = RedisStore.open(cluster.options).then((store) => store.close());
    const all = [keeper.read(), keeper.replace(null, newIdentity()), opened].map((failing) =>
      expect(failing).rejects.toMatchObject({
        code: 'EASGATE_REDIS',
        message: expect.stringMatching(/a node .* cannot be reached.*cluster check/) as string,
      }),
    );
    await Promise.all(all);
  });

  it('is survived: its replica takes over, decisions that were replicated stay, and the gateway goes on by itself', async () => {
    const cluster = await startCluster(true);
    onTestFinished(() => cluster.stop());
    const folder = mkdtempSync(join(tmpdir(), 'easgate-cluster-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const gateway = await openGuarded(
      { kind: 'redis', ...cluster.options, commandTimeoutMs: 2_000 },
      { memory: { path: join(folder, 'store.json'), name: 'store' } },
    );
    onTestFinished(() => gateway.close());
    const subject = { device: phone, user: null };
    expect(await gateway.store.decide(subject, decision('block'), BY_TEST)).toEqual({ replicated: true });
    const lost = await cluster.nodeOf(keys.device(phone));
    await cluster.nodes[lost]?.crash();
    // Should it never take one, the failure says why, and how another node sees the Cluster.
    const other = cluster.clients[(lost + 1) % cluster.clients.length];
    const decide = (): Promise<string> =>
      gateway.store.decide(subject, decision('quarantine'), BY_TEST).then(
        () => 'taken',
        async (error: unknown) => `${String(error)}\n${String(await other?.cluster('NODES').catch(String))}`,
      );
    await eventually(decide, (answer) => answer === 'taken', 'the replica to take a decision');
    await gateway.untilServed(phone, true);
    await until(
      async () => (await gateway.ask(phone)).verdict?.action === 'quarantine',
      'the decision to reach the gateway',
    );
    expect((await gateway.store.getDevice(phone))?.decided.history.map(({ after }) => after)).toEqual([
      'block',
      'quarantine',
    ]);
    expect(gateway.codes()).not.toContain('EASGATE_STORE_OTHER');
  });
});
