// Owns the promises of a gateway made of processes: replaced, crashed, reconfigured and stopped without a lost request.
import { afterEach, describe, expect, it } from 'vitest';
import { EasClient } from '../support/eas-client.ts';
import { startGatewayProcess } from '../support/gateway-process.ts';
import type { GatewayProcess } from '../support/gateway-process.ts';
import { RawClient } from '../support/raw-client.ts';
import { encodeWbxml } from '../../src/eas/wbxml/encode.ts';
import { element } from '../../src/eas/wbxml/element.ts';
import { FOLDER_SYNC, request } from '../support/test-gateway.ts';
import { until } from '../support/until.ts';

const CONFIG = `
listen: { address: 127.0.0.1, port: 0 }
workers: { count: 2, drainSeconds: 20, pollWindowSeconds: 2, pidFile: easgate.pid }
store: { kind: embedded, path: directory.db }
throttle: { burst: 0 }
policy: { unknownDevice: allow }
log: { access: false }
sample:
  users: [{ name: alice, password: secret }]
  devices: [{ id: ABC123, managed: true, compliant: true }]
`;

/** A Ping of the Inbox for ten minutes. */
const PING = encodeWbxml(
  element(
    'Ping',
    'Ping',
    element('Ping', 'HeartbeatInterval', '600'),
    element(
      'Ping',
      'Folders',
      element('Ping', 'Folder', element('Ping', 'Id', '1'), element('Ping', 'Class', 'Email')),
    ),
  ),
);

/** A connection that holds, or is about to hold, a Ping. */
async function holdPing(port: number, device = 'ABC123'): Promise<RawClient> {
  const client = await RawClient.open(port);
  client.send(request('FolderSync', FOLDER_SYNC, [], device));
  expect((await client.response()).status).toBe(200);
  client.send(request('Ping', PING, [], device));
  return client;
}

const running: GatewayProcess[] = [];
afterEach(async () => {
  for (const gateway of running.splice(0)) if (gateway.child.exitCode === null) await gateway.stop();
});

async function start(config = CONFIG): Promise<GatewayProcess> {
  const gateway = await startGatewayProcess(config);
  running.push(gateway);
  return gateway;
}

const phone = (port: number): EasClient =>
  new EasClient({ port, user: 'alice', password: 'secret', device: 'ABC123' });

describe('workers', () => {
  it('are replaced without a failed request, and held polls end with a valid reply', async () => {
    const gateway = await start();
    const before = gateway.workers();
    const polls = await Promise.all(
      Array.from({ length: 2_000 }, async (_, index) => {
        const client = await holdPing(gateway.port, `HELD${index}`);
        return { client, answer: client.response(30_000) };
      }),
    );
    const phones = Array.from({ length: 8 }, () => phone(gateway.port));
    const statuses: (number | string)[] = [];
    let busy = true;
    const traffic = phones.map(async (client) => {
      while (busy) statuses.push(await client.folderSync().then(({ status }) => status, String));
    });
    expect(await gateway.command('reload')).toBe(0);
    await until(() => gateway.workers().every((pid) => !before.includes(pid)), 'new workers', 20_000);
    for (const { client, answer } of polls) {
      const { status, body } = await answer;
      // Ping, Status 1: the heartbeat passed, ask again (MS-ASCMD 2.2.3.177.11).
      expect([status, body.toString('hex')]).toEqual([200, '03016a00000d45470331000101']);
      client.destroy();
    }
    busy = false;
    await Promise.all(traffic);
    for (const client of phones) client.close();
    expect(statuses.length).toBeGreaterThan(100);
    expect(statuses.filter((status) => status !== 200)).toEqual([]);
  }, 60_000);

  it('that crash are started again, and the port answers all the time', async () => {
    const gateway = await start();
    const [first] = gateway.workers();
    process.kill(first as number, 'SIGKILL');
    for (let index = 0; index < 20; index++) {
      const client = phone(gateway.port);
      expect((await client.folderSync()).status).toBe(200);
      client.close();
    }
    await until(
      () => gateway.workers().length === 2 && !gateway.workers().includes(first as number),
      'a new one',
    );
    expect(gateway.out()).toContain('EASGATE_WORKER_EXIT');
  }, 30_000);

  it('stay with the configuration in use when the new one is bad', async () => {
    const gateway = await start();
    const before = gateway.workers();
    gateway.configure(`${CONFIG}\nnonsense: 1\n`);
    expect(await gateway.command('reload')).toBe(1);
    gateway.child.kill('SIGHUP');
    await until(() => gateway.out().includes('EASGATE_RELOAD_FAILED'), 'the refusal');
    expect(gateway.workers()).toEqual(before);
    const client = phone(gateway.port);
    expect((await client.folderSync()).status).toBe(200);
    client.close();
  }, 30_000);

  it('take a new configuration', async () => {
    const gateway = await start();
    gateway.configure(`${CONFIG}publicHosts: [mail.example.com]\n`);
    expect(await gateway.command('reload')).toBe(0);
    await until(() => gateway.out().includes('EASGATE_RELOADED'), 'the reload');
    const client = phone(gateway.port);
    expect((await client.folderSync()).status).toBe(421);
    client.close();
  }, 30_000);

  it('end with valid replies on SIGTERM, and the primary with 0', async () => {
    const gateway = await start();
    const client = await holdPing(gateway.port);
    const answer = client.response(20_000);
    expect(await gateway.stop()).toBe(0);
    expect((await answer).status).toBe(200);
    client.destroy();
  }, 30_000);
});
