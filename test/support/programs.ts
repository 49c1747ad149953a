// Owns which programs the tests need beyond npm, and what becomes of tests whose program is missing.
import { spawnSync } from 'node:child_process';

/** A program and the Debian package it comes in. */
export interface NeededProgram {
  readonly program: string;
  /** An argument with which it says something and ends. */
  readonly probe: string;
  readonly debian: string;
  /** Without it the tests fail; else those that need it are skipped and say so. */
  readonly required: boolean;
}

export const REDIS: NeededProgram = {
  program: 'redis-server',
  probe: '--version',
  debian: 'redis-server',
  required: true,
};
/** A second judge of HTTP. */
export const NGINX: NeededProgram = { program: 'nginx', probe: '-v', debian: 'nginx-light', required: false };
/** A second judge of WBXML. */
export const WBXML2XML: NeededProgram = {
  program: 'wbxml2xml',
  probe: '-h',
  debian: 'libwbxml2-utils',
  required: false,
};

/** Shells that completion scripts are tried in, beside bash. */
export const ZSH: NeededProgram = { program: 'zsh', probe: '--version', debian: 'zsh', required: false };
export const FISH: NeededProgram = { program: 'fish', probe: '--version', debian: 'fish', required: false };

/** Gives tests a network of their own, where the system allows it. */
export const IP: NeededProgram = { program: 'ip', probe: '-V', debian: 'iproute2', required: false };

/** Set in CI: nothing may be skipped. */
export const NOTHING_SKIPPED = process.env['EASGATE_NOTHING_SKIPPED'] === '1';

/** Whether it can be started at all. */
export function isInstalled({ program, probe }: NeededProgram): boolean {
  return spawnSync(program, [probe], { stdio: 'ignore' }).error === undefined;
}

/** Whether tests may use it. Throws when it is missing and nothing may be skipped. */
export function mayUse(needed: NeededProgram): boolean {
  const installed = isInstalled(needed);
  if (!installed && NOTHING_SKIPPED)
    throw new Error(
      `${needed.program} is missing, and EASGATE_NOTHING_SKIPPED is set (Debian: ${needed.debian})`,
    );
  return installed;
}
