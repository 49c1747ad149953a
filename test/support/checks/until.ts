// Owns waiting for conditions in tests: bounded, without fixed sleeps, on the real clock even when a test replaces clocks.

/**
 * How long a test waits for a condition. Only a failing test waits this long: the limit is far beyond the need of a slow and busy
 * machine.
 */
export const PATIENCE_MS = 120_000;

/** Most conditions hold soon: the first pauses are short. */
const FIRST_PAUSE_MS = 1;
const SHORT_PAUSES = 10;
const PAUSE_MS = 5;
/**
 * The pause after a condition that takes long, as a multiple of what it took: a gateway that answers the test all the time has no
 * time left for what the test waits for.
 */
const REST = 4;
const LONGEST_PAUSE_MS = 100;
// Saved here, since tests replace timers and the system clock.
const { setTimeout: later } = globalThis;
const clock = performance.now.bind(performance);

/** Waits for a moment, so that other work continues; `count` = pauses before this one, `since` = when the look at the condition began. */
function pause(count: number, since: number): Promise<void> {
  const least = count < SHORT_PAUSES ? FIRST_PAUSE_MS : PAUSE_MS;
  const rest = Math.min((clock() - since) * REST, LONGEST_PAUSE_MS);
  return new Promise((resolve) => later(resolve, Math.max(least, rest)));
}

/** Resolves as soon as `condition` holds, or resolves to true; rejects after `timeoutMs`. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what = 'condition',
  timeoutMs = PATIENCE_MS,
): Promise<void> {
  const end = clock() + timeoutMs;
  for (let count = 0; ; count++) {
    const since = clock();
    if (await condition()) return;
    if (clock() > end) throw new Error(`timed out waiting for: ${what}`);
    await pause(count, since);
  }
}

/** Repeats a request, with a pause after each answer, until an answer satisfies the condition; resolves with that answer. */
export async function eventually<Answer>(
  ask: () => Promise<Answer>,
  isGood: (answer: Answer) => boolean,
  what: string,
  timeoutMs = PATIENCE_MS,
): Promise<Answer> {
  const end = clock() + timeoutMs;
  for (let count = 0; ; count++) {
    const since = clock();
    const answer = await ask();
    if (isGood(answer)) return answer;
    if (clock() > end) throw new Error(`timed out waiting for: ${what}; the last answer: ${String(answer)}`);
    await pause(count, since);
  }
}
