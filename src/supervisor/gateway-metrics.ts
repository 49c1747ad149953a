// Owns the metrics of the whole gateway: those of the primary itself, and the sums over all processes.
import { monotonicNow } from '../clock.ts';
import type { CertificateEnds } from '../config/certificate-checks.ts';
import { Counts, addCounters, mergeGauges, newCells } from '../metrics/counts.ts';
import { CERTIFICATE_USES, METRICS, RELOAD_RESULTS, WORKER_STATES } from '../metrics/definitions.ts';
import { RecentCounts } from '../metrics/recent-counts.ts';
import type { RecentTraffic } from '../metrics/recent-counts.ts';
import { writeMetrics } from '../metrics/text.ts';
import type { MetricsSnapshot } from '../metrics/text.ts';
import { ProcessCounts } from '../telemetry/process-counts.ts';
import type { ControlProcess } from './control-process.ts';
import type { Supervisor } from './supervisor.ts';

/** What is looked at when metrics are asked for. */
export interface MetricSources {
  readonly supervisor: Pick<Supervisor, 'addMetrics'> | null;
  readonly control: Pick<ControlProcess, 'addMetrics'>;
  readonly certificates: CertificateEnds;
  /** Lines that the log of the primary lost. */
  readonly linesDropped: number;
}

/** So often the numbers of workers are taken over: a worker that is killed loses no more than this. */
const TAKE_OVER_MS = 10_000;

/** The metrics of one gateway, until closed. */
export class GatewayMetrics {
  private readonly counts = new Counts();
  private readonly own = new ProcessCounts(this.counts, 'primary');
  private readonly recent = new RecentCounts();
  private readonly version: string;
  private readonly sources: () => MetricSources;
  private readonly timer: NodeJS.Timeout;

  constructor(version: string, startedAt: number, sources: () => MetricSources) {
    this.version = version;
    this.sources = sources;
    this.recent.note(newCells(), monotonicNow());
    this.timer = setInterval(() => void this.snapshot(), TAKE_OVER_MS);
    this.timer.unref();
    this.counts.set(METRICS.startTime, startedAt / 1_000);
    this.counts.set(METRICS.reloadOk, 1);
    this.counts.set(METRICS.reloadTime, startedAt / 1_000);
  }

  /** Counts an event of the log by its code. */
  noteEvent(code: string): void {
    const { counts } = this;
    if (code === 'EASGATE_WORKER_EXIT') counts.add(METRICS.workerExits);
    else if (code === 'EASGATE_CONTROL_EXIT') counts.add(METRICS.controlExits);
  }

  /** A reload ended at `now`, milliseconds since the epoch. */
  noteReload(succeeded: boolean, now: number): void {
    const { counts } = this;
    counts.add(METRICS.reloads, RELOAD_RESULTS.values.indexOf(succeeded ? 'success' : 'failure'));
    counts.set(METRICS.reloadOk, Number(succeeded));
    if (succeeded) counts.set(METRICS.reloadTime, now / 1_000);
  }

  /** Asks all processes; those that do not answer count with their last numbers. Never rejects. */
  async snapshot(): Promise<MetricsSnapshot> {
    const { counts, own } = this;
    const { supervisor, control, certificates, linesDropped } = this.sources();
    const cells = newCells();
    const workers = supervisor === null ? null : await supervisor.addMetrics(cells);
    if (workers !== null) this.recent.note(cells, monotonicNow());
    const sample = await control.addMetrics(cells);
    own.take(linesDropped);
    for (const state of ['serving', 'draining', 'silent'] as const)
      counts.set(METRICS.workers, workers?.[state] ?? 0, WORKER_STATES.values.indexOf(state));
    counts.set(METRICS.workersConfigured, workers?.configured ?? NaN);
    counts.set(METRICS.controlUp, sample === null ? NaN : Number(sample.up));
    for (const [index, use] of CERTIFICATE_USES.values.entries()) {
      const end = certificates.get(use);
      counts.set(METRICS.certificateEnd, end === undefined ? NaN : end / 1_000, index);
    }
    addCounters(cells, counts.cells);
    mergeGauges(cells, counts.cells);
    return { cells, version: this.version, node: process.version, feeds: sample?.feeds ?? [] };
  }

  /** The same as text. */
  async text(): Promise<string> {
    return writeMetrics(await this.snapshot());
  }

  /** What the workers, also those that ended, count now, beside a minute ago. Never rejects. */
  async traffic(): Promise<RecentTraffic> {
    const { supervisor } = this.sources();
    const cells = newCells();
    const workers = supervisor === null ? null : await supervisor.addMetrics(cells);
    if (workers !== null) this.recent.note(cells, monotonicNow());
    return this.recent.look();
  }

  close(): void {
    this.own.close();
    clearInterval(this.timer);
  }
}
