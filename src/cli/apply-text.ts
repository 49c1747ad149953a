// Owns how the outcome of an import or of a run of a feed looks on a terminal.
import { numberText } from '../app/number-text.ts';
import type { ApplyOutcome } from '../app/apply-outcome.ts';
import { print, printable, remark, warn } from './output.ts';
import { table } from './table.ts';

/** Records that are named; `--json` has more of them. */
const SHOWN = 10;

/** Prints what was written, and what was not and why. */
export function sayOutcome(outcome: ApplyOutcome): void {
  const { read, devices, users, decisions, joined, notJoined, refused, withProblems, sameDevice } = outcome;
  const isHeld = outcome.held.length > 0;
  const rows = [
    ['devices', read.device, devices.accepted, devices.unchanged, devices.older, devices.removed],
    ['users', read.user + read.group, users.accepted, users.unchanged, users.older, users.removed],
    ['decisions', read.decision, decisions.applied, '-', '-', decisions.removed],
  ]
    .filter(([, ...counts]) => counts.some((count) => Number(count) > 0))
    .map((row) => row.map((cell) => (typeof cell === 'number' ? numberText(cell) : cell)));
  if (rows.length > 0) print(table(['RECORDS', 'READ', 'ACCEPTED', 'UNCHANGED', 'OLDER', 'REMOVED'], rows));
  else if (refused.count === 0) remark('no record was read');
  if (outcome.dryRun) remark('dry run: nothing was written');
  else if (isHeld) warn('held: nothing was written');
  if (decisions.listed > 0)
    remark(
      `${counted(decisions.listed, 'allow of the source takes', 'allows of the source take')} no effect (see --allow-decisions)`,
    );
  if (joined > 0)
    remark(
      `${counted(joined, 'record without a device id was', 'records without a device id were')} joined to a device by another name`,
    );
  sayList(
    notJoined,
    ['record belongs to no known device', 'records belong to no known device'],
    ({ line, name, near }) => {
      const could = near.length === 0 ? '' : `; could be ${near.join(', ')}`;
      return `line ${line}: ${printable(name)}${could}`;
    },
  );
  if (notJoined.possibleMatches > 0)
    remark(
      `${counted(notJoined.possibleMatches, 'of them could be a device that is known', 'of them could be devices that are known')} (joinBy of the feed)`,
    );
  sayList(
    refused,
    ['record was refused', 'records were refused'],
    ({ line, reason }) => `line ${line}: ${printable(reason)}`,
  );
  sayList(
    withProblems,
    ['record has a value that was not understood', 'records have a value that was not understood'],
    ({ line, reason }) => `line ${line}: ${printable(reason)}`,
  );
  sayList(
    sameDevice,
    ['record is of a device that has another record', 'records are of devices that have another record'],
    ({ line, reason }) => `line ${line}: ${printable(reason)}`,
  );
  for (const why of outcome.notRemoved) remark(why);
  for (const why of outcome.held) warn(why);
}

function sayList<One>(
  { count, first }: { readonly count: number; readonly first: readonly One[] },
  [one, several]: readonly [string, string],
  text: (entry: One) => string,
): void {
  if (count === 0) return;
  warn(counted(count, one, several));
  for (const entry of first.slice(0, SHOWN)) remark(`  ${text(entry)}`);
  if (count > SHOWN) remark(`  and ${numberText(count - SHOWN)} more`);
}

function counted(count: number, one: string, several: string): string {
  return `${numberText(count)} ${count === 1 ? one : several}`;
}
