// Owns the totals of `easgate status` and of the log lines with counters, worked out from the cells of a worker. Pure.
import { ERRORS } from '../errors/request-errors.ts';
import type { HttpErrorCode } from '../errors/request-errors.ts';
import { ERROR_CODES, METRICS, STATUSES, VERDICTS } from './definitions.ts';
import type { Metric } from './layout.ts';

/** Numbers since the start of a worker. */
export interface Totals {
  readonly requests: number;
  /** Requests by the verdict on them. */
  readonly allowed: number;
  readonly quarantined: number;
  readonly blocked: number;
  readonly wiping: number;
  /** Ended with an error: `rejected` = caused by the client, `failed` = by the mail server or this gateway. No verdict is counted. */
  readonly rejected: number;
  readonly failed: number;
  readonly retries: number;
  /** Ended by a changed decision. */
  readonly cut: number;
  /** Paused by the throttle. */
  readonly throttled: number;
  /** Held polls ended by a newer one of the same device. */
  readonly superseded: number;
  /** Held polls refused for lack of memory. */
  readonly shed: number;
  /** Connections rejected before their first request. */
  readonly rejectedConnections: number;
}

/** Which total an error is in. */
function totalOf(code: HttpErrorCode): 'cut' | 'superseded' | 'shed' | 'throttled' | 'failed' | 'rejected' {
  if (code === 'EASGATE_DECISION_CHANGED') return 'cut';
  if (code === 'EASGATE_SUPERSEDED') return 'superseded';
  if (code === 'EASGATE_OVERLOADED') return 'shed';
  const { source, status } = ERRORS[code];
  if (source === 'policy') return 'throttled';
  return status >= 500 ? 'failed' : 'rejected';
}

/** Places of the codes that count as `failed`. */
export const FAILURES: readonly number[] = ERROR_CODES.values.flatMap((code, place) =>
  totalOf(code as HttpErrorCode) === 'failed' ? [place] : [],
);

/** The totals of these cells. */
export function totalsOf(cells: Float64Array): Totals {
  const verdict = (...actions: string[]): number =>
    sum(cells, METRICS.requests, (combination) => {
      const index = Math.floor(combination / STATUSES.values.length) % VERDICTS.values.length;
      return actions.includes(VERDICTS.values[index] ?? '');
    });
  const errors = (total: ReturnType<typeof totalOf>): number =>
    sum(cells, METRICS.errors, (index) => totalOf(ERROR_CODES.values[index] as HttpErrorCode) === total);
  return {
    requests: sum(cells, METRICS.requests),
    allowed: verdict('allow'),
    quarantined: verdict('quarantine'),
    blocked: verdict('block'),
    wiping: verdict('wipe', 'accountWipe'),
    rejected: errors('rejected'),
    failed: errors('failed'),
    retries: sum(cells, METRICS.retries),
    cut: errors('cut'),
    throttled: errors('throttled'),
    superseded: errors('superseded'),
    shed: errors('shed'),
    rejectedConnections: sum(cells, METRICS.rejected),
  };
}

/** The cells of a metric added up. */
export function sum(
  cells: Float64Array,
  { at, size }: Metric,
  counts: (index: number) => boolean = () => true,
): number {
  let total = 0;
  for (let index = 0; index < size; index++) if (counts(index)) total += cells[at + index] ?? 0;
  return total;
}
