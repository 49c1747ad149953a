// Owns the threat of a primary that is killed (kill -9, out of memory) while a worker does not notice, and of a second
// gateway that takes over the first one's pid file: if no gateway can start again, no phone gets mail.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { writePidFile } from '../../src/supervisor/pid-file.ts';
import { identityOf, isAlive } from '../../src/supervisor/process-identity.ts';
import type { ProcessIdentity } from '../../src/supervisor/process-identity.ts';
import { checkLeaks } from '../support/checks/leaks.ts';
import { freePort } from '../support/servers/free-port.ts';
import { until } from '../support/checks/until.ts';

checkLeaks();

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));
interface Started {
  readonly child: ChildProcess;
  readonly out: () => string;
  readonly ended: () => boolean;
}

let folder: string;
let port: number;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-killed-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  port = await freePort();
  configure(port);
});

function configure(onPort: number): void {
  const lines = [
    `listen: { address: 127.0.0.1, port: ${onPort} }`,
    'workers: { count: 1, drainSeconds: 1, pollWindowSeconds: 1, pidFile: easgate.pid }',
    'upstream: { url: sample }',
    'sample: { users: [{ name: alice, password: secret }] }',
  ];
  writeFileSync(join(folder, 'easgate.yaml'), lines.join('\n'));
}

async function serve(what: RegExp = /listens on/): Promise<Started> {
  const child = spawn(process.execPath, [MAIN, 'serve', '--config', join(folder, 'easgate.yaml')], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let over = false;
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.once('exit', () => (over = true));
  onTestFinished(() => void child.kill('SIGKILL'));
  await until(() => what.test(out) || over, `the gateway to say ${what}`);
  return { child, out: () => out, ended: () => over };
}

const pidFile = (): string => join(folder, 'easgate.pid');

/** The only worker of a primary; a test may stop or orphan it. */
function workerOf({ child }: Started): ProcessIdentity {
  const children = readFileSync(`/proc/${child.pid}/task/${child.pid}/children`, 'utf8').trim();
  const worker = identityOf(Number(children.split(' ')[0]));
  onTestFinished(async () => {
    // Otherwise its primary would start another one.
    child.kill('SIGKILL');
    if (isAlive(worker)) process.kill(worker.pid, 'SIGKILL');
    await until(() => !isAlive(worker), 'a worker to be gone');
  });
  return worker;
}

async function killed({ child, ended }: Started): Promise<void> {
  child.kill('SIGKILL');
  await until(ended, 'the primary to be gone');
}

async function stop({ child, ended }: Started): Promise<void> {
  child.kill('SIGTERM');
  await until(ended, 'the gateway to stop');
}

describe('a primary that was killed', () => {
  it('beside a stopped worker starts again at the same address, and ends that one', async () => {
    const first = await serve();
    const worker = workerOf(first);
    process.kill(worker.pid, 'SIGSTOP');
    await killed(first);
    const second = await serve();
    expect(second.out()).toMatch(/listens on/);
    await until(() => second.out().includes('EASGATE_ORPHANED_WORKER'), 'the line of the log');
    expect(isAlive(worker)).toBe(false);
    workerOf(second);
    await stop(second);
    expect(existsSync(pidFile())).toBe(false);
  });

  it('beside a worker that runs starts again at the same address', async () => {
    const first = await serve();
    workerOf(first);
    await killed(first);
    const second = await serve();
    expect(second.out()).toMatch(/listens on/);
    workerOf(second);
    await stop(second);
  });

  it('ends no process that got the number of its worker later', async () => {
    const bystander = spawn('sleep', ['600'], { stdio: 'ignore' });
    const first = await serve();
    workerOf(first);
    await killed(first);
    const record = join(folder, 'easgate.pid.json');
    const stored = JSON.parse(readFileSync(record, 'utf8')) as { workers: ProcessIdentity[] };
    const wrong = stored.workers.map(({ started }) => ({ pid: bystander.pid, started }));
    writeFileSync(record, JSON.stringify({ ...stored, workers: wrong }));
    process.kill(bystander.pid ?? 0, 'SIGSTOP');
    const second = await serve();
    expect(isAlive(identityOf(bystander.pid ?? 0))).toBe(true);
    workerOf(second);
    await stop(second);
    const gone = new Promise((resolve) => bystander.once('exit', resolve));
    bystander.kill('SIGKILL');
    await gone;
  });
});

describe('a second gateway with the same pid file', () => {
  it('does not start, says which process runs, and leaves the file', async () => {
    const first = await serve();
    workerOf(first);
    configure(await freePort());
    const second = await serve();
    await until(second.ended, 'the second to end');
    expect(second.child.exitCode).toBe(1);
    const refusal = `EASGATE_ALREADY_RUNNING: process ${first.child.pid} `;
    await until(() => second.out().includes(refusal), 'the reason');
    expect(readFileSync(pidFile(), 'utf8')).toBe(`${first.child.pid}\n`);
    await stop(first);
    expect(existsSync(pidFile())).toBe(false);
  });

  it('starts where the number in the file is another process by now', () => {
    const path = join(folder, 'other.pid');
    writeFileSync(path, `${process.ppid}\n`);
    const record = { primary: { pid: process.ppid, started: 'another boot 1' }, workers: [] };
    writeFileSync(`${path}.json`, JSON.stringify(record));
    expect(writePidFile(path)).toEqual([]);
    expect(readFileSync(path, 'utf8')).toBe(`${process.pid}\n`);
  });

  it('does not start where that very process lives', () => {
    const path = join(folder, 'other.pid');
    writeFileSync(path, `${process.ppid}\n`);
    writeFileSync(`${path}.json`, JSON.stringify({ primary: identityOf(process.ppid), workers: [] }));
    expect(() => writePidFile(path)).toThrow(`process ${process.ppid} runs with ${path}`);
    expect(readFileSync(path, 'utf8')).toBe(`${process.ppid}\n`);
  });
});
