// Owns the promises of the admin API of a running gateway: the link that a start prints, and what happens when its process is killed,
// its address is taken, or its file cannot be used.
import { mkdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { AdminStore } from '../../src/api/auth/admin-store.ts';
import { askStatus } from '../../src/supervisor/ask-status.ts';
import type { ControlStatus } from '../../src/supervisor/control-messages.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { eventually, until } from '../support/checks/until.ts';
import { freePort } from '../support/servers/free-port.ts';
import { startGatewayProcess } from '../support/servers/gateway-process.ts';
import type { GatewayProcess } from '../support/servers/gateway-process.ts';
import { makeToken } from '../support/servers/make-token.ts';

checkLeaks();

const config = (port: number, more = ''): string => `
listen: { address: 127.0.0.1, port: 0 }
workers: { count: 1, pidFile: easgate.pid }
store: { kind: embedded, path: directory.db }
admin: { listen: "127.0.0.1:${port}" }
sample:
  users: [{ name: alice, password: secret }]
${more}`;

async function start(text: string, files: Readonly<Record<string, string>> = {}): Promise<GatewayProcess> {
  const gateway = await startGatewayProcess(text, files);
  onTestFinished(async () => {
    await gateway.stop();
  });
  return gateway;
}

async function adminOf({ folder }: GatewayProcess): Promise<ControlStatus['admin']> {
  return (await askStatus(join(folder, 'easgate.pid'))).control?.status?.admin ?? null;
}

async function ask(
  port: number,
  path: string,
  {
    method = 'GET',
    headers = {},
    body = '',
  }: { method?: 'GET' | 'POST'; headers?: Record<string, string>; body?: string } = {},
): Promise<{ status: number; json: unknown }> {
  const answer = await request(`http://127.0.0.1:${port}${path}`, {
    method,
    headers,
    reset: true,
    ...(body !== '' && { body }),
  });
  return { status: answer.statusCode, json: await answer.body.json().catch(() => null) };
}

async function served(gateway: GatewayProcess): Promise<void> {
  await until(async () => ((await adminOf(gateway))?.url ?? null) !== null, 'the admin API');
}

/** Why it is not served, as soon as the gateway says so. */
function troubleOf(gateway: GatewayProcess): Promise<string | null> {
  return eventually(
    async () => (await adminOf(gateway))?.trouble ?? null,
    (trouble) => trouble !== null,
    'the trouble',
  );
}

const linkIn = (gateway: GatewayProcess): string =>
  /^dashboard: \S+\/setup#(\S+) /m.exec(gateway.out())?.[1] ?? '';

describe('the admin API of a running gateway with the sample mail server', () => {
  let port = 0;
  let gateway: GatewayProcess;
  beforeAll(async () => {
    port = await freePort();
    gateway = await startGatewayProcess(config(port, '  phones: [{ user: alice, device: PHONE1 }]\n'));
  });
  afterAll(async () => void (await gateway.stop()));

  it('prints a link, which signs in once', async () => {
    await served(gateway);
    const signIn = (): Promise<{ status: number; json: unknown }> =>
      ask(port, '/api/v1/session', {
        method: 'POST',
        headers: { origin: `http://127.0.0.1:${port}`, 'content-type': 'application/json' },
        body: JSON.stringify({ setUp: linkIn(gateway) }),
      });
    await until(async () => linkIn(gateway) !== '', 'the link');
    expect(await signIn()).toMatchObject({ status: 200, json: { role: 'admin', by: 'setUp' } });
    expect((await signIn()).status).toBe(401);
  });

  it('prints the link before the requests of the sample phones fill the log', async () => {
    const requests = (): number => gateway.out().indexOf('"command":"Provision"');
    await until(async () => requests() !== -1, 'a request of a sample phone');
    expect(linkIn(gateway)).not.toBe('');
    expect(gateway.out().indexOf('dashboard: ')).toBeLessThan(requests());
  });
});

describe('the admin API of a running gateway with a real mail server', () => {
  let port = 0;
  let gateway: GatewayProcess;
  beforeAll(async () => {
    port = await freePort();
    gateway = await startGatewayProcess(config(port, 'upstream: { url: "http://127.0.0.1:9" }'));
  });
  afterAll(async () => void (await gateway.stop()));

  it('prints no link, where the output may be a log', async () => {
    await until(async () => gateway.out().includes('dashboard: '), 'the announcement');
    expect(gateway.out()).toContain(`dashboard: http://127.0.0.1:${port}\n`);
    expect(gateway.out()).not.toContain('set-up');
  });

  it('is there again after its process was killed', async () => {
    await served(gateway);
    const pid = (await askStatus(join(gateway.folder, 'easgate.pid'))).control?.pid ?? 0;
    const under = ask(port, '/api/v1/sign-in').catch(() => null);
    process.kill(pid, 'SIGKILL');
    await under;
    await until(
      async () => (await ask(port, '/api/v1/sign-in').catch(() => null))?.status === 200,
      'the admin API to be back',
    );
  });

  it('answers lists and counts from the read model that its process keeps', async () => {
    await served(gateway);
    const file = AdminStore.open(join(gateway.folder, 'admin.db'));
    const token = { name: 'test', role: 'viewer', createdBy: 'test', expiresAt: null } as const;
    const { secret } = makeToken(file, token, Date.now());
    file.close();
    const headers = { authorization: `Bearer ${secret}` };
    await until(
      async () => (await ask(port, '/api/v1/devices', { headers })).status === 200,
      'the lists to be there',
    );
    expect(await ask(port, '/api/v1/devices', { headers })).toMatchObject({ json: { rows: [], next: null } });
    expect(await ask(port, '/api/v1/devices/counts', { headers })).toMatchObject({
      status: 200,
      json: { total: { all: 0 } },
    });
    expect(await ask(port, '/api/v1/devices?sort=nothing', { headers })).toMatchObject({
      status: 400,
      json: { code: 'EASGATE_FILTER' },
    });
  });
});

describe('the admin API of a running gateway that cannot serve it', () => {
  it('waits for its address while another process has it, says so, and phones are served', async () => {
    const port = await freePort();
    const other = createServer().listen(port, '127.0.0.1');
    const gateway = await start(config(port));
    expect(await troubleOf(gateway)).toContain('EADDRINUSE');
    const phone = await request(`http://127.0.0.1:${gateway.port}/Microsoft-Server-ActiveSync`, {
      method: 'OPTIONS',
      reset: true,
    });
    await phone.body.dump();
    expect(phone.statusCode).toBe(401);
    await new Promise((resolve) => other.close(resolve));
    await served(gateway);
  });

  it('says that its file cannot be used, and phones are served', async () => {
    const port = await freePort();
    const gateway = await startGatewayProcess(config(port), {}, undefined, async (_child, folder) => {
      mkdirSync(join(folder, 'admin.db'), { recursive: true });
    });
    onTestFinished(async () => {
      await gateway.stop();
    });
    expect(await troubleOf(gateway)).toContain('is a folder');
  });
});
