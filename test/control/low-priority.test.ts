// Owns the promise of the control process's priority: none of its threads competes with the workers as an equal.
import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

const MODULE = new URL('../../src/control/low-priority.ts', import.meta.url).href;
/** The niceness of a thread is the 19th value of its line (proc_pid_stat(5)); the second one is a name in brackets. */
const PRINT_NICENESS = `
  import { readFileSync, readdirSync } from 'node:fs';
  import { lowerPriority } from '${MODULE}';
  lowerPriority();
  const nicenessOf = (thread) => {
    const line = readFileSync('/proc/self/task/' + thread + '/stat', 'utf8');
    return Number(line.slice(line.lastIndexOf(')') + 2).split(' ')[16]);
  };
  console.log(JSON.stringify(readdirSync('/proc/self/task').map(nicenessOf)));
`;

it.runIf(process.platform === 'linux')('lowers all threads, also those in which V8 collects garbage', () => {
  const words = ['--input-type=module', '--eval', PRINT_NICENESS];
  const niceness = JSON.parse(execFileSync(process.execPath, words, { encoding: 'utf8' })) as number[];
  expect(niceness.length).toBeGreaterThan(1);
  expect(Math.min(...niceness)).toBeGreaterThanOrEqual(10);
});
