// Owns the place of one worker: its listening socket, which outlives it, and who serves there; restarts with back-off.
import type { ChildProcess } from 'node:child_process';
import type { BoundSocket } from 'node:net';
import { Backoff } from './backoff.ts';
import type { BackoffSettings } from './backoff.ts';
import type { Door } from './door.ts';

/** What the supervisor tells; `facts` go into the log line. */
export type OnEvent = (level: 'info' | 'warn' | 'error', facts: object, text: string) => void;

/** Times of restarts. */
export interface RestartTimes extends BackoffSettings {
  /** Longer pauses give the slot's share of connections to the siblings. */
  readonly keepSocketMs: number;
}

/** What a slot needs of the supervisor; a plan is what a worker is started with. */
export interface SlotOwner<Plan> {
  readonly times: RestartTimes;
  readonly onEvent: OnEvent;
  /** Starts a worker, and waits until it serves. */
  launch(socket: BoundSocket, plan: Plan): Promise<ChildProcess>;
  /** Lets a worker finish what is under way, and go. */
  drain(worker: ChildProcess): void;
}

/** One place; holds its socket until {@link retire}. */
export class Slot<Plan> {
  /** Who serves; null = nobody at the moment. */
  worker: ChildProcess | null = null;
  /** What a worker that ends is started again with: while a reload is under way, what is known to work here. */
  plan: Plan;
  private readonly door: Door;
  private readonly owner: SlotOwner<Plan>;
  private readonly backoff: Backoff;
  /** Null = given up while the slot waits for long. */
  private socket: BoundSocket | null;
  private timer: NodeJS.Timeout | null = null;
  private retired = false;

  /** Throws when no socket can be bound. */
  constructor(door: Door, owner: SlotOwner<Plan>, plan: Plan) {
    this.door = door;
    this.owner = owner;
    this.plan = plan;
    this.backoff = new Backoff(owner.times);
    this.socket = door.open();
  }

  /**
   * A new worker of the plan takes over the socket; only when it serves does the old one, if there is one, go. Rejects, and
   * changes nothing, when it cannot start.
   */
  async replace(plan: Plan): Promise<void> {
    const waited = this.cancelRestart();
    try {
      const worker = await this.launch(plan);
      this.plan = plan;
      // The old one may have ended meanwhile.
      this.cancelRestart();
      const old = this.retired ? worker : this.worker;
      if (!this.retired) this.worker = worker;
      if (old !== null) this.owner.drain(old);
    } catch (error) {
      if (waited) this.restartLater(0);
      throw error;
    }
  }

  /** Lets the worker go, and the socket with it. */
  retire(): void {
    this.retired = true;
    this.cancelRestart();
    this.release();
    if (this.worker !== null) this.owner.drain(this.worker);
    this.worker = null;
  }

  private async launch(plan: Plan): Promise<ChildProcess> {
    this.socket ??= this.door.open();
    const startedAt = performance.now();
    const worker = await this.owner.launch(this.socket, plan);
    worker.once('exit', (code, signal) => {
      if (this.worker !== worker) return;
      this.worker = null;
      const delayMs = this.restartLater(performance.now() - startedAt);
      this.owner.onEvent(
        'error',
        { code: 'EASGATE_WORKER_EXIT', pid: worker.pid, exit_code: code, signal, restart_ms: delayMs },
        'a worker ended; its connections are lost, another one starts',
      );
    });
    return worker;
  }

  private restartLater(livedMs: number): number {
    const delayMs = this.backoff.next(livedMs);
    if (delayMs > this.owner.times.keepSocketMs && this.door.sharesPort) this.release();
    this.cancelRestart();
    this.timer = setTimeout(() => {
      this.timer = null;
      void this.restart();
    }, delayMs);
    return delayMs;
  }

  private async restart(): Promise<void> {
    const { plan } = this;
    // A replacement may have been quicker, and may have ended since.
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
        'a worker could not be started again',
      );
    }
  }

  /** Whether there was one to cancel. */
  private cancelRestart(): boolean {
    if (this.timer === null) return false;
    clearTimeout(this.timer);
    this.timer = null;
    return true;
  }

  private release(): void {
    if (this.socket !== null) this.door.close(this.socket);
    this.socket = null;
  }
}
