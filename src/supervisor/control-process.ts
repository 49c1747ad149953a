// Owns the control process as the primary sees it: started where the configuration wants it, restarted with back-off, also where it no longer
// answers, stopped.
// Nothing that phones need waits for it.
import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { messageOf } from '../caught-error.ts';
import type { ConfigSource } from '../config/load.ts';
import { Backoff } from './backoff.ts';
import type { BackoffSettings } from './backoff.ts';
import type { ControlStatus } from './control-messages.ts';
import type { OnEvent } from './slot.ts';
import type { FeedSample } from '../metrics/text.ts';
import { Silence } from './silence.ts';
import type { SilenceLimits } from './silence.ts';
import { SummedCounts } from './summed-counts.ts';
import { askControl, askControlMetrics } from './worker-questions.ts';
import { exited, serving, tell } from './worker-process.ts';

/** Options of {@link ControlProcess}. */
export interface ControlOptions {
  /** The program that runs it, and its arguments. */
  readonly entry: string;
  readonly args: readonly string[];
  readonly onEvent: OnEvent;
  /** Called with its process id after every start, and with null after its end. */
  readonly onPid?: (pid: number | null) => void;
  readonly times?: BackoffSettings;
  readonly silence?: SilenceLimits;
}

/** What the primary knows of the control process. */
export interface ControlState {
  /** `down`: it ended, and is started again after a pause. `silent`: it does not answer. */
  readonly state: 'starting' | 'running' | 'silent' | 'down';
  /** Null = it does not run. */
  readonly pid: number | null;
  /** Its own answer; null = there is none. */
  readonly status: ControlStatus | null;
}

/** What its metrics say beside the numbers. */
export interface ControlSample {
  /** It answered. */
  readonly up: boolean;
  readonly feeds: readonly FeedSample[];
}

const TIMES: BackoffSettings = { firstMs: 200, maxMs: 30_000, steadyMs: 10_000 };
/** It is asked for its metrics every ten seconds (gateway-metrics.ts). */
const SILENCE: SilenceLimits = { answerMs: 1_500, silentMs: 60_000, questions: 4 };
/** It has nothing to finish: one that does not end within this time is killed. */
const STOP_MS = 3_000;
/**
 * V8 flags of the process and its threads: a smaller nursery than by default, and no more than half of what is in use as garbage. V8 would let the
 * heap grow to a multiple while a large run passes through it, and keep that (decisions/0182). Flags of the primary follow.
 */
const CONTROL_FLAGS: readonly string[] = ['--max-semi-space-size=16', '--heap-growing-percent=50'];

/** One at a time. */
export class ControlProcess {
  private readonly options: ControlOptions;
  private readonly backoff: Backoff;
  /** Null = the configuration wants none. */
  private source: ConfigSource | null = null;
  private child: ChildProcess | null = null;
  /** Of the child. */
  private silence: Silence;
  private readonly counts = new SummedCounts();
  private ready = false;
  private timer: NodeJS.Timeout | null = null;
  /** Starts and stops, one after the other. */
  private turn: Promise<void> = Promise.resolve();

  constructor(options: ControlOptions) {
    this.options = options;
    this.backoff = new Backoff(options.times ?? TIMES);
    this.silence = this.newSilence();
  }

  /** Starts it with a configuration, in place of the one that runs; null = none shall run. Resolves when the former one has ended. */
  use(source: ConfigSource | null): Promise<void> {
    this.source = source;
    this.turn = this.turn.then(() => this.replace());
    return this.turn;
  }

  reopenLogs(): void {
    if (this.child !== null) tell(this.child, { type: 'reopen' });
  }

  /** Null = the configuration wants none. */
  async state(): Promise<ControlState | null> {
    const { child, source } = this;
    if (source === null) return null;
    if (child === null) return { state: 'down', pid: null, status: null };
    const pid = child.pid ?? null;
    if (!this.ready) return { state: 'starting', pid, status: null };
    const status = await this.ask(child, askControl);
    return { state: status === null ? 'silent' : 'running', pid, status };
  }

  /** Adds its metrics to `sum`; null = the configuration wants none. */
  async addMetrics(sum: Float64Array): Promise<ControlSample | null> {
    const { child } = this;
    if (this.source === null) return null;
    const answer = child === null || !this.ready ? null : await this.ask(child, askControlMetrics);
    const cells = answer === null || child === null ? null : this.counts.note(child, answer.cells);
    this.counts.addTo(sum, cells === null ? [] : [cells]);
    return { up: cells !== null, feeds: answer?.feeds ?? [] };
  }

  stop(): Promise<void> {
    return this.use(null);
  }

  private newSilence(): Silence {
    return new Silence(this.options.silence ?? SILENCE);
  }

  /** Asks the child; null = no answer. One that has not answered for too long is killed, and started again as any other that ends. */
  private async ask<Answer>(
    child: ChildProcess,
    question: (child: ChildProcess, answerMs: number) => Promise<Answer | null>,
  ): Promise<Answer | null> {
    const { silence } = this;
    const answer = await silence.ask((answerMs) => question(child, answerMs));
    // Metrics also wait for files of feeds, the status for nothing.
    if (silence.isTooLong) await silence.ask((answerMs) => askControl(child, answerMs));
    if (silence.isTooLong) child.kill('SIGKILL');
    return answer;
  }

  private async replace(): Promise<void> {
    if (this.timer !== null) clearTimeout(this.timer);
    this.timer = null;
    const { child } = this;
    this.child = null;
    if (child !== null) {
      tell(child, { type: 'stop' });
      // One that is stopped (SIGSTOP) reads no message.
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      await exited(child);
      clearTimeout(timer);
    }
    if (this.source !== null) this.start(this.source);
  }

  private start(source: ConfigSource): void {
    const { entry, args, onEvent, onPid } = this.options;
    const startedAt = performance.now();
    const silence = this.newSilence();
    this.silence = silence;
    const child = fork(entry, args, {
      execArgv: [...CONTROL_FLAGS, ...process.execArgv],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.child = child;
    this.ready = false;
    child.once('disconnect', () => this.counts.end(child));
    onPid?.(child.pid ?? null);
    const end = (cause: string): void => {
      onPid?.(null);
      if (this.child !== child) return;
      this.child = null;
      const delayMs = this.backoff.next(this.ready ? performance.now() - startedAt : 0);
      this.timer = setTimeout(() => {
        this.timer = null;
        if (this.source !== null && this.child === null) this.start(this.source);
      }, delayMs);
      onEvent(
        'error',
        { code: 'EASGATE_CONTROL_EXIT', pid: child.pid, cause, restart_ms: delayMs },
        'the control process ended and is started again; phones are served without it',
      );
    };
    tell(child, { type: 'start', source });
    serving(child).then(
      () => {
        this.ready = true;
        child.once('exit', (code, signal) =>
          end(
            silence.isTooLong ? 'it did not answer, and was killed' : `exit code ${code}, signal ${signal}`,
          ),
        );
        child.on('error', () => undefined);
      },
      (error: unknown) => {
        void exited(child).then(() => end(messageOf(error)));
      },
    );
  }
}
