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
  /** Shared by all workers: session tickets of one are opened by all. */
  readonly ticketSecret: string;
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

/** A worker that is to come in the place of one that ended: the pause before it, then its start. */
interface Restart {
  pause: NodeJS.Timeout;
}

interface Slot {
  /** Null = left to the siblings during a long pause. */
  socket: BoundSocket | null;
  worker: ChildProcess | null;
  failures: number;
  startedAt: number;
  restart: Restart | null;
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
  private readonly bound = new Set<BoundSocket>();
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
    const portBefore = this.port;
    this.plan = plan;
    if (moved) {
      this.slots = [];
      this.port = port;
      try {
        await this.start();
      } catch (error) {
        for (const slot of this.slots.splice(0)) this.retire(slot);
        this.slots = old;
        this.port = portBefore;
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
      restart: null,
    };
    this.slots.push(slot);
    slot.worker = await this.launch(slot);
  }

  /** One socket a worker where the system spreads connections over them; else all share the first one's. */
  private bind(address: string): BoundSocket {
    const [first] = this.slots;
    if (!this.sharesPort && first !== undefined && first.socket !== null) return first.socket;
    const socket = new BoundSocket({ host: address, port: this.port, reusePort: this.sharesPort });
    this.bound.add(socket);
    this.port = socket.address().port;
    return socket;
  }

  /** Closes the slot's socket with the last that uses it; a second close() would throw. */
  private letGo(slot: Slot): void {
    const { socket } = slot;
    slot.socket = null;
    if (socket === null || this.slots.some((other) => other.socket === socket)) return;
    if (this.bound.delete(socket)) socket.close();
  }

  /** A new worker takes over the slot's socket; only when it serves does the old one go. */
  private async replace(slot: Slot): Promise<void> {
    this.cancelRestart(slot);
    let worker: ChildProcess;
    try {
      worker = await this.launch(slot);
    } catch (error) {
      if (slot.worker === null && slot.restart === null) this.restartLater(slot);
      throw error;
    }
    // The old one may have ended meanwhile.
    this.cancelRestart(slot);
    const old = slot.worker;
    slot.worker = worker;
    if (old !== null) this.drain(old);
  }

  private retire(slot: Slot): void {
    this.cancelRestart(slot);
    this.letGo(slot);
    if (slot.worker !== null) this.drain(slot.worker);
    slot.worker = null;
  }

  /** A worker that is being started already is sent away when it serves: it may have an old configuration. */
  private cancelRestart(slot: Slot): void {
    clearTimeout(slot.restart?.pause);
    slot.restart = null;
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
    const { entry, args, ticketSecret } = this.options;
    const { config, sampleUrl } = this.plan;
    slot.socket ??= this.bind(config.listen.address);
    const worker = fork(entry, args, {
      execArgv: [...WORKER_FLAGS, ...process.execArgv],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc', slot.socket.fd()],
    });
    slot.startedAt = Date.now();
    tell(worker, { type: 'start', config, sampleUrl, ticketSecret, fd: LISTEN_FD });
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
    if (delay > KEEP_SOCKET_MS && this.sharesPort) this.letGo(slot);
    const restart: Restart = { pause: setTimeout(() => void this.restart(slot, restart), delay) };
    slot.restart = restart;
  }

  private async restart(slot: Slot, restart: Restart): Promise<void> {
    try {
      const worker = await this.launch(slot);
      if (slot.restart === restart) {
        slot.restart = null;
        slot.worker = worker;
      } else {
        this.drain(worker);
      }
    } catch (error) {
      this.options.onEvent(
        'error',
        { code: 'EASGATE_WORKER_START', cause: String(error) },
        'a worker could not be started again',
      );
      if (slot.restart === restart) this.restartLater(slot);
    }
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
