// Owns what the tests need beyond npm: a Redis server, from Debian's packages where this process may install them.
import { spawnSync } from 'node:child_process';

function has(program: string): boolean {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;
}

function run(program: string, words: string[]): boolean {
  process.stdout.write(`test set-up: ${program} ${words.join(' ')}\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return spawnSync(program, words, { stdio: ['ignore', 'ignore', 'inherit'], env }).status === 0;
}

if (!has('redis-server')) {
  const mayInstall = process.getuid?.() === 0 && has('apt-get');
  const installed =
    mayInstall &&
    run('apt-get', ['update']) &&
    run('apt-get', ['install', '-y', '--no-install-recommends', 'redis-server']);
  if (!installed || !has('redis-server')) {
    process.stderr.write(
      'The tests need redis-server. Install it and run them again (Debian: apt-get install redis-server).\n',
    );
    process.exitCode = 1;
  }
}
