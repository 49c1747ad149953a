// Owns what a failover by Sentinel means for the directory: three Sentinels, a primary and two replicas, as real processes.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { DeviceKey } from '../../src/identity/keys.ts';
import type { ManualDecision } from '../../src/model/decision.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { openGuarded } from '../support/servers/guarded-store.ts';
import type { GuardedGateway } from '../support/servers/guarded-store.ts';
import type { TestRedis } from '../support/servers/redis.ts';
import { startSentinel } from '../support/servers/sentinel.ts';
import type { TestSentinel } from '../support/servers/sentinel.ts';
import { alice, decision, deviceReport, phone, wipeDecision } from '../support/servers/directory-records.ts';

checkLeaks();

let folder: string;
let servers: TestSentinel;
let primary: TestRedis;
let replicas: readonly TestRedis[];
let gateway: GuardedGateway;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-sentinel-'));
  servers = await startSentinel();
  const [first, ...others] = servers.servers as [TestRedis, ...TestRedis[]];
  [primary, replicas] = [first, others];
  gateway = await openGuarded(
    { kind: 'redis', ...servers.options },
    { memory: { path: join(folder, 'store.json'), name: 'store' } },
  );
});
afterEach(async () => {
  for (const server of servers.servers) server.thaw();
  await gateway.close();
  await servers.stop();
  rmSync(folder, { recursive: true, force: true });
});

const origin = { by: 'admin', via: 'cli', at: 1 };
const decide = (device: string, made: ManualDecision | null) =>
  gateway.store.decide({ device: device as DeviceKey, user: null }, made, origin);

/** The devices that a walk for threads finds. */
async function walkedOver(): Promise<readonly string[]> {
  const { spread } = gateway.store;
  if (spread.kind !== 'sent') throw new TypeError('not Redis');
  const found: string[] = [];
  for await (const { kind, packed } of spread.scan())
    if (kind === 'devices') found.push(...[...spread.devices(packed)].flat().map(({ key }) => key));
  return found.toSorted();
}

/** Blocks the phone, again until a replica has it within the time that the store waits for one. */
async function blockReplicated(): Promise<void> {
  await until(
    async () => (await decide(phone, decision('block'))).replicated === true,
    'a replica to have it',
  );
}

/** Decides on a device, and tries again while the servers change over. */
async function decideAtLast(device: string, made: ManualDecision): Promise<void> {
  await until(
    () =>
      decide(device, made).then(
        () => true,
        () => false,
      ),
    'the new primary to take a decision',
  );
}

/** Runs a command in each of them. */
async function callAll(servers: readonly TestRedis[], ...words: [string, ...string[]]): Promise<unknown[]> {
  return Promise.all(
    servers.map(async ({ url }) => {
      const client = new Redis(url);
      const answer = await client.call(...words);
      client.disconnect();
      return answer;
    }),
  );
}

/** Resolves when every replica has what the primary wrote until now: Sentinel may choose any of them. */
async function untilCaughtUp(): Promise<void> {
  const offset = (state: unknown, field: string): number =>
    Number(new RegExp(`^${field}:(\\d+)\r$`, 'm').exec(String(state))?.[1]);
  const [state] = await callAll([primary], 'INFO', 'replication');
  const written = offset(state, 'master_repl_offset');
  await until(async () => {
    const states = await callAll(replicas, 'INFO', 'replication');
    return states.every((one) => offset(one, 'slave_repl_offset') >= written);
  }, 'the replicas to have all writes');
}

/** Replicas hear nothing of the primary, which refuses their password. Sentinel would soon put right ones that follow nobody. */
async function cutOff(): Promise<void> {
  await callAll(replicas, 'CONFIG', 'SET', 'masterauth', 'unknown');
  await callAll([primary], 'CLIENT', 'KILL', 'TYPE', 'replica');
  await until(async () => {
    const states = await callAll(replicas, 'INFO', 'replication');
    return states.every((state) => String(state).includes('master_link_status:down'));
  }, 'the replicas to be cut off');
}

describe('a failover', () => {
  it('loses no decision that was said to be replicated, and the gateway goes on by itself', async () => {
    await blockReplicated();
    await primary.kill();
    await servers.untilAnotherThan(primary.port);
    await decideAtLast('newly', decision('quarantine'));
    await gateway.untilServed('newly', true);
    expect((await gateway.ask('newly')).verdict?.action).toBe('quarantine');
    expect((await gateway.ask(phone)).verdict?.action).toBe('block');
  });

  it('lets walks for threads read the new primary', async () => {
    await blockReplicated();
    expect(await walkedOver()).toEqual([phone]);
    await primary.kill();
    await servers.untilAnotherThan(primary.port);
    await decideAtLast('newly', decision('quarantine'));
    expect(await walkedOver()).toEqual([phone, 'newly'].toSorted());
  });

  it('lets a bulk be written to the new primary, though its connection to the former one stays open', async () => {
    const bulk = (source: string) =>
      [...Array(600).keys()].map((index) => deviceReport(`phone${index}` as DeviceKey, { source }));
    await gateway.store.putDevices(bulk('mdm'));
    primary.freeze();
    await servers.untilAnotherThan(primary.port);
    const write = (): Promise<boolean> =>
      gateway.store.putDevices(bulk('jamf')).then(
        () => true,
        () => false,
      );
    await until(write, 'the new primary to take a bulk');
    const read = async (): Promise<boolean> => {
      const entry = await gateway.store.getDevice('phone599' as DeviceKey).catch(() => null);
      return entry?.reports.some(({ source }) => source === 'jamf') === true;
    };
    await until(read, 'the bulk to be read from the new primary');
  });

  it('of a primary that stands still while its connections stay open is followed, too', async () => {
    await decide(phone, decision('block'));
    primary.freeze();
    await servers.untilAnotherThan(primary.port);
    await decideAtLast('newly', decision('quarantine'));
    await gateway.untilServed('newly', true);
    // The former primary becomes a replica, and what it hears later changes nothing.
    primary.thaw();
    expect((await gateway.ask('newly')).verdict?.action).toBe('quarantine');
    expect((await gateway.ask(phone)).verdict?.action).toBe('block');
  });

  it('that loses writes is noticed: all is read anew, and wipes wait until they are ordered again', async () => {
    await decide(phone, wipeDecision(100));
    expect((await gateway.ask(phone)).verdict?.action).toBe('wipe');
    await untilCaughtUp();
    await cutOff();
    expect(await decide(phone, null)).toEqual({ replicated: false });
    await primary.kill();
    await callAll(replicas, 'CONFIG', 'SET', 'masterauth', '');
    await servers.untilAnotherThan(primary.port);
    await until(() => gateway.codes().includes('EASGATE_STORE_EPOCH_RAISED'), 'the new epoch');
    await gateway.untilServed(phone, true);
    expect((await gateway.ask(phone)).verdict).toMatchObject({ action: 'block' });
    expect((await gateway.verdicts.confirm(alice, phone))?.action).not.toBe('wipe');
    expect((await gateway.store.getDevice(phone))?.decided.decision).toMatchObject({
      wipe: { suspended: true },
    });
  });
});
