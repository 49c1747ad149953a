// Owns the installation of programs that tests need beyond npm, from Debian packages if this process may install them.
import { spawnSync } from 'node:child_process';
import {
  BROWSER,
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
  installedOf,
  isInstalled,
} from './programs.ts';
import type { NeededProgram } from './programs.ts';

function run(program: string, words: string[]): boolean {
  process.stdout.write(`test set-up: ${program} ${words.join(' ')}\n`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  return spawnSync(program, words, { stdio: ['ignore', 'ignore', 'inherit'], env }).status === 0;
}

/** Waits for the lock of another installation, but not long for a package source. */
const PATIENT = [
  '-o',
  'DPkg::Lock::Timeout=300',
  '-o',
  'Acquire::http::Timeout=20',
  '-o',
  'Acquire::Retries=1',
];

const missing = [REDIS, NGINX, WBXML2XML, IP, SLAPD, LDAPMODIFY, ZSH, FISH, BROWSER, PROMTOOL].filter(
  (needed) => !isInstalled(needed),
);
if (missing.length > 0 && process.getuid?.() === 0) {
  // An unreachable package source must not prevent packages of other sources.
  run('apt-get', [...PATIENT, 'update']);
  // One by one: an unavailable package must not prevent the others.
  const install = ({ debian }: NeededProgram): boolean =>
    run('apt-get', [...PATIENT, 'install', '-y', '--no-install-recommends', debian]);
  for (const needed of missing)
    if (!install(needed) && needed.instead !== undefined && installedOf(needed) === null)
      install(needed.instead);
}
for (const needed of missing) {
  if (installedOf(needed) !== null) continue;
  const must = needed.required || NOTHING_SKIPPED;
  const need = must ? 'The tests need' : 'Some tests are skipped without';
  process.stderr.write(`${need} ${needed.program} (Debian: apt-get install ${needed.debian}).\n`);
  if (must) process.exitCode = 1;
}
