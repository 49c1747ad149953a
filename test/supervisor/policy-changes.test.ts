// Owns the promises of a policy file of running workers: a change applies everywhere without a reload, held polls included; a
// broken document changes nothing, also for a worker that starts meanwhile.
import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { LONG_PING } from '../support/phones/held-polls.ts';
import { RawClient } from '../support/phones/raw-client.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { startGatewayProcess } from '../support/servers/gateway-process.ts';
import type { GatewayProcess } from '../support/servers/gateway-process.ts';
import { FOLDER_SYNC, request } from '../support/servers/test-gateway.ts';

checkLeaks();

const CONFIG = `
listen: { address: 127.0.0.1, port: 0 }
workers: { count: 2, drainSeconds: 5, pollWindowSeconds: 1, pidFile: easgate.pid }
store: { kind: embedded, path: directory.db }
throttle: { burst: 0 }
policy: { file: policy.yaml }
log: { access: false }
sample:
  users: [{ name: alice, password: secret }]
  devices: [{ id: ABC123, managed: true, compliant: true }]
`;
const OPEN = 'name: open\n';
const CLOSED = 'name: closed\nrules: [{ name: nobody, action: block }]\n';
/** Ping, Status 7: the folders changed, start over (MS-ASCMD 2.2.3.177.11). */
const START_OVER = '03016a00000d45470337000101';

async function start(files: Readonly<Record<string, string>>, config = CONFIG): Promise<GatewayProcess> {
  const gateway = await startGatewayProcess(config, files);
  onTestFinished(async () => {
    if (gateway.child.exitCode === null) await gateway.stop();
  });
  return gateway;
}

/** Replaces a file as tools do: writes a new one and renames it. */
function replace(gateway: GatewayProcess, name: string, text: string): void {
  writeFileSync(join(gateway.folder, 'next'), text);
  renameSync(join(gateway.folder, 'next'), join(gateway.folder, name));
}

/** The current answer to the device, on a new connection. */
async function ask(gateway: GatewayProcess): Promise<'passes' | 'blocked'> {
  const client = await RawClient.open(gateway.port);
  client.send(request('FolderSync', FOLDER_SYNC, [], 'ABC123'));
  const { status, body } = await client.response();
  client.destroy();
  // A change while the request is decided (EASGATE_DECISION_CHANGED).
  if (status === 503) return ask(gateway);
  expect(status).toBe(200);
  // MS-ASCMD 2.2.2: DeviceIsBlockedForThisUser.
  return body.toString('latin1').includes('129') ? 'blocked' : 'passes';
}

/** This number of connections in succession reaches every worker. */
const CONNECTIONS = 12;

async function askAll(gateway: GatewayProcess): Promise<ReadonlySet<string>> {
  const answers = new Set<string>();
  for (let count = 0; count < CONNECTIONS; count++) answers.add(await ask(gateway));
  return answers;
}

async function hold(gateway: GatewayProcess): Promise<RawClient> {
  const client = await RawClient.open(gateway.port);
  client.send(request('FolderSync', FOLDER_SYNC, [], 'ABC123'));
  expect((await client.response()).status).toBe(200);
  client.send(request('Ping', LONG_PING, [], 'ABC123'));
  await gateway.untilHeld(1);
  return client;
}

describe('a policy file', () => {
  it('that changes applies in every worker without a reload, also to held polls', async () => {
    const gateway = await start({ 'policy.yaml': OPEN });
    expect(await askAll(gateway)).toEqual(new Set(['passes']));
    const poll = await hold(gateway);
    const ended = poll.response();
    replace(gateway, 'policy.yaml', CLOSED);
    expect((await ended).body.toString('hex')).toBe(START_OVER);
    poll.destroy();
    await until(() => gateway.out().includes('"code":"EASGATE_POLICY"'), 'the change in the log');
    await until(async () => !(await askAll(gateway)).has('passes'), 'the change in every worker');
    expect(await askAll(gateway)).toEqual(new Set(['blocked']));
  });

  it('with a list in a separate file changes with that file', async () => {
    const rule =
      'lists: { lost: { file: lost.txt } }\nrules: [{ match: { deviceId: "@lost" }, action: block }]\n';
    const gateway = await start({ 'policy.yaml': rule, 'lost.txt': 'nothing\n' });
    expect(await askAll(gateway)).toEqual(new Set(['passes']));
    replace(gateway, 'lost.txt', '# lost\nabc123\n');
    await until(async () => !(await askAll(gateway)).has('passes'), 'the change in every worker');
    expect(await askAll(gateway)).toEqual(new Set(['blocked']));
  });

  it('that is broken changes nothing, also for a worker that starts meanwhile, and the log has the position', async () => {
    const gateway = await start({ 'policy.yaml': CLOSED });
    expect(await askAll(gateway)).toEqual(new Set(['blocked']));
    replace(gateway, 'policy.yaml', 'name: broken\nrules:\n  - { name: x, action: alow }\n');
    await until(() => gateway.out().includes('EASGATE_POLICY_REJECTED'), 'the refusal');
    await until(() => gateway.out().includes('policy.yaml:3:24: error: rules.0.action'), 'its place');
    const [first = 0] = gateway.workers();
    process.kill(first, 'SIGKILL');
    await until(() => {
      const now = gateway.workers();
      return now.length === 2 && !now.includes(first);
    }, 'another worker');
    expect(await askAll(gateway)).toEqual(new Set(['blocked']));
    replace(gateway, 'policy.yaml', OPEN);
    await until(async () => !(await askAll(gateway)).has('blocked'), 'the corrected document');
    expect(await askAll(gateway)).toEqual(new Set(['passes']));
  });

  it('that is invalid prevents the start, and all its problems are reported', async () => {
    await expect(start({ 'policy.yaml': 'rules: 5\nmode: strict\n' })).rejects.toThrow(
      /policy\.yaml:1:8: error: rules.*policy\.yaml:2:7: error: mode/s,
    );
  });

  it('that has rules with reportOnly, or allows devices it does not cover, is reported at the start', async () => {
    const text =
      'noCompliancePolicy: { action: allow }\nrules: [{ name: maybe, action: block, mode: reportOnly }]\n';
    const gateway = await start({ 'policy.yaml': text }, CONFIG.replace('count: 2', 'count: 1'));
    for (const said of [
      'these parts of the policy only report: rule \\"maybe\\"',
      'noCompliancePolicy: allow allows every user',
    ])
      await until(() => gateway.out().includes(said), said);
  });
});
