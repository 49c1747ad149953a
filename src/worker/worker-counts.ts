// Owns the metrics of a worker that are looked at when they are asked for: current numbers, and what other parts count.
import type { VerdictCache } from '../directory/verdict-cache.ts';
import type { Gateway } from '../gateway/gateway.ts';
import type { Counts } from '../metrics/counts.ts';
import { CACHE_RESULTS, METRICS, POLICY_ROLES } from '../metrics/definitions.ts';
import type { Label } from '../metrics/layout.ts';
import type { PoliciesInUse } from './policy-follower.ts';

/** The parts that are looked at. */
export interface WorkerParts {
  readonly gateway: Gateway;
  readonly verdicts: VerdictCache;
  readonly storeUp: boolean;
  readonly storeWritable: boolean;
  /** Entries of the journal that were lost. */
  readonly journalDropped: number;
  readonly policies: PoliciesInUse;
}

/** Sets them. */
export function takeWorker(counts: Counts, parts: WorkerParts): void {
  const { gateway, verdicts, policies } = parts;
  counts.set(METRICS.connections, gateway.connections());
  counts.set(METRICS.heldPolls, gateway.heldPolls());
  counts.set(METRICS.unsent, gateway.unsentBytes());
  counts.set(METRICS.upstreamConnections, gateway.upstreamConnections());
  counts.set(METRICS.overloaded, Number(gateway.overloaded()));
  const { all, usable } = gateway.mailServers();
  counts.set(METRICS.servers, all);
  counts.set(METRICS.serversUsable, usable);
  counts.set(METRICS.cache, verdicts.hits, place(CACHE_RESULTS, 'hit'));
  counts.set(METRICS.cache, verdicts.misses, place(CACHE_RESULTS, 'miss'));
  counts.set(METRICS.stale, verdicts.stale);
  counts.set(METRICS.unavailable, verdicts.unavailable);
  counts.set(METRICS.storeUp, Number(parts.storeUp));
  counts.set(METRICS.storeWritable, Number(parts.storeWritable));
  counts.set(METRICS.stateAge, verdicts.stateAgeMs() / 1_000);
  counts.set(METRICS.journalDropped, parts.journalDropped);
  counts.set(METRICS.policyReportOnly, Number(verdicts.isReportOnly));
  counts.set(METRICS.policyVersion, policies.live?.version.version ?? NaN, place(POLICY_ROLES, 'live'));
  counts.set(METRICS.policyVersion, policies.shadow?.version.version ?? NaN, place(POLICY_ROLES, 'shadow'));
  counts.set(METRICS.policyVersion, policies.rollout?.version.version ?? NaN, place(POLICY_ROLES, 'rollout'));
  counts.set(METRICS.rolloutStart, (policies.rollout?.rollout.since ?? NaN) / 1_000);
}

function place({ values }: Label, value: string): number {
  return values.indexOf(value);
}
