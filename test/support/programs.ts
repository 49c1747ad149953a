// Owns the list of programs that tests need beyond npm, and whether tests with a missing program fail or are skipped.
import { spawnSync } from 'node:child_process';

/** A program and the Debian package it comes in. */
export interface NeededProgram {
  readonly program: string;
  /** An argument with which it prints something and ends. */
  readonly probe: string;
  readonly debian: string;
  /** True: the tests fail without it. False: tests that need it are skipped with a message. */
  readonly required: boolean;
  /** A program that does the same, and is used where this one is missing. */
  readonly instead?: NeededProgram;
}

export const REDIS: NeededProgram = {
  program: 'redis-server',
  probe: '--version',
  debian: 'redis-server',
  required: true,
};
/** An independent HTTP parser to compare with. */
export const NGINX: NeededProgram = { program: 'nginx', probe: '-v', debian: 'nginx-light', required: false };
/** An independent WBXML decoder to compare with. */
export const WBXML2XML: NeededProgram = {
  program: 'wbxml2xml',
  probe: '-h',
  debian: 'libwbxml2-utils',
  required: false,
};

/** A directory server, and the command that changes it. */
export const SLAPD: NeededProgram = { program: 'slapd', probe: '-VV', debian: 'slapd', required: false };
export const LDAPMODIFY: NeededProgram = {
  program: 'ldapmodify',
  probe: '-VV',
  debian: 'ldap-utils',
  required: false,
};

/** Shells for the tests of completion scripts, besides bash. */
export const ZSH: NeededProgram = { program: 'zsh', probe: '--version', debian: 'zsh', required: false };
export const FISH: NeededProgram = { program: 'fish', probe: '--version', debian: 'fish', required: false };

const CHROMIUM: NeededProgram = {
  program: 'chromium',
  probe: '--version',
  debian: 'chromium',
  required: true,
};

/** The browser that the dashboard is tested with: Chromium without windows takes half the time of the whole one. */
export const BROWSER: NeededProgram = {
  program: 'chromium-headless-shell',
  probe: '--version',
  debian: 'chromium-headless-shell',
  required: true,
  instead: CHROMIUM,
};

/** Checks metrics, and runs tests of alert rules. */
export const PROMTOOL: NeededProgram = {
  program: 'promtool',
  probe: '--version',
  debian: 'prometheus',
  required: false,
};

/** Runs tests in their own network namespace, where the system allows it. */
export const IP: NeededProgram = { program: 'ip', probe: '-V', debian: 'iproute2', required: false };

/** Set in CI: no test may be skipped. */
export const NOTHING_SKIPPED = process.env['EASGATE_NOTHING_SKIPPED'] === '1';

/** Whether it can be started. */
export function isInstalled({ program, probe }: NeededProgram): boolean {
  return spawnSync(program, [probe], { stdio: 'ignore' }).error === undefined;
}

/** The program, or the one that is used instead of it. Null: none is installed. */
export function installedOf(needed: NeededProgram): NeededProgram | null {
  if (isInstalled(needed)) return needed;
  return needed.instead === undefined ? null : installedOf(needed.instead);
}

/** Whether tests may use it. Throws when it is missing and no test may be skipped. */
export function mayUse(needed: NeededProgram): boolean {
  const installed = isInstalled(needed);
  if (!installed && NOTHING_SKIPPED)
    throw new Error(
      `${needed.program} is missing, and EASGATE_NOTHING_SKIPPED is set (Debian: ${needed.debian})`,
    );
  return installed;
}
