// Owns the scenario of a change that concerns all held polls: 9,000 devices are written, and the polls of their phones are decided again from the
// directory; one in a hundred is refused from then on. Measures the gateway's processor time, the time until the refused polls end, and the latency of other
// requests meanwhile.
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { Crowd, sharedNow } from '../core/crowd.ts';
import { onDirectory } from '../core/fleet-directory.ts';
import type { Fleet } from '../core/fleet-directory.ts';
import { LOAD_CORE, cpuMicros, freePort, line, start, stop } from '../core/processes.ts';
import { told } from '../core/report.ts';
import type { Sample } from '../core/report.ts';
import { DEVICES as PHONES, pollDevice, pollUser } from '../core/traffic.ts';
import { openStore } from '../../src/directory/open-store.ts';
import type { DirectoryStore } from '../../src/directory/store.ts';
import { deviceKey } from '../../src/identity/device.ts';
import type { UserKey } from '../../src/identity/keys.ts';
import type { DeviceObservation } from '../../src/model/device.ts';
import { startGateway } from '../servers/gateway.ts';
import type { Gateway } from '../servers/gateway.ts';
import { PLAIN, trickle } from './scenario.ts';
import type { Effort, Scenario } from './scenario.ts';

/** Number of held polls; `EASGATE_BENCH_FLEET` lowers it for a short try. */
const POLLS = Math.min(9_000, Number(process.env['EASGATE_BENCH_FLEET'] ?? 9_000));
/** One of so many is refused in each change. */
const REFUSED = 100;
const PART = 1_000;
/** Other requests a second, during the second change of a round. */
const RATE = 500;
/** Pause before the change, in which the load opens its connections. */
const BEFORE_CHANGE_MS = 1_500;
const SETTLE_MS = 2_000;
/** The gateway has finished when it uses less than this much processor time in {@link LOOK_MS}, three times in a row. */
const LOOK_MS = 100;
const QUIET_MICROS = 4_000;

/** What a source reports of the phones with polls; those of this change and of earlier ones do not comply. */
function reports(version: number): DeviceObservation[] {
  return Array.from({ length: POLLS }, (_, index) => ({
    key: deviceKey(pollDevice(index)),
    source: 'bench',
    observedAt: Date.now(),
    managed: true,
    compliant: index % REFUSED >= version,
    osVersion: `18.${version}`,
    model: `Phone${index % 500}`,
  }));
}

/** Writes devices, and users with two aliases and three groups each. */
async function seed(store: DirectoryStore): Promise<void> {
  await store.putDevices(reports(0));
  await store.putDevices(
    PHONES.map((id) => ({
      key: deviceKey(id),
      source: 'bench',
      observedAt: Date.now(),
      managed: true,
      compliant: true,
    })),
  );
  for (let at = 0; at < POLLS; at += PART)
    await store.putUsers(
      Array.from({ length: Math.min(PART, POLLS - at) }, (_, index) => ({
        key: pollUser(at + index) as UserKey,
        source: 'bench',
        observedAt: Date.now(),
        enabled: true,
        groups: ['mobile', `building-${index % 200}`, `department-${index % 50}`],
        aliases: [`p${at + index}`, `first.last${at + index}@contoso.com`] as UserKey[],
      })),
    );
}

/** One change. Returns the milliseconds until the last refused poll ended. */
async function change(store: DirectoryStore, crowd: Crowd, version: number): Promise<number> {
  const devices = reports(version);
  const began = sharedNow();
  const count = POLLS / REFUSED;
  const [{ ended, denied, held }] = await Promise.all([
    crowd.watch(version - 1, count, REFUSED),
    store.putDevices(devices),
  ]);
  const times = ended.flatMap((at) => (at === null ? [] : [at - began]));
  if (times.length !== count || denied !== count || held !== POLLS - version * count)
    throw new Error(`${times.length} polls ended, ${denied} phones are refused, ${held} polls are held`);
  return Math.max(...times);
}

async function untilQuiet(pid: number): Promise<void> {
  for (let quiet = 0, before = cpuMicros(pid); quiet < 3;) {
    await pause(LOOK_MS);
    const now = cpuMicros(pid);
    quiet = now - before < QUIET_MICROS ? quiet + 1 : 0;
    before = now;
  }
}

/** Two changes: one by itself, whose cost is that of the gateway, and one beside requests. */
async function measureRound(
  { store, crowd, gateway }: { store: DirectoryStore; crowd: Crowd; gateway: Gateway },
  { seconds }: Effort,
  round: number,
): Promise<Sample> {
  const pid = gateway.process.pid ?? 0;
  await untilQuiet(pid);
  const cpu = cpuMicros(pid);
  const changeMs = await change(store, crowd, 2 * round + 1);
  await untilQuiet(pid);
  const cpuMicrosPerDecision = (cpuMicros(pid) - cpu) / POLLS;
  const before = await trickle(gateway, seconds, RATE);
  const [beside] = await Promise.all([
    trickle(gateway, seconds, RATE),
    pause(BEFORE_CHANGE_MS).then(() => change(store, crowd, 2 * round + 2)),
  ]);
  const { p50Ms = 0, p99Ms = 0, errors = 0 } = beside;
  return { cpuMicrosPerDecision, changeMs, p50Ms, p99Ms, p99MsBefore: before.p99Ms ?? 0, errors };
}

async function onStore({ folder, store: options }: Fleet, effort: Effort): Promise<Sample[]> {
  const store = await openStore(options);
  await seed(store);
  const upstreamPort = await freePort();
  const backend = start(LOAD_CORE, process.execPath, ['bench/servers/backend.ts', String(upstreamPort)]);
  await line(backend, /ready/);
  const gateway = await startGateway({
    folder: join(folder, 'gateway'),
    upstreamPort,
    store:
      options.kind === 'embedded'
        ? `{ kind: embedded, path: "${options.path}" }`
        : `{ kind: redis, url: "${options.url}", keyPrefix: "${options.keyPrefix}" }`,
    administered: false,
    more: ['policy: { notCompliant: block }'],
  });
  const crowd = new Crowd([gateway.port], true);
  const samples: Sample[] = [];
  try {
    await crowd.hold(POLLS);
    await pause(SETTLE_MS);
    // The first round is not counted: V8 compiles in it.
    for (let round = 0; round <= effort.rounds; round++) {
      const sample = told(options.kind, await measureRound({ store, crowd, gateway }, effort, round));
      if (round > 0) samples.push(sample);
    }
  } finally {
    await crowd.close();
    await stop(gateway.process);
    await stop(backend);
    await store.close();
  }
  return samples;
}

async function measure(effort: Effort): Promise<Record<string, Sample[]>> {
  return {
    embedded: await onDirectory('embedded', (fleet) => onStore(fleet, effort)),
    redis: await onDirectory('redis', (fleet) => onStore(fleet, effort)),
  };
}

export const POLLS_AGAIN_SCENARIOS: readonly Scenario[] = [
  {
    ...PLAIN,
    rivals: [],
    measure: () => Promise.resolve(),
    name: 'polls-again',
    text: '9,000 held polls decided again from the directory after a change of all their devices, which refuses one in a hundred; 500 requests/s beside a second such change',
    figure: 'cpuMicrosPerDecision',
    alone: measure,
  },
];
