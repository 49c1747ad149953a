// Owns the promises of the supervisor: restarts, sockets that outlive workers, reload one by one, and workers that share one
// socket where the system cannot give each its own.
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { configSchema } from '../../src/config/schema.ts';
import { SYSTEM_SHARES_PORT } from '../../src/supervisor/listen-port.ts';
import { startSupervisor } from '../../src/supervisor/supervisor.ts';
import type { Supervisor, WorkerPlan } from '../../src/supervisor/supervisor.ts';
import { freePort } from '../support/servers/free-port.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { stopTimers } from '../support/checks/test-clock.ts';
import { eventually, until } from '../support/checks/until.ts';

checkLeaks();

const FAKE = fileURLToPath(new URL('../support/servers/fake-worker.ts', import.meta.url));

interface Seen {
  readonly code: string;
  readonly restart_ms: number;
}

let folder = '';
let events: Seen[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-supervisor-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  events = [];
});
/** Workers that run `task`; see fake-worker.ts. */
function plan(task: string, count = 2, port = 0, address = '127.0.0.1'): WorkerPlan {
  const config = configSchema.parse({ listen: { address, port } });
  return { config, source: { path: '', text: '' }, count, sampleUrl: task };
}

async function start(
  task: string,
  options: { sharesPort?: boolean; count?: number; firstMs?: number; maxMs?: number; steadyMs?: number } = {},
): Promise<Supervisor> {
  const supervisor = await startSupervisor({
    plan: plan(task, options.count),
    entry: FAKE,
    args: [],
    onEvent: (_level, facts) => events.push(facts as Seen),
    times: {
      firstMs: options.firstMs ?? 10,
      maxMs: options.maxMs ?? 40,
      steadyMs: options.steadyMs ?? 60_000,
      keepSocketMs: 1_000,
    },
    ...(options.sharesPort === undefined ? {} : { sharesPort: options.sharesPort }),
  });
  onTestFinished(() => supervisor.stop());
  return supervisor;
}

/** The process id and name of the worker that accepts the connection; rejects without an answer. */
function ask(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    let received = '';
    const socket = connect(port, '127.0.0.1');
    socket.on('data', (chunk) => (received += chunk.toString()));
    socket.on('error', reject);
    socket.on('close', () => (received === '' ? reject(new Error('no answer')) : resolve(received)));
  });
}

const askMany = (port: number, times = 40): Promise<string[]> =>
  Promise.all(Array.from({ length: times }, () => ask(port)));

/** Waits until nobody listens; a stopping worker may need a moment. */
async function refused(port: number): Promise<void> {
  await eventually(
    () => ask(port).catch((error: NodeJS.ErrnoException) => error.code ?? ''),
    (answer) => answer === 'ECONNREFUSED',
    'nobody to listen',
  );
}

const names = (answers: readonly string[]): Set<string> =>
  new Set(answers.map((answer) => answer.split(' ')[1] ?? ''));
const pids = (answers: readonly string[]): Set<number> =>
  new Set(answers.map((answer) => Number.parseInt(answer)));

/** Answers of two workers other than `gone`; one of them may accept most connections of a shared socket. */
async function askBoth(port: number, gone: number): Promise<string[]> {
  const answers: string[] = [];
  const more = async (): Promise<number> => {
    answers.push(...(await askMany(port)).filter((answer) => Number.parseInt(answer) !== gone));
    return pids(answers).size;
  };
  await eventually(more, (workers) => workers === 2, 'answers of both workers');
  return answers;
}

/** Kills the worker, and waits until the supervisor knows. */
async function kill(pid: number | undefined): Promise<void> {
  const before = events.length;
  process.kill(pid as number, 'SIGKILL');
  await until(() => events.length > before, 'the crash to be noticed');
}

describe('a worker that ends', () => {
  it('is started again, with growing pauses up to a maximum', async () => {
    const supervisor = await start('calm', { count: 1, maxMs: 40 });
    for (let crash = 0; crash < 4; crash++) {
      await kill(supervisor.pids()[0]);
      await until(() => supervisor.pids().length === 1, 'a new worker');
    }
    expect(events.map(({ code, restart_ms }) => [code, restart_ms])).toEqual([
      ['EASGATE_WORKER_EXIT', 10],
      ['EASGATE_WORKER_EXIT', 20],
      ['EASGATE_WORKER_EXIT', 40],
      ['EASGATE_WORKER_EXIT', 40],
    ]);
    expect(await ask(supervisor.port)).toBe(`${supervisor.pids()[0]} calm`);
  });

  it('is started again after a short pause if it had run long enough', async () => {
    const supervisor = await start('calm', { count: 1, steadyMs: 0 });
    for (let crash = 0; crash < 2; crash++) {
      await kill(supervisor.pids()[0]);
      await until(() => supervisor.pids().length === 1, 'a new worker');
    }
    expect(events.map(({ restart_ms }) => restart_ms)).toEqual([10, 10]);
  });

  it('is started again and again while its start fails', async () => {
    const supervisor = await start(`first once ${join(folder, 'one')}`, { count: 1 });
    await kill(supervisor.pids()[0]);
    await until(() => events.length >= 4, 'failures');
    expect(events.slice(0, 4).map(({ code, restart_ms }) => [code, restart_ms])).toEqual([
      ['EASGATE_WORKER_EXIT', 10],
      ['EASGATE_WORKER_START', 20],
      ['EASGATE_WORKER_START', 40],
      ['EASGATE_WORKER_START', 40],
    ]);
    rmSync(join(folder, 'one'), { recursive: true });
    await until(() => supervisor.pids().length === 1, 'a worker');
  });

  it('leaves its socket to the next worker during a short pause, which serves connections made meanwhile', async () => {
    const supervisor = await start('calm', { count: 1 });
    const [old = 0] = supervisor.pids();
    await kill(old);
    const answers = await askMany(supervisor.port);
    expect(answers).toEqual(answers.map(() => `${supervisor.pids()[0]} calm`));
    expect(supervisor.pids()).not.toContain(old);
  });

  it.runIf(SYSTEM_SHARES_PORT)(
    'leaves its share of the connections to the other workers during a longer pause, and gets it back',
    async () => {
      const supervisor = await start('calm', { firstMs: 10_000, maxMs: 10_000 });
      const pass = stopTimers();
      const [sibling = 0] = supervisor.pids();
      const flaky = (): number | undefined => supervisor.pids().find((pid) => pid !== sibling);
      await kill(flaky());
      expect(await askMany(supervisor.port)).toEqual(Array.from({ length: 40 }, () => `${sibling} calm`));
      await pass(10_000);
      await until(() => flaky() !== undefined, 'a new worker');
      expect(pids(await askMany(supervisor.port))).toEqual(new Set([sibling, flaky()]));
    },
  );

  it('is started only once when a reload happens during its pause', async () => {
    const pauseMs = 500;
    const supervisor = await start('old', { count: 1, firstMs: pauseMs, maxMs: pauseMs });
    const pass = stopTimers();
    await kill(supervisor.pids()[0]);
    await supervisor.reload(plan('new', 1));
    const [pid] = supervisor.pids();
    await pass(2 * pauseMs);
    // A second worker would have started by now: another one takes as long.
    await start('other', { count: 1 });
    expect(supervisor.pids()).toEqual([pid]);
    expect(await askMany(supervisor.port)).toEqual(Array.from({ length: 40 }, () => `${pid} new`));
  });
});

describe.each(SYSTEM_SHARES_PORT ? [true, false] : [false])('workers (a socket each: %s)', (sharesPort) => {
  it('are replaced one by one, and every connection is served', async () => {
    const go = join(folder, 'go');
    const supervisor = await start('old', { sharesPort });
    const before = supervisor.pids();
    let busy = true;
    const answers: string[] = [];
    const traffic = (async () => {
      while (busy) answers.push(...(await askMany(supervisor.port, 10)));
    })();
    const reload = supervisor.reload(plan(`new wait ${go}`));
    await until(() => answers.length > 100, 'connections while the first new worker starts');
    expect(supervisor.pids()).toEqual(before);
    expect(names(answers)).toEqual(new Set(['old']));
    writeFileSync(go, '');
    await reload;
    answers.length = 0;
    await until(() => answers.length > 100, 'connections of the new workers');
    busy = false;
    await traffic;
    expect(supervisor.pids()).toHaveLength(2);
    expect(supervisor.pids().filter((pid) => before.includes(pid))).toEqual([]);
    expect(names(await askMany(supervisor.port))).toEqual(new Set(['new']));
  });

  it('continue when another worker has crashed', async () => {
    const supervisor = await start('calm', { sharesPort });
    for (const pid of supervisor.pids()) {
      await kill(pid);
      expect(names(await askMany(supervisor.port))).toEqual(new Set(['calm']));
      await until(() => supervisor.pids().length === 2, 'a new worker');
    }
  });

  it('can be increased and reduced in number', async () => {
    const supervisor = await start('few', { sharesPort, count: 1 });
    await supervisor.reload(plan('many', 3));
    expect(supervisor.pids()).toHaveLength(3);
    expect(names(await askMany(supervisor.port))).toEqual(new Set(['many']));
    await supervisor.reload(plan('few', 1));
    expect(supervisor.pids()).toHaveLength(1);
  });

  it('serve a new port before they leave the old one', async () => {
    const supervisor = await start('here', { sharesPort });
    const { port } = supervisor;
    const other = await freePort();
    await supervisor.reload(plan('there', 2, other));
    expect(supervisor.port).toBe(other);
    expect(names(await askMany(other))).toEqual(new Set(['there']));
    await refused(port);
  });

  it('all return to the old plan when a new worker cannot start', async () => {
    const supervisor = await start('old', { sharesPort });
    await expect(supervisor.reload(plan(`new once ${join(folder, 'one')}`))).rejects.toThrow('told to fail');
    expect(supervisor.pids()).toHaveLength(2);
    expect(names(await askMany(supervisor.port))).toEqual(new Set(['old']));
  });

  it.each(['the same port', 'another'])(
    'all have the old plan when one crashed during a failed reload (to %s)',
    async (where) => {
      const supervisor = await start('old', { sharesPort });
      const { port } = supervisor;
      const first = join(folder, 'first');
      const to = where === 'another' ? await freePort() : 0;
      const outcome = supervisor.reload(plan(`new second ${first}`, 2, to)).then(
        () => 'reloaded',
        (error: Error) => error.message,
      );
      await until(() => existsSync(first), 'the first new worker to be started');
      // While workers are replaced, those at the old address are known only by their answers.
      const crashed = Number.parseInt(await ask(port));
      await kill(crashed);
      await askBoth(port, crashed);
      writeFileSync(join(first, 'go'), '');
      expect(await outcome).toBe('told to fail');
      await until(() => supervisor.pids().length === 2, 'both workers');
      expect(names(await askBoth(port, crashed))).toEqual(new Set(['old']));
    },
  );

  it('stay on the old port and release the new one when they cannot serve there', async () => {
    const supervisor = await start('old', { sharesPort });
    const { port } = supervisor;
    const other = await freePort();
    await expect(supervisor.reload(plan(`new once ${join(folder, 'one')}`, 2, other))).rejects.toThrow(
      'told to fail',
    );
    expect(supervisor.port).toBe(port);
    await refused(other);
    await kill(supervisor.pids()[0]);
    await until(() => supervisor.pids().length === 2, 'a new worker');
    expect(names(await askMany(port))).toEqual(new Set(['old']));
  });
});

it.runIf(SYSTEM_SHARES_PORT)('workers serve at more addresses of the same port after a reload', async () => {
  const supervisor = await start('one');
  await supervisor.reload(plan('all', 2, supervisor.port, '0.0.0.0'));
  // The old workers may accept connections to their address until they have closed it.
  await eventually(
    () => ask(supervisor.port).catch(() => ''),
    (answer) => answer.endsWith('all'),
    'the new ones',
  );
  expect(names(await askMany(supervisor.port))).toEqual(new Set(['all']));
});

it('a port in use by another program is not taken over', async () => {
  const first = await start('one', { count: 1 });
  await expect(
    startSupervisor({
      plan: plan('two', 1, first.port),
      entry: FAKE,
      args: [],
      onEvent: () => undefined,
    }),
  ).rejects.toThrow(/EADDRINUSE/);
});
