// Owns which test files belong to which group (npm run test:unit, test:socket, test:hostile, test:process).

export type Group = 'unit' | 'socket' | 'hostile' | 'process';

/** Globs, as vitest takes them. */
interface Files {
  readonly include: string[];
  readonly exclude: string[];
}

/** Functions that open nothing; the folders of src/ that are pure. */
const UNIT = ['test/{bench,config,docs,eas,http,identity,notices,policy,quarantine}/**/*.test.ts'];
/** Generated and listed hostile input, as much of it as `EASGATE_FUZZ_RUNS` says. */
const HOSTILE = ['test/threats/{differential,fuzz*,requests,responses,unseen-body}.test.ts'];
/** The command, its primary and its workers as processes. */
const PROCESS = [
  'test/*.test.ts',
  'test/{cases,cli,supervisor,worker}/**/*.test.ts',
  'test/gateway/listener/slowloris.test.ts',
  'test/gateway/upstream/source-addresses.test.ts',
  'test/threats/{crashes-and-reloads,killed-primary}.test.ts',
];

/** Every file is in one group: those named nowhere open sockets. */
export const GROUPS: Readonly<Record<Group, Files>> = {
  unit: { include: UNIT, exclude: [] },
  hostile: { include: HOSTILE, exclude: [] },
  process: { include: PROCESS, exclude: [] },
  socket: { include: ['test/**/*.test.ts'], exclude: [...UNIT, ...HOSTILE, ...PROCESS] },
};
