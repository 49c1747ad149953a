// Owns the promises of /metrics of a running gateway: its text, its token, and counters that survive workers.
import { spawnSync } from 'node:child_process';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { MetricsServer } from '../../src/supervisor/metrics-server.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { eventually, until } from '../support/checks/until.ts';
import { RawClient } from '../support/phones/raw-client.ts';
import { PROMTOOL, mayUse } from '../support/programs.ts';
import { freePort } from '../support/servers/free-port.ts';
import { startGatewayProcess } from '../support/servers/gateway-process.ts';
import type { GatewayProcess } from '../support/servers/gateway-process.ts';

checkLeaks();

const TOKEN = 'a-token-of-twenty-six-chars';

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Readonly<Record<string, unknown>>;
}

async function get(port: number, path = '/metrics', headers: Record<string, string> = {}): Promise<Answer> {
  const answer = await request(`http://127.0.0.1:${port}${path}`, { reset: true, headers });
  return { status: answer.statusCode, text: await answer.body.text(), headers: answer.headers };
}

describe('MetricsServer', () => {
  const open = async (token: string | null, text = async () => 'x 1\n'): Promise<MetricsServer> => {
    const server = await MetricsServer.open({ address: '127.0.0.1', port: 0, token }, text);
    onTestFinished(() => server.close());
    return server;
  };

  it('answers only with the token', async () => {
    const { port } = await open(TOKEN);
    for (const authorization of [
      '',
      TOKEN,
      `Bearer ${TOKEN}x`,
      `Bearer ${TOKEN.slice(1)}`,
      `Basic ${TOKEN}`,
    ]) {
      const { status, headers, text } = await get(port, '/metrics', { authorization });
      expect({ authorization, status }).toEqual({ authorization, status: 401 });
      expect(headers['www-authenticate']).toBe('Bearer realm="easgate metrics"');
      expect(text).not.toContain('x 1');
    }
    for (const authorization of [`Bearer ${TOKEN}`, `bearer ${TOKEN}`])
      expect(await get(port, '/metrics', { authorization })).toMatchObject({ status: 200, text: 'x 1\n' });
  });

  it('takes another token at once', async () => {
    const server = await open(TOKEN);
    server.useToken(`${TOKEN}2`);
    const status = async (token: string): Promise<number> =>
      (await get(server.port, '/metrics', { authorization: `Bearer ${token}` })).status;
    expect([await status(TOKEN), await status(`${TOKEN}2`)]).toEqual([401, 200]);
  });

  it('has one path, for GET and HEAD', async () => {
    const { port } = await open(null);
    expect((await get(port, '/')).status).toBe(404);
    const answer = await get(port);
    expect(answer.headers).toMatchObject({
      'content-type': 'text/plain; version=0.0.4; charset=utf-8',
      'cache-control': 'no-store',
    });
    const post = await request(`http://127.0.0.1:${port}/metrics`, { method: 'POST', reset: true });
    await post.body.dump();
    expect(post.statusCode).toBe(405);
  });

  it('answers 503 when the numbers cannot be read, and goes on', async () => {
    let fails = true;
    const { port } = await open(null, () =>
      fails ? Promise.reject(new Error('no')) : Promise.resolve('y 1\n'),
    );
    expect((await get(port)).status).toBe(503);
    fails = false;
    expect((await get(port)).text).toBe('y 1\n');
  });
});

const config = (port: number, workers: number, more = ''): string => `
listen: { address: 127.0.0.1, port: 0 }
metrics: { listen: '127.0.0.1:${port}', token: ${TOKEN} }
workers: { count: ${workers}, pidFile: easgate.pid }
upstream: { url: 'http://127.0.0.1:1' }
${more}`;

async function start(workers: number): Promise<{ gateway: GatewayProcess; port: number }> {
  const port = await freePort();
  const gateway = await startGatewayProcess(config(port, workers));
  onTestFinished(async () => void (await gateway.stop()));
  return { gateway, port };
}

async function scrape(port: number): Promise<string> {
  return (await get(port, '/metrics', { authorization: `Bearer ${TOKEN}` })).text;
}

/** The value of a sample; NaN = there is none. */
function valueOf(text: string, sample: string): number {
  const line = text.split('\n').find((one) => one.startsWith(`${sample} `));
  return Number(line?.slice(sample.length + 1) ?? NaN);
}

/** Asks until the samples have these values: a worker that has no time to answer is not in them. */
function untilScraped(port: number, values: Readonly<Record<string, number>>): Promise<string> {
  return eventually(
    () => scrape(port),
    (text) => Object.entries(values).every(([sample, value]) => valueOf(text, sample) === value),
    JSON.stringify(values),
  );
}

/** Requests that the gateway refuses. */
async function refused(gateway: GatewayProcess, count: number): Promise<void> {
  for (let sent = 0; sent < count; sent++) {
    const client = await RawClient.open(gateway.port);
    client.send('NONSENSE\r\n\r\n');
    await client.response();
    client.destroy();
  }
}

const REQUESTS = 'easgate_requests_total{command="none",verdict="none",status="4xx"}';
const ERRORS = 'easgate_request_errors_total{code="EASGATE_BAD_REQUEST_LINE"}';

describe('the metrics of a gateway with a control process', () => {
  let port = 0;
  let gateway: GatewayProcess;
  beforeAll(async () => {
    port = await freePort();
    gateway = await startGatewayProcess(config(port, 2, 'control: { enabled: true }'));
  });
  afterAll(async () => void (await gateway.stop()));

  it('are text that promtool accepts', async (context) => {
    if (!mayUse(PROMTOOL)) context.skip('promtool is missing (Debian: prometheus)');
    await refused(gateway, 1);
    const known = {
      easgate_read_model_following: 1,
      easgate_leader: 1,
      'easgate_workers{state="serving"}': 2,
      easgate_store_up: 1,
      easgate_upstream_servers_usable: 1,
    };
    const text = await untilScraped(port, known);
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
      input: text,
      encoding: 'utf8',
    });
    expect(`${stdout}${stderr}`).toBe('');
    expect(status).toBe(0);
    for (const process of ['primary', 'worker', 'control']) {
      expect(valueOf(text, `easgate_process_cpu_seconds_total{process="${process}"}`)).toBeGreaterThan(0);
      expect(valueOf(text, `easgate_process_resident_memory_bytes{process="${process}"}`)).toBeGreaterThan(
        1e6,
      );
    }
  });

  it('are served while the control process does not answer', async () => {
    await until(async () => valueOf(await scrape(port), 'easgate_control_up') === 1, 'the control process');
    const text = await scrape(port);
    expect(valueOf(text, 'easgate_workers_configured')).toBe(2);
    const control = gateway.workers().at(-1) ?? 0;
    process.kill(control, 'SIGSTOP');
    onTestFinished(() => void process.kill(control, 'SIGKILL'));
    await untilScraped(port, { easgate_control_up: 0, 'easgate_workers{state="serving"}': 2 });
  });
});

describe('the metrics of a gateway', () => {
  it('keep what workers counted that were replaced, and count the reload', async () => {
    const { gateway, port } = await start(1);
    await refused(gateway, 3);
    await until(async () => valueOf(await scrape(port), REQUESTS) === 3, 'three requests');
    const before = gateway.workers();
    gateway.child.kill('SIGHUP');
    await until(
      async () => valueOf(await scrape(port), 'easgate_config_reloads_total{result="success"}') === 1,
      'the reload',
    );
    await until(() => gateway.workers().every((pid) => !before.includes(pid)), 'the old workers to end');
    await refused(gateway, 1);
    await untilScraped(port, { [REQUESTS]: 4, [ERRORS]: 4 });
    gateway.configure('listen: {');
    gateway.child.kill('SIGHUP');
    await until(
      async () => valueOf(await scrape(port), 'easgate_config_last_reload_successful') === 0,
      'the failed reload',
    );
  });

  it('keep what a worker counted that was killed, and count its end', async () => {
    const { gateway, port } = await start(2);
    await refused(gateway, 4);
    await until(async () => valueOf(await scrape(port), REQUESTS) === 4, 'four requests');
    const [pid = 0] = gateway.workers();
    process.kill(pid, 'SIGKILL');
    await until(
      async () => valueOf(await scrape(port), 'easgate_worker_exits_total') === 1,
      'the end of the worker',
    );
    await untilScraped(port, { [REQUESTS]: 4 });
  });
});
