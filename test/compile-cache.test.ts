// Owns the promise that compiled code is cached only where no other user can write: such a user could inject code into easgate.
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { isPrivate } from '../src/compile-cache.ts';
import { checkLeaks } from './support/checks/leaks.ts';

checkLeaks();

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'easgate-cache-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

function runWith(cacheHome: string): number | null {
  const { NODE_COMPILE_CACHE: _, ...env } = process.env;
  return spawnSync(process.execPath, [MAIN, '--version'], { env: { ...env, XDG_CACHE_HOME: cacheHome } })
    .status;
}

const THREAD = `
const { getCompileCacheDir } = process.getBuiltinModule('node:module');
process.getBuiltinModule('node:worker_threads').parentPort.postMessage(getCompileCacheDir());
`;
const PROGRAM = `
import { Worker } from 'node:worker_threads';
import { useCompileCache } from '${new URL('../src/compile-cache.ts', import.meta.url).href}';
useCompileCache();
new Worker(process.argv[1], { eval: true }).on('message', (folder) => process.stdout.write(String(folder)));
`;

describe('the compile cache', () => {
  it('is used in threads too', () => {
    const { NODE_COMPILE_CACHE: _, ...env } = process.env;
    const words = ['--input-type=module', '-e', PROGRAM, THREAD];
    const { stdout } = spawnSync(process.execPath, words, {
      env: { ...env, XDG_CACHE_HOME: folder },
      encoding: 'utf8',
    });
    expect(stdout).toContain(join(folder, 'easgate'));
  });

  it('is in a folder that only this user can write to', () => {
    expect(runWith(folder)).toBe(0);
    expect(statSync(join(folder, 'easgate')).mode & 0o777).toBe(0o700);
    expect(readdirSync(join(folder, 'easgate'))).not.toEqual([]);
  });

  it('is not used in a folder that others can write to', () => {
    mkdirSync(join(folder, 'easgate'));
    chmodSync(join(folder, 'easgate'), 0o777);
    expect(runWith(folder)).toBe(0);
    expect(readdirSync(join(folder, 'easgate'))).toEqual([]);
  });

  it('is off where no folder can be created', () => {
    expect(runWith('/dev/null')).toBe(0);
  });

  it.each([
    [0o700, true],
    [0o755, true],
    [0o775, false],
    [0o757, false],
  ])('treats a folder of mode %o as private: %s', (mode, expected) => {
    chmodSync(folder, mode);
    expect(isPrivate(folder)).toBe(expected);
  });
});
