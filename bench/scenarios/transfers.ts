// Owns the scenarios of large transfers, both ways.
import { LOAD_CORE, cpuMicros, line, rssBytes, start, stop } from '../core/processes.ts';
import type { Sample } from '../core/report.ts';
import { LARGE_BYTES } from '../core/traffic.ts';
import { PLAIN, inTurns } from './scenario.ts';
import type { Running, Scenario } from './scenario.ts';

const RSS_INTERVAL_MS = 50;
const MEGABYTE = 1024 * 1024;

export const TRANSFER_SCENARIOS: readonly Scenario[] = [
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
];

/** One transfer of 100 MB, with the memory it took at its worst. */
async function transfer({ process: child, port }: Running, direction: 'down' | 'up'): Promise<Sample> {
  const pid = child?.pid;
  if (pid === undefined) return {};
  const resident = rssBytes(pid);
  let most = resident;
  const watch = setInterval(() => (most = Math.max(most, rssBytes(pid))), RSS_INTERVAL_MS);
  const before = cpuMicros(pid);
  const client = start(LOAD_CORE, process.execPath, ['bench/core/transfer.ts', String(port), direction]);
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
