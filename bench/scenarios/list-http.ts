// Owns the scenario of pages of lists through the whole admin API: a gateway with its control process over a fleet of a million devices, and
// a client that asks for one page after the other.
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Agent, request } from 'undici';
import { RARE_GROUP, deviceName, userName } from '../core/fleet.ts';
import { onFleet } from '../core/fleet-directory.ts';
import { ALL_CORES, cpuMicros, freePort, line, start, stop } from '../core/processes.ts';
import type { Sample } from '../core/report.ts';
import { PLAIN } from './scenario.ts';
import type { Effort, Scenario } from './scenario.ts';

const PAGES = 200;
/** The read model of a million devices takes a minute, on a busy machine more. */
const BUILD_MS = 600_000;

/** Questions of the page of devices; `round` makes each another one. */
const LISTS: Readonly<Record<string, (round: number) => Readonly<Record<string, string>>>> = {
  newest: () => ({}),
  'state-oldest': () => ({ state: 'quarantined', sort: 'lastSeen' }),
  'state-and-model': () => ({ state: 'blocked', model: 'iphone1?,2', sort: 'user' }),
  'type-by-first': () => ({ type: 'iPhone', state: 'allowed', sort: '-firstSeen' }),
  'rare-group': () => ({ group: RARE_GROUP, sort: 'device' }),
  'large-group': () => ({ group: 'staff', sort: 'model' }),
  'empty-group': (round) => ({ group: `nobody-${round}` }),
  'search-one-user': (round) => ({ search: userName(round * 97).slice(4, -4), sort: 'user' }),
  'search-one-device': (round) => ({ search: deviceName(round * 89).slice(5) }),
  'search-a-hundred': (round) => ({ search: `name${100 + round}`, state: 'allowed' }),
  'search-everyone': () => ({ search: 'contoso', sort: '-firstSeen' }),
  'search-nobody': (round) => ({ search: `nobody${round}here` }),
};

/** A viewer of an admin API. */
interface Viewer {
  readonly url: string;
  readonly token: string;
  readonly agent: Agent;
  /** CPU time of the gateway with its control process so far, microseconds: a busy machine changes it less than the times. */
  readonly cpu: () => number;
}

async function get({ url, token, agent }: Viewer, path: string): Promise<unknown> {
  const { statusCode, body } = await request(`${url}/api/v1${path}`, {
    dispatcher: agent,
    headers: { authorization: `Bearer ${token}` },
  });
  const text = await body.text();
  if (statusCode !== 200) throw new Error(`${path}: ${statusCode} ${text.slice(0, 500)}`);
  return JSON.parse(text);
}

/** Starts a gateway with an admin API on the fleet, and waits for its read model. */
async function onGateway<T>(folder: string, work: (viewer: Viewer) => Promise<T>): Promise<T> {
  const config = join(folder, 'easgate.yaml');
  const [port, adminPort] = [await freePort(), await freePort()];
  writeFileSync(
    config,
    [
      `listen: { address: 127.0.0.1, port: ${port} }`,
      'upstream: { url: "http://127.0.0.1:9" }',
      'workers: { count: 1, pidFile: easgate.pid }',
      'store: { kind: embedded, path: easgate.db }',
      'log: { access: false, destination: easgate.log }',
      `admin: { listen: "127.0.0.1:${adminPort}", requestsPerMinute: 1000000 }`,
    ].join('\n'),
  );
  const words = ['tokens', 'create', 'bench', '--role', 'viewer', '--json', '--config', config];
  const made = execFileSync(process.execPath, ['src/main.ts', ...words], { encoding: 'utf8' });
  const { secret } = JSON.parse(made) as { readonly secret: string };
  const gateway = start(ALL_CORES, process.execPath, ['src/main.ts', 'serve', '--config', config]);
  const viewer = {
    url: `http://127.0.0.1:${adminPort}`,
    token: secret,
    agent: new Agent({ connections: 1 }),
    cpu: () => (gateway.pid === undefined ? 0 : cpuMicros(gateway.pid)),
  };
  try {
    await line(gateway, /listens on/);
    await untilBuilt(viewer);
    return await work(viewer);
  } finally {
    await viewer.agent.close();
    await stop(gateway);
  }
}

/** Lists answer 503 until the read model is there. */
async function untilBuilt(viewer: Viewer): Promise<void> {
  const end = performance.now() + BUILD_MS;
  for (;;)
    try {
      await get(viewer, '/devices?limit=1');
      return;
    } catch (error) {
      if (performance.now() > end) throw error;
      await pause(500);
    }
}

async function measure({ rounds }: Effort): Promise<Record<string, Sample[]>> {
  return onFleet('embedded', ({ folder }) =>
    onGateway(folder, async (viewer) => {
      const samples: Record<string, Sample[]> = {};
      for (const [name, question] of Object.entries(LISTS)) {
        samples[name] = [];
        for (let round = 0; round <= rounds; round++) {
          const times: number[] = [];
          const cpu = viewer.cpu();
          for (let page = 0; page < PAGES; page++) {
            const search = new URLSearchParams({ limit: '50', ...question(round * PAGES + page) });
            const began = performance.now();
            await get(viewer, `/devices?${search.toString()}`);
            times.push(performance.now() - began);
          }
          times.sort((a, b) => a - b);
          const at = (share: number): number => times[Math.floor(times.length * share)] ?? 0;
          const cpuMicrosPerRequest = (viewer.cpu() - cpu) / PAGES;
          const sample = { cpuMicrosPerRequest, p50Ms: at(0.5), p99Ms: at(0.99) };
          const [p50, p99, used] = [at(0.5), at(0.99), cpuMicrosPerRequest / 1_000].map((ms) =>
            ms.toFixed(1),
          );
          process.stdout.write(`${name}: p50 ${p50} ms, p99 ${p99} ms, ${used} ms of CPU time\n`);
          // The first round reads the file into memory.
          if (round > 0) samples[name].push(sample);
        }
      }
      return samples;
    }),
  );
}

/** The variants, for the aims. */
export const HTTP_LISTS = Object.keys(LISTS);

export const LIST_HTTP_SCENARIOS: readonly Scenario[] = [
  {
    ...PLAIN,
    rivals: [],
    measure: () => Promise.resolve(),
    name: 'list-http',
    text: 'a page of 50 of 1,000,000 devices, filtered, sorted or searched, through the HTTP of the admin API in the control process',
    figure: 'p99Ms',
    alone: measure,
  },
];
