// Owns the promise of a rolling replacement: under load and with held polls no request fails and no poll is cut, plain and over
// TLS, with each store and each kind of listening socket.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { parseConfig } from '../../src/config/load.ts';
import { startSupervisor } from '../../src/supervisor/supervisor.ts';
import { startSampleServer } from '../../src/sample/server.ts';
import { createAuthority } from '../support/servers/certificates.ts';
import { startGatewayProcess } from '../support/servers/gateway-process.ts';
import { HeldPolls } from '../support/phones/held-polls.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { mixedPhones, startLoad } from '../support/phones/paced-load.ts';
import { startRedis } from '../support/servers/redis.ts';
import { holdersOf } from '../support/checks/socket-holders.ts';
import { until } from '../support/checks/until.ts';

checkLeaks();

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
/** Length of the downloaded message, characters. */
const DOWNLOAD = 300_000;
/** After the three messages that every mailbox begins with. */
const DOWNLOAD_ID = '1:4';
const USERS = [
  { name: 'alice', password: 'secret' },
  { name: 'bob', password: 'secret' },
];

/** A set of workers that a test can replace. */
interface Rolling {
  readonly port: number;
  readonly workers: () => number[];
  readonly reload: () => Promise<void>;
}

interface Size {
  readonly polls: number;
  readonly perSecond: number;
  readonly windowSeconds: number;
}

/**
 * An idle connection is closed at the end of the window, and a request may cross the close (RFC 9112 9.5). The window is long,
 * so that no phone of the load is idle until its end, even on a busy machine.
 */
const WINDOW_SECONDS = 8;
const SMALL: Size = { polls: 200, perSecond: 50, windowSeconds: WINDOW_SECONDS };

function config(upstream: string, windowSeconds: number, more = ''): string {
  return `
listen: { address: 127.0.0.1, port: 0${more} }
workers: { count: 2, drainSeconds: 120, pollWindowSeconds: ${windowSeconds}, pidFile: easgate.pid }
upstream: { url: '${upstream}', connectTimeoutSeconds: 120, queueTimeoutSeconds: 120 }
cache: { lookupTimeoutMs: 30000 }
throttle: { burst: 0 }
policy: { unknownDevice: allow }
log: { access: false }
`;
}

async function startMail(): Promise<Awaited<ReturnType<typeof startSampleServer>>> {
  const mail = await startSampleServer({ users: USERS });
  onTestFinished(() => mail.close());
  mail.deliver('bob', 'Large', 'x'.repeat(DOWNLOAD));
  return mail;
}

async function startProcess(text: string, files: Readonly<Record<string, string>> = {}): Promise<Rolling> {
  const gateway = await startGatewayProcess(text, files);
  onTestFinished(async () => void (await gateway.stop()));
  return {
    port: gateway.port,
    workers: () => gateway.workers(),
    reload: async () => {
      expect(await gateway.command('reload')).toBe(0);
      await until(() => gateway.out().includes('EASGATE_RELOADED'), 'the end of the reload');
    },
  };
}

/** Workers of a supervisor in this process that share one socket. */
async function startSharing(upstream: string, windowSeconds: number): Promise<Rolling> {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-rolling-'));
  const source = {
    path: join(folder, 'easgate.yaml'),
    text: `${config(upstream, windowSeconds)}store: { kind: embedded, path: directory.db }\n`,
  };
  const plan = { source, config: parseConfig(source.text, source.path), count: 2, sampleUrl: null };
  const supervisor = await startSupervisor({
    plan,
    entry: MAIN,
    args: ['worker'],
    onEvent: () => undefined,
    sharesPort: false,
  });
  onTestFinished(async () => {
    await supervisor.stop();
    rmSync(folder, { recursive: true });
  });
  return { port: supervisor.port, workers: () => supervisor.pids(), reload: () => supervisor.reload(plan) };
}

/** Replaces all workers under load, and checks every request and every poll. */
async function roll(
  gateway: Rolling,
  mail: { held(): number },
  { polls, perSecond, windowSeconds }: Size,
  secure = false,
): Promise<void> {
  const before = gateway.workers();
  const crowd = await HeldPolls.open(gateway.port, polls, secure);
  onTestFinished(() => crowd.destroy());
  await until(() => mail.held() === polls || crowd.held < polls, `${polls} polls at the mail server`);
  // With what the others were answered, if there are any.
  expect(crowd.polls.filter(({ endedAt }) => endedAt !== null)).toEqual([]);
  const holders = holdersOf(gateway.port, before);

  // No worker closes a connection that was used within its window: only one that was idle for longer may be lost on the way.
  const staleAfterMs = windowSeconds * 500;
  const account = { port: gateway.port, user: 'bob', password: 'secret', secure, staleAfterMs };
  const phones = mixedPhones(account, { id: DOWNLOAD_ID, size: DOWNLOAD });
  onTestFinished(() => phones.close());
  const load = startLoad(perSecond, phones.requests);
  await until(() => load.answered() >= phones.requests.length, 'answers to the load');
  const startedAt = Date.now();
  await gateway.reload();
  await until(() => crowd.held === 0, 'the end of all polls');
  await until(() => crowd.polls.every(({ closed }) => closed !== null), 'all connections to close');
  await until(() => gateway.workers().every((pid) => !before.includes(pid)), 'the old workers to leave');
  const answered = load.answered();
  await until(() => load.answered() >= answered + phones.requests.length, 'answers of the new workers');
  const { failures } = await load.stop();

  expect(crowd.cut()).toEqual([]);
  expect(failures).toEqual([]);
  let ofWorkers = 0;
  for (const pid of before) {
    const ends = crowd.polls
      .filter(({ port }) => holders.get(port) === pid)
      .map(({ endedAt }) => endedAt ?? 0);
    ofWorkers += ends.length;
    // With few polls they need not be spread: connections on one shared socket are not divided evenly.
    if (ends.length < 20) continue;
    expect(Math.min(...ends)).toBeGreaterThanOrEqual(startedAt);
    // One after the other (test/gateway/forward/forwarding.test.ts): the last ends near the end of the window.
    expect(Math.max(...ends) - startedAt).toBeGreaterThan(windowSeconds * 900);
  }
  expect(ofWorkers).toBe(polls);
}

describe('all workers are replaced under load: no request fails, each held poll ends with a valid reply, one after the other', () => {
  it('with 200 requests a second and 2,000 held polls', async () => {
    const mail = await startMail();
    const size = { polls: 2_000, perSecond: 200, windowSeconds: WINDOW_SECONDS };
    await roll(await startProcess(config(mail.url, size.windowSeconds)), mail, size);
  });

  it('over TLS', async () => {
    const mail = await startMail();
    const { certificate, key } = await (await createAuthority()).issue({});
    const tls = ', tls: { certificates: [{ certificate: tls.crt, key: tls.key }] }';
    const text = config(mail.url, SMALL.windowSeconds, tls);
    await roll(await startProcess(text, { 'tls.crt': certificate, 'tls.key': key }), mail, SMALL, true);
  });

  it('with the directory in Redis', async () => {
    const mail = await startMail();
    const redis = await startRedis();
    onTestFinished(() => redis.kill());
    const text = `${config(mail.url, SMALL.windowSeconds)}store: { kind: redis, url: '${redis.url}', commandTimeoutMs: 30000 }\n`;
    await roll(await startProcess(text), mail, SMALL);
  });

  it('with one listening socket for all', async () => {
    const mail = await startMail();
    await roll(await startSharing(mail.url, SMALL.windowSeconds), mail, SMALL);
  });
});
