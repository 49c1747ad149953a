// Owns counting finished requests. Hot path: it allocates nothing.
import {
  COMMANDS,
  ERROR_CODES,
  METRICS,
  REASON_LABEL,
  STATUSES,
  VERDICTS,
  WIPE_OUTCOMES,
} from '../metrics/definitions.ts';
import type { Counts } from '../metrics/counts.ts';
import type { Label } from '../metrics/layout.ts';
import type { Exchange } from './exchange/exchange.ts';

/** Places of the values of a label, times the combinations of the labels behind it. */
function places({ values }: Label, behind = 1): ReadonlyMap<string, number> {
  return new Map(values.map((value, index) => [value, index * behind]));
}

const COMMAND = places(COMMANDS, VERDICTS.values.length * STATUSES.values.length);
const VERDICT = places(VERDICTS, STATUSES.values.length);
const REASON = places(REASON_LABEL);
const ERROR = places(ERROR_CODES);
const WIPE = places(WIPE_OUTCOMES);
const NO_COMMAND = COMMAND.get('none') as number;
const NO_VERDICT = VERDICT.get('none') as number;
const OPTIONS = COMMAND.get('OPTIONS') as number;
const AUTODISCOVER = COMMAND.get('Autodiscover') as number;

/** Counts a request that ended now; `now` is monotonic milliseconds. */
export function countRequest(counts: Counts, exchange: Exchange, now: number): void {
  const { command, verdict, error, wipe } = exchange;
  let at = NO_COMMAND;
  if (command !== null) at = COMMAND.get(command) ?? NO_COMMAND;
  else if (exchange.autodiscover !== null) at = AUTODISCOVER;
  else if (exchange.method === 'OPTIONS') at = OPTIONS;
  at += verdict === null ? NO_VERDICT : (VERDICT.get(verdict.action) ?? NO_VERDICT);
  counts.add(METRICS.requests, at + statusClass(exchange.status));
  counts.add(METRICS.received, 0, exchange.bytesIn);
  counts.add(METRICS.sent, 0, exchange.bytesOut);
  if (!exchange.held) counts.observe(METRICS.durations, (now - exchange.startedAt) / 1_000);
  if (verdict !== null && (verdict.action === 'quarantine' || verdict.action === 'block'))
    counts.add(METRICS.refusals, REASON.get(verdict.reason));
  if (error !== null) counts.add(METRICS.errors, ERROR.get(error));
  if (wipe !== null) counts.add(METRICS.wipes, WIPE.get(wipe));
}

/** Place of the class of a status, which is 100 to 599. */
export function statusClass(status: number): number {
  return Math.max(0, Math.min(STATUSES.values.length - 1, Math.floor(status / 100) - 1));
}
