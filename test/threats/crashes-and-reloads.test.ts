// Threat: a worker that crashes while the operator reloads or stops leaves the old configuration in force, or no worker at all.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { configSchema } from '../../src/config/schema.ts';
import { startSupervisor } from '../../src/supervisor/supervisor.ts';
import type { Supervisor, WorkerPlan } from '../../src/supervisor/supervisor.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { until } from '../support/checks/until.ts';
import { freePort } from '../support/servers/free-port.ts';

checkLeaks();

const FAKE_WORKER = fileURLToPath(new URL('../support/servers/fake-worker.ts', import.meta.url));

describe('a supervisor that stops', () => {
  it('starts no worker for a reload', async () => {
    const config = configSchema.parse({ listen: { address: '127.0.0.1', port: 0 } });
    const plan: WorkerPlan = { config, source: { path: '', text: '' }, count: 1, sampleUrl: 'calm' };
    const supervisor = await startSupervisor({
      plan,
      entry: FAKE_WORKER,
      args: [],
      onEvent: () => undefined,
    });
    const stopped = supervisor.stop();
    const outcome = await supervisor.reload(plan).then(
      () => 'reloaded',
      (error: Error) => error.message,
    );
    await stopped;
    const left = supervisor.pids();
    await supervisor.stop();
    expect([outcome, left]).toEqual(['the gateway is stopping', []]);
  });
});

describe('a reload that fails', () => {
  it('changes nothing: a worker that ends later starts again with the configuration in use', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'easgate-supervisor-'));
    const entry = join(folder, 'worker.mjs');
    writeFileSync(
      entry,
      `process.on('message', ({ type, source }) => {
        if (type === 'drain') process.exit(0);
        process.send(source.text === 'bad' ? { type: 'failed', code: 'BAD', message: 'bad' } : { type: 'ready' });
      });`,
    );
    const plan = (bad: boolean): WorkerPlan => {
      const workers = { drainSeconds: 1, pollWindowSeconds: 0 };
      const config = {
        listen: { address: '127.0.0.1', port: 0 },
        workers,
      } as unknown as WorkerPlan['config'];
      return { config, source: { path: '', text: bad ? 'bad' : 'good' }, count: 1, sampleUrl: null };
    };
    const events: string[] = [];
    const supervisor = await startSupervisor({
      plan: plan(false),
      entry,
      args: [],
      onEvent: (_level, _facts, text) => events.push(text),
    });
    onTestFinished(() => rmSync(folder, { recursive: true }));
    onTestFinished(() => supervisor.stop());
    await expect(supervisor.reload(plan(true))).rejects.toThrow('bad');
    const [before] = supervisor.pids();
    process.kill(before as number, 'SIGKILL');
    await until(() => supervisor.pids().some((pid) => pid !== before), 'a new worker');
    expect(events).toEqual(['a worker ended unexpectedly: its connections are lost, and it is restarted']);
  });
});

describe('a supervisor', () => {
  /** A worker that writes its process id to a file, serves when it is allowed to, and ends at once on "drain". */
  const WORKER = `
    import { existsSync, writeFileSync } from 'node:fs';
    process.on('message', ({ type, source }) => {
      if (type === 'drain') process.exit(0);
      const config = JSON.parse(source.text);
      writeFileSync(config.folder + '/' + process.pid, '');
      const serve = () => {
        if (config.waits && existsSync(config.folder + '/wait')) return setTimeout(serve, 10);
        if (config.bad) process.send({ type: 'failed', code: 'BAD', message: 'bad' });
        else process.send({ type: 'ready' }, () => config.crashes && process.exit(1));
      };
      serve();
    });`;

  interface Watched {
    readonly supervisor: Supervisor;
    readonly exits: () => number;
    readonly plan: (what: object, port?: number) => WorkerPlan;
    /** Ids of all workers that ever started. */
    readonly started: () => number[];
    readonly waitFile: string;
  }

  async function watched(first: object): Promise<Watched> {
    const folder = mkdtempSync(join(tmpdir(), 'easgate-supervisor-'));
    const entry = join(folder, 'worker.mjs');
    writeFileSync(entry, WORKER);
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const plan = (what: object, port = 0): WorkerPlan => {
      const listen = { address: '127.0.0.1', port };
      const workers = { drainSeconds: 1, pollWindowSeconds: 0 };
      const config = { ...what, folder, listen, workers } as unknown as WorkerPlan['config'];
      return { config, source: { path: '', text: JSON.stringify(config) }, count: 1, sampleUrl: null };
    };
    let exits = 0;
    const onEvent = (_level: string, facts: object): void => {
      if ('code' in facts && facts.code === 'EASGATE_WORKER_EXIT') exits++;
    };
    const supervisor = await startSupervisor({
      plan: plan(first),
      entry,
      args: [],
      onEvent,
    });
    onTestFinished(() => supervisor.stop());
    const started = (): number[] => readdirSync(folder).map(Number).filter(Number.isInteger);
    return { supervisor, exits: () => exits, plan, started, waitFile: join(folder, 'wait') };
  }

  function isAlive(pid: number): boolean {
    try {
      return process.kill(pid, 0);
    } catch {
      return false;
    }
  }

  it('whose worker keeps ending accepts a configuration that mends it, also in a long pause', async () => {
    const { supervisor, exits, plan } = await watched({ crashes: true });
    // The pauses are 0.1, 0.2, 0.4, 0.8 seconds; in the next one the socket is closed.
    await until(() => exits() >= 5, 'the fifth end');
    await supervisor.reload(plan({}));
    expect(supervisor.pids()).toHaveLength(1);
  });

  it('whose worker keeps ending can be stopped in a long pause', async () => {
    const { supervisor, exits } = await watched({ crashes: true });
    await until(() => exits() >= 5, 'the fifth end');
    await supervisor.stop();
    expect(supervisor.pids()).toEqual([]);
  });

  it('keeps no worker of the old configuration that it started during a reload', async () => {
    const { supervisor, plan, started, waitFile } = await watched({ waits: true });
    const [first] = supervisor.pids();
    writeFileSync(waitFile, '');
    process.kill(first as number, 'SIGKILL');
    await until(() => started().length === 2, 'the worker in its place to be started');
    const second = started().find((pid) => pid !== first) as number;
    await supervisor.reload(plan({}));
    rmSync(waitFile);
    await until(() => !isAlive(second), 'the worker of the old configuration to go');
    const third = started().find((pid) => pid !== first && pid !== second);
    expect(supervisor.pids()).toEqual([third]);
  });

  it('that could not move to another port keeps its own, and can move later', async () => {
    const { supervisor, plan } = await watched({});
    const before = supervisor.port;
    const port = await freePort();
    await expect(supervisor.reload(plan({ bad: true }, port))).rejects.toThrow('bad');
    expect(supervisor.port).toBe(before);
    await supervisor.reload(plan({}, port));
    expect(supervisor.port).toBe(port);
  });
});
