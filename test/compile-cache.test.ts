// Owns the promise that the compiled program is kept only where nobody else can write: whoever can could put code into easgate.
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

describe('the compile cache', () => {
  it('lies in a folder of this user alone', () => {
    expect(runWith(folder)).toBe(0);
    expect(statSync(join(folder, 'easgate')).mode & 0o777).toBe(0o700);
    expect(readdirSync(join(folder, 'easgate'))).not.toEqual([]);
  });

  it('is not used where others can write', () => {
    mkdirSync(join(folder, 'easgate'));
    chmodSync(join(folder, 'easgate'), 0o777);
    expect(runWith(folder)).toBe(0);
    expect(readdirSync(join(folder, 'easgate'))).toEqual([]);
  });

  it('is left out where no folder can be made', () => {
    expect(runWith('/dev/null')).toBe(0);
  });

  it.each([
    [0o700, true],
    [0o755, true],
    [0o775, false],
    [0o757, false],
  ])('takes a folder of mode %o for private: %s', (mode, expected) => {
    chmodSync(folder, mode);
    expect(isPrivate(folder)).toBe(expected);
  });
});
