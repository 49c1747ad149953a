// Owns the question when a process that no longer answers is given up: its loop may be stuck, or it may be stopped (SIGSTOP).
import { monotonicNow } from '../clock.ts';

/** When a silent process is given up. */
export interface SilenceLimits {
  /** Longest wait for one answer, milliseconds. */
  readonly answerMs: number;
  /** From the first question without an answer on, milliseconds. */
  readonly silentMs: number;
  /** Questions in a row without an answer, at least: of two that were paused together, the one that asks may wake up first. */
  readonly questions: number;
}

/** The questions to one process. */
export class Silence {
  private readonly limits: SilenceLimits;
  private readonly now: () => number;
  private unanswered = 0;
  /** When the first of them was asked. */
  private since = 0;

  constructor(limits: SilenceLimits, now: () => number = monotonicNow) {
    this.limits = limits;
    this.now = now;
  }

  /** Asks; null = no answer. */
  async ask<Answer>(question: (answerMs: number) => Promise<Answer | null>): Promise<Answer | null> {
    const askedAt = this.now();
    const answer = await question(this.limits.answerMs);
    if (answer !== null) this.unanswered = 0;
    else if (this.unanswered++ === 0) this.since = askedAt;
    return answer;
  }

  /** Whether the process has been silent for so long that it is given up. */
  get isTooLong(): boolean {
    const { questions, silentMs } = this.limits;
    return this.unanswered >= questions && this.now() - this.since >= silentMs;
  }
}
