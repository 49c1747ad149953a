// Owns how long Redis is waited for where no phone waits: by the command line, feeds, imports, the admin API, the journal, and by a
// worker that starts.
import { setTimeout as pause } from 'node:timers/promises';
import { monotonicNow } from '../clock.ts';
import { mayPass } from './redis/redis-trouble.ts';

/**
 * Time-out of one command there, milliseconds, where the configured one is shorter; and how long a worker that starts asks again. A silent
 * connection is kept for longer (redis/redis-connection.ts).
 */
const BACKGROUND_MS = 4_000;

/** The same settings, with a longer `commandTimeoutMs`: that one is chosen for phones, and short for a busy machine. */
export function withBackgroundTimeout<Options extends { readonly commandTimeoutMs: number }>(
  options: Options,
): Options {
  return { ...options, commandTimeoutMs: Math.max(options.commandTimeoutMs, BACKGROUND_MS) };
}

/** The pause before a worker that starts asks again, milliseconds. */
const AGAIN_MS = 50;

/**
 * Asks again while the store only takes too long, for four seconds: a worker that starts has the `commandTimeoutMs` that is chosen for
 * phones, and none of them waits for it yet. Rejects with the last error then, and with any other error at once. `ask` must have the same
 * effect once and twice.
 */
export async function askedAgainWhileSlow<Answer>(ask: () => Promise<Answer>): Promise<Answer> {
  const end = monotonicNow() + BACKGROUND_MS;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!mayPass(error) || monotonicNow() > end) throw error;
    }
    await pause(AGAIN_MS);
  }
}
