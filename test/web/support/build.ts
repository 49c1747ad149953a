// Owns the build of the dashboard before its tests: once for all files, in a process without the NODE_ENV of the tests.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const VITE = fileURLToPath(new URL('../../../node_modules/vite/bin/vite.js', import.meta.url));
const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/** Called by vitest before the first test. */
export function setup(): void {
  execFileSync(process.execPath, [VITE, 'build', '--logLevel', 'warn'], {
    cwd: ROOT,
    env: { ...process.env, NODE_ENV: 'production' },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
}
