// Owns the health of one mail server, from health checks and failed requests.
import type { UpstreamServerSettings, UpstreamSettings } from '../settings.ts';
import { UpstreamPool } from './upstream-pool.ts';
import type { PoolObserver } from './upstream-pool.ts';

/** Smallest share of a returning server, so that it gets some traffic. */
const SMALLEST_SHARE = 0.05;

/** One mail server. */
export class UpstreamServer implements PoolObserver {
  readonly settings: UpstreamServerSettings;
  readonly pool: UpstreamPool;
  /** Result of the health checks; true without any. */
  healthy = true;
  /** Clock milliseconds until which failed requests exclude it; 0 = they do not. */
  ejectedUntil = 0;
  /** Failures in a row. */
  failures = 0;
  /** The last connection error, for the operator. */
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

  /** Whether it may get new requests. */
  get usable(): boolean {
    // A look at the clock has it tick ten times a second for a while: metrics of an idle gateway are taken without one.
    return this.healthy && (this.ejectedUntil === 0 || this.ejectedUntil <= this.now());
  }

  /** Its current share of the traffic: its weight, reduced during slow start. */
  get share(): number {
    const { slowStartMs } = this.rules;
    const warm = slowStartMs === 0 ? 1 : (this.now() - this.backSince) / slowStartMs;
    return this.settings.weight * Math.min(1, Math.max(SMALLEST_SHARE, warm));
  }

  /** A response arrived. */
  succeeded(): void {
    this.failures = 0;
  }

  /** A request failed because of this server. A held poll that times out does not count. */
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

  /** The result of the health checks changed. */
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
