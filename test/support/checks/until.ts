// Owns waiting for conditions in tests: bounded, without fixed sleeps, on the real clock whatever a test does with time.

/**
 * How long a test waits for what must happen. Only a test that fails waits so long: the bound is far beyond what a slow
 * and busy machine needs.
 */
export const PATIENCE_MS = 60_000;

const PAUSE_MS = 5;
// Tests stop timers and set the system's clock: these go on.
const { setTimeout: later } = globalThis;
const clock = performance.now.bind(performance);

/** Lets a moment pass, in which everything else goes on. */
function pause(): Promise<void> {
  return new Promise((resolve) => later(resolve, PAUSE_MS));
}

/** Resolves as soon as `condition` holds, or resolves to true; rejects after `timeoutMs`. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what = 'condition',
  timeoutMs = PATIENCE_MS,
): Promise<void> {
  const end = clock() + timeoutMs;
  while (!(await condition())) {
    if (clock() > end) throw new Error(`timed out waiting for: ${what}`);
    await pause();
  }
}

/** Asks again and again, with a pause after each answer, until one is as it should be; resolves with that one. */
export async function eventually<Answer>(
  ask: () => Promise<Answer>,
  isGood: (answer: Answer) => boolean,
  what: string,
  timeoutMs = PATIENCE_MS,
): Promise<Answer> {
  const end = clock() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (isGood(answer)) return answer;
    if (clock() > end) throw new Error(`timed out waiting for: ${what}; the last answer: ${String(answer)}`);
    await pause();
  }
}
