// Owns what a gateway counted lately: requests per second over the last minute, and failed requests by the code of their error. Pure.
import { ERRORS } from '../errors/request-errors.ts';
import type { HttpErrorCode } from '../errors/request-errors.ts';
import { ERROR_CODES, METRICS } from './definitions.ts';
import { FAILURES, sum } from './totals.ts';

/** Requests that failed with one error. */
export interface FailureCount {
  readonly code: string;
  /** What the code means, in a few words. */
  readonly meaning: string;
  /** Since the start of the gateway. */
  readonly count: number;
  readonly lastMinute: number;
}

/** The traffic of the last minute, and all failures. */
export interface RecentTraffic {
  /** Null = nothing to compare with yet. */
  readonly requestsPerSecond: number | null;
  /** The most frequent ones first. */
  readonly failures: readonly FailureCount[];
}

const SPAN_MS = 60_000;
/** Samples that are closer to each other than this are one. */
const CLOSE_MS = 1_000;

interface Sample {
  /** Monotonic milliseconds. */
  readonly at: number;
  readonly requests: number;
  /** By the place of the code in {@link FAILURES}. */
  readonly failures: readonly number[];
}

/** Compares sums over all processes of a gateway, which never go back, with those of a minute ago. */
export class RecentCounts {
  /** The oldest one is a minute old, or the first of all. */
  private readonly samples: Sample[] = [];

  /** `cells`: summed counters, at `now` (monotonic milliseconds). */
  note(cells: Float64Array, now: number): void {
    const { samples } = this;
    const failures = FAILURES.map((place) => cells[METRICS.errors.at + place] ?? 0);
    const before = samples.at(-2);
    if (before !== undefined && now - before.at < CLOSE_MS) samples.pop();
    samples.push({ at: now, requests: sum(cells, METRICS.requests), failures });
    while ((samples[1]?.at ?? Infinity) <= now - SPAN_MS) samples.shift();
  }

  look(): RecentTraffic {
    const first = this.samples[0];
    const last = this.samples.at(-1);
    if (first === undefined || last === undefined) return { requestsPerSecond: null, failures: [] };
    const seconds = (last.at - first.at) / 1_000;
    const failures = FAILURES.map((place, index) => {
      const code = ERROR_CODES.values[place] as HttpErrorCode;
      const count = last.failures[index] ?? 0;
      return { code, meaning: meaningOf(code), count, lastMinute: count - (first.failures[index] ?? 0) };
    });
    return {
      requestsPerSecond: seconds === 0 ? null : (last.requests - first.requests) / seconds,
      failures: failures.filter(({ count }) => count > 0).sort((one, other) => other.count - one.count),
    };
  }
}

/** The explanation of an error up to its first detail. */
function meaningOf(code: HttpErrorCode): string {
  return (ERRORS[code].help.split(/[:;(]/, 1)[0] ?? '').trim();
}
