// Owns the promises of a gateway with several processes: crash, upgrade, new configuration, decisions and stop.
import { cpSync, mkdtempSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { startSampleServer } from '../../src/sample/server.ts';
import { EasClient } from '../support/phones/eas-client.ts';
import { startGatewayProcess } from '../support/servers/gateway-process.ts';
import type { GatewayProcess } from '../support/servers/gateway-process.ts';
import { HeldPolls, LONG_PING } from '../support/phones/held-polls.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { startLoad } from '../support/phones/paced-load.ts';
import { ok, startRawBackend } from '../support/servers/raw-backend.ts';
import { RawClient } from '../support/phones/raw-client.ts';
import { holdersOf } from '../support/checks/socket-holders.ts';
import { FOLDER_SYNC, request } from '../support/servers/test-gateway.ts';
import { until } from '../support/checks/until.ts';

checkLeaks();

const CONFIG = `
listen: { address: 127.0.0.1, port: 0 }
workers: { count: 2, drainSeconds: 120, pollWindowSeconds: 2, pidFile: easgate.pid }
store: { kind: embedded, path: directory.db }
cache: { lookupTimeoutMs: 30000 }
throttle: { burst: 0 }
policy: { unknownDevice: allow }
log: { access: false }
sample:
  users: [{ name: alice, password: secret }]
  devices: [{ id: ABC123, managed: true, compliant: true }]
`;

/** A connection on which a Ping was sent. */
async function holdPing(port: number, device = 'ABC123'): Promise<RawClient> {
  const client = await RawClient.open(port);
  client.send(request('FolderSync', FOLDER_SYNC, [], device));
  expect((await client.response()).status).toBe(200);
  client.send(request('Ping', LONG_PING, [], device));
  return client;
}

async function start(config = CONFIG, main?: string): Promise<GatewayProcess> {
  const gateway = await startGatewayProcess(config, {}, main);
  onTestFinished(async () => {
    if (gateway.child.exitCode === null) await gateway.stop();
  });
  return gateway;
}

/** With a mail server in this process that reports which polls it holds. */
function before(upstream: string): string {
  return `${CONFIG.slice(0, CONFIG.indexOf('sample:'))}upstream: { url: '${upstream}', connectTimeoutSeconds: 120, queueTimeoutSeconds: 120 }\n`;
}

async function startMail(): Promise<Awaited<ReturnType<typeof startSampleServer>>> {
  const mail = await startSampleServer({ users: [{ name: 'alice', password: 'secret' }] });
  onTestFinished(() => mail.close());
  return mail;
}

async function openPolls(port: number, count: number): Promise<HeldPolls> {
  const polls = await HeldPolls.open(port, count);
  onTestFinished(() => polls.destroy());
  return polls;
}

const phone = (port: number): EasClient =>
  new EasClient({ port, user: 'alice', password: 'secret', device: 'ABC123' });

/**
 * Two copies of the program behind a link, as packages and scripts install them. The second one is known by its Via
 * header, and needs a field of the configuration that the first one does not have.
 */
function twoReleases(): { readonly main: string; readonly upgrade: () => void } {
  const root = fileURLToPath(new URL('../../', import.meta.url));
  const folder = mkdtempSync(join(tmpdir(), 'easgate-releases-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  for (const release of ['one', 'two']) {
    cpSync(join(root, 'src'), join(folder, release, 'src'), { recursive: true });
    cpSync(join(root, 'package.json'), join(folder, release, 'package.json'));
    symlinkSync(join(root, 'node_modules'), join(folder, release, 'node_modules'));
  }
  const change = (file: string, from: string, to: string): void => {
    const path = join(folder, 'two/src', file);
    const text = readFileSync(path, 'utf8');
    if (!text.includes(from)) throw new Error(`${file} has no ${from}`);
    writeFileSync(path, text.replace(from, to));
  };
  change('http/via.ts', "VIA_PSEUDONYM = 'easgate'", "VIA_PSEUDONYM = 'upgraded'");
  change(
    'config/schema/workers.ts',
    'drainSeconds: ',
    "newField: z.literal('there').default('there'), drainSeconds: ",
  );
  change('worker/runtime.ts', 'const log = openLog(', 'config.workers.newField.trim(); const log = openLog(');
  symlinkSync('one', join(folder, 'current'));
  return {
    main: join(folder, 'current/src/main.ts'),
    upgrade: () => {
      symlinkSync('two', join(folder, 'next'));
      renameSync(join(folder, 'next'), join(folder, 'current'));
    },
  };
}

describe('workers of a gateway that goes on', () => {
  let mail: Awaited<ReturnType<typeof startSampleServer>>;
  let gateway: GatewayProcess;
  let config = '';
  beforeAll(async () => {
    mail = await startSampleServer({ users: [{ name: 'alice', password: 'secret' }] });
    config = before(mail.url);
    gateway = await startGatewayProcess(config);
  });
  afterAll(async () => {
    await gateway.stop();
    await mail.close();
  });

  it('that crash lose only their own connections', async () => {
    const crowd = await openPolls(gateway.port, 24);
    await until(() => mail.held() === 24, 'all polls at the mail server');
    const [victim = 0, other = 0] = gateway.workers();
    const holders = holdersOf(gateway.port, [victim, other]);
    const [lost, kept] = [victim, other].map((pid) =>
      crowd.polls.filter(({ port }) => holders.get(port) === pid),
    ) as [HeldPolls['polls'], HeldPolls['polls']];
    expect([lost.length > 0, kept.length > 0, lost.length + kept.length]).toEqual([true, true, 24]);

    process.kill(victim, 'SIGKILL');
    await until(() => lost.every(({ closed }) => closed !== null), 'the connections of the worker to end');
    await until(() => mail.held() === kept.length, 'the mail server to notice');
    for (let index = 0; index < 20; index++) {
      const client = phone(gateway.port);
      expect((await client.folderSync()).status).toBe(200);
      client.close();
    }
    await until(() => gateway.workers().filter((pid) => pid !== victim).length === 2, 'a new worker');
    expect([crowd.held, mail.held()]).toEqual([kept.length, kept.length]);
    mail.deliver('alice', 'News', 'for whoever still holds a poll');
    await until(() => crowd.held === 0, 'answers');
    expect(lost.map(({ received }) => received)).toEqual(lost.map(() => ''));
    // Ping, Status 2: there are changes.
    const answer = Buffer.from('03016a00000d45470332', 'hex').toString('latin1');
    const wrong = kept.filter(
      ({ received }) => !received.startsWith('HTTP/1.1 200 ') || !received.includes(answer),
    );
    expect(wrong).toEqual([]);
  });

  it('all end the held polls of a blocked device, and no others', async () => {
    // One device on both workers: of two polls on one worker only the newer one stays (decisions/0010).
    const polls = new Map<number, RawClient>();
    const bystander = await holdPing(gateway.port, 'OTHER1');
    onTestFinished(() => bystander.destroy());
    await until(() => mail.held() === 1, 'the poll of the other device');
    while (polls.size < 2) {
      const client = await holdPing(gateway.port, 'LOST1');
      onTestFinished(() => client.destroy());
      const pid = holdersOf(gateway.port, gateway.workers()).get(client.socket.localPort ?? 0) ?? 0;
      await polls.get(pid)?.response();
      polls.set(pid, client);
      await until(() => mail.held() === 1 + polls.size, 'the poll at the mail server');
    }
    expect(new Set(polls.keys())).toEqual(new Set(gateway.workers()));

    expect(await gateway.command('devices', 'block', 'LOST1', '--reason', 'lost')).toBe(0);
    const answers = await Promise.all([...polls.values()].map((client) => client.response()));
    // Ping, Status 7: the phone synchronises its folders, which is refused.
    expect(answers.map(({ status, body }) => [status, body.toString('hex')])).toEqual(
      answers.map(() => [200, '03016a00000d45470337000101']),
    );
    await until(() => mail.held() === 1, 'the end of the polls at the mail server');
    expect(bystander.received).toBe('');
  });

  it('that crash are started again, and the port is always served', async () => {
    const said = gateway.out().length;
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
    await until(() => gateway.out().slice(said).includes('EASGATE_WORKER_EXIT'), 'the line of the log');
  });

  it('keep the current configuration when the new one is invalid', async () => {
    onTestFinished(() => gateway.configure(config));
    const old = gateway.workers();
    gateway.configure(`${config}\nnonsense: 1\n`);
    expect(await gateway.command('reload')).toBe(1);
    gateway.child.kill('SIGHUP');
    await until(() => gateway.out().includes('EASGATE_RELOAD_FAILED'), 'the refusal');
    expect(gateway.workers()).toEqual(old);
    const client = phone(gateway.port);
    expect((await client.folderSync()).status).toBe(200);
    client.close();
  });
});

describe('workers', () => {
  it('run the new program after its files were replaced and SIGHUP was sent, without losing a request', async () => {
    const vias: (string | undefined)[] = [];
    let held = 0;
    const mail = await startRawBackend((received) => {
      vias.push(received.header('via'));
      if (received.target.includes('Cmd=Ping')) held++;
      else received.connection.socket.write(ok());
    });
    onTestFinished(() => mail.close());
    const { main, upgrade } = twoReleases();
    const gateway = await start(before(`http://127.0.0.1:${mail.port}`), main);
    const old = gateway.workers();
    const crowd = await openPolls(gateway.port, 50);
    await until(() => held === 50, 'all polls at the mail server');
    const client = phone(gateway.port);
    onTestFinished(() => client.close());
    const load = startLoad(50, [
      async () => {
        const { status } = await client.folderSync();
        if (status !== 200) throw new Error(String(status));
      },
    ]);
    await until(() => vias.length > 60, 'requests');
    expect(new Set(vias)).toEqual(new Set(['1.1 easgate']));

    upgrade();
    gateway.child.kill('SIGHUP');
    await until(() => gateway.out().includes('EASGATE_RELOADED'), 'the reload');
    await until(() => gateway.workers().every((pid) => !old.includes(pid)), 'the old ones to leave');
    await until(() => vias.includes('1.1 upgraded'), 'a request by a new one');
    const during = vias.splice(0);
    await until(() => vias.length > 20, 'requests');
    const { failures } = await load.stop();
    await until(() => crowd.polls.every(({ closed }) => closed !== null), 'the end of all polls');
    expect([crowd.held, crowd.cut(), failures]).toEqual([0, [], []]);
    expect(new Set(during)).toEqual(new Set(['1.1 easgate', '1.1 upgraded']));
    expect(new Set(vias)).toEqual(new Set(['1.1 upgraded']));
  });

  it('apply a new configuration', async () => {
    const gateway = await start();
    gateway.configure(`${CONFIG}publicHosts: [mail.example.com]\n`);
    expect(await gateway.command('reload')).toBe(0);
    await until(() => gateway.out().includes('EASGATE_RELOADED'), 'the reload');
    const client = phone(gateway.port);
    expect((await client.folderSync()).status).toBe(421);
    client.close();
  });

  it('end with valid replies on SIGTERM, and the primary with 0', async () => {
    const mail = await startMail();
    const gateway = await start(before(mail.url));
    const client = await holdPing(gateway.port);
    await until(() => mail.held() === 1, 'the poll at the mail server');
    const answer = client.response();
    expect(await gateway.stop()).toBe(0);
    expect((await answer).status).toBe(200);
    client.destroy();
  });
});
