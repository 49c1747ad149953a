// Owns the work of `easgate serve`, the primary process: reads the configuration, starts the workers, reloads, stops.
import { setTimeout as pause } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { loadUsable } from '../config/check.ts';
import type { UsableConfig } from '../config/check.ts';
import { fileTrouble } from '../file-words.ts';
import { healthEndpoint } from '../config/health.ts';
import { metricsEndpoint } from '../config/metrics.ts';
import type { MetricsEndpoint } from '../config/metrics.ts';
import type { ConfigSource } from '../config/load.ts';
import { ConfigError, oneLine } from '../config/problems.ts';
import type { Config } from '../config/schema.ts';
import { usesSample } from '../config/upstream-servers.ts';
import { storeOptions } from '../config/store-settings.ts';
import { workerCount } from '../config/worker-count.ts';
import { fileToCreate } from '../directory/open-store.ts';
import { ControlProcess } from '../supervisor/control-process.ts';
import { GatewayMetrics } from '../supervisor/gateway-metrics.ts';
import { HealthServer } from '../supervisor/health-server.ts';
import { MetricsServer } from '../supervisor/metrics-server.ts';
import type { GatewayState } from '../supervisor/health-server.ts';
import { StatusServer, statusSocket } from '../supervisor/status-server.ts';
import type { GatewayStatus } from '../supervisor/status-server.ts';
import { killStopped, startBeside } from '../supervisor/orphans.ts';
import { removePidFile } from '../supervisor/pid-file.ts';
import type { OnEvent } from '../supervisor/slot.ts';
import { startSupervisor } from '../supervisor/supervisor.ts';
import type { Supervisor, WorkerPlan } from '../supervisor/supervisor.ts';
import { openLog } from '../telemetry/logger.ts';
import type { ProcessLog } from '../telemetry/logger.ts';
import { dashboardLine } from './dashboard-announcement.ts';
import { announcement } from './announcement.ts';
import { CertificateKeeper } from './certificate-keeper.ts';
import { PolicyKeeper } from './policy-keeper.ts';
import { ProcessRecord } from './process-record.ts';
import type { SampleWorld } from './sample-world.ts';
import { readVersion } from '../program-version.ts';

/** The sample phones wait so long at most for the line that says where the dashboard is. */
const MAX_QUIET_MS = 60_000;

/** Runs the gateway with a configuration file; resolves once it serves. Rejects when it cannot start. */
export async function serve(path: string): Promise<void> {
  await new Primary(path).run();
}

class Primary {
  private readonly path: string;
  private readonly loaded: UsableConfig;
  private config: Config;
  private readonly log: ProcessLog;
  private sample: SampleWorld | null = null;
  private supervisor: Supervisor | null = null;
  private readonly certificates: CertificateKeeper;
  private readonly policy: PolicyKeeper;
  private health: HealthServer | null = null;
  private readonly metrics: GatewayMetrics;
  private metricsServer: MetricsServer | null = null;
  private status: StatusServer | null = null;
  private readonly startedAt = Date.now();
  private readonly version = readVersion();
  private configWarnings: readonly string[] = [];
  private phase: GatewayState['phase'] = 'starting';
  private reloading: Promise<void> = Promise.resolve();
  private readonly processes: ProcessRecord;
  private readonly control: ControlProcess;
  private stopping = false;
  private renewing = false;
  /** Log files were rotated during the start, before the supervisor could be notified. */
  private rotated = false;

  constructor(path: string) {
    this.path = path;
    // Includes every file that the configuration names, so that errors are reported before anything starts.
    this.loaded = loadUsable(path);
    this.config = this.loaded.config;
    this.log = openLog(this.config.log.level, this.config.log.destination, this.config.log.format);
    this.metrics = new GatewayMetrics(this.version, this.startedAt, () => ({
      supervisor: this.supervisor,
      control: this.control,
      certificates: this.certificates.ends,
      linesDropped: this.log.dropped(),
    }));
    this.control = new ControlProcess({
      entry: process.argv[1] ?? '',
      args: ['control'],
      onEvent: this.onEvent,
      onPid: (pid) => this.processes.setControl(pid),
    });
    this.processes = new ProcessRecord(this.config.workers.pidFile, this.onEvent);
    this.policy = new PolicyKeeper(
      this.config,
      this.onEvent,
      (policy) => this.supervisor?.takePolicySource(policy),
      (work) => void (this.reloading = this.reloading.then(work)),
    );
    this.certificates = new CertificateKeeper(this.config, this.onEvent, () =>
      this.supervisor?.reloadCertificates(),
    );
  }

  async run(): Promise<void> {
    // Log rotation and `easgate reload` may send signals during the start. By default Node.js opens its debugger on SIGUSR1, and
    // ends on SIGHUP.
    process.on('SIGUSR1', () => this.reopenLogs());
    process.on('SIGHUP', () => {
      // Reloads run one after the other; the first one after the start.
      this.reloading = this.reloading.then(() => this.reload());
    });
    const starting = this.start();
    this.reloading = starting.catch(() => {
      this.stopping = true;
    });
    try {
      await starting;
    } catch (error) {
      await this.stop();
      throw error;
    }
    process.on('SIGTERM', () => void this.stop());
    process.on('SIGINT', () => void this.stop());
    // Last, because its reader may send a signal at once.
    this.announce();
  }

  private async start(): Promise<void> {
    const { config, source } = this.loaded;
    this.warn(this.loaded);
    const orphans = await killStopped(this.processes.claim(config.workers.pidFile), this.onEvent);
    this.health = (await this.openHealth(config)) ?? null;
    this.metricsServer = (await this.openMetrics(metricsEndpoint(config))) ?? null;
    const created = fileToCreate(storeOptions(config));
    this.sample = await startSample(config);
    const plan = this.plan(config, source);
    this.supervisor = await startBeside(orphans, this.onEvent, () =>
      startSupervisor({
        plan,
        entry: process.argv[1] ?? '',
        args: ['worker'],
        onEvent: this.onEvent,
        onWorkers: (pids) => this.processes.setWorkers(pids),
        onOutdated: () => this.renew(),
      }),
    );
    if (this.rotated) this.supervisor.reopenLogs();
    if (created !== null)
      this.log.logger.info(
        { code: 'EASGATE_STORE_CREATED', store: created },
        'there was no directory yet: a new, empty one was created',
      );
    this.phase = 'serving';
    this.useControl(config, source);
    await this.openStatus(config);
    this.certificates.follow(this.config);
    this.policy.follow(this.config);
  }

  /** Nothing waits for it. */
  private useControl({ admin, control, feeds }: Config, source: ConfigSource): void {
    const isWanted = control.enabled || feeds.length > 0 || admin.listen !== undefined;
    void this.control.use(isWanted ? source : null);
  }

  private announce(): void {
    const { config, path } = this;
    const sampleUrl = this.sample?.server.url ?? null;
    const facts = { path, port: this.supervisor?.port ?? 0, workers: workerCount(config), sampleUrl };
    process.stdout.write(announcement(config, facts));
    const said = dashboardLine({
      config,
      isSample: sampleUrl !== null,
      state: () => this.control.state(),
      isOver: () => this.stopping,
    }).then((line) => line !== null && process.stdout.write(line));
    // The requests of the sample phones are logged: the link would scroll away before it is read.
    void Promise.race([said, pause(MAX_QUIET_MS, undefined, { ref: false })]).then(() => {
      if (!this.stopping) this.sample?.startPhones(this.supervisor?.port ?? 0);
    });
  }

  private readonly onEvent: OnEvent = (level, facts, text) => {
    if ('code' in facts) this.metrics.noteEvent(String(facts.code));
    this.log.logger[level](facts, text);
  };

  private plan(config: Config, source: ConfigSource): WorkerPlan {
    return {
      config,
      source,
      policy: this.policy.read(config).source,
      count: workerCount(config),
      sampleUrl: this.sample?.server.url ?? null,
    };
  }

  /** Replaces the workers one by one with the file's configuration; the old ones stay when it is invalid. */
  private async reload(): Promise<void> {
    // New workers would outlive the drain.
    if (this.stopping) return;
    const { logger } = this.log;
    try {
      const loaded = loadUsable(this.path);
      const { config, source } = loaded;
      this.sample ??= await startSample(config);
      // Another gateway may run with the new file.
      this.processes.claim(config.workers.pidFile);
      await this.replaceWorkers(config, source).catch((error: unknown) => {
        if (config.workers.pidFile !== this.config.workers.pidFile) removePidFile(config.workers.pidFile);
        throw error;
      });
      if (config.workers.pidFile !== this.config.workers.pidFile) {
        removePidFile(this.config.workers.pidFile);
        await this.status?.close();
        await this.openStatus(config);
      }
      this.config = config;
      this.processes.moveTo(config.workers.pidFile);
      this.useControl(config, source);
      // New workers have already opened it.
      this.reopenOwnLog();
      this.certificates.follow(config);
      this.policy.follow(config);
      this.warn(loaded);
      this.metrics.noteReload(true, Date.now());
      logger.info({ code: 'EASGATE_RELOADED' }, 'the configuration was reloaded: all workers are replaced');
    } catch (error) {
      this.metrics.noteReload(false, Date.now());
      logger.error(
        { code: 'EASGATE_RELOAD_FAILED', ...causeOf(error) },
        'the old configuration is still used: correct the file and reload again',
      );
    }
  }

  /** Another store was accepted, which has its own secret; each worker says so. */
  private renew(): void {
    if (this.renewing) return;
    this.renewing = true;
    const { logger } = this.log;
    logger.warn({ code: 'EASGATE_SECRET_CHANGED' }, 'the directory is another one: all workers are replaced');
    this.reloading = this.reloading.then(async () => {
      try {
        if (!this.stopping) await this.supervisor?.renew();
      } catch (error) {
        logger.error(
          { code: 'EASGATE_SECRET_CHANGED', cause: String(error) },
          'workers with the old secret stay: `easgate reload` replaces them',
        );
      } finally {
        this.renewing = false;
      }
    });
  }

  private async replaceWorkers(config: Config, source: ConfigSource): Promise<void> {
    const metricsAt = metricsEndpoint(config);
    const health = await this.openHealth(config);
    let metrics: MetricsServer | null | undefined;
    const { served } = this.policy;
    try {
      metrics = await this.openMetrics(metricsAt);
      await this.supervisor?.reload(this.plan(config, source));
    } catch (error) {
      // The workers decide by the old one.
      this.policy.restore(served);
      await health?.close();
      await metrics?.close();
      throw error;
    }
    if (health !== undefined) {
      await this.health?.close();
      this.health = health;
    }
    if (metrics === undefined) {
      this.metricsServer?.useToken(metricsAt?.token ?? null);
      return;
    }
    await this.metricsServer?.close();
    this.metricsServer = metrics;
  }

  /** Opens the metrics; undefined = their address is the same. @throws ListenError */
  private async openMetrics(wanted: MetricsEndpoint | null): Promise<MetricsServer | null | undefined> {
    const before = this.metricsServer?.endpoint ?? null;
    if (wanted?.address === before?.address && wanted?.port === before?.port) return undefined;
    return wanted === null ? null : MetricsServer.open(wanted, () => this.metrics.text());
  }

  /** Opens the probes if configured; undefined = unchanged. @throws ListenError */
  private async openHealth(config: Config): Promise<HealthServer | null | undefined> {
    const wanted = healthEndpoint(config);
    const before = this.health === null ? null : healthEndpoint(this.config);
    if (isDeepStrictEqual(wanted, before)) return undefined;
    if (wanted === null) return null;
    return HealthServer.open(wanted.address, wanted.port, async () => ({
      phase: this.phase,
      workers: (await this.supervisor?.health()) ?? [],
    }));
  }

  /** Opens the socket for `easgate status`; the gateway also serves without it. */
  private async openStatus({ workers: { pidFile } }: Config): Promise<void> {
    const path = statusSocket(pidFile);
    try {
      this.status = await StatusServer.open(
        path,
        () => this.lookAtStatus(),
        () => this.metrics.text(),
      );
    } catch (error) {
      this.log.logger.warn(
        { code: 'EASGATE_STATUS_SOCKET', path, cause: String(error) },
        '`easgate status` will not find this gateway: make the folder of workers.pidFile writable',
      );
    }
  }

  private async lookAtStatus(): Promise<GatewayStatus> {
    const { policy, warnings } = this.policy.look();
    const [workers, traffic, control] = await Promise.all([
      this.supervisor?.status() ?? [],
      this.metrics.traffic(),
      this.control.state(),
    ]);
    return {
      version: this.version,
      pid: process.pid,
      startedAt: this.startedAt,
      phase: this.phase,
      policy,
      warnings: [...warnings, ...this.configWarnings],
      workers,
      traffic,
      control,
    };
  }

  private reopenLogs(): void {
    this.reopenOwnLog();
    this.control.reopenLogs();
    if (this.supervisor === null) this.rotated = true;
    else this.supervisor.reopenLogs();
  }

  private reopenOwnLog(): void {
    const { level, destination } = this.config.log;
    try {
      this.log.reopen(level, destination);
    } catch (error) {
      this.log.logger.error(
        { code: 'EASGATE_LOG_REOPEN', cause: fileTrouble(error, destination) },
        'the log file could not be reopened: the old one is still used',
      );
    }
  }

  /** Logs problems that do not prevent the start. */
  private warn({ problems }: UsableConfig): void {
    this.configWarnings = problems.map((problem) => oneLine(problem));
    for (const problem of problems)
      if (!problem.aboutCertificate)
        this.log.logger.warn({ code: 'EASGATE_CONFIG_WARNING', problem: oneLine(problem) });
    this.certificates.check(this.config);
  }

  private async stop(): Promise<void> {
    this.stopping = true;
    this.phase = 'draining';
    await this.reloading;
    this.certificates.close();
    this.policy.close();
    // Their polls would keep the drain waiting.
    await this.sample?.stopPhones();
    await Promise.all([this.control.stop(), this.supervisor?.stop()]);
    removePidFile(this.config.workers.pidFile);
    this.supervisor = null;
    await this.sample?.close();
    this.sample = null;
    await this.status?.close();
    await this.health?.close();
    await this.metricsServer?.close();
    this.metrics.close();
    await this.log.drain();
  }
}

/** Null = the configuration names a real mail server: nothing of the sample is loaded. */
async function startSample(config: Config): Promise<SampleWorld | null> {
  return usesSample(config) ? (await import('./sample-world.ts')).SampleWorld.start(config) : null;
}

/** Fields of a log line: every problem of a configuration, without excerpts. */
function causeOf(error: unknown): { readonly cause: string; readonly problems?: readonly string[] } {
  if (!(error instanceof ConfigError)) return { cause: String(error) };
  return { cause: 'the configuration cannot be used', problems: error.problems };
}
