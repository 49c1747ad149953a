// Owns the promises of a roll-out in a running gateway, over its port: it holds in every worker, ends held polls of the users that it
// reaches, and holds in workers that start later.
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { runInProcess } from '../cli/run-in-process.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { LONG_PING } from '../support/phones/held-polls.ts';
import { RawClient } from '../support/phones/raw-client.ts';
import { startGatewayProcess } from '../support/servers/gateway-process.ts';
import type { GatewayProcess } from '../support/servers/gateway-process.ts';
import { FOLDER_SYNC, request } from '../support/servers/test-gateway.ts';

checkLeaks();

const CONFIG = `
listen: { address: 127.0.0.1, port: 0 }
workers: { count: 2, drainSeconds: 5, pollWindowSeconds: 1, pidFile: easgate.pid }
store: { kind: embedded, path: directory.db }
throttle: { burst: 0 }
log: { access: false }
sample:
  users: [{ name: alice, password: secret, groups: [Staff] }]
  devices: [{ id: ABC123, managed: true, compliant: true }]
`;
const FILES = {
  'old.yaml': 'name: old\n',
  'new.yaml': 'name: new\nrules: [{ name: nobody, action: block }]\n',
};
/** Ping, Status 7: the folders changed, start over (MS-ASCMD 2.2.3.177.11). */
const START_OVER = '03016a00000d45470337000101';
/** This number of connections in succession reaches every worker. */
const CONNECTIONS = 12;

async function start(): Promise<GatewayProcess> {
  const gateway = await startGatewayProcess(CONFIG, FILES);
  onTestFinished(async () => {
    if (gateway.child.exitCode === null) await gateway.stop();
  });
  return gateway;
}

async function command(gateway: GatewayProcess, ...words: string[]): Promise<string> {
  const { code, out, error } = await runInProcess('--config', join(gateway.folder, 'easgate.yaml'), ...words);
  expect({ code, error }).toEqual({ code: 0, error: expect.not.stringContaining('EASGATE') as string });
  return out;
}

const policy = (gateway: GatewayProcess, ...words: string[]): Promise<string> =>
  command(gateway, 'policy', ...words, '--yes');

/** The answers to alice's device on new connections. */
async function askAll(gateway: GatewayProcess): Promise<string[]> {
  const answers = new Set<string>();
  for (let count = 0; count < CONNECTIONS; count++) {
    const client = await RawClient.open(gateway.port);
    client.send(request('FolderSync', FOLDER_SYNC, [], 'ABC123'));
    const { status, body } = await client.response();
    client.destroy();
    // 503 after a change while the request is decided (EASGATE_DECISION_CHANGED); 129 DeviceIsBlockedForThisUser (MS-ASCMD 2.2.2).
    answers.add(status === 503 ? 'again' : body.toString('latin1').includes('129') ? 'blocked' : 'passes');
  }
  return [...answers];
}

async function hold(gateway: GatewayProcess): Promise<RawClient> {
  const client = await RawClient.open(gateway.port);
  onTestFinished(() => client.destroy());
  client.send(request('FolderSync', FOLDER_SYNC, [], 'ABC123'));
  expect((await client.response()).status).toBe(200);
  client.send(request('Ping', LONG_PING, [], 'ABC123'));
  await gateway.untilHeld(1);
  return client;
}

/** Rolls the new policy out to one group; resolves when every worker decides by that. */
async function rollOut(gateway: GatewayProcess): Promise<void> {
  await policy(gateway, 'publish', join(gateway.folder, 'old.yaml'));
  await policy(gateway, 'publish', join(gateway.folder, 'new.yaml'), '--group', 'Pilot');
  await until(async () => {
    const { workers } = await gateway.status();
    return workers.length === 2 && workers.every((worker) => (worker?.policies.rollout ?? null) !== null);
  }, 'the roll-out in every worker');
}

const everywhere = (gateway: GatewayProcess, answer: string): Promise<void> =>
  until(async () => (await askAll(gateway)).join() === answer, `${answer} in every worker`);

describe('a roll-out', () => {
  it('reaches the users of its groups, and their held polls, when a group is added; and a worker that starts later', async () => {
    const gateway = await start();
    await rollOut(gateway);
    await until(() => gateway.out().includes('"groups":["Pilot"]'), 'the roll-out in the log');
    expect(await askAll(gateway)).toEqual(['passes']);
    const poll = await hold(gateway);
    const ended = poll.response();
    const said = await policy(gateway, 'rollout', 'widen', '--group', 'staff');
    expect(said).toContain('version 2 decides for group Pilot and group staff');
    expect((await ended).body.toString('hex')).toBe(START_OVER);
    await everywhere(gateway, 'blocked');
    expect(await command(gateway, 'explain', 'alice', 'ABC123')).toContain(
      'by version 2, rolled out to group staff',
    );
    expect(await command(gateway, 'status')).toContain('version 2 for group Pilot and group staff, since ');

    const before = gateway.workers();
    for (const worker of before.slice(0, 2)) process.kill(worker, 'SIGKILL');
    await until(() => gateway.workers().filter((one) => !before.includes(one)).length >= 2, 'other workers');
    await everywhere(gateway, 'blocked');
    await policy(gateway, 'rollout', 'abandon');
    await everywhere(gateway, 'passes');
  });

  it('reaches a user that comes into one of its groups, and the held poll', async () => {
    const gateway = await start();
    await rollOut(gateway);
    const poll = await hold(gateway);
    const ended = poll.response();
    await command(gateway, 'users', 'set', 'alice', '--group', 'Staff', 'pilot');
    expect((await ended).body.toString('hex')).toBe(START_OVER);
    await everywhere(gateway, 'blocked');
  });
});
