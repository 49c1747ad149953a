// Owns the promises of commands while a slot of the Redis Cluster is moved: they wait for it, and say what is the matter if it takes too long.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { DeviceKey } from '../../src/identity/keys.ts';
import { RedisKeys } from '../../src/directory/redis/redis-keys.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { startCluster } from '../support/servers/cluster.ts';
import type { TestCluster } from '../support/servers/cluster.ts';
import { runInProcess } from './run-in-process.ts';
import type { Ended } from './run-in-process.ts';

checkLeaks();

let cluster: TestCluster;
let folder = '';

beforeAll(async () => {
  cluster = await startCluster();
  folder = mkdtempSync(join(tmpdir(), 'easgate-moved-'));
  const nodes = cluster.nodes.map(({ port }) => `127.0.0.1:${port}`).join(', ');
  const config = (store: string): string =>
    `store: { kind: redis, cluster: [${nodes}]${store} }\nupstream: { url: 'http://127.0.0.1:1' }\n`;
  writeFileSync(join(folder, 'easgate.yaml'), config(''));
  // On a busy machine thirty answers take longer than a command may.
  writeFileSync(join(folder, 'patient.yaml'), config(', commandTimeoutMs: 60000'));
  // The directory has something in the slot.
  const { code, error } = await run('devices', 'set', 'PHONE1', '--managed', 'true', '--compliant', 'true');
  if (code !== 0) throw new Error(error);
});

afterAll(async () => {
  await cluster.stop();
  rmSync(folder, { recursive: true });
});

const run = (...words: string[]) => runInProcess(...words, '--config', join(folder, 'easgate.yaml'));

/** A key in the slot of the phone. */
const KEY = new RedisKeys('easgate:', true).device('phone1' as DeviceKey);

/** How often the nodes answered that keys of a slot are not together. */
async function refusals(): Promise<number> {
  const texts = await Promise.all(cluster.clients.map((client) => client.info('errorstats')));
  return texts.reduce((sum, text) => sum + Number(/TRYAGAIN:count=(\d+)/.exec(text)?.[1] ?? 0), 0);
}

it('a change waits until the slot has arrived, for longer than a phone would', async () => {
  const to = ((await cluster.nodeOf(KEY)) + 1) % 3;
  const commands: Promise<Ended>[] = [];
  let isDone = false;
  await cluster.moveSlot(KEY, to, async () => {
    const words = ['devices', 'block', 'PHONE1', '--reason', 'lost'];
    const blocked = runInProcess(...words, '--config', join(folder, 'patient.yaml'));
    commands.push(blocked);
    void blocked.then(() => (isDone = true));
    // Sixteen tries, as a phone's look-up makes them, are over after 0.4 seconds.
    const before = await refusals();
    await until(async () => (await refusals()) >= before + 30, 'thirty answers to try again');
    expect(isDone).toBe(false);
  });
  expect(await Promise.all(commands)).toMatchObject([{ code: 0 }]);
  expect((await run('devices', 'show', 'PHONE1')).out).toContain('lost');
});

it('a slot that does not arrive fails the command with a code, and with what to do', async () => {
  const to = ((await cluster.nodeOf(KEY)) + 1) % 3;
  await cluster.moveSlot(KEY, to, async () => {
    const { code, error } = await run('devices', 'block', 'PHONE1', '--reason', 'stolen');
    expect(code).toBe(1);
    // On a busy machine the command has no answer before its tries are over.
    expect(error).toMatch(
      /^EASGATE_(REDIS|STORE_REFUSED): .*(a slot is being moved: try again|check that it runs)/,
    );
  });
  expect((await run('devices', 'show', 'PHONE1')).out).not.toContain('stolen');
});
