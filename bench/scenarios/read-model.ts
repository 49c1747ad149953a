// Owns the scenarios of the read model: how long it takes to build, pages and searches of lists, and the reports that compare
// policies, each over a fleet of a million devices, in this process and threads of it.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { threadedComparison } from '../../src/api/comparisons/threaded-comparison.ts';
import { ThreadedQuestions } from '../../src/api/questions/threaded-questions.ts';
import type { DeviceFilter } from '../../src/app/device-list.ts';
import { configSchema } from '../../src/config/schema.ts';
import { openStore } from '../../src/directory/open-store.ts';
import { ModelFile } from '../../src/directory/read-model/model-file.ts';
import { ModelKeeper } from '../../src/directory/read-model/model-keeper.ts';
import { RARE_GROUP, deviceName, reportFleet, userName } from '../core/fleet.ts';
import { DEVICES, onFleet } from '../core/fleet-directory.ts';
import type { Fleet } from '../core/fleet-directory.ts';
import { withPauses } from '../core/loop-pauses.ts';
import { ALL_CORES, line, start, stop } from '../core/processes.ts';
import { told } from '../core/report.ts';
import type { Sample } from '../core/report.ts';
import { PLAIN, trickle } from './scenario.ts';
import type { Effort, Running, Scenario } from './scenario.ts';

const PAGES = 200;
/** Requests a second. */
const RATE = 3_000;

/** Builds a model in this process. */
async function buildOnce({ folder, store: options }: Fleet, name: string): Promise<Sample> {
  const path = join(folder, name, 'read-model.db');
  mkdirSync(join(folder, name));
  const store = await openStore(options);
  const file = ModelFile.open(path, { store: 'bench', epoch: 0 });
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  await new ModelKeeper(store, file).build();
  const { user, system } = process.cpuUsage(cpu);
  const sample = { seconds: (performance.now() - began) / 1_000, cpuSeconds: (user + system) / 1e6 };
  file.close();
  await store.close();
  return sample;
}

async function measureBuilds({ rounds }: Effort): Promise<Record<string, Sample[]>> {
  const samples: Record<string, Sample[]> = { embedded: [], redis: [], rebuilt: [] };
  for (const kind of ['embedded', 'redis'] as const)
    await onFleet(kind, async (fleet) => {
      for (let round = 0; round < rounds; round++)
        samples[kind]?.push(told(kind, await buildOnce(fleet, `model-${round}`)));
      if (kind === 'embedded') samples['rebuilt']?.push(told('rebuilt', await rebuildOnce(fleet)));
    });
  return samples;
}

/** After a run of a feed that changed all devices: the full read over them ends, and the model is built anew. */
async function rebuildOnce({ folder, store: options }: Fleet): Promise<Sample> {
  const store = await openStore(options);
  const file = ModelFile.open(join(folder, 'model-0', 'read-model.db'), { store: 'bench', epoch: 0 });
  const keeper = new ModelKeeper(store, file);
  await reportFleet(store, DEVICES, Date.now() + 1_000, false);
  const [began, cpu] = [performance.now(), process.cpuUsage()];
  await keeper.readAll();
  const { user, system } = process.cpuUsage(cpu);
  const sample = { seconds: (performance.now() - began) / 1_000, cpuSeconds: (user + system) / 1e6 };
  file.close();
  await store.close();
  return sample;
}

/** Lists of 50 rows; `round` makes each question another one. */
const LISTS: Readonly<Record<string, (round: number) => DeviceFilter>> = {
  newest: () => ({}),
  state: () => ({ states: ['quarantined'] }),
  'state-and-model': () => ({ states: ['blocked'], model: 'iphone1?,2' }),
  type: () => ({ type: 'iPhone', states: ['allowed'] }),
  'rare-group': () => ({ group: RARE_GROUP }),
  'empty-group': (round) => ({ group: `nobody-${round}` }),
  'large-group': () => ({ group: 'staff' }),
};
const SEARCHES: Readonly<Record<string, (round: number) => DeviceFilter>> = {
  'one-user': (round) => ({ search: userName(round * 97).slice(4, -4) }),
  'one-device': (round) => ({ search: deviceName(round * 89).slice(5) }),
  'a-hundred': (round) => ({ search: `name${100 + round}` }),
  everyone: () => ({ search: 'contoso' }),
  nobody: (round) => ({ search: `nobody${round}here` }),
};

/** Asks as the admin API does. */
async function measureLists(lists: typeof LISTS, { rounds }: Effort): Promise<Record<string, Sample[]>> {
  return onFleet('embedded', async (fleet) => {
    await buildOnce(fleet, 'model');
    const questions = new ThreadedQuestions({
      path: join(fleet.folder, 'model', 'read-model.db'),
      domains: [],
    });
    const samples: Record<string, Sample[]> = {};
    for (const [name, filter] of Object.entries(lists)) {
      samples[name] = [];
      for (let round = 0; round <= rounds; round++) {
        const times: number[] = [];
        for (let page = 0; page < PAGES; page++) {
          const began = performance.now();
          const request = { sort: [], limit: 50, after: null };
          await questions.ask('devices', { filter: filter(round * PAGES + page), request });
          times.push(performance.now() - began);
        }
        times.sort((a, b) => a - b);
        const at = (share: number): number => times[Math.floor(times.length * share)] ?? 0;
        // The first round reads the file into memory.
        if (round > 0) samples[name].push(told(name, { p50Ms: at(0.5), p99Ms: at(0.99) }));
      }
    }
    await questions.close();
    return samples;
  });
}

/** Requests without a build, and beside one that never ends. */
async function measureBeside(runs: readonly Running[], { rounds, seconds }: Effort): Promise<void> {
  await onFleet('embedded', async ({ folder, store }) => {
    if (store.kind !== 'embedded') return;
    for (let round = 0; round <= rounds; round++)
      for (const running of runs) {
        const without = await trickle(running, seconds, RATE);
        const words = ['bench/core/build-model.ts', store.path, join(folder, 'beside.db')];
        const builder = start(ALL_CORES, process.execPath, words);
        await line(builder, /building/);
        const beside = await trickle(running, seconds, RATE);
        await stop(builder);
        const sample = { ...beside, p99MsBefore: without.p99Ms ?? 0 };
        if (round > 0) running.samples.push(told(running.rival.name, sample));
      }
  });
}

async function measureReports({ rounds }: Effort): Promise<Record<string, Sample[]>> {
  const { policy } = configSchema.parse({ store: { kind: 'embedded', path: ':memory:' } });
  const document =
    'compliance: [ { require: { compliant: true, minimumOs: { ios: "17.2" } }, action: block } ]';
  const now = Date.now();
  const samples: Record<string, Sample[]> = { embedded: [], redis: [] };
  for (const kind of ['embedded', 'redis'] as const)
    await onFleet(kind, async ({ store }) => {
      const compare = threadedComparison({ store, settings: { policy } });
      const asked = {
        before: { ref: { document: `mode: reportOnly\n${document}`, lists: {} } },
        after: { ref: { document, lists: {} } },
        now,
      };
      const { signal } = new AbortController();
      for (let round = 0; round < rounds; round++) {
        await pause(1_000);
        const began = performance.now();
        const { pausesP99Ms } = await withPauses(() => compare(asked, () => undefined, signal));
        samples[kind]?.push(told(kind, { seconds: (performance.now() - began) / 1_000, pausesP99Ms }));
      }
    });
  return samples;
}

const ALONE = { ...PLAIN, rivals: [], measure: () => Promise.resolve() };

export const READ_MODEL_SCENARIOS: readonly Scenario[] = [
  {
    ...ALONE,
    name: 'model-build',
    text: 'the read model of 1,000,000 devices with 400,000 users is built, and built anew after all devices changed',
    figure: 'seconds',
    alone: measureBuilds,
  },
  {
    ...PLAIN,
    name: 'model-build-beside',
    text: '3,000 requests/s beside the build of the read model of 1,000,000 devices, against the same without',
    figure: 'p99Ms',
    rivals: ['easgate'],
    measure: measureBeside,
  },
  {
    ...ALONE,
    name: 'list-page',
    text: 'a page of 50 of 1,000,000 devices, filtered, the last seen first, by way of the thread that the admin API asks',
    figure: 'p99Ms',
    alone: (effort) => measureLists(LISTS, effort),
  },
  {
    ...ALONE,
    name: 'list-search',
    text: 'the same by a part of a name or id',
    figure: 'p99Ms',
    alone: (effort) => measureLists(SEARCHES, effort),
  },
  {
    ...ALONE,
    name: 'would-block',
    text: 'the report of phones that a policy would refuse, over 1,000,000 devices, in a thread; and the pauses of the process that asked',
    figure: 'seconds',
    alone: measureReports,
  },
];
