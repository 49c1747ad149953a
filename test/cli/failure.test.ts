// Owns the promise that every failure of a command has a code of easgate, also one of the system, and that output which is lost is named as such.
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { failureText } from '../../src/cli/failure.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url));

function thrown(work: () => void): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return null;
}

it('an error of the system about a file names the file, in words', () => {
  expect(failureText(thrown(() => readFileSync('/nowhere/at/all')))).toBe(
    'EASGATE_FILE: there is no /nowhere/at/all',
  );
  const full = Object.assign(new Error('ENOSPC: no space left on device, open'), {
    code: 'ENOSPC',
    path: '/x',
  });
  expect(failureText(full)).toBe('EASGATE_FILE: the disk of /x is full: free space there');
});

it.each([
  [{ code: 'ENOSPC' }, 'ENOSPC: no space left', 'EASGATE_FAILED: a disk is full: ENOSPC: no space left'],
  [{ code: 'ERR_INVALID_ARG_TYPE' }, 'x', 'EASGATE_FAILED: x'],
  [{ code: 'EASGATE_FILE' }, 'x', 'EASGATE_FILE: x'],
  [{}, 'x', 'EASGATE_FAILED: x'],
])('%s: the code is one of easgate', (more, message, text) => {
  expect(failureText(Object.assign(new Error(message), more))).toBe(text);
});

it.each([
  ['devices list', false],
  ['report blocked', false],
  ['explain', false],
  ['store status', false],
  ['policy diff', false],
  ['journal follow', false],
  ['export devices', false],
  ['feeds test', false],
  ['devices block', true],
  ['users clear', true],
  ['import', true],
  ['policy shadow', true],
  ['policy rollout widen', true],
  ['store accept', true],
  ['tokens create', true],
  ['feeds run', true],
])('%s without an answer of Redis: a change may have been made = %s', (command, changes) => {
  const text = failureText(new Error('Command timed out'), command);
  expect(text).toMatch(/^EASGATE_REDIS: Redis gave no answer .* is not stuck/);
  expect(text.includes('A change may have been made')).toBe(changes);
});

it.runIf(existsSync('/dev/full'))('says that the disk of its output is full, and fails', () => {
  const full = openSync('/dev/full', 'w');
  const { status, stderr } = spawnSync(process.execPath, [MAIN, 'check', '--metrics'], {
    stdio: ['ignore', full, 'pipe'],
    encoding: 'utf8',
  });
  closeSync(full);
  expect(status).toBe(1);
  expect(stderr).toMatch(/^easgate: EASGATE_OUTPUT: the output is not complete: the disk .* is full/);
  expect(stderr.trim().split('\n')).toHaveLength(1);
});
