// Owns what is known of one mail server's health, beside its pool: told by health checks, learned from traffic.
import type { UpstreamServerSettings, UpstreamSettings } from '../settings.ts';
import { UpstreamPool } from './upstream-pool.ts';
import type { PoolObserver } from './upstream-pool.ts';

/** A server's share right after it came back, so that it gets some traffic to warm up with. */
const SMALLEST_SHARE = 0.05;

/** One mail server. */
export class UpstreamServer implements PoolObserver {
  readonly settings: UpstreamServerSettings;
  readonly pool: UpstreamPool;
  /** What the health checks say; true without any. */
  healthy = true;
  /** Clock milliseconds until which failures keep it out of use. */
  ejectedUntil = 0;
  /** Failures in a row. */
  failures = 0;
  /** What a connection failed with last, in the words of the system or of TLS: the operator is told. */
  private connectError = 'closed';
  /** Working value of the smooth weighted round robin. */
  credit = 0;
  private backSince = -Infinity;
  private readonly rules: UpstreamSettings;
  private readonly now: () => number;
  private readonly onTrouble: (server: UpstreamServer, cause: string) => void;

  constructor(
    settings: UpstreamServerSettings,
    rules: UpstreamSettings,
    now: () => number,
    onTrouble: (server: UpstreamServer, cause: string) => void,
  ) {
    this.settings = settings;
    this.rules = rules;
    this.now = now;
    this.onTrouble = onTrouble;
    this.pool = new UpstreamPool(settings, now, this);
  }

  /** May get new requests. */
  get usable(): boolean {
    return this.healthy && this.ejectedUntil <= this.now();
  }

  /** The share of the traffic it gets now: its weight, less while it warms up. */
  get share(): number {
    const { slowStartMs } = this.rules;
    const warm = slowStartMs === 0 ? 1 : (this.now() - this.backSince) / slowStartMs;
    return this.settings.weight * Math.min(1, Math.max(SMALLEST_SHARE, warm));
  }

  /** A response came. */
  succeeded(): void {
    this.failures = 0;
  }

  /** A request failed by this server's fault. A held poll that times out is none (architecture, 3). */
  failed(cause: string): void {
    this.failures++;
    if (this.failures < this.rules.ejectAfter) return;
    const now = this.now();
    const news = this.ejectedUntil <= now;
    this.ejectedUntil = now + this.rules.ejectMs;
    this.backSince = this.ejectedUntil;
    this.failures = 0;
    if (news)
      this.onTrouble(this, cause === 'EASGATE_UPSTREAM_CONNECT' ? `${cause}: ${this.connectError}` : cause);
  }

  onConnectFailed(error: Error | null): void {
    this.connectError = error === null ? 'closed' : error.message;
  }

  /** The outcome of health checks changed. */
  setHealthy(healthy: boolean, cause: string): void {
    if (healthy === this.healthy) return;
    this.healthy = healthy;
    if (healthy) {
      this.backSince = this.now();
      this.ejectedUntil = 0;
      this.failures = 0;
    }
    this.onTrouble(this, cause);
  }
}
