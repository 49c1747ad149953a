// Owns the promises about log rotation, expired certificates and store outages of a running gateway, and their log lines.
import { readFileSync, readdirSync, readlinkSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { createAuthority } from '../support/servers/certificates.ts';
import { startGatewayProcess } from '../support/servers/gateway-process.ts';
import type { GatewayProcess } from '../support/servers/gateway-process.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { RawClient } from '../support/phones/raw-client.ts';
import { SAVES_EVERY_WRITE, startRedis } from '../support/servers/redis.ts';
import { until } from '../support/checks/until.ts';
import { backendOf } from '../support/servers/openings.ts';

checkLeaks();

async function start(config: string, files: Readonly<Record<string, string>> = {}): Promise<GatewayProcess> {
  const gateway = await startGatewayProcess(config, files);
  onTestFinished(async () => void (await gateway.stop()));
  return gateway;
}

const CONFIG = `
listen: { address: 127.0.0.1, port: 0 }
workers: { count: 1, pidFile: easgate.pid }
upstream: { url: 'http://127.0.0.1:1' }
`;
const TWO_WORKERS = CONFIG.replace('count: 1', 'count: 2');

/** Names of the log files that a process has open; none once it has ended. */
function logsOf(pid: number): string[] {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).flatMap((fd) => {
      try {
        const file = readlinkSync(`${folder}/${fd}`);
        return /\.log/.test(file) ? [file] : [];
      } catch {
        return [];
      }
    });
  } catch {
    return [];
  }
}

/** Whole lines of the log with this code. */
function coded(text: string, code: string): Record<string, unknown>[] {
  return text
    .split('\n')
    .slice(0, -1)
    .filter((line) => line.startsWith('{') && line.includes(code))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
}

describe('a log file that was rotated', () => {
  let shared: GatewayProcess;
  beforeAll(async () => {
    shared = await startGatewayProcess(`${TWO_WORKERS}log: { destination: easgate.log }\n`);
  });
  afterAll(async () => void (await shared.stop()));

  it.each<['SIGUSR1' | 'SIGHUP']>([['SIGUSR1'], ['SIGHUP']])(
    'is left by every process after %s',
    async (signal) => {
      const log = join(shared.folder, 'easgate.log');
      const allWrite = (): boolean => {
        const processes = [shared.child.pid ?? 0, ...shared.workers()];
        return processes.length === 3 && processes.every((pid) => logsOf(pid).join() === log);
      };
      await until(allWrite, 'every process to log');
      renameSync(log, `${log}.1`);
      expect(allWrite()).toBe(false);
      shared.child.kill(signal);
      await until(allWrite, 'every process to write into the new file');
      expect(shared.out()).not.toMatch(/Debugger|inspector/);
    },
  );

  it('is left by the control process and for the lines of requests too', async () => {
    const gateway = await start(
      `${TWO_WORKERS}control: { enabled: true }\nlog: { destination: easgate.log, accessFormat: w3c, accessDestination: access.log }\n`,
    );
    const [log, access] = [join(gateway.folder, 'easgate.log'), join(gateway.folder, 'access.log')];
    const open = (): string[] =>
      [gateway.child.pid ?? 0, ...gateway.workers()].map((pid) => logsOf(pid).sort().join());
    // The primary, two workers, the control process.
    const all = [log, `${access},${log}`, `${access},${log}`, log];
    await until(() => open().sort().join(';') === all.toSorted().join(';'), 'all processes to log');
    for (const file of [log, access]) renameSync(file, `${file}.1`);
    gateway.child.kill('SIGUSR1');
    await until(
      () => open().sort().join(';') === all.toSorted().join(';'),
      'every process to write into new files',
    );
    await until(
      () => readFileSync(access, 'utf8').startsWith('#Software: easgate\n'),
      'the header of the new file',
    );
  });
});

describe('certificates that ended', () => {
  it('are reported at the start and after a reload, and do not prevent serving', async () => {
    const authority = await createAuthority();
    const ended = await authority.issue({
      names: [{ type: 'dns', value: 'mail.example.com' }],
      expired: true,
    });
    const gateway = await start(
      CONFIG.replace(
        'port: 0 }',
        'port: 0, tls: { certificates: [{ certificate: own.pem, key: own.key }] } }',
      ),
      { 'own.pem': ended.certificate, 'own.key': ended.key },
    );
    const told = () => coded(gateway.out(), 'EASGATE_CERTIFICATE_CHECK');
    await until(() => told().length === 1, 'the line at the start');
    expect(told()).toMatchObject([
      {
        level: 50,
        place: 'listen.tls.certificates.0.certificate',
        cause: expect.stringMatching(/mail\.example\.com.* ended on /),
      },
    ]);
    gateway.child.kill('SIGHUP');
    await until(() => told().length === 2, 'the line after the reload');
  });
});

describe('a store that becomes unavailable and available again', () => {
  it('has a log line for each change', async () => {
    const redis = await startRedis(SAVES_EVERY_WRITE);
    onTestFinished(() => redis.kill());
    const gateway = await start(
      `${CONFIG}store: { kind: redis, url: '${redis.url}', commandTimeoutMs: 30000 }\n`,
    );
    await redis.crash();
    await until(() => coded(gateway.out(), 'EASGATE_STORE_AWAY').length === 1, 'the store to be missed');
    await redis.restart();
    await until(() => coded(gateway.out(), 'EASGATE_STORE_BACK').length === 1, 'the store to be found');
    expect(coded(gateway.out(), 'EASGATE_STORE_AWAY')).toHaveLength(1);
  });
});

describe('the lane for other paths', () => {
  it('causes no Node.js warning on standard error', async () => {
    const backend = await backendOf(({ connection }) =>
      connection.socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi'),
    );
    const gateway = await start(
      `${CONFIG.replace(':1', `:${backend.port}`)}passThrough: { paths: [{ path: /owa }] }\n`,
    );
    const browser = await RawClient.open(gateway.port);
    browser.send('GET /owa HTTP/1.1\r\nHost: mail.example.com\r\n\r\n');
    expect((await browser.response()).status).toBe(200);
    browser.destroy();
    await until(() => gateway.out().includes('"/owa"'), 'the line of the request');
    expect(gateway.out()).not.toMatch(/DEP\d+|Warning/);
  });
});

describe('the primary', () => {
  it('is found by its pid file', async () => {
    const gateway = await start(CONFIG);
    expect(readFileSync(join(gateway.folder, 'easgate.pid'), 'utf8')).toBe(`${gateway.child.pid}\n`);
  });
});
