// Owns the aims of the benchmark, and the check whether they are met.
import { HTTP_LISTS } from '../scenarios/list-http.ts';
import { median } from './report.ts';
import type { BenchResult, Measure } from './report.ts';

/** One target. */
export interface Aim {
  readonly scenario: string;
  readonly text: string;
  readonly limit: number;
  readonly atMost: boolean;
  readonly digits: number;
  /**
   * The value to compare with the limit, per round: all rivals of one round run under the same conditions, but the machine may be twice
   * as fast in the next round. Empty = the run did not measure it.
   */
  readonly values: (result: BenchResult) => number[];
}

/** All targets. */
export const AIMS: readonly Aim[] = [
  against('hot-path', 1, 'nginx-lua', true),
  against('low-rate', 1.1, 'nginx-lua', true),
  ...['hot-path', 'block', 'held-polls'].map(withPolicy),
  against('tls', 1.2, 'nginx-lua', true),
  bytes('held-polls', 6),
  bytes('tls-held-polls', 60),
  {
    scenario: 'idle',
    text: 'at most 1,500 µs per second with 9,000 held polls',
    limit: 1_500,
    atMost: true,
    digits: 0,
    values: (result) => samplesOf(result, 'easgate', 'cpuMicrosPerSecond'),
  },
  {
    scenario: 'beside-polls',
    text: 'p99 at most 2 × the p99 without held polls',
    limit: 2,
    atMost: true,
    digits: 2,
    values: (result) => paired(result, 'easgate', 'p99Ms', 'easgate', 'p99MsWithout', (a, b) => a / b),
  },
  against('download', 0.8, 'nginx-lua', false),
  against('upload', 0.8, 'nginx-lua', false),
  {
    scenario: 'workers',
    text: 'CPU per request with two workers at most 1.1 × with one (no cores left for 1.8 × the work)',
    limit: 1.1,
    atMost: true,
    digits: 2,
    values: (result) => ratios(result, 'easgate-2', 'easgate-1'),
  },
  {
    scenario: 'cold',
    text: 'p99 at most 2 ms above that of verdicts in memory',
    limit: 2,
    atMost: true,
    digits: 1,
    values: (result) => paired(result, 'easgate-cold', 'p99Ms', 'easgate', 'p99Ms', (a, b) => a - b),
  },
  {
    scenario: 'cold',
    text: 'at most 80 µs of processor time more than verdicts in memory',
    limit: 80,
    atMost: true,
    digits: 1,
    values: (result) =>
      paired(
        result,
        'easgate-cold',
        'cpuMicrosPerRequest',
        'easgate',
        'cpuMicrosPerRequest',
        (a, b) => a - b,
      ),
  },
  micros('policy', 'evaluate', 2),
  micros('policy', 'explain', 50),
  {
    scenario: 'policy-change',
    text: 'all is decided within 1,000 ms',
    limit: 1_000,
    atMost: true,
    digits: 0,
    values: (result) => samplesOf(result, 'easgate', 'changeMs'),
  },
  {
    scenario: 'policy-change',
    text: 'no pause above 50 ms',
    limit: 50,
    atMost: true,
    digits: 1,
    values: (result) => samplesOf(result, 'easgate', 'pauseMs'),
  },
  ...['embedded', 'redis'].flatMap((variant): Aim[] => [
    // 200 µs: ten thousand polls in two seconds.
    micros('polls-again', variant, 200),
    atMost('polls-again', variant, 'changeMs', 1_000, 'ms until all refused polls have ended'),
    beside('polls-again', variant, 3),
  ]),
  ...['embedded', 'redis', 'rebuilt'].map((variant) => atMost('model-build', variant, 'seconds', 60, 's')),
  {
    scenario: 'model-build-beside',
    text: 'p99 at most 3 ms above that without a build',
    limit: 3,
    atMost: true,
    digits: 1,
    values: (result) => paired(result, 'easgate', 'p99Ms', 'easgate', 'p99MsBefore', (a, b) => a - b),
  },
  ...['newest', 'state', 'state-and-model', 'type', 'rare-group', 'empty-group', 'large-group'].map(
    (variant) => atMost('list-page', variant, 'p99Ms', 10, 'ms'),
  ),
  ...['one-user', 'one-device', 'a-hundred', 'everyone', 'nobody'].map((variant) =>
    atMost('list-search', variant, 'p99Ms', 20, 'ms'),
  ),
  ...HTTP_LISTS.map((variant) => atMost('list-http', variant, 'p99Ms', 100, 'ms')),
  atLeast('import', 'redis', 'recordsPerSecond', 150_000, 'records/s'),
  atLeast('import', 'redis-beside', 'recordsPerSecond', 40_000, 'records/s'),
  atMost('import', 'redis-beside', 'p99Ms', 8, 'ms, p99 of the look-ups'),
  atLeast('import', 'embedded', 'recordsPerSecond', 100_000, 'records/s'),
  atMost('import', 'redis', 'bytesPerDevice', 700, 'bytes a device'),
  atMost('l1', 'easgate', 'heapMegabytes', 60, 'MB'),
  atMost('fleet-block', 'many-polls', 'p99Ms', 1_000, 'ms'),
  atMost('fleet-block', 'one-request', 'p99Ms', 100, 'ms'),
  ...['embedded', 'redis'].map((variant): Aim => ({
    scenario: 'sweep-beside',
    text: `${variant}: p99 at most 2 ms above that without a run`,
    limit: 2,
    atMost: true,
    digits: 1,
    values: (result) => paired(result, variant, 'p99Ms', variant, 'p99MsBefore', (a, b) => a - b),
  })),
  ...['embedded', 'redis'].flatMap((variant) => [
    atMost('would-block', variant, 'seconds', 15, 's'),
    atMost('would-block', variant, 'pausesP99Ms', 30, 'ms of pauses'),
    atMost('journal-query', variant, 'p99Ms', 50, 'ms'),
  ]),
];

/** Rounds that differ by more than this factor prove nothing, whatever their median. */
const MAX_SPREAD = 2;

/** The median over the rounds, and their spread. */
export interface Outcome {
  readonly value: number;
  readonly least: number;
  readonly most: number;
  /** `not measured`: the rounds differ more than twofold, and some of them meet the aim. */
  readonly verdict: 'met' | 'missed' | 'not measured';
}

/** Compares the figures of a target with its limit; null = the run did not measure it. */
export function outcomeOf({ values, limit, atMost }: Aim, result: BenchResult): Outcome | null {
  const all = values(result);
  if (all.length === 0) return null;
  const value = median(all);
  const least = Math.min(...all);
  const most = Math.max(...all);
  const meets = (one: number): boolean => (atMost ? one <= limit : one >= limit);
  const isNoise = least <= 0 || most > MAX_SPREAD * least;
  // Noisy rounds do not prove that an aim is met, but an aim that every round misses is missed.
  if (isNoise && all.some(meets)) return { value, least, most, verdict: 'not measured' };
  return { value, least, most, verdict: meets(value) ? 'met' : 'missed' };
}

function against(scenario: string, limit: number, rival: string, atMost: boolean): Aim {
  return {
    scenario,
    text: `at ${atMost ? 'most' : 'least'} ${limit.toFixed(1)} × ${rival}`,
    limit,
    atMost,
    digits: 2,
    values: (result) => ratios(result, 'easgate', rival),
  };
}

/** A large policy costs a request nothing, but for what one round differs from the next. */
function withPolicy(scenario: string): Aim {
  return {
    scenario,
    text: 'with 200 rules and 50 compliance policies at most 1.05 × without',
    limit: 1.05,
    atMost: true,
    digits: 2,
    values: (result) => ratios(result, 'easgate-policy', 'easgate'),
  };
}

function micros(scenario: string, variant: string, limit: number): Aim {
  return {
    scenario,
    text: `${variant}: at most ${limit} µs`,
    limit,
    atMost: true,
    digits: 2,
    values: ({ rivals }) =>
      (rivals[variant]?.samples ?? []).flatMap(({ cpuMicrosPerDecision }) =>
        cpuMicrosPerDecision === undefined ? [] : [cpuMicrosPerDecision],
      ),
  };
}

/** Milliseconds that requests may take longer beside the work. */
function beside(scenario: string, variant: string, limit: number): Aim {
  return {
    scenario,
    text: `${variant}: p99 at most ${limit} ms above that without the change`,
    limit,
    atMost: true,
    digits: 1,
    values: (result) => paired(result, variant, 'p99Ms', variant, 'p99MsBefore', (a, b) => a - b),
  };
}

function atMost(scenario: string, variant: string, measure: Measure, limit: number, unit: string): Aim {
  return {
    scenario,
    text: `${variant}: at most ${limit.toLocaleString('en')} ${unit}`,
    limit,
    atMost: true,
    digits: 1,
    values: (result) => samplesOf(result, variant, measure),
  };
}

function atLeast(scenario: string, variant: string, measure: Measure, limit: number, unit: string): Aim {
  return {
    ...atMost(scenario, variant, measure, limit, unit),
    text: `${variant}: at least ${limit.toLocaleString('en')} ${unit}`,
    atMost: false,
    digits: 0,
  };
}

function samplesOf({ rivals }: BenchResult, variant: string, measure: Measure): number[] {
  return (rivals[variant]?.samples ?? []).flatMap((sample) => sample[measure] ?? []);
}

function bytes(scenario: string, kilobytes: number): Aim {
  return {
    scenario,
    text: `at most ${kilobytes} KB`,
    limit: kilobytes,
    atMost: true,
    digits: 1,
    values: ({ rivals }) =>
      (rivals['easgate']?.samples ?? []).flatMap(({ rssBytesPerPoll }) =>
        rssBytesPerPoll === undefined ? [] : [rssBytesPerPoll / 1_000],
      ),
  };
}

function ratios(result: BenchResult, rival: string, base: string): number[] {
  return paired(result, rival, result.figure, base, result.figure, (a, b) => a / b);
}

/** Compares the samples of one round. */
function paired(
  { rivals }: BenchResult,
  rival: string,
  measure: Measure,
  base: string,
  baseMeasure: Measure,
  compare: (value: number, base: number) => number,
): number[] {
  const others = rivals[base]?.samples ?? [];
  return (rivals[rival]?.samples ?? []).flatMap((sample, round) => {
    const value = sample[measure];
    const other = others[round]?.[baseMeasure];
    return value === undefined || other === undefined || other === 0 ? [] : [compare(value, other)];
  });
}
