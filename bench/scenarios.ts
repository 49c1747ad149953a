// Owns what each scenario measures, and with whom. A scenario gets rivals that have proved that they answer correctly.
import type { ChildProcess } from 'node:child_process';
import type { LoadKind, LoadOrder } from './load.ts';
import { measurePolicy } from './policy.ts';
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
  /** What is measured, in a sentence. */
  readonly text: string;
  readonly rivals: readonly string[];
  readonly tls: boolean;
  readonly logged: boolean;
  readonly redis: boolean;
  /** Measures code of this process, without gateways: the samples of each variant. */
  readonly alone?: (effort: Effort) => Record<string, Sample[]>;
  /** Fills in the samples of each. */
  measure(runs: readonly Running[], effort: Effort, scenario: Scenario): Promise<void>;
}

const WARM_UP_SECONDS = 2;
/** Memory is compared step by step, up to {@link MANY_POLLS}. */
const POLL_STEP = 3_000;
const MANY_POLLS = 9_000;
const BESIDE_RATE = 500;
const COLD_RATE = 3_000;
/** The slowest requests are those that V8 compiles under; what is counted is the time after. */
const COLD_WARM_UPS = 4;
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
    text: 'an allowed Sync of 64 bytes is forwarded; access logs off',
    figure: 'cpuMicrosPerRequest',
    rivals: [...EVERYONE, 'direct'],
    measure: (runs, effort, { name }) =>
      inTurns(runs, effort, name, (running) => load(running, effort.seconds)),
  },
  {
    ...PLAIN,
    name: 'hot-path-changing',
    text: 'the same, with a head that is never the one before it',
    figure: 'cpuMicrosPerRequest',
    rivals: ['easgate', 'nginx-lua'],
    measure: (runs, effort, { name }) =>
      inTurns(runs, effort, name, (running) => load(running, effort.seconds, { kind: 'changing' })),
  },
  {
    ...PLAIN,
    logged: true,
    name: 'hot-path-logged',
    text: 'the same, with an access log to a file',
    figure: 'cpuMicrosPerRequest',
    rivals: ['easgate', 'nginx-lua'],
    measure: (runs, effort, { name }) =>
      inTurns(runs, effort, name, (running) => load(running, effort.seconds)),
  },
  {
    ...PLAIN,
    name: 'block',
    text: 'a blocked device is refused by the gateway',
    figure: 'cpuMicrosPerRequest',
    rivals: EVERYONE,
    measure: (runs, effort, { name }) =>
      inTurns(runs, effort, name, (running) => load(running, effort.seconds, { kind: 'block' })),
  },
  {
    ...PLAIN,
    tls: true,
    name: 'tls',
    text: 'the forwarded Sync, over TLS 1.3 towards the phones',
    figure: 'cpuMicrosPerRequest',
    rivals: ['easgate', 'nginx-lua', 'haproxy'],
    measure: (runs, effort, { name }) =>
      inTurns(runs, effort, name, (running) => load(running, effort.seconds, { secure: true })),
  },
  {
    ...PLAIN,
    tls: true,
    name: 'tls-handshakes',
    text: 'new TLS connections with a full handshake (ECDSA P-256)',
    figure: 'cpuMicrosPerHandshake',
    rivals: ['easgate', 'nginx-lua', 'haproxy'],
    measure: (runs, effort, { name }) =>
      inTurns(runs, effort, name, (running) => shakeHands(running, effort.seconds, 'full')),
  },
  {
    ...PLAIN,
    tls: true,
    name: 'tls-resumed',
    text: 'new TLS connections that resume a session with its ticket',
    figure: 'cpuMicrosPerHandshake',
    rivals: ['easgate', 'nginx-lua', 'haproxy'],
    measure: (runs, effort, { name }) =>
      inTurns(runs, effort, name, (running) => shakeHands(running, effort.seconds, 'resumed')),
  },
  {
    ...PLAIN,
    name: 'held-polls',
    text: 'resident memory per held Ping: steps of 3,000 up to 9,000',
    figure: 'rssBytesPerPoll',
    rivals: EVERYONE,
    measure: (runs, effort) => holdPolls(runs, effort, false),
  },
  {
    ...PLAIN,
    tls: true,
    name: 'tls-held-polls',
    text: 'the same over TLS',
    figure: 'rssBytesPerPoll',
    rivals: ['easgate', 'nginx-lua', 'haproxy'],
    measure: (runs, effort) => holdPolls(runs, effort, true),
  },
  {
    ...PLAIN,
    name: 'beside-polls',
    text: '500 requests/s beside 9,000 held polls in one worker',
    figure: 'p99Ms',
    rivals: ['easgate', 'nginx-lua'],
    measure: besidePolls,
  },
  {
    ...PLAIN,
    name: 'download',
    text: '100 MB from the mail server to a phone',
    figure: 'megabytesPerSecond',
    rivals: ['easgate', 'nginx-lua', 'haproxy'],
    measure: (runs, effort, { name }) => inTurns(runs, effort, name, (running) => transfer(running, 'down')),
  },
  {
    ...PLAIN,
    name: 'upload',
    text: '100 MB from a phone to the mail server',
    figure: 'megabytesPerSecond',
    rivals: ['easgate', 'nginx-lua', 'haproxy'],
    measure: (runs, effort, { name }) => inTurns(runs, effort, name, (running) => transfer(running, 'up')),
  },
  {
    ...PLAIN,
    name: 'workers',
    text: 'two workers on two cores against one; the load shares these cores',
    figure: 'cpuMicrosPerRequest',
    rivals: ['easgate-1', 'easgate-2'],
    measure: (runs, effort, { name }) =>
      inTurns(runs, effort, name, (running) => load(running, effort.seconds, { cores: ALL_CORES })),
  },
  {
    ...PLAIN,
    redis: true,
    name: 'cold',
    text: '3,000 requests/s whose verdict is read from Redis, against verdicts in memory',
    figure: 'p99Ms',
    rivals: ['easgate', 'easgate-cold'],
    measure: (runs, effort, { name }) =>
      inTurns(
        runs,
        effort,
        name,
        (running) => trickle(running, effort.seconds, COLD_RATE, 'cold'),
        COLD_WARM_UPS,
      ),
  },
  {
    ...PLAIN,
    name: 'policy',
    text: 'one decision by a policy of 200 rules and 50 compliance policies; with ten CEL rules more; with every step kept',
    figure: 'cpuMicrosPerDecision',
    rivals: [],
    alone: measurePolicy,
    measure: () => Promise.resolve(),
  },
];

/** A warm-up, and what is measured without counting; then rounds in which everybody has a turn: what disturbs the machine disturbs them alike. */
async function inTurns(
  runs: readonly Running[],
  { rounds }: Effort,
  name: string,
  measure: (running: Running) => Promise<Sample>,
  warmUps = 1,
): Promise<void> {
  for (const running of runs) await load(running, WARM_UP_SECONDS, { secure: name.startsWith('tls') });
  for (let round = 0; round < warmUps; round++) for (const running of runs) await measure(running);
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

async function shakeHands(
  { process: child, port }: Running,
  seconds: number,
  kind: 'full' | 'resumed',
): Promise<Sample> {
  if (child?.pid === undefined) return {};
  const before = cpuMicros(child.pid);
  const words = ['bench/handshakes.ts', String(port), String(seconds), kind];
  const client = start(LOAD_CORE, process.execPath, words);
  const [, json = '{}'] = await line(client, /^(\{.*\})$/m, (seconds + 30) * 1_000);
  const after = cpuMicros(child.pid);
  await stop(client);
  const { total, errors, perSecond } = JSON.parse(json) as Record<'total' | 'errors' | 'perSecond', number>;
  return { cpuMicrosPerHandshake: (after - before) / total, requestsPerSecond: perSecond, errors };
}

/** Every step is a sample, so that the median is what one more poll costs and not what is allocated once. */
async function holdPolls(runs: readonly Running[], { seconds }: Effort, secure: boolean): Promise<void> {
  for (const running of runs) {
    const { process: child, port, samples, rival } = running;
    if (child?.pid === undefined) continue;
    // On a fresh process: memory that earlier traffic left free would hide what a poll costs.
    const polls = startPolls(port, secure);
    let before = await park(polls, 0, child.pid);
    for (let count = POLL_STEP; count <= MANY_POLLS; count += POLL_STEP) {
      const after = await park(polls, count, child.pid);
      const rssBytesPerPoll = (after - before) / POLL_STEP;
      before = after;
      samples.push({ rssBytesPerPoll });
      process.stdout.write(`held polls ${rival.name}, ${count}: ${rssBytesPerPoll.toFixed(0)} bytes\n`);
    }
    // Ordinary traffic beside the held polls goes on.
    const { errors = 0 } = await load(running, seconds, { secure });
    if (errors > 0) throw new Error(`${rival.name} fails beside held polls`);
    await stop(polls);
    // The processes of the others need the memory and the ports.
    await stop(child);
  }
}

/** The slowest requests of a steady trickle, without held polls and beside many. */
async function besidePolls(
  runs: readonly Running[],
  { rounds, seconds }: Effort,
  { name }: Scenario,
): Promise<void> {
  const inRounds = async (): Promise<Map<Running, Sample[]>> => {
    const measured = new Map<Running, Sample[]>(runs.map((running) => [running, []]));
    for (let round = 0; round <= rounds; round++) {
      for (const running of runs) {
        const sample = await trickle(running, seconds, BESIDE_RATE);
        // The first round warms up.
        if (round > 0) measured.get(running)?.push(sample);
      }
    }
    return measured;
  };
  const without = await inRounds();
  const parked: ChildProcess[] = [];
  for (const { process: child, port } of runs) {
    if (child?.pid === undefined) continue;
    const polls = startPolls(port, false);
    parked.push(polls);
    await park(polls, MANY_POLLS, child.pid);
  }
  const beside = await inRounds();
  await Promise.all(parked.map(stop));
  for (const running of runs) {
    beside.get(running)?.forEach((sample, round) => {
      const p99MsWithout = without.get(running)?.[round]?.p99Ms ?? 0;
      running.samples.push({ ...sample, p99MsWithout });
      const figures = `${(sample.p99Ms ?? 0).toFixed(1)} ms, without ${p99MsWithout.toFixed(1)} ms`;
      process.stdout.write(`${name} ${running.rival.name}: ${figures}\n`);
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
