// Owns the promise that thousands of slow clients neither delay nor displace phones, and are closed at their deadline.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it, onTestFinished } from 'vitest';
import { createAuthority } from '../../support/servers/certificates.ts';
import { checkLeaks } from '../../support/checks/leaks.ts';
import { RawClient } from '../../support/phones/raw-client.ts';
import { ok } from '../../support/servers/raw-backend.ts';
import type { CrowdReport, Slowness } from '../../support/phones/slow-crowd.ts';
import { FOLDER_SYNC, request } from '../../support/servers/test-gateway.ts';
import type { SettingsOverrides, TestGateway } from '../../support/servers/test-gateway.ts';
import { TlsPhone, listenerTls } from '../../support/phones/tls-phone.ts';
import { until } from '../../support/checks/until.ts';
import { backendOf, gatewayOf } from '../../support/servers/openings.ts';

checkLeaks();

const CROWD = fileURLToPath(new URL('../../support/phones/slow-crowd.ts', import.meta.url));
/** Open files that this process needs besides those of the slow clients. */
const SPARE_FILES = 500;
const ROUNDS = 150;
const PHONES = 10;

/** The limit of open files. Node.js raises its soft limit to the hard one at start; read on Linux only. */
function openFiles(): number {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return Number(soft ?? Infinity);
  } catch {
    return Infinity;
  }
}

interface SetUp {
  readonly gateway: TestGateway;
  readonly phones: readonly RawClient[];
}

async function setUp(
  overrides: SettingsOverrides,
  open: (port: number) => Promise<RawClient>,
): Promise<SetUp> {
  const backend = await backendOf(({ connection }) => connection.socket.write(ok()));
  const gateway = await gatewayOf(backend, overrides);
  const phones = await Promise.all(Array.from({ length: PHONES }, () => open(gateway.port)));
  onTestFinished(() => {
    for (const phone of phones) phone.destroy();
  });
  return { gateway, phones };
}

/** Sends requests of all phones in rounds; returns their durations in ascending order, milliseconds. */
async function ask({ phones }: SetUp): Promise<number[]> {
  const latencies: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const [index, phone] of phones.entries()) {
      const sentAt = performance.now();
      phone.socket.once('data', () => latencies.push(performance.now() - sentAt));
      phone.send(request('FolderSync', FOLDER_SYNC, [], `PHONE${index}`));
    }
    const answers = await Promise.all(phones.map((phone) => phone.response()));
    expect(answers.map(({ status }) => status)).toEqual(phones.map(() => 200));
  }
  expect(latencies).toHaveLength(ROUNDS * PHONES);
  return latencies.toSorted((a, b) => a - b);
}

const median = (sorted: readonly number[]): number => sorted[sorted.length >> 1] ?? Infinity;

/** Connects the slow clients, measures phones before and during it, and ends when the gateway has closed all slow clients. */
async function crowded(
  slowness: Slowness,
  count: number,
  timeoutMs: number,
  world: SetUp,
): Promise<CrowdReport | undefined> {
  expect(openFiles(), 'the hard limit of open files (ulimit -Hn) is too low').toBeGreaterThan(
    count + SPARE_FILES,
  );
  const { gateway } = world;
  const baseline = median(await ask(world));

  const crowd = fork(CROWD, [String(gateway.port), String(count), slowness], { execArgv: [] });
  const gone = once(crowd, 'exit');
  onTestFinished(async () => {
    crowd.kill('SIGKILL');
    await gone;
  });
  const reports: CrowdReport[] = [];
  crowd.on('message', (report: CrowdReport) => reports.push(report));
  const isThere = (): boolean => gateway.connections() === count + PHONES;
  await until(() => reports.length === 1 && isThere(), 'the crowd');

  const latencies = await ask(world);
  // The slow clients themselves use CPU time, on few cores most of it, and the machine may be busier than before: the test only
  // excludes a large multiple.
  expect(median(latencies)).toBeLessThan(baseline * 10 + 1_000);

  await gateway.time.advance(timeoutMs - 1_000);
  expect(isThere(), 'slow clients there until their time is up').toBe(true);
  await gateway.time.advance(1_001);
  await until(() => reports.length === 2, 'the crowd to be closed');
  await until(() => gateway.connections() === PHONES, 'the gateway to forget the crowd');
  return reports[1];
}

it('serves phones normally beside 5,000 slow heads, and closes those in time', async () => {
  const count = 5_000;
  const headTimeoutMs = 5_000;
  const world = await setUp({ client: { headTimeoutMs, maxConnections: count + 100 } }, (port) =>
    RawClient.open(port),
  );
  const report = await crowded('head', count, headTimeoutMs, world);
  expect(report).toEqual({ state: 'closed', answered408: count });
  const { finished } = world.gateway;
  expect(finished.filter(({ error }) => error === 'EASGATE_HEAD_TIMEOUT')).toHaveLength(count);
});

it('serves phones normally beside 500 slow bodies, and closes those in time', async () => {
  const count = 500;
  const rateWindowMs = 4_000;
  const client = { minBodyRate: 100, rateWindowMs, bodyTimeoutMs: 60_000 };
  const world = await setUp({ client, upstream: { maxConnections: count + 100 } }, (port) =>
    RawClient.open(port),
  );
  const report = await crowded('body', count, rateWindowMs, world);
  expect(report).toEqual({ state: 'closed', answered408: count });
});

it('serves phones normally beside 500 slow TLS handshakes, and closes those in time', async () => {
  const count = 500;
  const handshakeTimeoutMs = 4_000;
  const own = await (await createAuthority()).issue({});
  const tls = listenerTls([own], { handshakeTimeoutMs, maxHandshakesPerSecond: 0 });
  const world = await setUp({ listen: { tls } }, (port) => TlsPhone.connect(port));
  expect(await crowded('handshake', count, handshakeTimeoutMs, world)).toEqual({
    state: 'closed',
    answered408: 0,
  });
});
