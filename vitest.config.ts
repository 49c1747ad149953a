// Owns the groups of tests, how they run, and which files belong to which. Waits are bounded by the tests themselves.
import { availableParallelism } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import type { TestProjectConfiguration } from 'vitest/config';
import { GROUPS } from './test/support/checks/groups.ts';
import type { Group } from './test/support/checks/groups.ts';

const CORES = availableParallelism();

function project(
  name: Group,
  order: number,
  maxWorkers: number,
  { isolate = true, globalSetup = [] as string[] } = {},
): TestProjectConfiguration {
  return {
    test: {
      name,
      globalSetup,
      ...GROUPS[name],
      pool: 'forks',
      isolate,
      maxWorkers,
      testTimeout: 600_000,
      hookTimeout: 600_000,
      sequence: { groupOrder: order },
      // Processes that tests start compile src/ once, not each time.
      env: { NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/easgate', import.meta.url)) },
    },
  };
}

export default defineConfig({
  test: {
    projects: [
      // Pure functions share a process: most of the time of such a file is its imports.
      project('unit', 0, CORES, { isolate: false }),
      // Mostly waiting for sockets and for the gateway's clock.
      project('socket', 1, CORES * 2),
      project('hostile', 2, CORES),
      // Starts several processes of its own in each test.
      project('process', 3, CORES),
      // Each file has a browser of its own.
      project('web', 4, CORES, { globalSetup: ['test/web/support/build.ts'] }),
    ],
  },
});
