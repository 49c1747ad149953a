// Owns the benchmark run: each rival proves that it answers correctly, then all are measured in interleaved rounds.
import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import type { ChildProcess } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { request } from 'undici';
import { LOAD_CORE, cpuMicros, freePort, line, rssBytes, start, stop, stopAll } from './processes.ts';
import { RIVALS } from './rivals.ts';
import type { Rival } from './rivals.ts';
import { chart, machine, summarise, tableOf, versions } from './report.ts';
import type { BenchResult, Sample } from './report.ts';
import { BLOCKED_DEVICE, DEVICES, SYNC_BODY, headers, target } from './traffic.ts';

const SCENARIOS = ['hot-path', 'hot-path-logged', 'block', 'held-polls'] as const;
type Scenario = (typeof SCENARIOS)[number];

const WARM_UP_SECONDS = 2;
/** Memory is compared without polls and with so many; what is allocated once counts too, so this errs on the high side. */
const POLLS = 4_000;
const SETTLE_MS = 3_000;

interface Running {
  readonly rival: Rival;
  readonly process: ChildProcess | null;
  readonly port: number;
  readonly samples: Sample[];
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    rivals: { type: 'string' },
  },
});

process.on('SIGINT', () => void stopAll().then(() => process.exit(130)));
try {
  const [wanted = 'hot-path'] = positionals;
  const scenarios = wanted === 'all' ? SCENARIOS : SCENARIOS.filter((scenario) => scenario === wanted);
  if (scenarios.length === 0)
    throw new Error(`no scenario ${wanted}; there are ${SCENARIOS.join(', ')}, all`);
  for (const scenario of scenarios) await run(scenario);
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  await stopAll();
}

async function run(scenario: Scenario): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'easgate-bench-'));
  const backendPort = await freePort();
  const backend = start(LOAD_CORE, process.execPath, ['bench/servers/backend.ts', String(backendPort)]);
  await line(backend, /ready/);
  const runs: Running[] = [];
  for (const rival of participants(scenario)) runs.push(await launch(rival, scenario, folder, backendPort));
  if (scenario === 'held-polls') await measurePolls(runs);
  else await measureRequests(runs, scenario);
  for (const { process } of runs) if (process !== null) await stop(process);
  await stop(backend);
  rmSync(folder, { recursive: true, force: true });
  publish({
    scenario,
    at: new Date().toISOString(),
    machine: machine(),
    versions: versions(),
    rivals: Object.fromEntries(runs.map(({ rival, samples }) => [rival.name, summarise(samples)])),
  });
}

function participants(scenario: Scenario): Rival[] {
  const named = values.rivals?.split(',');
  return RIVALS.filter((rival) => {
    if (named !== undefined && !named.includes(rival.name)) return false;
    if (scenario === 'hot-path-logged' && !rival.logs) return false;
    if ((scenario === 'block' || scenario === 'held-polls') && rival.name === 'direct') return false;
    const missing = rival.missing();
    if (missing !== null) process.stdout.write(`${rival.name} is left out: ${missing} (bench/README.md)\n`);
    return missing === null;
  });
}

async function launch(
  rival: Rival,
  scenario: Scenario,
  folder: string,
  upstreamPort: number,
): Promise<Running> {
  const own = join(folder, rival.name);
  mkdirSync(own, { recursive: true });
  const port = rival.name === 'direct' ? upstreamPort : await freePort();
  const process = await rival.start({
    folder: own,
    port,
    upstreamPort,
    logged: scenario === 'hot-path-logged',
  });
  await prove(rival, port);
  return { rival, process, port, samples: [] };
}

/** A rival that answers wrongly is not worth timing. */
async function prove(rival: Rival, port: number): Promise<void> {
  for (const device of DEVICES) {
    const { status, type, size } = await ask(port, device);
    if (status !== 200 || type !== 'application/vnd.ms-sync.wbxml' || size < 50) {
      throw new Error(`${rival.name} does not pass on what the server answers: ${status} ${type} ${size}`);
    }
  }
  if (!rival.decides) return;
  const refused = await ask(port, BLOCKED_DEVICE);
  const statusInBody = refused.status === 200 && refused.hex === '03016a00454e03313239000101';
  if (rival.name === 'easgate' ? !statusInBody : refused.status !== 403) {
    throw new Error(`${rival.name} does not refuse the blocked device: ${refused.status}`);
  }
}

async function ask(
  port: number,
  device: string,
): Promise<{ status: number; type: string; size: number; hex: string }> {
  const { Connection: _connection, ...sent } = headers();
  const response = await request(`http://127.0.0.1:${port}${target('Sync', device)}`, {
    method: 'POST',
    headers: sent,
    body: SYNC_BODY,
  });
  const body = Buffer.from(await response.body.arrayBuffer());
  const type = String(response.headers['content-type'] ?? '');
  return { status: response.statusCode, type, size: body.length, hex: body.toString('hex') };
}

async function measureRequests(runs: readonly Running[], scenario: Scenario): Promise<void> {
  const kind = scenario === 'block' ? 'block' : 'forward';
  for (const running of runs) await load(running, WARM_UP_SECONDS, kind);
  const rounds = Number(values.rounds);
  for (let round = 1; round <= rounds; round++) {
    for (const running of runs) {
      const sample = await load(running, Number(values.seconds), kind);
      running.samples.push(sample);
      const cpu = sample.cpuMicrosPerRequest.toFixed(1);
      process.stdout.write(
        `${scenario} ${round}/${rounds} ${running.rival.name}: ${cpu} µs, ${sample.requestsPerSecond.toFixed(0)}/s\n`,
      );
    }
  }
}

async function load(
  { rival, process: child, port }: Running,
  seconds: number,
  kind: string,
): Promise<Sample> {
  const before = child?.pid === undefined ? 0 : cpuMicros(child.pid);
  const generator = start(LOAD_CORE, process.execPath, [
    'bench/load.ts',
    String(port),
    String(seconds),
    kind,
  ]);
  const [, json = '{}'] = await line(generator, /^(\{.*\})$/m, (seconds + 30) * 1_000);
  const after = child?.pid === undefined ? 0 : cpuMicros(child.pid);
  await stop(generator);
  const result = JSON.parse(json) as Record<
    'total' | 'perSecond' | 'p50' | 'p99' | 'errors' | 'non2xx',
    number
  >;
  const refusals = kind === 'block' && rival.name !== 'easgate' ? 0 : result.non2xx;
  return {
    cpuMicrosPerRequest: result.total === 0 ? 0 : (after - before) / result.total,
    requestsPerSecond: result.perSecond,
    p50Ms: result.p50,
    p99Ms: result.p99,
    errors: result.errors + refusals,
  };
}

async function measurePolls(runs: readonly Running[]): Promise<void> {
  for (const { rival, process: child, port, samples } of runs) {
    if (child?.pid === undefined) continue;
    // On a fresh process: memory that earlier traffic left free would hide what a poll costs.
    const polls = start(LOAD_CORE, process.execPath, ['bench/polls.ts', String(port)], true);
    const before = await park(polls, 0, child.pid);
    const after = await park(polls, POLLS, child.pid);
    const rssBytesPerPoll = (after - before) / POLLS;
    // The other figures are those of ordinary traffic beside the held polls.
    const beside = await load({ rival, process: child, port, samples }, Number(values.seconds), 'forward');
    samples.push({ ...beside, rssBytesPerPoll });
    process.stdout.write(`held-polls ${rival.name}: ${rssBytesPerPoll.toFixed(0)} bytes\n`);
    await stop(polls);
  }
}

/** Opens polls up to `count`, waits until memory settles, and returns it. */
async function park(polls: ChildProcess, count: number, pid: number): Promise<number> {
  polls.stdin?.write(`${count}\n`);
  const [, json = '{}'] = await line(polls, /^(\{.*\})$/m, 60_000);
  const { failed } = JSON.parse(json) as { failed: number };
  if (failed > 0) throw new Error(`${failed} polls were not held`);
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  return rssBytes(pid);
}

function publish(result: BenchResult): void {
  process.stdout.write(`\n${result.scenario}\n${tableOf(result)}\n\n`);
  const json = JSON.stringify(result, null, 2) + '\n';
  if (values.json !== undefined) {
    writeFileSync(values.json, json);
    return;
  }
  const folder = new URL('results/', import.meta.url);
  mkdirSync(folder, { recursive: true });
  writeFileSync(new URL(`${result.scenario}.json`, folder), json);
  writeFileSync(new URL(`${result.scenario}.svg`, folder), chart(result));
}
