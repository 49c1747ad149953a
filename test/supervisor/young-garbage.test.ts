// Owns the promises that what a look-up leaves behind is collected together with other young objects of a worker. What reaches the old heap stays until the
// whole heap is collected, and requests wait for that.
import { execFileSync } from 'node:child_process';
import { expect, it } from 'vitest';
import { WORKER_FLAGS } from '../../src/supervisor/worker-process.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

/** Objects that are measured. Each has 512 bytes of content. */
const OBJECTS = 20_000;
/** Bytes of the old heap for each of them: a small part of the content. */
const MOST = 100;

/** Runs in a process with the flags of a worker. `SETUP` sets `use`, which keeps an object until the fourth one after it. Prints how much the old heap grew, bytes for each object. */
const MEASURE = `
  const { getHeapSpaceStatistics } = require('node:v8');
  const content = (index) => new Array(64).fill(index);
  const oldBytes = () => getHeapSpaceStatistics().find((space) => space.space_name === 'old_space').space_used_size;
  const turn = () => new Promise((resolve) => setImmediate(resolve));
  let use;
  const useMany = async (count) => {
    for (let index = 0; index < count; index++) {
      use(index);
      if (index % 16 === 0) await turn();
    }
  };
  (async () => {
    SETUP
    globalThis.gc();
    globalThis.gc();
    await useMany(2_000);
    const before = oldBytes();
    await useMany(${OBJECTS});
    console.log((oldBytes() - before) / ${OBJECTS});
    process.exit();
  })();
`;

const KEPT = 4;

function growthOfOldHeap(setup: string): number {
  const words = [...WORKER_FLAGS, '--expose-gc', '--eval', MEASURE.replace('SETUP', setup)];
  return Number(execFileSync(process.execPath, words, { encoding: 'utf8' }));
}

it('an entry that was deleted from a transient map does not get old', () => {
  const setup = `
    const { TransientMap } = await import('./src/directory/transient-map.ts');
    const map = new TransientMap();
    use = (index) => {
      map.set(index, content(index));
      map.delete(index - ${KEPT});
    };`;
  expect(growthOfOldHeap(setup)).toBeLessThan(MOST);
});

it('an operation that was over before its deadline does not get old', () => {
  const setup = `
    const { SharedDeadline } = await import('./src/directory/deadline.ts');
    const deadline = new SharedDeadline(600_000);
    const underWay = [];
    use = (index) => {
      underWay.push({ endsAt: 0, previous: null, next: null, expire: content(index) });
      deadline.add(underWay.at(-1));
      if (underWay.length > ${KEPT}) deadline.remove(underWay.shift());
    };`;
  expect(growthOfOldHeap(setup)).toBeLessThan(MOST);
});
