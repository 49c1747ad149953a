// Owns the promises to a user of whom the system has no name and no home, as in a container under a number of its own: changes have an
// author, and a context says what is missing.
import { syncBuiltinESMExports } from 'node:module';
import os from 'node:os';
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { loginName } from '../../src/cli/context.ts';
import { contextsFile } from '../../src/cli/remote/contexts.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

beforeEach(() => {
  for (const name of ['homedir', 'userInfo'] as const)
    vi.spyOn(os, name).mockImplementation(() => {
      // What Node.js throws then.
      throw Object.assign(new Error('uv_os_get_passwd returned ENOENT'), { code: 'ERR_SYSTEM_ERROR' });
    });
  syncBuiltinESMExports();
  onTestFinished(() => {
    vi.restoreAllMocks();
    syncBuiltinESMExports();
  });
});

it('a change has the number of its user as author', () => {
  expect(loginName()).toBe(`uid ${process.getuid?.()}`);
});

it('a context says that there is no home folder', () => {
  vi.stubEnv('XDG_CONFIG_HOME', undefined);
  onTestFinished(() => void vi.unstubAllEnvs());
  expect(() => contextsFile()).toThrow(/^this user has no home folder with contexts: set XDG_CONFIG_HOME/);
});
