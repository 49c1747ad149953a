// Owns the installation of programs that tests need beyond npm, from Debian packages if this process may install them.
import { spawnSync } from 'node:child_process';
import {
  CHROMIUM,
  IP,
  LDAPMODIFY,
  NGINX,
  NOTHING_SKIPPED,
  PROMTOOL,
  REDIS,
  SLAPD,
  WBXML2XML,
  ZSH,
  FISH,
  isInstalled,
} from './programs.ts';

function run(program: string, words: string[]): boolean {
  process.stdout.write(`test set-up: ${program} ${words.join(' ')}\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return spawnSync(program, words, { stdio: ['ignore', 'ignore', 'inherit'], env }).status === 0;
}

/** Waits for the lock of another installation. */
const PATIENT = ['-o', 'DPkg::Lock::Timeout=300'];

const missing = [REDIS, NGINX, WBXML2XML, IP, SLAPD, LDAPMODIFY, ZSH, FISH, CHROMIUM, PROMTOOL].filter(
  (needed) => !isInstalled(needed),
);
if (missing.length > 0 && process.getuid?.() === 0) {
  // An unreachable package source must not prevent packages of other sources.
  run('apt-get', [...PATIENT, 'update']);
  // One by one: an unavailable package must not prevent the others.
  for (const { debian } of missing)
    run('apt-get', [...PATIENT, 'install', '-y', '--no-install-recommends', debian]);
}
for (const needed of missing) {
  if (isInstalled(needed)) continue;
  const must = needed.required || NOTHING_SKIPPED;
  const need = must ? 'The tests need' : 'Some tests are skipped without';
  process.stderr.write(`${need} ${needed.program} (Debian: apt-get install ${needed.debian}).\n`);
  if (must) process.exitCode = 1;
}
