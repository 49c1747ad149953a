// Owns the scenario of the memory of verdicts in a worker: 100,000 of them, with the facts behind each.
import { openStore } from '../../src/directory/open-store.ts';
import { onDirectory } from '../core/fleet-directory.ts';
import { userOf } from '../core/fleet.ts';
import { SOURCES, fullDeviceAt, fullSeenAt, fullUserAt } from '../core/full-fleet.ts';
import { ALL_CORES, line, start, stop } from '../core/processes.ts';
import type { Sample } from '../core/report.ts';
import { PLAIN } from './scenario.ts';
import type { Effort, Scenario } from './scenario.ts';

/** `EASGATE_BENCH_FLEET`: another number, for a short try. */
const VERDICTS = Math.min(100_000, Number(process.env['EASGATE_BENCH_FLEET'] ?? 100_000));
/** More devices than verdicts: some are looked up before memory is measured. */
const DEVICES = VERDICTS + 1_000;
const PART = 5_000;
const MEGABYTE = 1e6;

async function measure({ rounds }: Effort): Promise<Record<string, Sample[]>> {
  return onDirectory('embedded', async ({ store: options }) => {
    const store = await openStore(options);
    const now = Date.now();
    const users = userOf(DEVICES - 1) + 1;
    for (let at = 0; at < DEVICES; at += PART) {
      const indices = (end: number): number[] =>
        Array.from({ length: Math.max(0, Math.min(PART, end - at)) }, (_, index) => at + index);
      await store.putUsers(indices(users).map((index) => fullUserAt(index, now)));
      for (const source of SOURCES)
        await store.putDevices(indices(DEVICES).map((index) => fullDeviceAt(index, now, source)));
      await store.recordSeen(indices(DEVICES).map((index) => fullSeenAt(index, now)));
    }
    await store.close();
    const samples: Sample[] = [];
    for (let round = 1; round <= rounds; round++) {
      const words = ['--expose-gc', 'bench/core/fill-cache.ts', JSON.stringify(options), String(VERDICTS)];
      const worker = start(ALL_CORES, process.execPath, words);
      const [, json = '{}'] = await line(worker, /^(\{.*\})$/m, 300_000);
      await stop(worker);
      const { heap, resident, actions } = JSON.parse(json) as {
        readonly heap: number;
        readonly resident: number;
        readonly actions: Readonly<Record<string, number>>;
      };
      if (actions['missing'] !== undefined || Object.keys(actions).length < 2)
        throw new Error(`not all verdicts are in memory: ${JSON.stringify(actions)}`);
      const sample = { heapMegabytes: heap / MEGABYTE, rssGrowthMegabytes: resident / MEGABYTE };
      const figures = `${sample.heapMegabytes.toFixed(1)} MB of heap, ${sample.rssGrowthMegabytes.toFixed(1)} MB resident`;
      process.stdout.write(`l1 ${round}/${rounds}: ${figures}, ${JSON.stringify(actions)}\n`);
      samples.push(sample);
    }
    return { easgate: samples };
  });
}

export const L1_SCENARIOS: readonly Scenario[] = [
  {
    ...PLAIN,
    rivals: [],
    measure: () => Promise.resolve(),
    name: 'l1',
    text: 'live heap of 100,000 verdicts in memory with the facts behind them: all fields of two sources, users with five groups',
    figure: 'heapMegabytes',
    alone: measure,
  },
];
