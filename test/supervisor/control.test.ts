// Owns the promises of the control process: it runs beside the workers, and nothing that happens to it reaches a phone.
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { createServer } from 'node:net';
import type { AddressInfo, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest';
import { askStatus } from '../../src/supervisor/ask-status.ts';
import type { ControlState } from '../../src/supervisor/control-process.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { openFilesIn } from '../support/checks/open-files.ts';
import { until } from '../support/checks/until.ts';
import { RawClient } from '../support/phones/raw-client.ts';
import { freePort } from '../support/servers/free-port.ts';
import { startGatewayProcess } from '../support/servers/gateway-process.ts';
import type { GatewayProcess } from '../support/servers/gateway-process.ts';
import { TOKEN, pushed } from '../support/servers/receiver.ts';
import { FOLDER_SYNC, request } from '../support/servers/test-gateway.ts';

checkLeaks();

const config = (control: string): string => `
listen: { address: 127.0.0.1, port: 0 }
workers: { count: 1, pidFile: easgate.pid }
store: { kind: embedded, path: directory.db }
cache: { lookupTimeoutMs: 30000 }
control: ${control}
log: { access: false }
sample:
  users: [{ name: alice, password: secret }]
  devices: [{ id: ABC123, managed: true, compliant: true }]
`;
const ENABLED = config('{ enabled: true }');

async function start(text = ENABLED, files: Readonly<Record<string, string>> = {}): Promise<GatewayProcess> {
  const gateway = await startGatewayProcess(text, files);
  onTestFinished(async () => {
    if (gateway.child.exitCode === null && gateway.child.signalCode === null) await gateway.stop();
  });
  return gateway;
}

async function controlOf({ folder }: GatewayProcess): Promise<ControlState | null> {
  return (await askStatus(join(folder, 'easgate.pid'))).control;
}

/** Waits until the state of the control process is as wanted, and returns it. */
async function controlWhen(
  gateway: GatewayProcess,
  what: string,
  isSo: (control: ControlState) => boolean,
): Promise<ControlState> {
  let found: ControlState | null = null;
  await until(async () => {
    found = await controlOf(gateway);
    return found !== null && isSo(found);
  }, what);
  return found as unknown as ControlState;
}

const follows = ({ status }: ControlState): boolean => status?.readModel.phase === 'following';
const running = (gateway: GatewayProcess): Promise<ControlState> =>
  controlWhen(gateway, 'the read model to follow', follows);

async function syncs({ port }: GatewayProcess): Promise<number> {
  const client = await RawClient.open(port);
  try {
    client.send(request('FolderSync', FOLDER_SYNC, [], 'ABC123'));
    return (await client.response()).status;
  } finally {
    client.destroy();
  }
}

function isAlive(pid: number): boolean {
  try {
    // A zombie has ended (proc(5)).
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  } catch {
    return false;
  }
}

describe('the control process of a gateway that goes on', () => {
  let gateway: GatewayProcess;
  beforeAll(async () => {
    gateway = await startGatewayProcess(`${ENABLED}policy: { file: policy.yaml }\n`, {
      'policy.yaml': 'targets: { include: { groups: [staf] } }',
    });
  });
  afterAll(async () => void (await gateway.stop()));

  it('keeps a read model of its own beside the directory, and says how old it is', async () => {
    const { pid, status } = await running(gateway);
    expect(pid).not.toBe(gateway.child.pid);
    expect(status?.readModel).toMatchObject({ rows: 1, trouble: null });
    expect(status?.readModel.path).toBe(join(gateway.folder, 'read-model.db'));
    const aged = await controlWhen(gateway, 'its age', (control) => control.status?.readModel.ageMs !== null);
    expect(aged.status?.readModel.ageMs).toBeGreaterThanOrEqual(0);
    expect(existsSync(join(gateway.folder, 'read-model.db'))).toBe(true);
  });

  it('warns of a group that the policy names and no user is in, in the log and the status', async () => {
    const { status } = await controlWhen(
      gateway,
      'the warning',
      (control) => (control.status?.warnings.length ?? 0) > 0,
    );
    expect(status?.warnings).toEqual([expect.stringContaining('no feed has a group "staf"')]);
    await until(() => gateway.out().includes('EASGATE_POLICY_NAMES'), 'the line of the log');
  });

  it('leads, where it is the only one, and another one leads after it', async () => {
    const leads = ({ status }: ControlState): boolean => status?.leader.isLeader === true;
    const { pid, status } = await controlWhen(gateway, 'a leader', leads);
    expect(status?.leader.holder).toContain(String(pid));
    expect(await gateway.command('reload')).toBe(0);
    const next = await controlWhen(
      gateway,
      'the next leader',
      (control) => leads(control) && control.pid !== pid,
    );
    expect(next.status?.leader.fence).toBeGreaterThan(status?.leader.fence ?? Infinity);
    // A process that ends on purpose does not warn.
    const lost = (): string | undefined => /^.*EASGATE_LEADER_LOST.*$/m.exec(gateway.out())?.[0];
    await until(() => lost() !== undefined, 'the line of the log');
    expect(lost()).toContain('"level":30');
  });

  it('when it is killed, is started again, and phones are served meanwhile', async () => {
    const { pid } = await running(gateway);
    const said = gateway.out().length;
    process.kill(pid ?? 0, 'SIGKILL');
    expect(await syncs(gateway)).toBe(200);
    const again = await controlWhen(
      gateway,
      'another control process',
      (control) => follows(control) && control.pid !== pid,
    );
    expect(again.state).toBe('running');
    await until(() => gateway.out().slice(said).includes('EASGATE_CONTROL_EXIT'), 'the line of the log');
  });

  it('makes another read model when the file is removed', async () => {
    await running(gateway);
    const path = join(gateway.folder, 'read-model.db');
    for (const name of [path, `${path}-wal`, `${path}-shm`]) rmSync(name, { force: true });
    expect(await syncs(gateway)).toBe(200);
    await until(() => existsSync(path), 'another file');
    await running(gateway);
  });
});

describe('the control process', () => {
  it('ends with runs of feeds whose source does not answer, also when it is killed, and leaves no file of them', async () => {
    const scratch = mkdtempSync(join(tmpdir(), 'easgate-scratch-'));
    vi.stubEnv('TMPDIR', scratch);
    const sockets = new Set<Socket>();
    const silent = createServer((socket) => {
      sockets.add(socket.on('error', () => undefined));
    }).listen(0, '127.0.0.1');
    onTestFinished(() => {
      vi.unstubAllEnvs();
      for (const socket of sockets) socket.destroy();
      silent.close();
      rmSync(scratch, { recursive: true });
    });
    await once(silent, 'listening');
    const { port } = silent.address() as AddressInfo;
    const feeds = Array.from(
      { length: 8 },
      (_, index) =>
        `  - { name: people${index}, kind: ldap, urls: ['ldap://127.0.0.1:${port}'], security: none, bindDn: cn=a, password: x, baseDn: dc=a }`,
    );
    const gateway = await start(`${ENABLED}\nfeeds:\n${feeds.join('\n')}\n`);
    const left = (): string[] => readdirSync(scratch).filter((name) => name.startsWith('easgate-'));
    await until(() => sockets.size >= feeds.length, 'all feeds to ask');
    const { pid } = await controlWhen(gateway, 'the control process', (control) => control.pid !== null);
    process.kill(pid as number, 'SIGKILL');
    await until(() => sockets.size >= 2 * feeds.length, 'the feeds of the next process to ask');
    expect(await gateway.stop()).toBe(0);
    expect(left()).toEqual([]);
  });

  it('leaves nothing of the body of a push when it is killed while it reads it', async () => {
    const scratch = mkdtempSync(join(tmpdir(), 'easgate-scratch-'));
    vi.stubEnv('TMPDIR', scratch);
    const port = await freePort();
    const gateway = await start(
      `${ENABLED}\nreceive: { listen: "127.0.0.1:${port}" }\nfeeds:\n  - { name: mdm, kind: push, tokens: [${TOKEN}] }\n`,
    );
    const { pid } = await controlWhen(
      gateway,
      'the leader',
      ({ status }) => status?.leader.isLeader === true,
    );
    const sender = httpRequest({ host: '127.0.0.1', port, path: '/receive/mdm/bulk?devices=1', method: 'POST', headers: pushed() }); // prettier-ignore
    sender.on('error', () => undefined);
    onTestFinished(() => {
      vi.unstubAllEnvs();
      sender.destroy();
      rmSync(scratch, { recursive: true });
    });
    sender.write(' '.repeat(100_000));
    await until(() => openFilesIn(scratch, pid ?? 0) > 0, 'the body to be in a file');
    process.kill(pid ?? 0, 'SIGKILL');
    await until(() => !isAlive(pid ?? 0), 'the control process to end');
    expect(await gateway.stop()).toBe(0);
    expect(readdirSync(scratch).filter((name) => name.startsWith('easgate-'))).toEqual([]);
  });

  it('does not run where the configuration wants none, and starts and ends with a reload', async () => {
    const gateway = await start(config('{ enabled: false }'));
    expect(await controlOf(gateway)).toBeNull();
    gateway.configure(ENABLED);
    expect(await gateway.command('reload')).toBe(0);
    await until(async () => (await controlOf(gateway)) !== null, 'the reload');
    const { pid } = await running(gateway);
    gateway.configure(config('{ enabled: false }'));
    expect(await gateway.command('reload')).toBe(0);
    await until(() => !isAlive(pid ?? 0), 'the control process to end');
    await until(async () => (await controlOf(gateway)) === null, 'the gateway to know it');
  });

  it('when it is stopped, is shown as silent, phones are served, and the gateway ends in time', async () => {
    const gateway = await start();
    const { pid } = await running(gateway);
    process.kill(pid ?? 0, 'SIGSTOP');
    expect(await syncs(gateway)).toBe(200);
    expect(await controlOf(gateway)).toMatchObject({ state: 'silent', pid, status: null });
    expect(await gateway.stop()).toBe(0);
    expect(isAlive(pid ?? 0)).toBe(false);
  });

  it('says why it cannot keep the read model, and phones are served', async () => {
    const gateway = await start(config('{ enabled: true, readModel: directory.db/model.db }'));
    const { status } = await controlWhen(
      gateway,
      'the trouble',
      (control) => (control.status?.readModel.trouble ?? null) !== null,
    );
    expect(status?.readModel.phase).toBe('waiting');
    expect(await syncs(gateway)).toBe(200);
    await until(() => gateway.out().includes('EASGATE_READ_MODEL'), 'the log line');
  });

  it('ends when the primary is killed', async () => {
    const gateway = await start();
    const { pid } = await running(gateway);
    const workers = gateway.workers();
    gateway.child.kill('SIGKILL');
    await until(() => !isAlive(pid ?? 0), 'the control process to end');
    await until(() => workers.every((worker) => !isAlive(worker)), 'the workers to end');
    rmSync(gateway.folder, { recursive: true });
  });
});
