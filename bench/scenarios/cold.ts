// Owns the scenario of verdicts read from Redis, compared with cached verdicts.
import { PLAIN, inTurns, trickle } from './scenario.ts';
import type { Scenario } from './scenario.ts';

const COLD_RATE = 3_000;
/** The slowest requests are those while V8 compiles; only the time after that is measured. */
const COLD_WARM_UPS = 4;

export const COLD_SCENARIOS: readonly Scenario[] = [
  {
    ...PLAIN,
    redis: true,
    name: 'cold',
    text: '3,000 requests/s whose verdict is read from Redis, against verdicts in memory',
    figure: 'p99Ms',
    rivals: ['easgate', 'easgate-cold'],
    measure: (runs, effort, { name }) =>
      inTurns(
        runs,
        effort,
        name,
        (running) => trickle(running, effort.seconds, COLD_RATE, 'cold'),
        COLD_WARM_UPS,
      ),
  },
];
