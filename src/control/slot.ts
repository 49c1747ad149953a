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

/** What a slot needs of the supervisor. */
export interface SlotOwner {
  readonly times: RestartTimes;
  readonly onEvent: OnEvent;
  /** Starts a worker of the plan in use, and waits until it serves. */
  launch(socket: BoundSocket): Promise<ChildProcess>;
  /** Lets a worker finish what is under way, and go. */
  drain(worker: ChildProcess): void;
}

/** One place; holds its socket until {@link retire}. */
export class Slot {
  /** Who serves; null = nobody at the moment. */
  worker: ChildProcess | null = null;
  private readonly door: Door;
  private readonly owner: SlotOwner;
  private readonly backoff: Backoff;
  /** Null = given up while the slot waits for long. */
  private socket: BoundSocket | null;
  private timer: NodeJS.Timeout | null = null;
  private retired = false;

  /** Throws when no socket can be bound. */
  constructor(door: Door, owner: SlotOwner) {
    this.door = door;
    this.owner = owner;
    this.backoff = new Backoff(owner.times);
    this.socket = door.open();
  }

  /**
   * A new worker takes over the socket; only when it serves does the old one, if there is one, go. Rejects, and changes
   * nothing, when it cannot start.
   */
  async replace(): Promise<void> {
    const waited = this.cancelRestart();
    try {
      const worker = await this.launch();
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

  private async launch(): Promise<ChildProcess> {
    this.socket ??= this.door.open();
    const startedAt = performance.now();
    const worker = await this.owner.launch(this.socket);
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
    try {
      const worker = await this.launch();
      // A replacement may have been quicker.
      if (this.retired || this.worker !== null) {
        this.owner.drain(worker);
        return;
      }
      this.cancelRestart();
      this.worker = worker;
    } catch (error) {
      if (this.retired || this.worker !== null) return;
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
