// Owns one worker slot: its listening socket, which outlives workers, and its current worker; restarts with back-off.
import type { ChildProcess } from 'node:child_process';
import type { BoundSocket } from 'node:net';
import { Backoff } from './backoff.ts';
import type { BackoffSettings } from './backoff.ts';
import type { ListenPort } from './listen-port.ts';

/** Logs an event of the supervisor; `facts` are fields of the log line. */
export type OnEvent = (level: 'info' | 'warn' | 'error', facts: object, text: string) => void;

/** Timing of restarts, in milliseconds. */
export interface RestartTimes extends BackoffSettings {
  /** In longer pauses the socket is closed, so that its share of connections goes to the other slots. */
  readonly keepSocketMs: number;
}

/** The supervisor's functions for a slot; a plan is the input of a worker's start. */
export interface SlotOwner<Plan> {
  readonly times: RestartTimes;
  readonly onEvent: OnEvent;
  /** Starts the worker of a slot and waits until it serves. */
  launch(socket: BoundSocket, plan: Plan, isFirst: boolean): Promise<ChildProcess>;
  /** Lets a worker finish its current work and exit. */
  drain(worker: ChildProcess): void;
}

/** One slot; holds its socket until {@link retire}. */
export class Slot<Plan> {
  /** The serving worker; null = none at the moment. */
  worker: ChildProcess | null = null;
  /** Plan for restarts; during a reload the last plan that worked in this slot. */
  plan: Plan;
  private readonly listenPort: ListenPort;
  private readonly owner: SlotOwner<Plan>;
  /** Of all slots this is the first one. */
  private readonly isFirst: boolean;
  private readonly backoff: Backoff;
  /** Null = closed during a long pause. */
  private socket: BoundSocket | null;
  private timer: NodeJS.Timeout | null = null;
  private retired = false;

  /** Throws when no socket can be bound. */
  constructor(listenPort: ListenPort, owner: SlotOwner<Plan>, plan: Plan, isFirst: boolean) {
    this.listenPort = listenPort;
    this.owner = owner;
    this.isFirst = isFirst;
    this.plan = plan;
    this.backoff = new Backoff(owner.times);
    this.socket = listenPort.open();
  }

  /**
   * Starts a worker with a new plan on the same socket. The old worker drains once the new one serves. Rejects, without
   * a change, when the new one cannot start.
   */
  async replace(plan: Plan): Promise<void> {
    const waited = this.cancelRestart();
    try {
      const worker = await this.launch(plan);
      this.plan = plan;
      // The old worker may have ended, and be about to restart.
      this.cancelRestart();
      const old = this.retired ? worker : this.worker;
      if (!this.retired) this.worker = worker;
      if (old !== null) this.owner.drain(old);
    } catch (error) {
      if (waited) this.restartLater(0);
      throw error;
    }
  }

  /** Drains the worker and closes the socket. */
  retire(): void {
    this.retired = true;
    this.cancelRestart();
    this.release();
    if (this.worker !== null) this.owner.drain(this.worker);
    this.worker = null;
  }

  private async launch(plan: Plan): Promise<ChildProcess> {
    this.socket ??= this.listenPort.open();
    const startedAt = performance.now();
    const worker = await this.owner.launch(this.socket, plan, this.isFirst);
    worker.once('exit', (code, signal) => {
      if (this.worker !== worker) return;
      this.worker = null;
      const delayMs = this.restartLater(performance.now() - startedAt);
      this.owner.onEvent(
        'error',
        { code: 'EASGATE_WORKER_EXIT', pid: worker.pid, exit_code: code, signal, restart_ms: delayMs },
        'a worker ended unexpectedly: its connections are lost, and it is restarted',
      );
    });
    return worker;
  }

  private restartLater(livedMs: number): number {
    const delayMs = this.backoff.next(livedMs);
    if (delayMs > this.owner.times.keepSocketMs && this.listenPort.sharesPort) this.release();
    this.cancelRestart();
    this.timer = setTimeout(() => {
      this.timer = null;
      void this.restart();
    }, delayMs);
    return delayMs;
  }

  private async restart(): Promise<void> {
    const { plan } = this;
    // A replacement may have started, and even ended, meanwhile.
    const isLate = (): boolean => this.retired || this.worker !== null || this.plan !== plan;
    try {
      const worker = await this.launch(plan);
      if (isLate()) {
        this.owner.drain(worker);
        return;
      }
      this.cancelRestart();
      this.worker = worker;
    } catch (error) {
      if (isLate()) return;
      const delayMs = this.restartLater(0);
      this.owner.onEvent(
        'error',
        { code: 'EASGATE_WORKER_START', cause: String(error), restart_ms: delayMs },
        'a worker could not be restarted; see cause',
      );
    }
  }

  /** Returns whether a restart was pending. */
  private cancelRestart(): boolean {
    if (this.timer === null) return false;
    clearTimeout(this.timer);
    this.timer = null;
    return true;
  }

  private release(): void {
    if (this.socket !== null) this.listenPort.close(this.socket);
    this.socket = null;
  }
}
