// Owns the promise that every gateway of a directory sees the same roll-out: two gateways on one Redis, each with a held poll.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { abandonRollout, widenRollout } from '../../src/app/policy-rollout.ts';
import type { RolloutChange } from '../../src/app/policy-rollout.ts';
import { addVersion, readPolicies } from '../../src/app/policy-versions.ts';
import type { ToPlace } from '../../src/app/policy-versions.ts';
import { parseConfig } from '../../src/config/load.ts';
import type { DeviceKey, UserKey } from '../../src/identity/keys.ts';
import { RedisStore } from '../../src/directory/redis/redis-store.ts';
import { startSampleServer } from '../../src/sample/server.ts';
import { startServing } from '../../src/worker/runtime.ts';
import type { Serving } from '../../src/worker/runtime.ts';
import { checkLeaks, closeAtEnd } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { LONG_PING } from '../support/phones/held-polls.ts';
import { RawClient } from '../support/phones/raw-client.ts';
import { startRedis } from '../support/servers/redis.ts';
import { UNAUDITED, deviceReport, userReport } from '../support/servers/directory-records.ts';
import { FOLDER_SYNC, request } from '../support/servers/test-gateway.ts';

checkLeaks();

const BY = { by: 'carol', via: 'test', at: 1 };
const OPEN = { name: 'open' };
const CLOSED = { name: 'closed', rules: [{ name: 'nobody', action: 'block' }] };
/** Ping, Status 7: the folders changed, start over (MS-ASCMD 2.2.3.177.11). */
const START_OVER = '03016a00000d45470337000101';

async function openFleet() {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-fleet-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const redis = await startRedis();
  onTestFinished(() => redis.kill());
  const mail = await startSampleServer({ users: [{ name: 'alice', password: 'secret' }] });
  onTestFinished(() => mail.close());
  const store = closeAtEnd(
    await RedisStore.open({ url: redis.url, keyPrefix: 'easgate:', commandTimeoutMs: 30_000 }),
  );
  await store.putUsers([userReport('alice' as UserKey, { groups: ['Staff'] })]);
  await store.putDevices([deviceReport('abc123' as DeviceKey)]);
  const gateways: Serving[] = [];
  const start = async (): Promise<Serving> => {
    const name = `gateway${gateways.length}`;
    const text = `
listen: { address: 127.0.0.1, port: 0 }
upstream: { url: "${mail.url}" }
store: { kind: redis, url: "${redis.url}" }
throttle: { burst: 0 }
log: { level: silent }
`;
    const serving = await startServing(parseConfig(text, join(folder, `${name}.yaml`)), {
      sampleUrl: null,
      fd: null,
    });
    onTestFinished(async () => {
      await serving.gateway.close();
      await serving.close();
    });
    gateways.push(serving);
    return serving;
  };
  const add = async (parsed: object, to: ToPlace): Promise<void> => {
    const texts = { document: JSON.stringify(parsed), parsed, lists: {} };
    const added = { texts, name: null, comment: null, ...to };
    await addVersion(store, await readPolicies(store), added, BY, UNAUDITED);
  };
  const change = async (): Promise<RolloutChange> => ({
    known: await readPolicies(store),
    comment: null,
    author: BY,
    audit: UNAUDITED,
  });
  return { store, gateways, start, add, change };
}

async function folderSync({ gateway }: Serving): Promise<{ client: RawClient; isBlocked: boolean }> {
  const client = await RawClient.open(gateway.port);
  onTestFinished(() => client.destroy());
  client.send(request('FolderSync', FOLDER_SYNC, [], 'ABC123'));
  const { status, body } = await client.response();
  expect([200, 503]).toContain(status);
  // DeviceIsBlockedForThisUser (MS-ASCMD 2.2.2).
  return { client, isBlocked: body.toString('latin1').includes('129') };
}

it('every gateway of a directory sees a roll-out, also one that starts during it', async () => {
  const { store, gateways, start, add, change } = await openFleet();
  await start();
  await start();
  await add(OPEN, { place: 'live' });
  await add(CLOSED, { place: 'rollout', rollout: { groups: ['Pilot'], share: 0 } });
  const polls: RawClient[] = [];
  for (const one of gateways) {
    await until(async () => (await one.status()).policies.rollout !== null, 'the roll-out to be taken');
    const { client, isBlocked } = await folderSync(one);
    expect(isBlocked).toBe(false);
    client.send(request('Ping', LONG_PING, [], 'ABC123'));
    await until(() => one.gateway.heldPolls() === 1, 'the poll to be held');
    polls.push(client);
  }
  const ended = polls.map((poll) => poll.response());
  await widenRollout(store, { groups: [], share: 100 }, await change());
  for (const one of ended) expect((await one).body.toString('hex')).toBe(START_OVER);
  await start();
  // A request during the change is refused with 503 (EASGATE_DECISION_CHANGED).
  for (const one of gateways)
    await until(async () => (await folderSync(one)).isBlocked, 'the version to decide for everybody');
  await abandonRollout(store, await change());
  for (const one of gateways)
    await until(async () => !(await folderSync(one)).isBlocked, 'the live policy to decide');
});
