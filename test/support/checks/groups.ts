// Owns which test files belong to which group (npm run test:unit, test:socket, test:hostile, test:process, test:web).

export type Group = 'unit' | 'socket' | 'memory' | 'hostile' | 'process' | 'web';

/** Globs for vitest. */
interface Files {
  readonly include: string[];
  readonly exclude: string[];
}

/** Tests of functions without I/O; the pure folders of src/. */
const UNIT = ['test/{bench,config,docs,eas,http,identity,notices,policy,quarantine}/**/*.test.ts'];
/** Generated and listed hostile input; `EASGATE_FUZZ_RUNS` sets the amount. */
const HOSTILE = ['test/threats/{differential,fuzz*,requests,responses,unseen-body}.test.ts'];
/** Tests that start the command, its primary and its workers as processes. */
const PROCESS = [
  'test/*.test.ts',
  'test/{cases,cli,supervisor,worker}/**/*.test.ts',
  'test/gateway/listener/slowloris.test.ts',
  'test/gateway/upstream/source-addresses.test.ts',
  'test/threats/{crashes-and-reloads,killed-primary}.test.ts',
];

/** Tests of the dashboard in a browser. */
const WEB = ['test/web/**/*.test.ts'];

/** Tests that measure the memory of their process: each file has a process of its own. `test:socket` runs them too. */
const MEMORY = [
  'test/app/decisions-memory.test.ts',
  'test/app/users-memory.test.ts',
  'test/feeds/memory.test.ts',
  'test/gateway/connection/held-text.test.ts',
  'test/threats/stranger-fills-directory.test.ts',
];

/** Every file is in one group: files without another group open sockets. */
export const GROUPS: Readonly<Record<Group, Files>> = {
  unit: { include: UNIT, exclude: [] },
  hostile: { include: HOSTILE, exclude: [] },
  memory: { include: MEMORY, exclude: [] },
  process: { include: PROCESS, exclude: [] },
  web: { include: WEB, exclude: [] },
  socket: { include: ['test/**/*.test.ts'], exclude: [...UNIT, ...MEMORY, ...HOSTILE, ...PROCESS, ...WEB] },
};
