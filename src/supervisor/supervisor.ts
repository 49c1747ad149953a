// Owns the worker processes of one gateway: their number and plan, reload one by one, stop.
import type { ChildProcess } from 'node:child_process';
import type { BoundSocket } from 'node:net';
import type { ConfigSource } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import type { PolicySource } from '../config/served-policy.ts';
import { SummedCounts } from './summed-counts.ts';
import { ListenPort, SYSTEM_SHARES_PORT } from './listen-port.ts';
import { LISTEN_FD } from './messages.ts';
import type { FromWorker, WorkerHealth, WorkerStatus } from './messages.ts';
import { Slot } from './slot.ts';
import type { OnEvent, RestartTimes, SlotOwner } from './slot.ts';
import { askWorker } from './worker-questions.ts';
import { exited, launchWorker, tell } from './worker-process.ts';

/** Everything that the workers of one configuration share. */
export interface WorkerPlan {
  readonly config: Config;
  readonly source: ConfigSource;
  /** The policy document that was checked with the configuration; null or absent = the configuration names none. */
  readonly policy?: PolicySource | null;
  readonly count: number;
  readonly sampleUrl: string | null;
}

/** Options of {@link startSupervisor}. */
export interface SupervisorOptions {
  readonly plan: WorkerPlan;
  /** The program that runs a worker, and its arguments. */
  readonly entry: string;
  readonly args: readonly string[];
  readonly onEvent: OnEvent;
  /** Called with the process ids of all workers, including draining ones, after every start and end. */
  readonly onWorkers?: (pids: readonly number[]) => void;
  /** Called when a serving worker must be replaced ({@link Supervisor.renew}). */
  readonly onOutdated?: () => void;
  /** One socket per worker, or one for all; absent = depends on the system. */
  readonly sharesPort?: boolean;
  readonly times?: RestartTimes;
}

/** Numbers of workers by state. */
export interface WorkerNumbers {
  readonly serving: number;
  readonly draining: number;
  /** Serving workers that did not answer; `serving` is without them. */
  readonly silent: number;
  readonly configured: number;
}

/** Running workers. */
export interface Supervisor {
  readonly port: number;
  /** Process ids of the serving workers. */
  pids(): number[];
  /**
   * Replaces the workers one by one with workers of the new plan. Rejects, and keeps the old plan, when a worker cannot
   * start or the supervisor stops.
   */
  reload(plan: WorkerPlan): Promise<void>;
  /** Replaces the workers by new ones of the same plan. Rejects like {@link reload}. */
  renew(): Promise<void>;
  /** Makes the workers read the certificates again. */
  reloadCertificates(): void;
  /** Makes all workers use another policy document, including draining and future ones. */
  takePolicySource(policy: PolicySource): void;
  /** The health of every serving worker; null for one that does not answer. */
  health(): Promise<(WorkerHealth | null)[]>;
  /** Likewise, with counters. */
  status(): Promise<(WorkerStatus | null)[]>;
  /** Adds the metrics of all workers, including draining and ended ones, to `sum`. */
  addMetrics(sum: Float64Array): Promise<WorkerNumbers>;
  /** Makes all workers, including draining ones, reopen their log files. */
  reopenLogs(): void;
  /** Drains and stops everything. */
  stop(): Promise<void>;
}

const TIMES: RestartTimes = { firstMs: 100, maxMs: 30_000, steadyMs: 10_000, keepSocketMs: 1_000 };
/** Longest wait for the answer of a worker. */
const ANSWER_MS = 2_000;
/** Longest wait for metrics: the last ones of a worker count until it answers. */
const METRICS_MS = 1_000;
/** A worker that exceeds its drain time by this much is killed. */
const KILL_GRACE_MS = 3_000;

/** Starts the workers; rejects when the address cannot be bound or a worker cannot start. */
export async function startSupervisor(options: SupervisorOptions): Promise<Supervisor> {
  const supervisor = new Workers(options);
  try {
    await supervisor.start();
  } catch (error) {
    await supervisor.stop();
    throw error;
  }
  return supervisor;
}

class Workers implements Supervisor, SlotOwner<WorkerPlan> {
  readonly times: RestartTimes;
  readonly onEvent: OnEvent;
  private readonly options: SupervisorOptions;
  private plan: WorkerPlan;
  private listenPort: ListenPort;
  private slots: Slot<WorkerPlan>[] = [];
  private stopping = false;
  /** Number of certificate changes. */
  private certificates = 0;
  /** Number of policy changes. */
  private policies = 0;
  /** Number of times that log files were reopened. */
  private reopened = 0;
  private readonly leaving = new Set<ChildProcess>();
  private readonly alive = new Set<ChildProcess>();
  private readonly counts = new SummedCounts();

  constructor(options: SupervisorOptions) {
    this.options = options;
    this.plan = options.plan;
    this.times = options.times ?? TIMES;
    this.onEvent = options.onEvent;
    this.listenPort = this.openPort(null);
  }

  get port(): number {
    return this.listenPort.port;
  }

  async start(): Promise<void> {
    while (this.slots.length < this.plan.count) await this.addSlot();
  }

  pids(): number[] {
    return this.slots.flatMap(({ worker }) => (worker?.pid === undefined ? [] : [worker.pid]));
  }

  async reload(plan: WorkerPlan): Promise<void> {
    if (this.stopping) throw new Error('the gateway is stopping');
    const before = this.plan.config.listen;
    const { address, port } = plan.config.listen;
    if (address !== before.address || (port !== before.port && port !== 0)) await this.move(plan);
    else await this.replaceAll(plan);
  }

  async renew(): Promise<void> {
    await this.reload(this.plan);
  }

  /** Moves to a new address: serves there before the old address is closed. */
  private async move(plan: WorkerPlan): Promise<void> {
    const { plan: oldPlan, listenPort: oldPort, slots: oldSlots } = this;
    this.plan = plan;
    this.slots = [];
    try {
      this.listenPort = this.openPort(oldPort);
      await this.start();
    } catch (error) {
      this.plan = oldPlan;
      this.listenPort = oldPort;
      for (const slot of this.slots) slot.retire();
      this.slots = oldSlots;
      throw error;
    }
    for (const slot of oldSlots) slot.retire();
  }

  private async replaceAll(plan: WorkerPlan): Promise<void> {
    const before = this.plan;
    const replaced: Slot<WorkerPlan>[] = [];
    this.plan = plan;
    try {
      for (const slot of this.slots.slice(0, plan.count)) {
        await slot.replace(plan);
        replaced.push(slot);
      }
      await this.start();
    } catch (error) {
      this.plan = before;
      for (const slot of this.slots.splice(before.count)) slot.retire();
      await this.takeBack(replaced, before);
      throw error;
    }
    for (const slot of this.slots.splice(plan.count)) slot.retire();
  }

  /** Restores the old plan: workers with different configurations would serve phones at random. */
  private async takeBack(replaced: readonly Slot<WorkerPlan>[], plan: WorkerPlan): Promise<void> {
    // A worker that ends now must not restart with the plan that failed.
    for (const slot of replaced) slot.plan = plan;
    for (const slot of replaced) {
      try {
        await slot.replace(plan);
      } catch (error) {
        const facts = { code: 'EASGATE_WORKER_START', cause: String(error) };
        this.onEvent(
          'error',
          facts,
          'a worker kept the new configuration after a failed reload: reload again',
        );
      }
    }
  }

  reloadCertificates(): void {
    this.certificates++;
    for (const { worker } of this.slots) if (worker !== null) tell(worker, { type: 'certificates' });
  }

  takePolicySource(policy: PolicySource): void {
    this.policies++;
    this.plan = { ...this.plan, policy };
    for (const slot of this.slots) {
      slot.plan = { ...slot.plan, policy };
      if (slot.worker !== null) tell(slot.worker, { type: 'policy', policy });
    }
    for (const worker of this.leaving) tell(worker, { type: 'policy', policy });
  }

  async health(): Promise<(WorkerHealth | null)[]> {
    return Promise.all(this.serving().map((worker) => askWorker(worker, 'health', ANSWER_MS)));
  }

  async status(): Promise<(WorkerStatus | null)[]> {
    return Promise.all(this.serving().map((worker) => askWorker(worker, 'status', ANSWER_MS)));
  }

  async addMetrics(sum: Float64Array): Promise<WorkerNumbers> {
    const serving = this.serving();
    const draining = [...this.leaving];
    const answers = await Promise.all(
      [...serving, ...draining].map(async (worker) => {
        const answer = await askWorker(worker, 'metrics', METRICS_MS);
        return answer === null ? null : this.counts.note(worker, answer);
      }),
    );
    const answered = answers.filter((cells) => cells !== null);
    this.counts.addTo(sum, answered);
    const silent = answers.slice(0, serving.length).filter((cells) => cells === null).length;
    return {
      serving: serving.length - silent,
      draining: draining.length,
      silent,
      configured: this.plan.count,
    };
  }

  private serving(): ChildProcess[] {
    return this.slots.flatMap(({ worker }) => (worker === null ? [] : [worker]));
  }

  reopenLogs(): void {
    this.reopened++;
    for (const { worker } of this.slots) if (worker !== null) tell(worker, { type: 'reopen' });
    for (const worker of this.leaving) tell(worker, { type: 'reopen' });
  }

  async stop(): Promise<void> {
    this.stopping = true;
    for (const slot of this.slots.splice(0)) slot.retire();
    while (this.leaving.size > 0) await Promise.all([...this.leaving].map((worker) => exited(worker)));
  }

  async launch(
    socket: BoundSocket,
    { source, policy = null, sampleUrl }: WorkerPlan,
    recordsForGateway: boolean,
  ): Promise<ChildProcess> {
    const { entry, args } = this.options;
    const { certificates, policies, reopened } = this;
    const message = { type: 'start', source, policy, sampleUrl, fd: LISTEN_FD, recordsForGateway } as const;
    const worker = await launchWorker(entry, args, socket, message, (spawned) => this.track(spawned));
    // It may have read or opened the files just before they changed.
    if (certificates !== this.certificates) tell(worker, { type: 'certificates' });
    const { policy: latest = null } = this.plan;
    if (policies !== this.policies && latest !== null) tell(worker, { type: 'policy', policy: latest });
    if (reopened !== this.reopened) tell(worker, { type: 'reopen' });
    return worker;
  }

  drain(worker: ChildProcess): void {
    const { drainSeconds, pollWindowSeconds } = this.plan.config.workers;
    this.leaving.add(worker);
    const timer = setTimeout(() => worker.kill('SIGKILL'), drainSeconds * 1_000 + KILL_GRACE_MS);
    void exited(worker).then(() => {
      clearTimeout(timer);
      this.leaving.delete(worker);
    });
    tell(worker, {
      type: 'drain',
      timeoutMs: drainSeconds * 1_000,
      pollWindowMs: Math.min(pollWindowSeconds, drainSeconds) * 1_000,
    });
  }

  private track(worker: ChildProcess): void {
    if (worker.pid === undefined) return;
    worker.on('message', (message: FromWorker) => {
      const { type } = message;
      if (type === 'metrics') this.counts.note(worker, message.cells);
      // One that drains is being replaced.
      if (type === 'outdated' && !this.leaving.has(worker)) this.options.onOutdated?.();
    });
    // After its last message.
    worker.once('disconnect', () => this.counts.end(worker));
    this.alive.add(worker);
    const tellPids = (): void =>
      this.options.onWorkers?.([...this.alive].flatMap(({ pid }) => (pid === undefined ? [] : [pid])));
    worker.once('exit', () => {
      this.alive.delete(worker);
      tellPids();
    });
    tellPids();
  }

  private openPort(before: ListenPort | null): ListenPort {
    const { address, port } = this.plan.config.listen;
    const shares = this.options.sharesPort ?? SYSTEM_SHARES_PORT;
    return new ListenPort(address, port, shares, port !== 0 && port === before?.port);
  }

  private async addSlot(): Promise<void> {
    const slot = new Slot(this.listenPort, this, this.plan, this.slots.length === 0);
    this.slots.push(slot);
    await slot.replace(slot.plan);
  }
}
