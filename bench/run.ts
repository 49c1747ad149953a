// Owns the benchmark run: each rival proves that it answers correctly, then a scenario measures them.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Agent, request } from 'undici';
import { writeCertificate } from './core/certificate.ts';
import type { CertificateFiles } from './core/certificate.ts';
import { LOAD_CORE, freePort, line, start, stopAll } from './core/processes.ts';
import { startRedis } from './core/redis-server.ts';
import { chart, machine, summarise, tableOf, versions } from './core/report.ts';
import type { BenchResult, Sample } from './core/report.ts';
import { writeTables } from './core/published.ts';
import { RIVALS } from './servers/rivals.ts';
import type { Rival, RivalContext } from './servers/rival.ts';
import { SCENARIOS } from './scenarios/all.ts';
import type { Running, Scenario } from './scenarios/scenario.ts';
import { BLOCKED_DEVICE, DEVICES, SYNC_BODY, headers, target } from './core/traffic.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    json: { type: 'string' },
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '4' },
    rivals: { type: 'string' },
  },
});

/** Does not verify the certificate, which was generated for this run. */
const trusting = new Agent({ connect: { rejectUnauthorized: false, servername: 'mail.example.com' } });

process.on('SIGINT', () => void stopAll().then(() => process.exit(130)));
try {
  const wanted = positionals.length === 0 ? ['hot-path'] : positionals;
  const names = SCENARIOS.map(({ name }) => name);
  const unknown = wanted.find((name) => name !== 'all' && !names.includes(name));
  if (unknown !== undefined) throw new Error(`no scenario ${unknown}; there are ${names.join(', ')}, all`);
  const scenarios = SCENARIOS.filter(({ name }) => wanted.includes('all') || wanted.includes(name));
  for (const scenario of scenarios) await run(scenario);
} catch (error) {
  process.stderr.write(`bench: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
} finally {
  await stopAll();
  await trusting.close();
}

async function run(scenario: Scenario): Promise<void> {
  const effort = { rounds: Number(values.rounds), seconds: Number(values.seconds) };
  if (scenario.alone !== undefined) {
    publishSamples(scenario, await scenario.alone(effort));
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'easgate-bench-'));
  const upstreamPort = await freePort();
  const backend = start(LOAD_CORE, process.execPath, ['bench/servers/backend.ts', String(upstreamPort)]);
  await line(backend, /ready/);
  const redisPort = scenario.redis ? (await startRedis(folder)).port : null;
  const tls = scenario.tls ? writeCertificate(folder) : null;
  const runs: Running[] = [];
  for (const rival of participants(scenario)) {
    runs.push(await launch(rival, { folder, upstreamPort, logged: scenario.logged, tls, redisPort }));
  }
  await scenario.measure(runs, effort, scenario);
  await stopAll();
  rmSync(folder, { recursive: true, force: true });
  publishSamples(scenario, Object.fromEntries(runs.map(({ rival, samples }) => [rival.name, samples])));
}

function publishSamples(
  { name, figure }: Scenario,
  samples: Readonly<Record<string, readonly Sample[]>>,
): void {
  publish({
    scenario: name,
    figure,
    at: new Date().toISOString(),
    machine: machine(),
    versions: versions(),
    rivals: Object.fromEntries(Object.entries(samples).map(([rival, its]) => [rival, summarise(its)])),
  });
}

function participants(scenario: Scenario): Rival[] {
  const named = values.rivals?.split(',');
  return RIVALS.filter((rival) => {
    if (!scenario.rivals.includes(rival.name)) return false;
    if (named !== undefined && !named.includes(rival.name)) return false;
    const missing = rival.missing();
    if (missing !== null) process.stdout.write(`${rival.name} is left out: ${missing} (bench/README.md)\n`);
    return missing === null;
  });
}

async function launch(rival: Rival, context: Omit<RivalContext, 'port'>): Promise<Running> {
  const folder = join(context.folder, rival.name);
  mkdirSync(folder, { recursive: true });
  const port = rival.name === 'direct' ? context.upstreamPort : await freePort();
  const process = await rival.start({ ...context, folder, port });
  await prove(rival, port, context.tls);
  return { rival, process, port, samples: [] };
}

/** Checks that a rival answers correctly before it is measured. */
async function prove(rival: Rival, port: number, tls: CertificateFiles | null): Promise<void> {
  for (const device of DEVICES) {
    const { status, type, size } = await ask(port, device, tls);
    if (status !== 200 || type !== 'application/vnd.ms-sync.wbxml' || size < 50) {
      throw new Error(`${rival.name} does not pass on what the server answers: ${status} ${type} ${size}`);
    }
  }
  if (!rival.decides) return;
  const refused = await ask(port, BLOCKED_DEVICE, tls);
  const statusInBody = refused.status === 200 && refused.hex === '03016a00454e03313239000101';
  if (rival.name.startsWith('easgate') ? !statusInBody : refused.status !== 403) {
    throw new Error(`${rival.name} does not refuse the blocked device: ${refused.status}`);
  }
}

async function ask(
  port: number,
  device: string,
  tls: CertificateFiles | null,
): Promise<{ status: number; type: string; size: number; hex: string }> {
  const { Connection: _connection, ...sent } = headers();
  const scheme = tls === null ? 'http' : 'https';
  const response = await request(`${scheme}://127.0.0.1:${port}${target('Sync', device)}`, {
    method: 'POST',
    headers: sent,
    body: SYNC_BODY,
    dispatcher: trusting,
  });
  const body = Buffer.from(await response.body.arrayBuffer());
  const type = String(response.headers['content-type'] ?? '');
  return { status: response.statusCode, type, size: body.length, hex: body.toString('hex') };
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
  writeTables();
}
