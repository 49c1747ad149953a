// Owns what each scenario measures, and with whom. A scenario gets rivals that have proved that they answer correctly.
import type { ChildProcess } from 'node:child_process';
import type { LoadKind, LoadOrder } from './load.ts';
import { ALL_CORES, LOAD_CORE, cpuMicros, line, rssBytes, start, stop } from './processes.ts';
import type { Measure, Sample } from './report.ts';
import type { Rival } from './rivals.ts';
import { LARGE_BYTES } from './traffic.ts';

/** A rival that is up. */
export interface Running {
  readonly rival: Rival;
  readonly process: ChildProcess | null;
  readonly port: number;
  readonly samples: Sample[];
}

/** How long and how often. */
export interface Effort {
  readonly rounds: number;
  readonly seconds: number;
}

/** One row of bench/README.md. */
export interface Scenario {
  readonly name: string;
  readonly figure: Measure;
  readonly rivals: readonly string[];
  readonly tls: boolean;
  readonly logged: boolean;
  readonly redis: boolean;
  /** Fills in the samples of each. */
  measure(runs: readonly Running[], effort: Effort, scenario: Scenario): Promise<void>;
}

const WARM_UP_SECONDS = 2;
/** Memory is compared without polls and with so many; what is allocated once counts too, so this errs on the high side. */
const POLLS = 4_000;
const MANY_POLLS = 9_000;
const BESIDE_RATE = 500;
const COLD_RATE = 3_000;
const SETTLE_MS = 3_000;
const RSS_INTERVAL_MS = 50;
const MEGABYTE = 1024 * 1024;

const EVERYONE = ['easgate', 'nginx-lua', 'haproxy', 'undici', 'http-proxy'];
const PLAIN = { tls: false, logged: false, redis: false };

/** All of them, in the order of a whole run. */
export const SCENARIOS: readonly Scenario[] = [
  {
    ...PLAIN,
    name: 'hot-path',
    figure: 'cpuMicrosPerRequest',
    rivals: [...EVERYONE, 'direct'],
    measure: (runs, effort, { name }) =>
      inTurns(runs, effort, name, (running) => load(running, effort.seconds)),
  },
  {
    ...PLAIN,
    logged: true,
    name: 'hot-path-logged',
    figure: 'cpuMicrosPerRequest',
    rivals: ['easgate', 'nginx-lua'],
    measure: (runs, effort, { name }) =>
      inTurns(runs, effort, name, (running) => load(running, effort.seconds)),
  },
  {
    ...PLAIN,
    name: 'block',
    figure: 'cpuMicrosPerRequest',
    rivals: EVERYONE,
    measure: (runs, effort, { name }) =>
      inTurns(runs, effort, name, (running) => load(running, effort.seconds, { kind: 'block' })),
  },
  {
    ...PLAIN,
    tls: true,
    name: 'tls',
    figure: 'cpuMicrosPerRequest',
    rivals: ['easgate', 'nginx-lua', 'haproxy'],
    measure: (runs, effort, { name }) =>
      inTurns(runs, effort, name, (running) => load(running, effort.seconds, { secure: true })),
  },
  {
    ...PLAIN,
    tls: true,
    name: 'tls-handshakes',
    figure: 'cpuMicrosPerHandshake',
    rivals: ['easgate', 'nginx-lua', 'haproxy'],
    measure: (runs, effort, { name }) =>
      inTurns(runs, effort, name, (running) => shakeHands(running, effort.seconds)),
  },
  {
    ...PLAIN,
    name: 'held-polls',
    figure: 'rssBytesPerPoll',
    rivals: EVERYONE,
    measure: (runs, effort) => holdPolls(runs, effort, POLLS, false),
  },
  {
    ...PLAIN,
    tls: true,
    name: 'tls-held-polls',
    figure: 'rssBytesPerPoll',
    rivals: ['easgate', 'nginx-lua', 'haproxy'],
    measure: (runs, effort) => holdPolls(runs, effort, POLLS, true),
  },
  {
    ...PLAIN,
    name: 'beside-polls',
    figure: 'p99Ms',
    rivals: ['easgate', 'nginx-lua'],
    measure: besidePolls,
  },
  {
    ...PLAIN,
    name: 'download',
    figure: 'megabytesPerSecond',
    rivals: ['easgate', 'nginx-lua', 'haproxy'],
    measure: (runs, effort, { name }) => inTurns(runs, effort, name, (running) => transfer(running, 'down')),
  },
  {
    ...PLAIN,
    name: 'upload',
    figure: 'megabytesPerSecond',
    rivals: ['easgate', 'nginx-lua', 'haproxy'],
    measure: (runs, effort, { name }) => inTurns(runs, effort, name, (running) => transfer(running, 'up')),
  },
  {
    ...PLAIN,
    name: 'workers',
    figure: 'cpuMicrosPerRequest',
    rivals: ['easgate-1', 'easgate-2'],
    measure: (runs, effort, { name }) =>
      inTurns(runs, effort, name, (running) => load(running, effort.seconds, { cores: ALL_CORES })),
  },
  {
    ...PLAIN,
    redis: true,
    name: 'cold',
    figure: 'p99Ms',
    rivals: ['easgate', 'easgate-cold'],
    measure: (runs, effort, { name }) =>
      inTurns(runs, effort, name, (running) => trickle(running, effort.seconds, COLD_RATE, 'cold')),
  },
];

/** A warm-up, then rounds in which everybody has a turn: what disturbs the machine disturbs them alike. */
async function inTurns(
  runs: readonly Running[],
  { rounds }: Effort,
  name: string,
  measure: (running: Running) => Promise<Sample>,
): Promise<void> {
  for (const running of runs) await load(running, WARM_UP_SECONDS, { secure: name.startsWith('tls') });
  for (let round = 1; round <= rounds; round++) {
    for (const running of runs) {
      const sample = await measure(running);
      running.samples.push(sample);
      const facts = Object.entries(sample).map(([measure, value]) => `${measure} ${value.toFixed(1)}`);
      process.stdout.write(`${name} ${round}/${rounds} ${running.rival.name}: ${facts.join(', ')}\n`);
    }
  }
}

interface LoadOptions {
  readonly kind?: LoadKind;
  readonly secure?: boolean;
  readonly cores?: string;
}

async function load(
  { rival, process: child, port }: Running,
  seconds: number,
  options: LoadOptions = {},
): Promise<Sample> {
  const { kind = 'forward', secure = false, cores = LOAD_CORE } = options;
  const order: LoadOrder = { port, seconds, kind, secure };
  const before = child?.pid === undefined ? 0 : cpuMicros(child.pid);
  const generator = start(cores, process.execPath, ['bench/load.ts', JSON.stringify(order)]);
  const [, json = '{}'] = await line(generator, /^(\{.*\})$/m, (seconds + 30) * 1_000);
  const after = child?.pid === undefined ? 0 : cpuMicros(child.pid);
  await stop(generator);
  const result = JSON.parse(json) as Record<
    'total' | 'perSecond' | 'p50' | 'p99' | 'errors' | 'non2xx',
    number
  >;
  // Others refuse by HTTP 403.
  const refusals = kind === 'block' && !rival.name.startsWith('easgate') ? 0 : result.non2xx;
  return {
    cpuMicrosPerRequest: result.total === 0 ? 0 : (after - before) / result.total,
    requestsPerSecond: result.perSecond,
    p50Ms: result.p50,
    p99Ms: result.p99,
    errors: result.errors + refusals,
  };
}

/** Latencies at a steady rate. */
async function trickle(
  { process: child, port }: Running,
  seconds: number,
  rate: number,
  kind: 'warm' | 'cold' = 'warm',
): Promise<Sample> {
  const before = child?.pid === undefined ? 0 : cpuMicros(child.pid);
  const words = ['bench/trickle.ts', String(port), String(seconds), String(rate), kind];
  const client = start(LOAD_CORE, process.execPath, words);
  const [, json = '{}'] = await line(client, /^(\{.*\})$/m, (seconds + 30) * 1_000);
  const after = child?.pid === undefined ? 0 : cpuMicros(child.pid);
  await stop(client);
  const { total, errors, p50, p99 } = JSON.parse(json) as Record<'total' | 'errors' | 'p50' | 'p99', number>;
  return { cpuMicrosPerRequest: (after - before) / total, p50Ms: p50, p99Ms: p99, errors };
}

async function shakeHands({ process: child, port }: Running, seconds: number): Promise<Sample> {
  if (child?.pid === undefined) return {};
  const before = cpuMicros(child.pid);
  const client = start(LOAD_CORE, process.execPath, ['bench/handshakes.ts', String(port), String(seconds)]);
  const [, json = '{}'] = await line(client, /^(\{.*\})$/m, (seconds + 30) * 1_000);
  const after = cpuMicros(child.pid);
  await stop(client);
  const { total, errors, perSecond } = JSON.parse(json) as Record<'total' | 'errors' | 'perSecond', number>;
  return { cpuMicrosPerHandshake: (after - before) / total, requestsPerSecond: perSecond, errors };
}

async function holdPolls(
  runs: readonly Running[],
  { seconds }: Effort,
  count: number,
  secure: boolean,
): Promise<void> {
  for (const running of runs) {
    const { process: child, port, samples, rival } = running;
    if (child?.pid === undefined) continue;
    // On a fresh process: memory that earlier traffic left free would hide what a poll costs.
    const polls = startPolls(port, secure);
    const before = await park(polls, 0, child.pid);
    const after = await park(polls, count, child.pid);
    const rssBytesPerPoll = (after - before) / count;
    // The other figures are those of ordinary traffic beside the held polls.
    samples.push({ ...(await load(running, seconds, { secure })), rssBytesPerPoll });
    process.stdout.write(`held polls ${rival.name}: ${rssBytesPerPoll.toFixed(0)} bytes\n`);
    await stop(polls);
  }
}

/** The slowest requests of a steady trickle, without held polls and beside many. */
async function besidePolls(runs: readonly Running[], effort: Effort, { name }: Scenario): Promise<void> {
  for (const running of runs) await load(running, WARM_UP_SECONDS);
  for (const running of runs) {
    const { process: child, port, rival, samples } = running;
    if (child?.pid === undefined) continue;
    const trickles = async (): Promise<Sample[]> => {
      const measured = [];
      for (let round = 0; round < effort.rounds; round++)
        measured.push(await trickle(running, effort.seconds, BESIDE_RATE));
      return measured;
    };
    const without = await trickles();
    const polls = startPolls(port, false);
    await park(polls, MANY_POLLS, child.pid);
    const beside = await trickles();
    await stop(polls);
    beside.forEach((sample, round) => {
      const p99MsWithout = without[round]?.p99Ms ?? 0;
      samples.push({ ...sample, p99MsWithout });
      const p99Ms = sample.p99Ms ?? 0;
      process.stdout.write(
        `${name} ${rival.name}: ${p99Ms.toFixed(1)} ms, without ${p99MsWithout.toFixed(1)} ms\n`,
      );
    });
  }
}

function startPolls(port: number, secure: boolean): ChildProcess {
  const words = ['bench/polls.ts', String(port), secure ? 'tls' : 'plain'];
  return start(LOAD_CORE, process.execPath, words, true);
}

/** Opens polls up to `count`, waits until memory settles, and returns it. */
async function park(polls: ChildProcess, count: number, pid: number): Promise<number> {
  polls.stdin?.write(`${count}\n`);
  const [, json = '{}'] = await line(polls, /^(\{.*\})$/m, 120_000);
  const { failed } = JSON.parse(json) as { failed: number };
  if (failed > 0) throw new Error(`${failed} polls were not held`);
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  return rssBytes(pid);
}

/** One transfer of 100 MB, with the memory it took at its worst. */
async function transfer({ process: child, port }: Running, direction: 'down' | 'up'): Promise<Sample> {
  const pid = child?.pid;
  if (pid === undefined) return {};
  const resident = rssBytes(pid);
  let most = resident;
  const watch = setInterval(() => (most = Math.max(most, rssBytes(pid))), RSS_INTERVAL_MS);
  const before = cpuMicros(pid);
  const client = start(LOAD_CORE, process.execPath, ['bench/transfer.ts', String(port), direction]);
  const timed = await line(client, /^(\{.*\})$/m, 120_000).finally(() => clearInterval(watch));
  const after = cpuMicros(pid);
  await stop(client);
  const { seconds } = JSON.parse(timed[1] ?? '{}') as { seconds: number };
  const megabytes = LARGE_BYTES / MEGABYTE;
  return {
    megabytesPerSecond: megabytes / seconds,
    cpuMillisPerMegabyte: (after - before) / 1_000 / megabytes,
    rssGrowthMegabytes: (most - resident) / MEGABYTE,
  };
}
