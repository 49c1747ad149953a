// Owns the promises to a user of whom the system has no name and no home, as in a container under a number of its own: changes have an
// author, and a context says what is missing.
import { beforeEach, expect, it, onTestFinished, vi } from 'vitest';
import { loginName } from '../../src/cli/context.ts';
import { contextsFile } from '../../src/cli/remote/contexts.ts';
import { checkLeaks } from '../support/checks/leaks.ts';

checkLeaks();

const system = vi.hoisted(() => ({ knowsUser: true }));

vi.mock('node:os', () => {
  const os = process.getBuiltinModule('node:os');
  // What Node.js throws then.
  const known = <T>(work: () => T): T => {
    if (system.knowsUser) return work();
    throw Object.assign(new Error('uv_os_get_passwd returned ENOENT'), { code: 'ERR_SYSTEM_ERROR' });
  };
  return { ...os, homedir: () => known(os.homedir), userInfo: () => known(os.userInfo) };
});

beforeEach(() => {
  system.knowsUser = false;
});

it('a change has the number of its user as author', () => {
  expect(loginName()).toBe(`uid ${process.getuid?.()}`);
});

it('a context says that there is no home folder', () => {
  vi.stubEnv('XDG_CONFIG_HOME', undefined);
  onTestFinished(() => void vi.unstubAllEnvs());
  expect(() => contextsFile()).toThrow(/^this user has no home folder with contexts: set XDG_CONFIG_HOME/);
});
