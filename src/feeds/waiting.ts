// Owns the waits of adapters that ask a server: pauses between tries, and the pause that a server asks for.
import { setTimeout as later } from 'node:timers/promises';

/** What tests replace. */
export interface Clock {
  /** Milliseconds since 1970. */
  readonly now: () => number;
  /** Waits; rejects when the signal aborts. */
  readonly wait: (ms: number, signal: AbortSignal) => Promise<void>;
  /** From 0 to 1. */
  readonly random: () => number;
}

export const SYSTEM_CLOCK: Clock = {
  now: () => Date.now(),
  wait: async (ms, signal) => {
    await later(ms, undefined, { signal });
  },
  random: () => Math.random(),
};

const FIRST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 60_000;

/** The pause before the next try, in milliseconds. Exponential, with jitter: many gateways must not come back at the same moment. */
export function pauseAfter(attempt: number, clock: Clock): number {
  const most = Math.min(FIRST_PAUSE_MS * 2 ** (attempt - 1), LONGEST_PAUSE_MS);
  return most / 2 + (most / 2) * clock.random();
}

/** Retry-After in milliseconds: seconds or a date (RFC 9110 10.2.3); null = none. */
export function retryAfterOf(header: string | readonly string[] | undefined, clock: Clock): number | null {
  if (typeof header !== 'string') return null;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1_000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? null : Math.max(date - clock.now(), 0);
}

/** Answers that may pass: throttling and errors of the server. */
export const PASSING: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504, 509]);
