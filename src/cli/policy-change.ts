// Owns what every change of the policy on the command line has: who does it and why, the question, its options.
import { ProgramError } from '../errors/program-errors.ts';
import type { PolicyAuthor } from '../app/policy-versions.ts';
import { checkedExtent } from '../app/rollout-extent.ts';
import type { RolloutExtent } from '../model/policy-version.ts';
import { loginName } from './context.ts';
import { askPerson } from './wipe.ts';

/** Options of every change. */
export interface ChangeOptions {
  readonly comment?: string;
  readonly owner?: string;
  readonly yes?: true;
  readonly json?: true;
  /** Say whom it concerns, and change nothing. */
  readonly dryRun?: true;
}

/** Whom a version is rolled out to; absent = everybody. */
export interface ExtentOptions {
  readonly group?: readonly string[];
  readonly share?: string;
}

/** Null = everybody. @throws ProgramError */
export function extentIn({ group = [], share }: ExtentOptions): RolloutExtent | null {
  if (group.length === 0 && share === undefined) return null;
  return checkedExtent({ groups: group, share: shareIn(share) ?? 0 });
}

/** A share in percent, with or without its sign; null = none is given. @throws ProgramError */
export function shareIn(share: string | undefined): number | null {
  if (share === undefined) return null;
  const text = share.replace(/ ?%$/, '');
  if (!/^\d{1,3}$/.test(text))
    throw new ProgramError('EASGATE_USAGE', `--share ${share}: write a whole number of percent, 0 to 100`);
  return Number(text);
}

export function authorOf({ owner = loginName() }: ChangeOptions): PolicyAuthor {
  return { by: owner, via: 'cli', at: Date.now() };
}

/** @throws ProgramError unless the operator agrees */
export async function confirm({ yes, json }: ChangeOptions, question: string): Promise<void> {
  if (yes) return;
  if (!process.stdin.isTTY || json)
    throw new ProgramError('EASGATE_CONFIRM', 'nobody to ask here: add --yes');
  const answer = await askPerson(`${question} [y/N] `, process.stdin, process.stdout);
  if (!/^y(?:es)?$/i.test(answer?.trim() ?? ''))
    throw new ProgramError('EASGATE_CONFIRM', 'not confirmed: nothing was changed');
}

/** @throws ProgramError */
export function numberOf(text: string): number {
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new ProgramError('EASGATE_USAGE', `${text} is not a number`);
  return Number(text);
}
