// Owns the promise about when V8 collects the whole heap of a worker: requests wait for it.
import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { WORKER_FLAGS } from '../../src/supervisor/worker-process.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

/**
 * Makes megabytes of objects, each of which lives until the eighth one after it: long enough to get old. Prints how many full collections there
 * were after two at the start, as in a worker that serves, and the largest heap in megabytes.
 */
const CHURN = `
  const { PerformanceObserver } = require('node:perf_hooks');
  let full = 0;
  new PerformanceObserver((list) => {
    for (const { detail } of list.getEntries()) if (detail.kind === 4) full += 1;
  }).observe({ entryTypes: ['gc'] });
  const alive = [];
  let largest = 0;
  let collections = 0;
  const step = (left) => {
    if (left === 0) return setTimeout(() => console.log(full - 2 + ' ' + Math.ceil(largest)), 50);
    if (alive.length === 8 && collections++ < 2) globalThis.gc();
    alive.push(Array.from({ length: 8_192 }, (_, index) => ({ index, left, next: [index] })));
    if (alive.length > 8) alive.shift();
    largest = Math.max(largest, process.memoryUsage().heapUsed / 1e6);
    setImmediate(step, left - 1);
  };
  step(Number(process.argv[1]));
`;

function churn(megabytes: number): { readonly full: number; readonly largest: number } {
  const words = [...WORKER_FLAGS, '--expose-gc', '--eval', CHURN, String(megabytes)];
  const [full, largest] = execFileSync(process.execPath, words, { encoding: 'utf8' }).split(' ').map(Number);
  return { full: full ?? -1, largest: largest ?? -1 };
}

it('the whole heap of a worker is not collected while it is small', () => {
  expect(churn(60).full).toBe(0);
});

it('the whole heap of a worker is collected when it is no longer small', () => {
  const { full, largest } = churn(1_000);
  expect(full).toBeGreaterThan(0);
  expect(largest).toBeLessThan(160);
});
