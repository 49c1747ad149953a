// Owns the worker processes: one listening socket each, held here so that no waiting connection is lost when a worker
// is replaced; restart with back-off; reload one by one; stop.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { BoundSocket } from 'node:net';
import type { Config } from '../config/schema.ts';
import { LISTEN_FD } from './messages.ts';
import type { FromWorker, ToWorker } from './messages.ts';

/** What the supervisor tells; `facts` go into the log line. */
export type OnEvent = (level: 'info' | 'warn' | 'error', facts: object, text: string) => void;

/** What is the same for all workers of one configuration. */
export interface WorkerPlan {
  readonly config: Config;
  readonly count: number;
  readonly sampleUrl: string | null;
}

/** What {@link startSupervisor} needs. */
export interface SupervisorOptions {
  readonly plan: WorkerPlan;
  /** The program that runs a worker, and its arguments. */
  readonly entry: string;
  readonly args: readonly string[];
  readonly onEvent: OnEvent;
}

/** Running workers. */
export interface Supervisor {
  readonly port: number;
  /** Process ids of the workers that serve. */
  pids(): number[];
  /** Replaces all workers, one by one, by ones of the new plan. Rejects, and keeps the old ones, when one cannot start. */
  reload(plan: WorkerPlan): Promise<void>;
  /** Tells the workers that certificates changed on disk. */
  reloadCertificates(): void;
  /** Drains and stops everything. */
  stop(): Promise<void>;
}

const READY_MS = 30_000;
const FIRST_BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 30_000;
/** A worker that lived this long has not failed at its start: back-off begins anew. */
const STEADY_MS = 10_000;
/** Longer pauses give the slot's share of connections to the siblings. */
const KEEP_SOCKET_MS = 1_000;
/**
 * Nearly all that a request leaves behind dies young, so V8 would grow its nursery to the full size and hold it: with a
 * small one a worker takes half the memory for its held polls, at the same CPU time. The flags of the primary come behind.
 */
const WORKER_FLAGS: readonly string[] = ['--max-semi-space-size=2'];
/** Beyond its drain time a worker is killed. */
const KILL_GRACE_MS = 3_000;

interface Slot {
  socket: BoundSocket;
  worker: ChildProcess | null;
  failures: number;
  startedAt: number;
  timer: NodeJS.Timeout | null;
}

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

class Workers implements Supervisor {
  port = 0;
  private readonly options: SupervisorOptions;
  private plan: WorkerPlan;
  private slots: Slot[] = [];
  private readonly leaving = new Set<ChildProcess>();
  private stopping = false;
  private readonly sharesPort: boolean;

  constructor(options: SupervisorOptions) {
    this.options = options;
    this.plan = options.plan;
    this.sharesPort = process.platform === 'linux' || process.platform === 'freebsd';
  }

  async start(): Promise<void> {
    const { listen } = this.plan.config;
    this.port = listen.port;
    // A port that is shared could be shared with another gateway too, unnoticed: only a free one is taken.
    new BoundSocket({ host: listen.address, port: listen.port }).close();
    for (let index = 0; index < this.plan.count; index++) await this.addSlot(listen.address);
  }

  pids(): number[] {
    return this.slots.flatMap(({ worker }) => (worker?.pid === undefined ? [] : [worker.pid]));
  }

  async reload(plan: WorkerPlan): Promise<void> {
    const before = this.plan;
    try {
      await this.replaceAll(plan);
    } catch (error) {
      // A worker that ends later must not be started again with what could not be started now.
      this.plan = before;
      throw error;
    }
  }

  private async replaceAll(plan: WorkerPlan): Promise<void> {
    const before = this.plan.config.listen;
    const { address, port } = plan.config.listen;
    const moved = address !== before.address || (port !== before.port && port !== 0);
    const old = this.slots;
    this.plan = plan;
    if (moved) {
      this.slots = [];
      this.port = port;
      try {
        await this.start();
      } catch (error) {
        for (const slot of this.slots) this.retire(slot);
        this.slots = old;
        throw error;
      }
      for (const slot of old) this.retire(slot);
      return;
    }
    for (const slot of old.slice(0, plan.count)) await this.replace(slot);
    for (const slot of this.slots.splice(plan.count)) this.retire(slot);
    while (this.slots.length < plan.count) await this.addSlot(address);
  }

  reloadCertificates(): void {
    for (const { worker } of this.slots) if (worker !== null) tell(worker, { type: 'certificates' });
  }

  async stop(): Promise<void> {
    this.stopping = true;
    for (const slot of this.slots.splice(0)) this.retire(slot);
    await Promise.all([...this.leaving].map((worker) => exited(worker)));
  }

  private async addSlot(address: string): Promise<void> {
    const slot: Slot = {
      socket: this.bind(address),
      worker: null,
      failures: 0,
      startedAt: 0,
      timer: null,
    };
    this.slots.push(slot);
    slot.worker = await this.launch(slot);
  }

  /** One socket a worker where the system spreads connections over them; else all share the first one's. */
  private bind(address: string): BoundSocket {
    const [first] = this.slots;
    if (!this.sharesPort && first !== undefined) return first.socket;
    const socket = new BoundSocket({ host: address, port: this.port, reusePort: this.sharesPort });
    const bound = socket.address();
    this.port = bound.port;
    return socket;
  }

  /** A new worker takes over the slot's socket; only when it serves does the old one go. */
  private async replace(slot: Slot): Promise<void> {
    const worker = await this.launch(slot);
    const old = slot.worker;
    slot.worker = worker;
    if (old !== null) this.drain(old);
  }

  private retire(slot: Slot): void {
    if (slot.timer !== null) clearTimeout(slot.timer);
    if (!this.slots.some((other) => other.socket === slot.socket)) slot.socket.close();
    if (slot.worker !== null) this.drain(slot.worker);
    slot.worker = null;
  }

  private drain(worker: ChildProcess): void {
    const { drainSeconds, pollWindowSeconds } = this.plan.config.workers;
    this.leaving.add(worker);
    const timer = setTimeout(() => worker.kill('SIGKILL'), drainSeconds * 1_000 + KILL_GRACE_MS);
    worker.once('exit', () => {
      clearTimeout(timer);
      this.leaving.delete(worker);
    });
    tell(worker, {
      type: 'drain',
      timeoutMs: drainSeconds * 1_000,
      pollWindowMs: Math.min(pollWindowSeconds, drainSeconds) * 1_000,
    });
  }

  /** Starts a worker for the slot and waits until it serves. */
  private async launch(slot: Slot): Promise<ChildProcess> {
    const { entry, args } = this.options;
    const { config, sampleUrl } = this.plan;
    const worker = fork(entry, args, {
      execArgv: [...WORKER_FLAGS, ...process.execArgv],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', slot.socket.fd()],
    });
    slot.startedAt = Date.now();
    tell(worker, { type: 'start', config, sampleUrl, fd: LISTEN_FD });
    await serving(worker);
    worker.once('exit', (code, signal) => this.onExit(slot, worker, code, signal));
    return worker;
  }

  private onExit(slot: Slot, worker: ChildProcess, code: number | null, signal: string | null): void {
    if (this.leaving.has(worker) || this.stopping || slot.worker !== worker) return;
    slot.worker = null;
    if (Date.now() - slot.startedAt >= STEADY_MS) slot.failures = 0;
    this.options.onEvent(
      'error',
      { code: 'EASGATE_WORKER_EXIT', pid: worker.pid, exit_code: code, signal },
      'a worker ended; its connections are lost, another one starts',
    );
    this.restartLater(slot);
  }

  private restartLater(slot: Slot): void {
    const delay = Math.min(FIRST_BACKOFF_MS * 2 ** slot.failures, MAX_BACKOFF_MS);
    slot.failures++;
    const keeps = delay <= KEEP_SOCKET_MS || !this.sharesPort;
    if (!keeps) slot.socket.close();
    slot.timer = setTimeout(() => {
      slot.timer = null;
      if (!keeps) slot.socket = this.bind(this.plan.config.listen.address);
      this.launch(slot).then(
        (worker) => {
          if (this.slots.includes(slot)) slot.worker = worker;
          else this.drain(worker);
        },
        (error: unknown) => {
          this.options.onEvent(
            'error',
            { code: 'EASGATE_WORKER_START', cause: String(error) },
            'a worker could not be started again',
          );
          if (this.slots.includes(slot)) this.restartLater(slot);
        },
      );
    }, delay);
  }
}

function tell(worker: ChildProcess, message: ToWorker): void {
  // A worker that is gone already has its exit event on the way.
  if (worker.connected) worker.send(message, () => undefined);
}

/** Resolves when the worker serves; kills it and rejects when it does not get there. */
function serving(worker: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    const finish = (error: Error | null): void => {
      clearTimeout(timer);
      worker.off('message', onMessage);
      worker.off('exit', onExit);
      worker.off('error', finish);
      if (error === null) {
        resolve();
      } else {
        worker.kill('SIGKILL');
        reject(error);
      }
    };
    const onMessage = (message: FromWorker): void => {
      if (message.type === 'ready') finish(null);
      else finish(Object.assign(new Error(message.message), { code: message.code }));
    };
    const onExit = (code: number | null): void =>
      finish(new Error(`the worker ended with ${String(code)} before it served`));
    const timer = setTimeout(() => finish(new Error('the worker did not serve in time')), READY_MS);
    worker.on('message', onMessage);
    worker.on('exit', onExit);
    worker.on('error', finish);
  });
}

function exited(worker: ChildProcess): Promise<void> {
  if (worker.exitCode !== null || worker.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => worker.once('exit', () => resolve()));
}
