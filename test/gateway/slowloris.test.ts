// Owns the promise that thousands of slow clients neither delay nor displace phones, and are gone when their time is up.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, it } from 'vitest';
import { checkLeaks } from '../support/leaks.ts';
import { RawClient } from '../support/raw-client.ts';
import { ok, startRawBackend } from '../support/raw-backend.ts';
import type { CrowdReport } from '../support/slow-heads.ts';
import { FOLDER_SYNC, request, startTestGateway } from '../support/test-gateway.ts';
import { until } from '../support/until.ts';

checkLeaks();

const cleanups: (() => Promise<void> | void)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup();
});

const CROWD = fileURLToPath(new URL('../support/slow-heads.ts', import.meta.url));
const HEAD_TIMEOUT_MS = 3_000;
const WANTED = 5_000;
/** Files this process needs beside the crowd. */
const SPARE_FILES = 500;

/** Node raises its soft limit of open files to the hard one when it starts; other systems than Linux are not asked. */
function openFiles(): number {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return Number(soft ?? Infinity);
  } catch {
    return Infinity;
  }
}

it('serves phones as ever beside thousands of slow heads, and closes those in time', async () => {
  const count = Math.min(WANTED, openFiles() - SPARE_FILES);
  expect(count, 'ulimit -n is too low for this test').toBeGreaterThanOrEqual(2_000);
  const backend = await startRawBackend(({ connection }) => connection.socket.write(ok()));
  cleanups.push(() => backend.close());
  const gateway = await startTestGateway(backend.port, {
    client: { headTimeoutMs: HEAD_TIMEOUT_MS, maxConnections: count + 100 },
  });
  cleanups.push(() => gateway.close());
  const phones = await Promise.all(Array.from({ length: 10 }, () => RawClient.open(gateway.port)));
  cleanups.push(() => {
    for (const phone of phones) phone.destroy();
  });

  const crowd = fork(CROWD, [String(gateway.port), String(count)], { execArgv: [] });
  const gone = once(crowd, 'exit');
  cleanups.push(async () => {
    crowd.kill('SIGKILL');
    await gone;
  });
  let connectedAt = 0;
  let closedAt = 0;
  let closed: CrowdReport | undefined;
  crowd.on('message', (report: CrowdReport) => {
    if (report.state === 'connected') {
      connectedAt = Date.now();
    } else {
      closedAt = Date.now();
      closed = report;
    }
  });
  await until(() => connectedAt > 0, 'the crowd to connect', 10_000);

  const latencies: number[] = [];
  let beside = Infinity;
  for (let round = 0; round < 20; round++) {
    for (const [index, phone] of phones.entries()) {
      const sentAt = performance.now();
      phone.socket.once('data', () => latencies.push(performance.now() - sentAt));
      phone.send(request('FolderSync', FOLDER_SYNC, [], `PHONE${index}`));
    }
    const answers = await Promise.all(phones.map((phone) => phone.response()));
    expect(answers.map(({ status }) => status)).toEqual(phones.map(() => 200));
    beside = Math.min(beside, gateway.connections() - phones.length);
  }
  expect(beside).toBeGreaterThanOrEqual(2_000);
  expect(latencies).toHaveLength(200);
  const median = latencies.toSorted((a, b) => a - b)[100] as number;
  expect(median).toBeLessThan(50);

  await until(() => closed !== undefined, 'the crowd to be closed', 10_000);
  expect(closed).toEqual({ state: 'closed', answered408: count });
  await until(() => gateway.connections() === phones.length, 'the gateway to forget the crowd');
  expect(gateway.finished.filter(({ error }) => error === 'EASGATE_HEAD_TIMEOUT')).toHaveLength(count);
  expect(closedAt - connectedAt).toBeLessThan(HEAD_TIMEOUT_MS + 2_000);
});
