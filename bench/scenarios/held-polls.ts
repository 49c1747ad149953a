// Owns the scenarios with thousands of held polls: memory per poll, and the latency of other requests beside them.
import type { ChildProcess } from 'node:child_process';
import { LOAD_CORE, cpuMicros, line, rssBytes, start, stop } from '../core/processes.ts';
import type { Sample } from '../core/report.ts';
import { EVERYONE, PLAIN, load, trickle } from './scenario.ts';
import type { Effort, Running, Scenario } from './scenario.ts';

/** Memory is compared step by step, up to {@link MANY_POLLS}. */
const POLL_STEP = 3_000;
const MANY_POLLS = 9_000;
const BESIDE_RATE = 500;
const SETTLE_MS = 3_000;
/** Before idle time is measured: some seconds after it starts, a worker loads what it seldom needs; after traffic, V8 collects its garbage. */
const IDLE_SETTLE_MS = 15_000;

export const HELD_POLL_SCENARIOS: readonly Scenario[] = [
  {
    ...PLAIN,
    name: 'held-polls',
    text: 'resident memory of one more held Ping, from 3,000 to 9,000',
    figure: 'rssBytesPerPoll',
    rivals: [...EVERYONE, 'easgate-policy'],
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
    name: 'idle',
    text: '9,000 held polls and no other traffic',
    figure: 'cpuMicrosPerSecond',
    rivals: ['easgate', 'nginx-lua', 'haproxy'],
    measure: idle,
  },
];

/**
 * The first step is left out: it has one-time allocations. The others are one sample together, because a collection of the whole heap in one of them makes that step
 * cheap and those before it dear.
 */
async function holdPolls(runs: readonly Running[], { seconds }: Effort, secure: boolean): Promise<void> {
  for (const running of runs) {
    const { process: child, port, samples, rival } = running;
    if (child?.pid === undefined) continue;
    // Needs a new process: memory freed by earlier traffic would hide the cost of a poll.
    const polls = startPolls(port, secure);
    let before = await park(polls, 0, child.pid);
    let first = 0;
    for (let count = POLL_STEP; count <= MANY_POLLS; count += POLL_STEP) {
      const after = await park(polls, count, child.pid);
      const bytes = (after - before) / POLL_STEP;
      before = after;
      if (first === 0) first = after;
      process.stdout.write(`held polls ${rival.name}, ${count}: ${bytes.toFixed(0)} bytes\n`);
    }
    samples.push({ rssBytesPerPoll: (before - first) / (MANY_POLLS - POLL_STEP) });
    // Ordinary traffic continues beside the held polls.
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

/** What each does while nothing happens: without polls, and with many. */
async function idle(
  runs: readonly Running[],
  { rounds, seconds }: Effort,
  { name }: Scenario,
): Promise<void> {
  for (const { process: child, port, samples, rival } of runs) {
    if (child?.pid === undefined) continue;
    const { pid } = child;
    const inRounds = async (): Promise<number[]> => {
      const measured: number[] = [];
      for (let round = 0; round < rounds; round++) measured.push(await cpuMicrosPerSecond(pid, seconds));
      return measured;
    };
    await new Promise((resolve) => setTimeout(resolve, IDLE_SETTLE_MS));
    const without = await inRounds();
    const polls = startPolls(port, false);
    await park(polls, MANY_POLLS, pid);
    await new Promise((resolve) => setTimeout(resolve, IDLE_SETTLE_MS));
    for (const [round, measured] of (await inRounds()).entries())
      samples.push({ cpuMicrosPerSecond: measured, cpuMicrosWithout: without[round] ?? 0 });
    process.stdout.write(`${name} ${rival.name}: ${samples.length} samples\n`);
    await stop(polls);
    await stop(child);
  }
}

async function cpuMicrosPerSecond(pid: number, seconds: number): Promise<number> {
  const [before, from] = [cpuMicros(pid), performance.now()];
  await new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
  return ((cpuMicros(pid) - before) * 1_000) / (performance.now() - from);
}

function startPolls(port: number, secure: boolean): ChildProcess {
  const words = ['bench/core/polls.ts', String(port), secure ? 'tls' : 'plain'];
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
