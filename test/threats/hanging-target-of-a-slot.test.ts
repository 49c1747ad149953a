// Threat: a node of the Redis Cluster hangs, or only has too much to do, while a slot is moved to it, and each worker that asks it for a phone of
// that slot ends: all of its connections are lost, again and again (CWE-248). Rule: the look-up fails, and nothing else.
import { setImmediate } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it, onTestFinished } from 'vitest';
import { RedisKeys, partitionOfDevice } from '../../src/directory/redis/redis-keys.ts';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import type { DeviceKey } from '../../src/identity/keys.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { startCluster } from '../support/servers/cluster.ts';
import type { TestCluster } from '../support/servers/cluster.ts';
import { alice, deviceReport, phone } from '../support/servers/directory-records.ts';

checkLeaks();

const keys = new RedisKeys('easgate:', true);

let cluster: TestCluster;

beforeEach(async () => {
  cluster = await startCluster();
});
afterEach(async () => {
  for (const node of cluster.nodes) node.thaw();
  await cluster.stop();
});

/** A phone of the same slot of which nothing is stored: the node that the slot leaves says ASK, and never TRYAGAIN. */
const UNKNOWN = Array.from({ length: 10_000 }, (_, index) => `stranger${index}` as DeviceKey).find(
  (device) => partitionOfDevice(device) === partitionOfDevice(phone),
) as DeviceKey;

it('fails the look-ups that it does not answer, and no process', async () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  process.on('unhandledRejection', note);
  onTestFinished(() => void process.off('unhandledRejection', note));
  const store = await RedisStore.open({ ...cluster.options, commandTimeoutMs: 3_000 });
  onTestFinished(() => store.close());
  await store.putDevices([deviceReport(phone)]);
  const to = ((await cluster.nodeOf(keys.device(phone))) + 1) % 3;
  await cluster.moveSlot(keys.device(phone), to, async () => {
    cluster.nodes[to]?.freeze();
    await expect(store.lookup(alice, UNKNOWN)).rejects.toThrow('timed out');
    await setImmediate();
    cluster.nodes[to]?.thaw();
  });
  expect(unhandled).toEqual([]);
  expect((await store.lookup(alice, phone)).device?.managed).toBe(true);
});
