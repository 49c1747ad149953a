// Owns the interface of a scenario, and shared measuring: interleaved rounds, load, and a steady rate.
import type { ChildProcess } from 'node:child_process';
import type { LoadKind, LoadOrder } from '../core/load.ts';
import { LOAD_CORE, cpuMicros, line, start, stop } from '../core/processes.ts';
import type { Measure, Sample } from '../core/report.ts';
import type { Rival } from '../servers/rival.ts';

/** A running rival. */
export interface Running {
  readonly rival: Rival;
  readonly process: ChildProcess | null;
  readonly port: number;
  readonly samples: Sample[];
}

/** Duration and repetitions. */
export interface Effort {
  readonly rounds: number;
  readonly seconds: number;
}

/** One row of bench/README.md. */
export interface Scenario {
  readonly name: string;
  readonly figure: Measure;
  /** Description of the measurement, one sentence. */
  readonly text: string;
  readonly rivals: readonly string[];
  readonly tls: boolean;
  readonly logged: boolean;
  readonly redis: boolean;
  /** Measures code in this process, without gateways; returns the samples of each variant. */
  readonly alone?: (effort: Effort) => Record<string, Sample[]> | Promise<Record<string, Sample[]>>;
  /** Fills in the samples of each. */
  measure(runs: readonly Running[], effort: Effort, scenario: Scenario): Promise<void>;
}

const WARM_UP_SECONDS = 2;

/** Every rival that makes the decision. */
export const EVERYONE = ['easgate', 'nginx-lua', 'haproxy', 'undici', 'http-proxy'];
/** A scenario without TLS, access log and Redis. */
export const PLAIN = { tls: false, logged: false, redis: false };

/**
 * Warms up, measures once without counting, then runs interleaved rounds, so that disturbances of the machine affect
 * all rivals.
 */
export async function inTurns(
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

/** Load of 64 connections for some seconds; returns figures of the gateway process and of the load generator. */
export async function load(
  { rival, process: child, port }: Running,
  seconds: number,
  options: LoadOptions = {},
): Promise<Sample> {
  const { kind = 'forward', secure = false, cores = LOAD_CORE } = options;
  const order: LoadOrder = { port, seconds, kind, secure };
  const before = child?.pid === undefined ? 0 : cpuMicros(child.pid);
  const generator = start(cores, process.execPath, ['bench/core/load.ts', JSON.stringify(order)]);
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
export async function trickle(
  { process: child, port }: Pick<Running, 'process' | 'port'>,
  seconds: number,
  rate: number,
  kind: 'warm' | 'cold' = 'warm',
): Promise<Sample> {
  const before = child?.pid === undefined ? 0 : cpuMicros(child.pid);
  const words = ['bench/core/trickle.ts', String(port), String(seconds), String(rate), kind];
  const client = start(LOAD_CORE, process.execPath, words);
  const [, json = '{}'] = await line(client, /^(\{.*\})$/m, (seconds + 30) * 1_000);
  const after = child?.pid === undefined ? 0 : cpuMicros(child.pid);
  await stop(client);
  const { total, errors, p50, p99 } = JSON.parse(json) as Record<'total' | 'errors' | 'p50' | 'p99', number>;
  return { cpuMicrosPerRequest: (after - before) / total, p50Ms: p50, p99Ms: p99, errors };
}

/** `phones` connections with one request a second each; connecting does not count. */
export async function openLoop(
  { process: child, port }: Running,
  seconds: number,
  phones: number,
): Promise<Sample> {
  const words = ['bench/core/open-loop.ts', String(port), String(phones), String(seconds)];
  const crowd = start(LOAD_CORE, process.execPath, words, true);
  await line(crowd, /^ready$/m, 60_000);
  const before = child?.pid === undefined ? 0 : cpuMicros(child.pid);
  crowd.stdin?.write('go\n');
  const [, json = '{}'] = await line(crowd, /^(\{.*\})$/m, (seconds + 30) * 1_000);
  const after = child?.pid === undefined ? 0 : cpuMicros(child.pid);
  await stop(crowd);
  const { total, errors, p50, p99 } = JSON.parse(json) as Record<'total' | 'errors' | 'p50' | 'p99', number>;
  return { cpuMicrosPerRequest: (after - before) / total, p50Ms: p50, p99Ms: p99, errors };
}
