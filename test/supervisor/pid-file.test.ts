// Owns the promises of the pid file.
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mayBeGateway, readPidFile, removePidFile, writePidFile } from '../../src/supervisor/pid-file.ts';
import { identityOf } from '../../src/supervisor/process-identity.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

let folder = '';
beforeAll(() => (folder = mkdtempSync(join(tmpdir(), 'easgate-pid-'))));
afterAll(() => rmSync(folder, { recursive: true }));

describe('the pid file', () => {
  it('names this process, in a folder that is created if missing', () => {
    const path = join(folder, 'run/easgate.pid');
    writePidFile(path);
    expect(readFileSync(path, 'utf8')).toBe(`${process.pid}\n`);
    expect(readPidFile(path)).toBe(process.pid);
  });

  it('is removed by the process it names', () => {
    const path = join(folder, 'own.pid');
    writePidFile(path);
    removePidFile(path);
    expect(existsSync(path)).toBe(false);
  });

  it('of another gateway is not removed', () => {
    const path = join(folder, 'other.pid');
    writeFileSync(path, `${process.pid + 1}\n`);
    removePidFile(path);
    expect(existsSync(path)).toBe(true);
  });

  it.each([
    ['1\n', 1],
    ['4711', 4711],
    ['', null],
    ['0\n', null],
    ['-1\n', null],
    ['12 13\n', null],
    ['1234567890\n', null],
  ])('with content %j names %j', (text, pid) => {
    const path = join(folder, 'text.pid');
    writeFileSync(path, text);
    expect(readPidFile(path)).toBe(pid);
  });

  it('that is missing names no process', () => {
    expect(readPidFile(join(folder, 'none.pid'))).toBeNull();
  });
});

describe.runIf(process.platform === 'linux')('a process', () => {
  it.each([
    ['worker', 1],
    ['other', 0],
  ])('in the pid file counts as an orphaned worker only if it runs easgate: %s', (word, found) => {
    const path = join(folder, `record-${word}.pid`);
    const child = spawn(process.execPath, ['-e', 'setInterval(() => 0, 1000)', word]);
    try {
      const worker = identityOf(child.pid ?? 0);
      writeFileSync(`${path}.json`, JSON.stringify({ primary: { pid: 1, started: 'x' }, workers: [worker] }));
      expect(writePidFile(path)).toHaveLength(found);
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('does not count as a gateway when it runs another program', () => {
    expect(mayBeGateway(process.pid)).toBe(false);
  });

  it('does not count as a gateway when it has ended', async () => {
    const child = spawn(process.execPath, ['--version'], { stdio: 'ignore' });
    await new Promise((resolve) => child.once('close', resolve));
    expect(mayBeGateway(child.pid ?? 0)).toBe(false);
  });
});
