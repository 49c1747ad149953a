// Owns what the figures are to be, and whether they are.
import type { BenchResult, Measure } from './report.ts';

/** One aim. */
export interface Aim {
  readonly scenario: string;
  readonly text: string;
  readonly limit: number;
  readonly atMost: boolean;
  readonly digits: number;
  /** What is compared with the limit; undefined = the run did not measure it. */
  readonly value: (result: BenchResult) => number | undefined;
}

/** All of them. */
export const AIMS: readonly Aim[] = [
  against('hot-path', 1, 'nginx-lua', true),
  against('tls', 1.2, 'nginx-lua', true),
  bytes('held-polls', 10),
  bytes('tls-held-polls', 60),
  {
    scenario: 'beside-polls',
    text: 'p99 at most 2 × the p99 without held polls',
    limit: 2,
    atMost: true,
    digits: 2,
    value: ({ rivals }) => ratio(rivals['easgate']?.p99Ms, rivals['easgate']?.p99MsWithout),
  },
  against('download', 0.8, 'nginx-lua', false),
  against('upload', 0.8, 'nginx-lua', false),
  {
    scenario: 'workers',
    text: 'CPU per request with two workers at most 1.1 × with one (no cores left for 1.8 × the work)',
    limit: 1.1,
    atMost: true,
    digits: 2,
    value: ({ rivals }) =>
      ratio(rivals['easgate-2']?.cpuMicrosPerRequest, rivals['easgate-1']?.cpuMicrosPerRequest),
  },
  {
    scenario: 'cold',
    text: 'p99 at most 2 ms above that of verdicts in memory',
    limit: 2,
    atMost: true,
    digits: 1,
    value: ({ rivals }) => difference(rivals['easgate-cold']?.p99Ms, rivals['easgate']?.p99Ms),
  },
];

/** Whether a value keeps to its aim. */
export function isMet({ limit, atMost }: Aim, value: number): boolean {
  return atMost ? value <= limit : value >= limit;
}

function against(scenario: string, limit: number, rival: string, atMost: boolean): Aim {
  return {
    scenario,
    text: `at ${atMost ? 'most' : 'least'} ${limit.toFixed(1)} × ${rival}`,
    limit,
    atMost,
    digits: 2,
    value: ({ rivals, figure }) => ratio(rivals['easgate']?.[figure], rivals[rival]?.[figure]),
  };
}

function bytes(scenario: string, kilobytes: number): Aim {
  const figure: Measure = 'rssBytesPerPoll';
  return {
    scenario,
    text: `at most ${kilobytes} KB`,
    limit: kilobytes,
    atMost: true,
    digits: 1,
    value: ({ rivals }) => ratio(rivals['easgate']?.[figure], 1_000),
  };
}

function ratio(value: number | undefined, base: number | undefined): number | undefined {
  return value === undefined || base === undefined || base === 0 ? undefined : value / base;
}

function difference(value: number | undefined, base: number | undefined): number | undefined {
  return value === undefined || base === undefined ? undefined : value - base;
}
