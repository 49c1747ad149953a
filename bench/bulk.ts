// Owns the measurement of each way into the directory: how long so many devices (for LDAP and Entra: users) take, all new and then all unchanged, with the
// memory of the process that does it. A gateway of its own for each way; LDAP needs slapd (Debian: slapd).
//   node bench/bulk.ts [records] [ways, with commas] [redis]
import { spawn } from 'node:child_process';
import { createHmac, randomUUID } from 'node:crypto';
import { createWriteStream, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createGzip } from 'node:zlib';
import { SERVER_CERTIFICATE } from '../test/fixtures/tls.ts';
import { send } from '../test/support/servers/receiver.ts';
import type { Answered } from '../test/support/servers/receiver.ts';
import { MANAGER, SUFFIX } from '../test/support/servers/slapd.ts';
import { exchangeTable, intuneTable, ownRecord, ownTable, partsOf, rangeOf } from './core/bulk-records.ts';
import type { FileForm } from './core/bulk-records.ts';
import { onDirectory } from './core/fleet-directory.ts';
import { stopAll } from './core/processes.ts';
import { cpuSeconds, measured, peakMegabytes, startBulkGateway } from './servers/bulk-gateway.ts';
import type { BulkGateway, Sums, Used } from './servers/bulk-gateway.ts';
import {
  startDeviceApi,
  startEntra,
  startManagedDevices,
  startUserDirectory,
  writeTable,
} from './servers/bulk-sources.ts';

const [records = '5000', wanted = 'all', storeName = 'embedded'] = process.argv.slice(2);
const COUNT = Number(records);
const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
const SECRET = 'a-secret-for-measurements-only-01';
const TOKEN = 'a-token-for-measurements-only-0123456789';
/** Runs are started by hand. */
const SCHEDULE = 'schedule: "0 0 0 1 1 * 2199", fullEveryHours: 1';
/** Records of one signed delivery: about 200 KB. By default a webhook takes 256 KB at most. */
const OF_A_DELIVERY = 1_000;
/** Object id of a group that all users are in. */
const ENTRA_GROUP = '0d0e0f00-3333-4aaa-8bbb-000000000001';
const LOOK_MS = 50;

interface Ran extends Sums {
  readonly seconds: number;
  /** Of the command, where it is not the control process that works. */
  readonly command?: Used;
}

/** A source that was made ready. */
interface Ready {
  /** Fields of the feed in YAML, but for its name. */
  readonly feed: string;
  readonly send: (gateway: BulkGateway) => Promise<Ran>;
  readonly close?: () => Promise<void>;
}

interface Way {
  readonly name: string;
  readonly kind: 'devices' | 'users';
  readonly ready: (folder: string) => Promise<Ready>;
}

const PUSH = `kind: push, tokens: [${TOKEN}]`;

const ways: readonly Way[] = [
  { name: 'import', kind: 'devices', ready: imported },
  { name: 'files', kind: 'devices', ready: (folder) => table(folder, ownTable, 'csv') },
  { name: 'exchange', kind: 'devices', ready: (folder) => table(folder, exchangeTable, 'exchange') },
  { name: 'http', kind: 'devices', ready: api },
  { name: 'graph', kind: 'devices', ready: graph },
  { name: 'webhook', kind: 'devices', ready: webhook },
  { name: 'push', kind: 'devices', ready: push },
  { name: 'ldap', kind: 'users', ready: ldap },
  { name: 'entra', kind: 'users', ready: entra },
];

process.stdout.write(
  `| way | records | run | seconds | records/s | CPU s | peak memory MB | accepted | unchanged | refused | lists after s | load |\n|${' --- |'.repeat(12)}\n`,
);
try {
  for (const way of ways) if (wanted === 'all' || wanted.split(',').includes(way.name)) await measure(way);
} finally {
  await stopAll();
}

async function measure(way: Way): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-bulk-'));
  try {
    const source = await way.ready(folder);
    try {
      await measureFrom(source, way);
    } finally {
      await source.close?.();
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function measureFrom(source: Ready, way: Way): Promise<void> {
  if (storeName !== 'redis') return measureOn('{ kind: embedded, path: directory.db }', source, way);
  return onDirectory('redis', ({ store }) =>
    measureOn(`{ kind: redis, url: "${store.kind === 'redis' ? store.url : ''}" }`, source, way),
  );
}

/** `store`: the section of the configuration. */
async function measureOn(store: string, source: Ready, { name, kind }: Way): Promise<void> {
  const gateway = await startBulkGateway(source.feed, store);
  try {
    for (const run of ['new', 'unchanged'] as const) {
      const used = measured(gateway.controlPid);
      const ran = await source.send(gateway);
      check(name, run, ran);
      const { cpuSeconds: cpu } = ran.command ?? used();
      const endedAt = performance.now();
      if (kind === 'devices') await gateway.lists(COUNT);
      else if (!(await gateway.hasUser('user0000000@example.com'))) throw new Error('a user is missing');
      const lists = (performance.now() - endedAt) / 1_000;
      show(name, run, ran, { cpu, lists, control: used().peakMegabytes });
    }
  } catch (error) {
    // A process that ended, or a run that lost its lease, says so there.
    process.stderr.write(`${gateway.lastLines()}\n`);
    throw error;
  } finally {
    await gateway.stop();
  }
}

/** All records arrived, else there is no figure. */
function check(name: string, run: 'new' | 'unchanged', { accepted, unchanged, refused }: Sums): void {
  const [right, wrong] = run === 'new' ? [accepted, unchanged] : [unchanged, accepted];
  if (right !== COUNT || wrong !== 0 || refused !== 0)
    throw new Error(
      `${name}, ${run}: ${accepted} accepted, ${unchanged} unchanged, ${refused} refused of ${COUNT}`,
    );
}

function show(
  name: string,
  run: string,
  { seconds, command, accepted, unchanged, refused }: Ran,
  { cpu, lists, control }: { readonly cpu: number; readonly lists: number; readonly control: number },
): void {
  const megabytes = Math.round(control);
  const memory =
    command === undefined ? megabytes : `${megabytes}, command ${Math.round(command.peakMegabytes)}`;
  const [load = 0] = loadavg();
  const cells = [
    name, COUNT, run, seconds.toFixed(1), Math.round(COUNT / seconds), cpu.toFixed(1), memory,
    accepted, unchanged, refused, lists.toFixed(1), load.toFixed(1),
  ]; // prettier-ignore
  process.stdout.write(`| ${cells.join(' | ')} |\n`);
}

async function imported(folder: string): Promise<Ready> {
  const path = join(folder, 'intune.csv');
  writeTable(path, intuneTable, COUNT);
  return { feed: PUSH, send: (gateway) => command(gateway, path) };
}

async function command({ folder }: BulkGateway, path: string): Promise<Ran> {
  const words = ['import', path, '--source', 'intune', '--json', '--config', join(folder, 'easgate.yaml')];
  const startedAt = performance.now();
  const child = spawn(process.execPath, [MAIN, ...words], { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  let text = '';
  let trouble = '';
  child.stdout.on('data', (piece: Buffer) => (text += piece.toString()));
  child.stderr.on('data', (piece: Buffer) => (trouble += piece.toString()));
  let used: Used = { peakMegabytes: 0, cpuSeconds: 0 };
  while (child.exitCode === null && child.signalCode === null && child.pid !== undefined) {
    const now = usedBy(child.pid);
    // A process that just ended has no memory.
    if (now.peakMegabytes > 0) used = now;
    await pause(LOOK_MS);
  }
  if ((await ended) !== 0) throw new Error(trouble);
  const seconds = (performance.now() - startedAt) / 1_000;
  const { devices, refused } = JSON.parse(text) as {
    readonly devices: { readonly accepted: number; readonly unchanged: number };
    readonly refused: { readonly count: number };
  };
  return { ...devices, refused: refused.count, seconds, command: used };
}

function usedBy(pid: number): Used {
  try {
    return { peakMegabytes: peakMegabytes(pid), cpuSeconds: cpuSeconds(pid) };
  } catch {
    return { peakMegabytes: 0, cpuSeconds: 0 };
  }
}

async function table(folder: string, form: FileForm, format: string): Promise<Ready> {
  const path = join(folder, 'devices.csv');
  writeTable(path, form, COUNT);
  return {
    feed: `kind: files, path: ${path}, format: ${format}, ${SCHEDULE}`,
    send: (gateway) => gateway.run('devices'),
  };
}

async function api(folder: string): Promise<Ready> {
  const source = await startDeviceApi(COUNT);
  return {
    feed: `kind: http, url: "${source.url}/devices", list: items, count: total, paging: { by: page, parameter: page }, format: ndjson, ca: ${certificate(folder)}, ${SCHEDULE}`,
    send: (gateway) => gateway.run('devices'),
    close: () => source.close(),
  };
}

async function graph(folder: string): Promise<Ready> {
  const source = await startManagedDevices(COUNT);
  return {
    feed: `kind: graph, tenant: example.onmicrosoft.com, clientId: 11111111-2222-3333-4444-555555555555, clientSecret: ${SECRET}, signInUrl: "${source.url}", graphUrl: "${source.url}", ca: ${certificate(folder)}, users: false, overlapSeconds: 86400, ${SCHEDULE}`,
    send: async (gateway) => {
      // Without what it remembers it reads all devices, as it does each day.
      rmSync(join(gateway.folder, 'feeds', 'bulk.json'), { force: true });
      return gateway.run('devices');
    },
    close: () => source.close(),
  };
}

async function entra(folder: string): Promise<Ready> {
  const source = await startEntra(COUNT);
  return {
    feed: `kind: graph, tenant: example.onmicrosoft.com, clientId: 11111111-2222-3333-4444-555555555555, clientSecret: ${SECRET}, signInUrl: "${source.url}", graphUrl: "${source.url}", ca: ${certificate(folder)}, devices: false, groups: [${ENTRA_GROUP}], ${SCHEDULE}`,
    send: async (gateway) => {
      rmSync(join(gateway.folder, 'feeds', 'bulk.json'), { force: true });
      return gateway.run('users');
    },
    close: () => source.close(),
  };
}

async function ldap(): Promise<Ready> {
  const source = await startUserDirectory(COUNT);
  return {
    feed: `kind: ldap, urls: ["${source.url}"], ca: ${source.ca}, bindDn: "${MANAGER.dn}", password: ${MANAGER.password}, baseDn: "${SUFFIX}", ${SCHEDULE}`,
    send: async (gateway) => {
      rmSync(join(gateway.folder, 'feeds', 'bulk.json'), { force: true });
      return gateway.run('users');
    },
    close: () => source.stop(),
  };
}

async function webhook(): Promise<Ready> {
  return {
    feed: `kind: webhook, secrets: [${SECRET}], format: ndjson, maxPerMinute: 100000, signature: { content: "{id}.{timestamp}.{body}", timestampHeader: x-time, idHeader: x-id }`,
    send: deliveries,
  };
}

async function deliveries({ receive }: BulkGateway): Promise<Ran> {
  const startedAt = performance.now();
  const sums = { accepted: 0, unchanged: 0, refused: 0 };
  for (const [from, to] of partsOf(COUNT, OF_A_DELIVERY)) {
    const body = JSON.stringify(rangeOf(from, to, ownRecord));
    const [id, time] = [randomUUID(), String(Math.floor(Date.now() / 1_000))];
    const signature = createHmac('sha256', SECRET).update(`${id}.${time}.${body}`).digest('hex');
    const headers = { 'X-Id': id, 'X-Time': time, 'X-Hub-Signature-256': `sha256=${signature}` };
    const {
      accepted = 0,
      unchanged = 0,
      refused = [],
    } = good(await send(receive, '/receive/bulk', { headers, body })) as {
      readonly accepted?: number;
      readonly unchanged?: number;
      readonly refused?: readonly unknown[];
    };
    sums.accepted += accepted;
    sums.unchanged += unchanged;
    sums.refused += refused.length;
  }
  return { ...sums, seconds: (performance.now() - startedAt) / 1_000 };
}

async function push(folder: string): Promise<Ready> {
  const path = join(folder, 'devices.ndjson.gz');
  await pipeline(
    function* () {
      for (const [from, to] of partsOf(COUNT, OF_A_DELIVERY))
        yield rangeOf(from, to, (index) => `${JSON.stringify(ownRecord(index))}\n`).join('');
    },
    createGzip(),
    createWriteStream(path),
  );
  return { feed: PUSH, send: (gateway) => bulk(gateway, readFileSync(path)) };
}

async function bulk({ receive }: BulkGateway, body: Buffer): Promise<Ran> {
  const headers = {
    Authorization: `Bearer ${TOKEN}`,
    'Content-Type': 'application/x-ndjson',
    'Content-Encoding': 'gzip',
  };
  const startedAt = performance.now();
  const { devices, refused } = good(
    await send(receive, `/receive/bulk/bulk?devices=${COUNT}`, { headers, body }),
  ) as {
    readonly devices: { readonly accepted: number; readonly unchanged: number };
    readonly refused: { readonly count: number };
  };
  return { ...devices, refused: refused.count, seconds: (performance.now() - startedAt) / 1_000 };
}

function certificate(folder: string): string {
  const path = join(folder, 'ca.pem');
  writeFileSync(path, SERVER_CERTIFICATE);
  return path;
}

function good({ status, text, body }: Answered): unknown {
  if (status >= 300) throw new Error(`${status}: ${text}`);
  return body;
}
