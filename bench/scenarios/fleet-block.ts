// Owns the scenario of blocks in a fleet: four gateways on one Redis hold 10,000 polls; 200 devices are blocked by one call of the admin
// API of one gateway, then single ones. How long until the polls end, and until new requests are refused at all gateways.
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { openStore } from '../../src/directory/open-store.ts';
import type { StoreOptions } from '../../src/directory/open-store.ts';
import { deviceKey } from '../../src/identity/device.ts';
import { Crowd, sharedNow } from '../core/crowd.ts';
import { onDirectory } from '../core/fleet-directory.ts';
import { Probe } from '../core/probe.ts';
import { LOAD_CORE, freePort, line, start, stop } from '../core/processes.ts';
import { told } from '../core/report.ts';
import type { Sample } from '../core/report.ts';
import { pollDevice } from '../core/traffic.ts';
import { Operator, startGateway } from '../servers/gateway.ts';
import type { Gateway } from '../servers/gateway.ts';
import { PLAIN } from './scenario.ts';
import type { Effort, Scenario } from './scenario.ts';

const GATEWAYS = 4;
/** `EASGATE_BENCH_FLEET`: another number, for a short try. */
const POLLS = Math.min(10_000, Number(process.env['EASGATE_BENCH_FLEET'] ?? 10_000));
/** Devices of one call. */
const MANY = Math.min(200, POLLS / 4);
/** Single blocks of a round. */
const SINGLE = 100;
const SETTLE_MS = 2_000;
const PART = 500;

function singleDevice(index: number): string {
  return `ONEPHONE${String(index).padStart(6, '0')}`;
}

/** Writes the devices that hold polls, and those that are blocked one by one. */
async function seed(options: StoreOptions, rounds: number): Promise<void> {
  const store = await openStore(options);
  const ids = [
    ...Array.from({ length: POLLS + rounds * MANY }, (_, index) => pollDevice(index)),
    ...Array.from({ length: (rounds + 1) * SINGLE }, (_, index) => singleDevice(index)),
  ];
  const now = Date.now();
  for (let at = 0; at < ids.length; at += PART)
    await store.putDevices(
      ids.slice(at, at + PART).map((id) => ({
        key: deviceKey(id),
        source: 'bench',
        observedAt: now,
        managed: true,
        compliant: true,
      })),
    );
  await store.close();
}

/** One call for many devices. Returns the times from the call to the end of each poll. */
async function blockMany(operator: Operator, crowd: Crowd, round: number): Promise<Sample> {
  // Polls of earlier rounds have ended: as many are held again.
  const total = POLLS + round * MANY;
  await crowd.hold(total);
  await pause(SETTLE_MS);
  const { opened, ended: before } = await crowd.hold(total);
  if (opened - before !== POLLS) throw new Error(`${opened - before} polls are held, not ${POLLS}`);
  const from = round * MANY;
  const devices = Array.from({ length: MANY }, (_, index) => pollDevice(from + index));
  const began = sharedNow();
  const call = async (): Promise<number> => {
    await operator.ask('POST', '/decisions', { action: 'block', devices, dryRun: false });
    return sharedNow() - began;
  };
  const [{ ended, denied, held }, answeredMs] = await Promise.all([crowd.watch(from, MANY), call()]);
  const times = ended.flatMap((at) => (at === null ? [] : [at - began])).sort((a, b) => a - b);
  if (times.length !== MANY || denied !== MANY || held !== POLLS - MANY)
    throw new Error(`${times.length} polls ended, ${denied} phones are refused, ${held} polls are held`);
  const at = (share: number): number => times[Math.floor(times.length * share)] ?? 0;
  process.stdout.write(`the call took ${answeredMs.toFixed(0)} ms\n`);
  return { p50Ms: at(0.5), p99Ms: at(0.99) };
}

/** One call for one device, again and again. Returns the times from the call until the last gateway refuses new requests. */
async function blockOne(operator: Operator, probes: readonly Probe[], round: number): Promise<Sample> {
  const times: number[] = [];
  for (let index = 0; index < SINGLE; index++) {
    const device = singleDevice(round * SINGLE + index);
    // Every gateway has a verdict in memory.
    for (const probe of probes)
      if (await probe.isRefused(device)) throw new Error(`${device} is refused before it is blocked`);
    const began = performance.now();
    const [refused] = await Promise.all([
      Promise.all(probes.map((probe) => probe.untilRefused(device))),
      operator.ask('PUT', `/devices/${device}/decision`, { action: 'block' }),
    ]);
    times.push(Math.max(...refused) - began);
  }
  times.sort((a, b) => a - b);
  const at = (share: number): number => times[Math.floor(times.length * share)] ?? 0;
  return { p50Ms: at(0.5), p99Ms: at(0.99) };
}

async function measure({ rounds }: Effort): Promise<Record<string, Sample[]>> {
  return onDirectory('redis', async ({ folder, store: options }) => {
    if (options.kind !== 'redis') return {};
    await seed(options, rounds);
    const upstreamPort = await freePort();
    const backend = start(LOAD_CORE, process.execPath, ['bench/servers/backend.ts', String(upstreamPort)]);
    await line(backend, /ready/);
    const gateways: Gateway[] = [];
    for (let index = 0; index < GATEWAYS; index++)
      gateways.push(
        await startGateway({
          folder: join(folder, `gateway-${index}`),
          upstreamPort,
          store: `{ kind: redis, url: "${options.url}", keyPrefix: "${options.keyPrefix}" }`,
          administered: index === 0,
        }),
      );
    const crowd = new Crowd(gateways.map(({ port }) => port));
    const probes = await Promise.all(gateways.map(({ port }) => Probe.open(port)));
    const operator = new Operator(gateways[0] as Gateway);
    const samples: Record<string, Sample[]> = { 'many-polls': [], 'one-request': [] };
    try {
      await crowd.hold(POLLS);
      await operator.untilAnswered('/devices?limit=1');
      // The first blocks are those while V8 compiles.
      await blockOne(operator, probes, rounds);
      for (let round = 0; round < rounds; round++) {
        samples['many-polls']?.push(told('many-polls', await blockMany(operator, crowd, round)));
        samples['one-request']?.push(told('one-request', await blockOne(operator, probes, round)));
      }
    } finally {
      for (const probe of probes) probe.close();
      await operator.close();
      await crowd.close();
      await Promise.all(gateways.map((gateway) => stop(gateway.process)));
      await stop(backend);
    }
    return samples;
  });
}

export const FLEET_BLOCK_SCENARIOS: readonly Scenario[] = [
  {
    ...PLAIN,
    rivals: [],
    measure: () => Promise.resolve(),
    name: 'fleet-block',
    text: 'four gateways on one Redis hold 10,000 polls: 200 devices are blocked by one call, until their polls end; one device is blocked, until new requests are refused at all gateways',
    figure: 'p99Ms',
    alone: measure,
  },
];
