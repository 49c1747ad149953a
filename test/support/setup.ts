// Owns what the tests need beyond npm: Redis, nginx and wbxml2xml, from Debian's packages where this process may install them.
import { spawnSync } from 'node:child_process';

function has(program: string, version = '--version'): boolean {
  return spawnSync(program, [version], { stdio: 'ignore' }).status === 0;
}

function run(program: string, words: string[]): boolean {
  process.stdout.write(`test set-up: ${program} ${words.join(' ')}\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return spawnSync(program, words, { stdio: ['ignore', 'ignore', 'inherit'], env }).status === 0;
}

/** Programs and the Debian packages they come in. */
const PROGRAMS = [
  { program: 'redis-server', version: '--version', debian: 'redis-server', required: true },
  // Without it the tests against nginx are skipped and say so.
  { program: 'nginx', version: '-v', debian: 'nginx-light', required: false },
  // Without it the WBXML codec has no independent judge.
  { program: 'wbxml2xml', version: '-h', debian: 'libwbxml2-utils', required: false },
];

const missing = PROGRAMS.filter(({ program, version }) => !has(program, version));
if (missing.length > 0) {
  const packages = missing.map(({ debian }) => debian);
  if (process.getuid?.() === 0 && has('apt-get') && run('apt-get', ['update']))
    run('apt-get', ['install', '-y', '--no-install-recommends', ...packages]);
  for (const { program, version, debian, required } of missing) {
    if (has(program, version)) continue;
    const need = required ? 'The tests need' : 'Some tests are skipped without';
    process.stderr.write(`${need} ${program} (Debian: apt-get install ${debian}).\n`);
    if (required) process.exitCode = 1;
  }
}
