// Owns what the workers of the gateway count: asked at most once a second, whoever wants to know; rates and differences.
import { monotonicNow } from '../../clock.ts';
import { answeringWorkers } from '../../supervisor/status-server.ts';
import type { GatewayStatus } from '../../supervisor/status-server.ts';

/** What the workers count now. */
export interface TrafficNow {
  /** Null = the primary does not answer. */
  readonly status: GatewayStatus | null;
  /** Over the last minute: phones that poll often have no request within a second or two. Null = not known yet. */
  readonly requestsPerSecond: number | null;
  readonly heldPolls: number | null;
  /** Age of the state of the worker with the oldest one. */
  readonly stateAgeMs: number | null;
}

/** Names of counters that are compared. */
const COUNTED = ['requests', 'allowed', 'quarantined', 'blocked'] as const;

/** How much counters grew. */
export type Growth = Readonly<Record<(typeof COUNTED)[number], number>>;

const AGAIN_MS = 1_000;

/** Asks the primary. */
export class Traffic {
  private readonly ask: () => Promise<GatewayStatus | null>;
  private readonly clock: () => number;
  private lookedAt = 0;
  private latest: TrafficNow | null = null;
  private asking: Promise<TrafficNow> | null = null;

  /** `clock`: monotonic, milliseconds. */
  constructor(ask: () => Promise<GatewayStatus | null>, clock: () => number = monotonicNow) {
    this.ask = ask;
    this.clock = clock;
  }

  /** Never rejects. */
  async look(): Promise<TrafficNow> {
    if (this.latest !== null && this.clock() - this.lookedAt < AGAIN_MS) return this.latest;
    this.asking ??= this.read().finally(() => (this.asking = null));
    return this.asking;
  }

  private async read(): Promise<TrafficNow> {
    const status = await this.ask().catch(() => null);
    this.lookedAt = this.clock();
    const perSecond = status?.traffic?.requestsPerSecond ?? null;
    this.latest = {
      status,
      requestsPerSecond: perSecond === null ? null : Math.round(perSecond * 100) / 100,
      heldPolls: status === null ? null : sum(status, 'heldPolls'),
      stateAgeMs: status === null ? null : oldestState(status),
    };
    return this.latest;
  }
}

/** How much the counters grew between two answers; a worker that is new began at 0. */
export function growthOf(now: GatewayStatus, before: GatewayStatus | null): Growth {
  const earlier = new Map(answeringWorkers(before).map((worker) => [worker.pid, worker]));
  const grown = (name: string): number =>
    answeringWorkers(now).reduce((total, { pid, counters }) => {
      const count = counters[name] ?? 0;
      const had = earlier.get(pid)?.counters[name] ?? 0;
      return total + (count >= had ? count - had : count);
    }, 0);
  return {
    requests: grown('requests'),
    allowed: grown('allowed'),
    quarantined: grown('quarantined'),
    blocked: grown('blocked'),
  };
}

function sum(status: GatewayStatus, name: string): number {
  return answeringWorkers(status).reduce((total, { counters }) => total + (counters[name] ?? 0), 0);
}

function oldestState(status: GatewayStatus): number | null {
  const ages = answeringWorkers(status).map(({ stateAgeMs }) => stateAgeMs);
  return ages.length === 0 ? null : Math.max(...ages);
}
