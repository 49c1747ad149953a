// Owns the groups of tests, how they run, and which files belong to which. Waits are bounded by the tests themselves.
import { availableParallelism, totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import type { TestProjectConfiguration } from 'vitest/config';
import { BaseSequencer } from 'vitest/node';
import type { TestSpecification } from 'vitest/node';
import { GROUPS } from './test/support/checks/groups.ts';
import type { Group } from './test/support/checks/groups.ts';

const GIBIBYTE = 2 ** 30;

/**
 * Processes of tests at a time. Half of the time of a test is waiting: for sockets, clocks, processes and the browser. One needs
 * less than a gibibyte, with the gateway or the browser that it starts.
 */
const MAX_WORKERS = Math.max(2, Math.min(availableParallelism() * 2 + 1, Math.floor(totalmem() / GIBIBYTE)));

/** The groups with the longest files first: a long file that begins last leaves the other workers without work. */
const ORDER: readonly string[] = ['process', 'web', 'socket', 'memory', 'hostile', 'unit'] satisfies Group[];

const place = ({ project }: TestSpecification): number => ORDER.indexOf(project.name);

/** Begins the next group as soon as a worker is free. */
class GroupAfterGroup extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).toSorted((one, other) => place(one) - place(other));
  }
}

function project(
  name: Group,
  { isolate = false, globalSetup = [] as string[], setupFiles = ['test/support/checks/fixed-seed.ts'] } = {},
): TestProjectConfiguration {
  return {
    test: {
      name,
      globalSetup,
      setupFiles,
      ...GROUPS[name],
      pool: 'forks',
      // Files share processes: most of the time of a short file is its imports.
      isolate,
      maxWorkers: MAX_WORKERS,
      testTimeout: 600_000,
      hookTimeout: 600_000,
      // Processes that tests start compile src/ once, not each time.
      env: { NODE_COMPILE_CACHE: fileURLToPath(new URL('node_modules/.cache/easgate', import.meta.url)) },
    },
  };
}

export default defineConfig({
  test: {
    sequence: { sequencer: GroupAfterGroup },
    projects: [
      project('unit'),
      project('socket'),
      project('memory', { isolate: true, setupFiles: [] }),
      project('hostile'),
      project('process'),
      project('web', { globalSetup: ['test/web/support/build.ts'] }),
    ],
  },
});
